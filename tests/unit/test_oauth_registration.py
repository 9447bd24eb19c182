"""A client that is registered by us (RFC 7591): what is asked for, and which answers make a client."""

from __future__ import annotations

import json

import pytest

from authsome_env.errors import LoginFailed, Unreachable
from authsome_env.model import Secret
from authsome_env.oauth.registration import register

ENDPOINT = "https://as.example/register"
BACK = "http://127.0.0.1/callback"


def run(wire, *, scopes=("a", "b"), flows=("dcr_pkce",), token=None):
    return register(
        ENDPOINT,
        redirect_uri=BACK,
        scopes=scopes,
        flows=flows,
        initial_access_token=token,
        send=wire,
        provider="acme",
    )


def test_a_native_public_client_is_asked_for(wire):
    wire.answer({"client_id": "c1"}, 201)
    run(wire)
    assert (wire.sent.method, wire.sent.url) == ("POST", ENDPOINT)
    assert wire.sent.headers == {"Content-Type": "application/json"}
    assert json.loads(wire.sent.body) == {
        "client_name": "authsome",
        "redirect_uris": [BACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "scope": "a b",
    }


def test_the_device_grant_is_asked_for_where_the_definition_has_it(wire):
    wire.answer({"client_id": "c1"})
    run(wire, scopes=(), flows=("dcr_pkce", "device_code"))
    wish = json.loads(wire.sent.body)
    assert wish["grant_types"][2:] == ["urn:ietf:params:oauth:grant-type:device_code"]
    assert "scope" not in wish


def test_an_initial_access_token_goes_into_the_header_alone(wire):
    wire.answer({"client_id": "c1"})
    run(wire, token=Secret("initial-1"))
    assert wire.sent.headers["Authorization"] == "Bearer initial-1"
    assert b"initial-1" not in wire.sent.body
    assert "initial-1" not in wire.sent.url


def test_a_public_client(wire):
    wire.answer({"client_id": "c1"}, 201)
    done = run(wire)
    assert (done.client_id, done.method, done.secret, done.expires_at) == ("c1", "none", None, None)
    assert (done.registration_token, done.registration_uri) == (None, None)


def test_all_that_the_server_gives_is_kept(wire):
    wire.answer(
        {
            "client_id": "c1",
            "client_secret": "s1",
            "client_secret_expires_at": 1_800_000_000,
            "token_endpoint_auth_method": "client_secret_post",
            "redirect_uris": ["http://127.0.0.1:1/other", BACK],
            "registration_access_token": "r1",
            "registration_client_uri": "https://as.example/register/c1",
        },
        201,
    )
    done = run(wire)
    assert (done.client_id, done.method, done.expires_at) == ("c1", "client_secret_post", 1_800_000_000.0)
    assert (done.secret.reveal(), done.registration_token.reveal()) == ("s1", "r1")
    assert done.registration_uri == "https://as.example/register/c1"


METHODS = [
    ("a secret, and nothing said: RFC 7591 section 2", {"client_secret": "s"}, "client_secret_basic"),
    ("nothing of both", {}, "none"),
    ("none, and a secret all the same", {"client_secret": "s", "token_endpoint_auth_method": "none"}, "none"),
    ("null", {"token_endpoint_auth_method": None}, "none"),
    ("an empty secret is none", {"client_secret": ""}, "none"),
]


@pytest.mark.parametrize(("more", "method"), [row[1:] for row in METHODS], ids=[row[0] for row in METHODS])
def test_how_the_client_will_prove_itself(wire, more, method):
    wire.answer({"client_id": "c1", **more})
    assert run(wire).method == method


USELESS = [
    ("no id", {"client_id": None}, "no client id"),
    ("an empty id", {"client_id": ""}, "no client id"),
    ("an id of another kind", {"client_id": 7}, "no client id"),
    ("an id that no URL can carry", {"client_id": "\ud800"}, "no client id"),
    ("an id with a line break", {"client_id": "a\nb"}, "no client id"),
    ("a secret is wanted, none given", {"token_endpoint_auth_method": "client_secret_basic"}, "no means for"),
    ("a key that nobody has", {"token_endpoint_auth_method": "private_key_jwt"}, "no means for"),
    (
        "TLS",
        {"token_endpoint_auth_method": "tls_client_auth", "client_secret": "s"},
        "no means for",
    ),
    ("a method that is no text", {"token_endpoint_auth_method": 7}, "no means for"),
    (
        "a secret that cannot be sent back",
        {"client_secret": "\ud800", "token_endpoint_auth_method": "client_secret_post"},
        "no means for",
    ),
    ("another redirect URI", {"redirect_uris": ["https://evil.example/"]}, "another redirect URI"),
    ("no redirect URI", {"redirect_uris": []}, "another redirect URI"),
]


@pytest.mark.parametrize(("more", "why"), [row[1:] for row in USELESS], ids=[row[0] for row in USELESS])
def test_a_client_of_no_use_is_refused(wire, more, why):
    wire.answer({"client_id": "c1", **more}, 201)
    with pytest.raises(LoginFailed, match=why) as caught:
        run(wire)
    assert "authsome client set" in caught.value.hint


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        *((value, None) for value in (0, None, -1, "1800000000", True, float("nan"), float("inf"), 10**400)),
        (1.5e9, 1.5e9),
    ],
)
def test_when_a_secret_ends(wire, stated, kept):
    wire.answer({"client_id": "c1", "client_secret": "s", "client_secret_expires_at": stated})
    assert run(wire).expires_at == kept


@pytest.mark.parametrize("uri", ["http://as.example/c1", "javascript:x", "file:///x", 7, "", "https://u@h/"])
def test_a_management_uri_that_must_not_be_used_is_forgotten(wire, uri):
    wire.answer({"client_id": "c1", "registration_client_uri": uri, "registration_access_token": ["t"]})
    done = run(wire)
    assert (done.client_id, done.registration_uri, done.registration_token) == ("c1", None, None)


NOES = [
    (
        "an error of RFC 7591 section 3.2.2",
        {"error": "invalid_redirect_uri", "error_description": "no loopback here"},
        400,
        LoginFailed,
        r"\(invalid_redirect_uri: no loopback here\)",
    ),
    ("an error without words", {"error": "invalid_client_metadata"}, 400, LoginFailed, "invalid_client_met"),
    ("an error with odd words", {"error": "x", "error_description": {"a": 1}}, 403, LoginFailed, r"\(x\)"),
    ("401", b"", 401, LoginFailed, r"not let anybody register a client \(http_401\)"),
    ("403, a page", b"<html>", 403, LoginFailed, "not let anybody"),
    ("404", b"", 404, LoginFailed, "http_404"),
    ("429", b"", 429, Unreachable, "HTTP 429"),
    ("a fault that calls itself an error", {"error": "x"}, 500, Unreachable, "HTTP 500"),
    ("a redirect, which is not followed", {"client_id": "c1"}, 307, Unreachable, "HTTP 307"),
    ("a page under 200", b"<html>", 200, Unreachable, "HTTP 200"),
    ("a list under 201", b"[]", 201, Unreachable, "HTTP 201"),
    ("a deep well", b'{"a":' * 100_000, 201, Unreachable, "HTTP 201"),
]


@pytest.mark.parametrize(
    ("body", "status", "error", "words"), [row[1:] for row in NOES], ids=[row[0] for row in NOES]
)
def test_a_no_is_told_with_its_reason(wire, body, status, error, words):
    wire.answer(body, status)
    with pytest.raises(error, match=words) as caught:
        run(wire, token=Secret("initial-1"))
    assert caught.value.hint
    assert "initial-1" not in caught.value.message + caught.value.hint


def test_a_long_reason_is_cut(wire):
    wire.answer({"error": "x", "error_description": "y" * 10_000}, 400)
    with pytest.raises(LoginFailed) as caught:
        run(wire)
    assert len(caught.value.message) < 400
