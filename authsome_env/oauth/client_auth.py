"""How a client proves itself at the token endpoint (RFC 6749 section 2.3): in one way only."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from authsome_env.errors import LoginFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .messages import OAuthClient

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFETIME_S = 60


def authenticate(
    client: OAuthClient,
    fields: Mapping[str, str],
    *,
    audience: str,
    basic_encoding: str,
    now: float,
    random: Callable[[int], bytes],
) -> tuple[dict[str, str], dict[str, str]]:
    """The request's fields and headers, with the proof added. `audience`: the token endpoint.

    `basic_encoding`: "form", as section 2.3.1 has it, or "raw" for servers that do not decode.
    Raises LoginFailed if the client lacks what its method needs.
    """
    fields = dict(fields)
    if client.method == "none":
        return {**fields, "client_id": client.id}, {}
    if client.method == "private_key_jwt":
        return {**fields, **_assertion(client, audience, now, random)}, {}
    if client.secret is None:
        raise LoginFailed(
            f"the client {client.id} has no secret, and {client.method} needs one",
            "authsome client set PROVIDER",
        )
    secret = client.secret.reveal()
    if client.method == "client_secret_post":
        return {**fields, "client_id": client.id, "client_secret": secret}, {}
    return fields, {"Authorization": basic(client.id, secret, basic_encoding)}


def basic(name: str, password: str, encoding: str) -> str:
    """The header's value. Raises nothing: both are text."""
    encode = quote_plus if encoding == "form" else str
    pair = f"{encode(name)}:{encode(password)}"
    return "Basic " + b64encode(pair.encode("utf-8", "surrogateescape")).decode()


def _assertion(
    client: OAuthClient, audience: str, now: float, random: Callable[[int], bytes]
) -> dict[str, str]:
    """RFC 7523 section 2.2: issuer and subject are the client."""
    from .jwt import signed_jwt

    if client.key is None:
        raise LoginFailed(
            f"the client {client.id} has no private key", "authsome client set PROVIDER, and give private_key"
        )
    claims = {
        "iss": client.id,
        "sub": client.id,
        "aud": audience,
        "iat": int(now) - 5,  # a server whose clock is behind refuses what comes from its future
        "exp": int(now) + _LIFETIME_S,
        "jti": random(16).hex(),
    }
    assertion = signed_jwt(claims, client.key)
    return {"client_id": client.id, "client_assertion_type": _ASSERTION, "client_assertion": assertion}
