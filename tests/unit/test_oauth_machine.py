"""The machines' flows: a key (RFC 7523), a CI job's token (RFC 8693), the client (RFC 6749 section 4.4)."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jwt

from authsome_env.errors import LoginFailed
from authsome_env.model import Secret
from authsome_env.oauth import client_credentials, jwt_bearer, token_exchange
from authsome_env.oauth.messages import Garbled, OAuthClient, Refused, Response, TokenSet
from authsome_env.oauth.token_exchange import Subject, find_subject
from authsome_env.providers.registry import Registry
from authsome_env.providers.schema import KEY_FILE

NOW = 1_700_000_000
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
TOKENS = {"access_token": "made-up-at", "token_type": "Bearer", "expires_in": 3600}
BUNDLED = Registry("/nonexistent")


def verified(assertion):
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    decoded = jwt.decode(assertion, jwk.import_key(public, "RSA"), algorithms=["RS256"])
    return decoded.header, decoded.claims


def secrets(**fields):
    return {name: Secret(value) for name, value in fields.items()}


ACCOUNT = {"client_email": "robot@project.example", "private_key": PEM, "private_key_id": "k-1"}


# A key


def test_an_assertion_is_that_of_rfc_7523(wire, ask):
    wire.answer(TOKENS)
    tokens = jwt_bearer.mint(ask(flow="jwt_bearer"), secrets(**ACCOUNT), ["a", "b"])
    assert tokens.access_token.reveal() == "made-up-at"
    fields = wire.fields()
    header, claims = verified(fields.pop("assertion"))
    assert fields == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": "a b"}
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k-1"}
    assert claims == {
        "iss": "robot@project.example",
        "sub": "robot@project.example",
        "aud": "https://as.example/token",
        "iat": NOW - 30,
        "exp": NOW - 30 + 3600,
        "jti": "07" * 16,
    }
    assert wire.sent.headers == {"Content-Type": "application/x-www-form-urlencoded"}


def test_googles_service_accounts_name_their_scopes_in_the_assertion(wire, ask):
    wire.answer(TOKENS)
    google = BUNDLED.load("google").oauth
    jwt_bearer.mint(ask(oauth=google), secrets(**ACCOUNT), ["https://www.googleapis.com/auth/drive", "email"])
    fields = wire.fields()
    _, claims = verified(fields.pop("assertion"))
    assert fields == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    assert wire.sent.url == claims["aud"] == "https://oauth2.googleapis.com/token"
    assert claims["scope"] == "https://www.googleapis.com/auth/drive email"
    assert claims["iss"] == "robot@project.example"
    assert "sub" not in claims
    assert claims["exp"] - claims["iat"] <= 3600
    assert "Authorization" not in wire.sent.headers  # no client: RFC 7523 section 3.1


def test_a_github_app_asks_for_an_installations_token(wire, ask):
    wire.answer({"token": "ghs_made-up", "expires_at": "2023-11-14T23:13:20Z"}, 201)
    app = BUNDLED.load("github-app").oauth
    moved = ask(oauth=app)
    moved.url = "https://ghe.example/api/v3/app/installations/{installation_id}/access_tokens"
    tokens = jwt_bearer.mint(moved, secrets(app_id="12345", installation_id="678", private_key=PEM), [])
    assert (wire.sent.method, wire.sent.url) == (
        "POST",
        "https://ghe.example/api/v3/app/installations/678/access_tokens",
    )
    kind, _, assertion = wire.sent.headers["Authorization"].partition(" ")
    header, claims = verified(assertion)
    assert (kind, header) == ("Bearer", {"alg": "RS256", "typ": "JWT"})
    assert claims["iss"] == "12345"
    assert "sub" not in claims
    assert claims["exp"] <= NOW + 600  # GitHub takes no later one
    assert json.loads(wire.sent.body) == {}
    assert (tokens.access_token.reveal(), tokens.lifetime) == ("ghs_made-up", 3600)
    assert tokens.refresh_token is None


WAYS = [
    ("no subject", {"subject": ""}, {"sub": None}),
    ("another subject", {"subject": "{private_key_id}@x"}, {"sub": "k-1@x"}),
    ("an audience of its own", {"audience": "https://aud.example/"}, {"aud": "https://aud.example/"}),
    ("a shorter life", {"lifetime": 60}, {"exp": NOW - 30 + 60}),
]


@pytest.mark.parametrize(("how", "expected"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_what_a_definition_may_say_of_an_assertion(wire, ask, how, expected):
    wire.answer(TOKENS)
    jwt_bearer.mint(ask(flow="jwt_bearer", assertion=how), secrets(**ACCOUNT), [])
    _, claims = verified(wire.fields()["assertion"])
    assert {name: claims.get(name) for name in expected} == expected


@pytest.mark.parametrize("value", ["../9", "a/b", "a?b", "a#b", "ä", "a b", "..", "%2e", "a\n"])
def test_a_field_cannot_lead_the_request_elsewhere(wire, ask, value):
    endpoint = ask(oauth=BUNDLED.load("github-app").oauth)
    with pytest.raises(LoginFailed, match="installation_id cannot be a part of a URL"):
        jwt_bearer.mint(endpoint, secrets(app_id="1", installation_id=value, private_key=PEM), [])
    assert wire.requests == []


@pytest.mark.parametrize(
    ("missing", "words"), [("private_key", "private_key is missing"), ("client_email", "is empty")]
)
def test_a_field_that_is_missing_is_named(wire, ask, missing, words):
    fields = {name: value for name, value in ACCOUNT.items() if name != missing}
    with pytest.raises(LoginFailed, match=words):
        jwt_bearer.mint(ask(flow="jwt_bearer"), secrets(**fields), [])
    assert wire.requests == []


def test_a_key_file_is_read_for_what_is_wanted_of_it():
    """As Google gives it: of all that is in it, three fields are of use."""
    file = {
        "type": "service_account",
        "project_id": "project",
        **ACCOUNT,
        "client_id": "123456789012345678901",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    found = jwt_bearer.fields_of_key_file(json.dumps(file, indent=2).encode(), KEY_FILE)
    assert {name: value.decode() for name, value in found.items()} == ACCOUNT


OTHER_FILES = [
    ("a PEM", PEM.encode(), None),
    ("nothing", b"", None),
    ("a list", b"[]", None),
    ("half of it", b'{"client_email": "a', None),
    ("a deep well", b'{"a":' * 100_000, None),
    ("bytes", b"\xff\xfe", None),
    ("other things", b'{"a": 1}', {}),
    ("numbers", b'{"client_email": 7, "private_key": true}', {"client_email": b"7"}),
    ("null", b'{"client_email": null, "private_key": []}', {}),
    ("half a character", b'{"client_email": "\\ud800"}', {"client_email": b"?"}),
]


@pytest.mark.parametrize(
    ("raw", "found"), [row[1:] for row in OTHER_FILES], ids=[row[0] for row in OTHER_FILES]
)
def test_what_is_no_key_file(raw, found):
    assert jwt_bearer.fields_of_key_file(raw, KEY_FILE) == found


@pytest.mark.parametrize("send", ["assertion", "bearer"])
def test_a_server_that_quotes_the_assertion_is_not_quoted(ask, send):
    endpoint = ask(flow="jwt_bearer", assertion={"send": send})
    asserted = []

    def echo(request):
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        asserted.append(sent or dict(parse_qsl(request.body.decode()))["assertion"])
        body = {"error": "invalid_grant", "error_description": f"bad: {asserted[0]}, and {asserted[0]}"}
        return Response(400, {}, json.dumps(body).encode())

    endpoint._send = echo
    refused = jwt_bearer.mint(endpoint, secrets(**ACCOUNT), [])
    assert str(refused) == "invalid_grant: bad: ***, and ***"
    assert len(asserted[0]) > 300


# A CI job's token


def test_githubs_job_is_asked_for_its_token(wire, ask):
    environ = {
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://run.actions.example/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "made-up-bearer",
    }
    endpoint = ask(
        flow="token_exchange",
        exchange={"subject_audience": "https://acme.example/a b", "audience": "//acme/pool"},
        headers={"Acme-Version": "1"},
    )
    subject = find_subject(environ, endpoint.oauth, given=None)
    wire.answer({"count": 1, "value": "made.up.jwt"}).answer(
        {**TOKENS, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "N_A"}
    )
    tokens = token_exchange.mint(endpoint, Subject.unpack(subject.pack()), ["a", "b"])
    asked = wire.requests[0]
    assert asked.method == "GET"
    assert asked.headers == {"Authorization": "Bearer made-up-bearer"}
    assert dict(parse_qsl(urlsplit(asked.url).query)) == {
        "api-version": "2.0",
        "audience": "https://acme.example/a b",
    }
    assert wire.requests[1].url == "https://as.example/token"
    assert wire.fields(1) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "made.up.jwt",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": "//acme/pool",
        "scope": "a b",
    }
    assert isinstance(tokens, TokenSet)


def test_the_job_is_asked_without_an_audience_where_none_is_wanted(define):
    environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example/t", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "b"}
    oauth = define(flow="token_exchange").oauth
    assert find_subject(environ, oauth, given=None).url == "https://x.example/t"
    oauth = define(flow="token_exchange", exchange={"subject_audience": "a&b"}).oauth
    assert find_subject(environ, oauth, given=None).url == "https://x.example/t?audience=a%26b"


def test_a_token_that_was_given_is_exchanged_as_it_is(wire, ask):
    """GitLab's job has its token in a variable, of whatever name."""
    endpoint = ask(
        OAuthClient("cid", "client_secret_basic", secret=Secret("s")),
        flow="token_exchange",
        exchange={
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "resource": "https://api.acme.example",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        },
    )
    environ = {"GITLAB_CI": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example/t"}
    subject = find_subject(environ, endpoint.oauth, given=Secret("gitlab.made.up"))
    wire.answer(TOKENS)
    token_exchange.mint(endpoint, Subject.unpack(subject.pack()), [])
    assert wire.fields() == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "gitlab.made.up",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "resource": "https://api.acme.example",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
    assert wire.sent.headers["Authorization"].startswith("Basic ")


LACKING = [
    (
        "GitHub, without the permission",
        {"GITHUB_ACTIONS": "true"},
        "ACTIONS_ID_TOKEN_REQUEST_URL is not set",
        "permissions: id-token: write",
    ),
    (
        "GitHub, half of it",
        {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example"},
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set",
        "permissions: id-token: write",
    ),
    (
        "GitHub, an empty one",
        {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""},
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set",
        "id-token: write",
    ),
    ("GitLab", {"GITLAB_CI": "true"}, "which variable holds this job's ID token", "subject_token=NAME"),
    ("nowhere", {}, "there is no CI job here", "--from-env subject_token=VAR"),
]


@pytest.mark.parametrize(
    ("environ", "words", "hint"), [row[1:] for row in LACKING], ids=[row[0] for row in LACKING]
)
def test_what_a_job_lacks_is_said(define, environ, words, hint):
    with pytest.raises(LoginFailed, match=words) as caught:
        find_subject(environ, define(flow="token_exchange").oauth, given=None)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *((b"", 403), (b"<html>", 200), (b"{}", 200), (b"[]", 200), (b'{"a":' * 100_000, 200)),
        *(({"value": value}, 200) for value in ("", 7, None, "\ud800")),
        ({"value": "made.up"}, 500),
    ],
)
def test_a_ci_system_that_gives_no_token(wire, ask, body, status):
    wire.answer(body, status)
    with pytest.raises(LoginFailed, match=f"gave no token for this job .HTTP {status}") as caught:
        token_exchange.mint(ask(flow="token_exchange"), Subject(Secret("b"), "https://x.example/t"), [])
    assert "id-token: write" in caught.value.hint
    assert len(wire.requests) == 1


# The client itself


def test_client_credentials_are_section_4_4(wire, ask):
    wire.answer(TOKENS)
    client = OAuthClient("cid", "client_secret_basic", secret=Secret("s"))
    tokens = client_credentials.mint(
        ask(client, flow="client_credentials", scope_separator=",", token_params={"audience": "x"}),
        ["read", "write"],
    )
    assert wire.fields() == {"grant_type": "client_credentials", "scope": "read,write", "audience": "x"}
    assert wire.sent.headers["Authorization"].startswith("Basic ")
    assert tokens.expires_at == NOW + 3600


def test_no_scope_is_sent_where_none_is_asked_for(wire, ask):
    wire.answer(TOKENS)
    client_credentials.mint(ask(OAuthClient("cid", "client_secret_post", secret=Secret("s"))), [])
    assert wire.fields() == {"grant_type": "client_credentials", "client_id": "cid", "client_secret": "s"}


def test_a_no_and_a_page_are_what_they_are(wire, ask):
    wire.answer({"error": "invalid_client"}, 401).answer(b"<html>")
    endpoint = ask(OAuthClient("cid", "client_secret_post", secret=Secret("s")))
    assert isinstance(client_credentials.mint(endpoint, []), Refused)
    assert isinstance(client_credentials.mint(endpoint, []), Garbled)


def test_what_a_server_quotes_of_us_is_not_said_again(wire, ask):
    """OAUTH servers echo requests in their errors; a secret in it would end in logs."""
    words = "bad secret s3cret-made-up"
    wire.answer({"error": f"no s3cret-made-up {'x' * 400}", "error_description": words}, 400)
    endpoint = ask(OAuthClient("cid", "client_secret_post", secret=Secret("s3cret-made-up")))
    refused = client_credentials.mint(endpoint, [])
    assert refused.description == "bad secret ***"
    assert "s3cret-made-up" not in str(refused)
