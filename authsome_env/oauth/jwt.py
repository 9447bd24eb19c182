"""Sign a JSON Web Token (RFC 7519) with a private key as providers hand them out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authsome_env.errors import LoginFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsome_env.model import Secret

_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}


def signed_jwt(
    claims: Mapping[str, Any], key: Secret, *, alg: str | None = None, kid: str | None = None
) -> str:
    """`key`: PEM, or a JWK as JSON. `alg` None: by the key's type. Raises LoginFailed for a key of no use."""
    import warnings

    from joserfc import jwk, jwt
    from joserfc.errors import JoseError

    text = key.reveal().strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is weak about the key is between owner and provider
            if text.startswith("{"):
                data = json.loads(text)
                loaded = jwk.import_key(data)
                kid = kid or data.get("kid")
                alg = alg or data.get("alg")
            else:
                text = _folded(text.replace("\\n", "\n"))  # out of a variable or a JSON file, by hand
                loaded = jwk.import_key(text, _kind_of_pem(text))
            chosen = alg or _algorithm(loaded)
            if chosen == "none":
                raise ValueError("an assertion without a signature proves nothing")
            header = {"alg": chosen, "typ": "JWT", **({"kid": kid} if kid else {})}
            return jwt.encode(header, dict(claims), loaded, algorithms=[chosen])
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise LoginFailed(
            "the private key cannot be used", "give it as PEM (-----BEGIN PRIVATE KEY-----) or as a JWK"
        ) from None


def _folded(text: str) -> str:
    """A field in the browser takes one line, so a PEM that was pasted there has lost its line ends."""
    head, begin, rest = text.partition("-----BEGIN ")
    label, dashes, body = rest.partition("-----")
    encoded, end, tail = body.partition("-----END ")
    if head or "\n" in text or not (begin and dashes and end):
        return text
    return "\n".join((f"{begin}{label}{dashes}", *encoded.split(), f"{end}{tail}", ""))


def _kind_of_pem(text: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    loaded = load_pem_private_key(text.encode(), None)
    if isinstance(loaded, rsa.RSAPrivateKey):
        return "RSA"
    return "EC" if isinstance(loaded, ec.EllipticCurvePrivateKey) else "OKP"


def _algorithm(key: Any) -> str:
    if key.key_type == "RSA":
        return "RS256"
    return _CURVES[key.as_dict(private=False)["crv"]]
