"""How a client proves itself (RFC 6749 section 2.3, RFC 7523 section 2.2), checked as a server does it."""

from __future__ import annotations

import base64
import json
from urllib.parse import unquote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwk, jwt

from authsome_env.errors import LoginFailed
from authsome_env.model import Secret
from authsome_env.oauth.client_auth import authenticate
from authsome_env.oauth.jwt import signed_jwt
from authsome_env.oauth.messages import OAuthClient

NOW = 1_700_000_000.75
ENDPOINT = "https://as.example/token"
ODD_ID = "id:/+ %&=?ä"
ODD_SECRET = "s:/+ %&=?€~"


def proof(client, *, encoding="form", fields=None, random=lambda count: b"\x01" * count):
    return authenticate(
        client,
        {"grant_type": "x"} if fields is None else fields,
        audience=ENDPOINT,
        basic_encoding=encoding,
        now=NOW,
        random=random,
    )


def credentials(header):
    kind, _, encoded = header.partition(" ")
    assert kind == "Basic"
    return base64.b64decode(encoded).decode().split(":", 1)


def test_a_public_client_only_names_itself():
    client = OAuthClient("cid", "none", secret=Secret("not to be sent"))
    assert proof(client) == ({"grant_type": "x", "client_id": "cid"}, {})


def test_a_secret_in_the_body_is_nowhere_else():
    fields, headers = proof(OAuthClient("cid", "client_secret_post", secret=Secret(ODD_SECRET)))
    assert fields == {"grant_type": "x", "client_id": "cid", "client_secret": ODD_SECRET}
    assert headers == {}


def test_basic_is_nowhere_in_the_body():
    """Section 2.3: not more than one way in each request."""
    fields, headers = proof(OAuthClient("cid", "client_secret_basic", secret=Secret("s")))
    assert fields == {"grant_type": "x"}
    assert headers == {"Authorization": "Basic Y2lkOnM="}


def test_basic_is_encoded_twice_as_section_2_3_1_has_it():
    _, headers = proof(OAuthClient(ODD_ID, "client_secret_basic", secret=Secret(ODD_SECRET)))
    name, password = credentials(headers["Authorization"])
    assert name == "id%3A%2F%2B+%25%26%3D%3F%C3%A4"
    assert [unquote_plus(name), unquote_plus(password)] == [ODD_ID, ODD_SECRET]


def test_basic_is_raw_for_servers_that_do_not_decode():
    client = OAuthClient("id/+ %&", "client_secret_basic", secret=Secret(ODD_SECRET))
    _, headers = proof(client, encoding="raw")
    assert credentials(headers["Authorization"]) == ["id/+ %&", ODD_SECRET]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_that_lacks_its_secret_sends_nothing(method):
    with pytest.raises(LoginFailed, match="the client cid has no secret") as caught:
        proof(OAuthClient("cid", method))
    assert "authsome client set" in caught.value.hint


def test_a_client_that_lacks_its_key_sends_nothing():
    with pytest.raises(LoginFailed, match="has no private key"):
        proof(OAuthClient("cid", "private_key_jwt", secret=Secret("s")))


def pem(key, format_=serialization.PrivateFormat.PKCS8):
    return key.private_bytes(serialization.Encoding.PEM, format_, serialization.NoEncryption()).decode()


RSA = rsa.generate_private_key(65537, 2048)
EDWARDS = ed25519.Ed25519PrivateKey.generate()
KEYS = {
    "RSA, as PKCS 8": (RSA, pem(RSA), "RS256"),
    "RSA, as PKCS 1": (RSA, pem(RSA, serialization.PrivateFormat.TraditionalOpenSSL), "RS256"),
    "RSA, on one line": (RSA, pem(RSA).replace("\n", "\\n"), "RS256"),
    "RSA, with blanks around": (RSA, f"\n  {pem(RSA)}\n\n", "RS256"),
    **{
        curve.name: (key, pem(key), alg)
        for curve, alg in ((ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512"))
        for key in [ec.generate_private_key(curve)]
    },
    "Ed25519": (EDWARDS, pem(EDWARDS), "EdDSA"),
}


def verified(token, key, alg):
    """Header and claims, if the public key says so."""
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kind = {"R": "RSA", "P": "RSA", "E": "OKP" if alg == "EdDSA" else "EC"}[alg[0]]
    decoded = jwt.decode(token, jwk.import_key(public, kind), algorithms=[alg])
    return decoded.header, decoded.claims


@pytest.mark.filterwarnings("ignore:.*EdDSA.*")
@pytest.mark.parametrize("kind", KEYS)
def test_an_assertion_verifies_with_the_public_key(kind):
    key, text, alg = KEYS[kind]
    fields, headers = proof(OAuthClient("cid", "private_key_jwt", key=Secret(text)))
    assertion = fields.pop("client_assertion")
    assert fields == {
        "grant_type": "x",
        "client_id": "cid",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert headers == {}
    header, claims = verified(assertion, key, alg)
    assert header == {"alg": alg, "typ": "JWT"}
    assert claims == {
        "iss": "cid",
        "sub": "cid",
        "aud": ENDPOINT,
        "iat": 1_699_999_995,
        "exp": 1_700_000_060,
        "jti": "01" * 16,
    }


def test_each_assertion_is_another():
    """RFC 7523 section 3: a server may refuse the same `jti` again."""
    import os

    client = OAuthClient("cid", "private_key_jwt", key=Secret(pem(RSA)))
    one, two = (proof(client, random=os.urandom)[0]["client_assertion"] for _ in range(2))
    assert verified(one, RSA, "RS256")[1]["jti"] != verified(two, RSA, "RS256")[1]["jti"]


def test_a_jwk_says_its_algorithm_and_its_name():
    header, claims = verified(signed_jwt({"iss": "a"}, Secret(as_jwk(kid="k-1", alg="PS256"))), RSA, "PS256")
    assert header == {"alg": "PS256", "typ": "JWT", "kid": "k-1"}
    assert claims == {"iss": "a"}
    asked = signed_jwt({"iss": "a"}, Secret(as_jwk(kid="k-1")), alg="RS384", kid="k-2")
    assert verified(asked, RSA, "RS384")[0] == {"alg": "RS384", "typ": "JWT", "kid": "k-2"}


def encrypted():
    return RSA.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    ).decode()


def public():
    return (
        RSA.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def as_jwk(**more):
    return json.dumps({**jwk.RSAKey.import_key(pem(RSA)).as_dict(private=True), **more})


NO_KEYS = {
    "nothing": ("", None),
    "no key at all": ("hunter2-hunter2", None),
    "half a PEM": (pem(RSA)[:300], None),
    "an encrypted one": (encrypted(), None),
    "a public one": (public(), None),
    "JSON, and no key": ('{"a": 1}', None),
    "a deep well": ('{"a":' * 100_000, None),
    "a JWK for another algorithm": (as_jwk(alg="PS256"), "RS256"),
    "half of JSON": ('{"kty": "RSA", ', None),
    "a JSON list in braces": ('{"kty": ["RSA"]}', None),
    "a shared secret that signs nothing": ('{"kty": "oct", "k": "c2VjcmV0", "alg": "none"}', None),
    "an algorithm of another kind of key": (pem(RSA), "ES256"),
    "an algorithm that nobody knows": (pem(RSA), "RS1"),
}


@pytest.mark.parametrize("kind", NO_KEYS)
def test_a_key_of_no_use_is_told_without_a_word_of_it(kind):
    text, alg = NO_KEYS[kind]
    with pytest.raises(LoginFailed, match="the private key cannot be used") as caught:
        signed_jwt({"iss": "a"}, Secret(text), alg=alg)
    assert "PEM" in caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "hunter2" not in caught.value.message + caught.value.hint
