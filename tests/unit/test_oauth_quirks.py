"""The bundled definitions against what their providers document: requests, and answers of recorded shapes.

Every token is made up. What differs between providers is in their definitions, so each row here is one of
them through the same code.
"""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from authsome_env.model import Secret
from authsome_env.oauth import pkce
from authsome_env.oauth.account import find_account
from authsome_env.oauth.answer import read_answer
from authsome_env.oauth.grant import Grant
from authsome_env.oauth.messages import Endpoints, Garbled, OAuthClient, Refused, Response, TokenSet
from authsome_env.oauth.renewal import is_clients_fault, is_dead, renew
from authsome_env.providers.registry import Registry

NOW = 1_700_000_000.0
BUNDLED = Registry("/nonexistent")
BACK = "http://127.0.0.1:40000/callback"
BASIC = "Basic " + base64.b64encode(b"cid:made-up-secret").decode()


def oauth(name):
    return BUNDLED.load(name).oauth


def client(name):
    return OAuthClient("cid", oauth(name).token_endpoint_auth_method, secret=Secret("made-up-secret"))


# Requests

AUTHORIZE = {
    "github": ("https://github.com/login/oauth/authorize", BACK, {"scope": "repo read:user"}, True),
    "gitlab": (
        "https://gitlab.com/oauth/authorize",
        BACK,
        {"scope": "api read_user read_repository write_repository"},
        True,
    ),
    "google": (
        "https://accounts.google.com/o/oauth2/v2/auth",
        BACK,
        {
            "scope": "openid email https://www.googleapis.com/auth/cloud-platform",
            "access_type": "offline",
            "prompt": "consent",
        },
        True,
    ),
    "slack": (
        "https://slack.com/oauth/v2/authorize",
        "https://localhost:7999/callback",
        {"scope": "channels:read,chat:write"},
        False,
    ),
    "slack-user": (
        "https://slack.com/oauth/v2/authorize",
        "https://localhost:7999/callback",
        {"user_scope": "channels:read,chat:write"},
        False,
    ),
    "notion": (
        "https://api.notion.com/v1/oauth/authorize",
        "http://localhost:7999/callback",
        {"owner": "user"},
        False,
    ),
    "linear": (
        "https://linear.app/oauth/authorize",
        "http://127.0.0.1:7999/callback",
        {"scope": "read,write"},
        True,
    ),
}


@pytest.mark.parametrize("name", AUTHORIZE)
def test_the_browser_is_sent_as_the_provider_documents_it(name):
    url, back, params, with_pkce = AUTHORIZE[name]
    section = oauth(name)
    base = section.base_url or ""
    attempt = pkce.begin(
        endpoints=Endpoints(authorization=section.authorization_url.replace("{base_url}", base)),
        oauth=section,
        client=client(name),
        scopes=section.scopes,
        redirect_uri=section.redirect_uri or BACK,
        random=lambda count: b"\x07" * count,
    )
    parts = urlsplit(attempt.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == url
    query = dict(parse_qsl(parts.query))
    proof = {}
    if with_pkce:
        digest = hashlib.sha256(attempt.verifier.reveal().encode()).digest()
        proof = {
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
    assert query == {
        "response_type": "code",
        "client_id": "cid",
        "redirect_uri": back,
        "state": attempt.state,
        **params,
        **proof,
    }
    assert (attempt.verifier is not None) is with_pkce


FORM = "application/x-www-form-urlencoded"
POST = {"client_id": "cid", "client_secret": "made-up-secret"}
TOKEN = {
    "github": ("https://github.com/login/oauth/access_token", {"Content-Type": FORM}, POST),
    "gitlab": ("https://gitlab.com/oauth/token", {"Content-Type": FORM}, POST),
    "google": ("https://oauth2.googleapis.com/token", {"Content-Type": FORM}, POST),
    "slack": ("https://slack.com/api/oauth.v2.access", {"Content-Type": FORM}, POST),
    "slack-user": ("https://slack.com/api/oauth.v2.access", {"Content-Type": FORM}, POST),
    "notion": (
        "https://api.notion.com/v1/oauth/token",
        {"Content-Type": "application/json", "Notion-Version": "2025-09-03", "Authorization": BASIC},
        {},
    ),
    "linear": ("https://api.linear.app/oauth/token", {"Content-Type": FORM}, POST),
}


@pytest.mark.parametrize("name", TOKEN)
def test_a_code_is_exchanged_as_the_provider_documents_it(wire, ask, name):
    url, headers, proof = TOKEN[name]
    endpoint = ask(client(name), oauth=oauth(name))
    endpoint.url = url
    assert endpoint.oauth.token_url.replace("{base_url}", endpoint.oauth.base_url or "") == url
    wire.answer(LOGINS[name][0])
    attempt = pkce.Authorization(
        url="",
        state="s",
        verifier=Secret("v" * 43) if endpoint.oauth.pkce else None,
        redirect_uri=BACK,
        issuer=None,
        iss_required=False,
    )
    pkce.exchange(attempt, pkce.Code(Secret("made-up-code")), endpoint, provider=name)
    assert (wire.sent.method, wire.sent.url, dict(wire.sent.headers)) == ("POST", url, headers)
    verifier = {"code_verifier": "v" * 43} if AUTHORIZE[name][3] else {}
    assert wire.fields() == {
        "grant_type": "authorization_code",
        "code": "made-up-code",
        "redirect_uri": BACK,
        **verifier,
        **proof,
    }


@pytest.mark.parametrize("name", TOKEN)
def test_a_token_is_refreshed_as_the_provider_documents_it(wire, ask, name):
    url, headers, proof = TOKEN[name]
    endpoint = ask(client(name), oauth=oauth(name))
    endpoint.url = url
    wire.answer(REFRESHES.get(name, LOGINS[name])[0])
    grant = Grant(
        flow="pkce",
        token_url=url,
        auth_method=client(name).method,
        scopes="x",
        refresh_token=Secret("made-up-rt"),
    )
    outcome = renew(grant, endpoint)
    assert isinstance(outcome, TokenSet)
    assert (wire.sent.url, dict(wire.sent.headers)) == (url, headers)
    assert wire.fields() == {"grant_type": "refresh_token", "refresh_token": "made-up-rt", **proof}


# Answers: body, status, what is read of it

OWNER = {"type": "user", "user": {"object": "user", "id": "made-up", "person": {"email": "ada@x.example"}}}
LOGINS = {
    "github": (
        {
            "access_token": "ghu_made-up",
            "expires_in": 28800,
            "refresh_token": "ghr_made-up",
            "refresh_token_expires_in": 15897600,
            "scope": "",
            "token_type": "bearer",
        },
        {
            "access_token": "ghu_made-up",
            "refresh_token": "ghr_made-up",
            "expires_at": NOW + 28800,
            "scopes": None,
        },
    ),
    "gitlab": (
        {
            "access_token": "made-up-at",
            "token_type": "Bearer",
            "expires_in": 7200,
            "refresh_token": "made-up-rt",
            "scope": "api read_user",
            "created_at": 1607635748,
        },
        {
            "access_token": "made-up-at",
            "refresh_token": "made-up-rt",
            "expires_at": NOW + 7200,
            "scopes": "api read_user",
        },
    ),
    "google": (
        {
            "access_token": "ya29.made-up",
            "expires_in": 3599,
            "refresh_token": "1//made-up",
            "scope": "openid https://www.googleapis.com/auth/userinfo.email",
            "token_type": "Bearer",
            "id_token": "made.up.jwt",
        },
        {
            "access_token": "ya29.made-up",
            "refresh_token": "1//made-up",
            "expires_at": NOW + 3599,
            "scopes": "openid https://www.googleapis.com/auth/userinfo.email",
        },
    ),
    "slack": (
        {
            "ok": True,
            "access_token": "xoxe.xoxb-made-up",
            "token_type": "bot",
            "scope": "commands,incoming-webhook",
            "bot_user_id": "U0KRQLJ9H",
            "app_id": "A0KRD7HC3",
            "expires_in": 43200,
            "refresh_token": "xoxe-1-made-up",
            "team": {"name": "Softball", "id": "T9TK3CUKW"},
            "enterprise": None,
            "authed_user": {"id": "U1234", "scope": "chat:write", "access_token": "xoxp-not-this-one"},
        },
        {
            "access_token": "xoxe.xoxb-made-up",
            "refresh_token": "xoxe-1-made-up",
            "expires_at": NOW + 43200,
            "scopes": "commands incoming-webhook",
            "team_id": "T9TK3CUKW",
        },
    ),
    "slack-user": (
        {
            "ok": True,
            "app_id": "A0KRD7HC3",
            "authed_user": {
                "id": "U1234",
                "scope": "chat:write,channels:read",
                "access_token": "xoxe.xoxp-made-up",
                "token_type": "user",
                "expires_in": 43200,
                "refresh_token": "xoxe-1-made-up",
            },
            "team": {"id": "T9TK3CUKW", "name": "Softball"},
            "enterprise": None,
            "is_enterprise_install": False,
        },
        {
            "access_token": "xoxe.xoxp-made-up",
            "refresh_token": "xoxe-1-made-up",
            "expires_at": NOW + 43200,
            "scopes": "chat:write channels:read",
        },
    ),
    "notion": (
        {
            "access_token": "ntn_made-up",
            "token_type": "bearer",
            "refresh_token": "nrt_made-up",
            "bot_id": "b3414d65-made-up",
            "workspace_icon": None,
            "workspace_id": "w-1",
            "workspace_name": "Ada's",
            "owner": OWNER,
            "duplicated_template_id": None,
            "request_id": "r-1",
        },
        {
            "access_token": "ntn_made-up",
            "refresh_token": "nrt_made-up",
            "expires_at": None,
            "scopes": None,
        },
    ),
    "linear": (
        {
            "access_token": "lin_oauth_made-up",
            "token_type": "Bearer",
            "expires_in": 86399,
            "scope": "read write",
            "refresh_token": "made-up-rt",
        },
        {
            "access_token": "lin_oauth_made-up",
            "refresh_token": "made-up-rt",
            "expires_at": NOW + 86399,
            "scopes": "read write",
        },
    ),
    "github-app": (
        {
            "token": "ghs_made-up",
            "expires_at": "2023-11-14T23:13:20Z",
            "permissions": {"contents": "read", "issues": "write"},
            "repository_selection": "selected",
        },
        {"access_token": "ghs_made-up", "refresh_token": None, "expires_at": NOW + 3600, "scopes": None},
    ),
}
REFRESHES = {
    "google": (  # which has no refresh token in it
        {
            "access_token": "ya29.next",
            "expires_in": 3599,
            "scope": "openid",
            "token_type": "Bearer",
            "id_token": "made.up.jwt",
        },
        {
            "access_token": "ya29.next",
            "refresh_token": None,
            "expires_at": NOW + 3599,
            "scopes": "openid",
        },
    ),
    "slack-user": (  # at the top, where a login has nothing, or the bot's token
        {
            "ok": True,
            "access_token": "xoxe.xoxp-next",
            "token_type": "user",
            "scope": "chat:write",
            "expires_in": 43200,
            "refresh_token": "xoxe-1-next",
            "user_id": "U1234",
            "team": {"id": "T9TK3CUKW", "name": "Softball"},
        },
        {
            "access_token": "xoxe.xoxp-next",
            "refresh_token": "xoxe-1-next",
            "expires_at": NOW + 43200,
            "scopes": "chat:write",
        },
    ),
}


def read(name, body, status=200, *, refreshing=False):
    section = oauth(name)
    shape = (refreshing and section.refresh_answer) or section.answer
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(Response(status, {}, raw), shape, now=NOW)


def told(tokens):
    assert isinstance(tokens, TokenSet)
    assert tokens.warnings == []
    refresh = tokens.refresh_token
    return {
        "access_token": tokens.access_token.reveal(),
        "refresh_token": refresh.reveal() if refresh else None,
        "expires_at": tokens.expires_at,
        "scopes": tokens.scopes,
        **{name: value.reveal() for name, value in tokens.fields.items()},
    }


@pytest.mark.parametrize("name", LOGINS)
def test_the_answer_to_a_login_is_read(name):
    body, expected = LOGINS[name]
    assert told(read(name, body, 201 if name == "github-app" else 200)) == expected


@pytest.mark.parametrize("name", REFRESHES)
def test_the_answer_to_a_refresh_is_read(name):
    body, expected = REFRESHES[name]
    assert told(read(name, body, refreshing=True)) == expected


def test_github_answers_as_a_form_those_who_do_not_ask_for_json():
    body = b"access_token=gho_made-up&scope=repo%2Cread%3Auser&token_type=bearer"
    assert told(read("github", body)) == {
        "access_token": "gho_made-up",
        "refresh_token": None,
        "expires_at": None,  # an OAuth app's token does not end
        "scopes": "repo read:user",
    }


def test_one_kind_of_slacks_tokens_is_never_taken_for_the_other():
    bot, user = LOGINS["slack"][0], LOGINS["slack-user"][0]
    assert isinstance(read("slack", user), Garbled)
    both = {**bot, "authed_user": user["authed_user"]}
    assert read("slack-user", both).access_token.reveal() == "xoxe.xoxp-made-up"
    assert read("slack", both).access_token.reveal() == "xoxe.xoxb-made-up"
    without = {**bot, "authed_user": {"id": "U1234"}}
    assert isinstance(read("slack-user", without), Garbled)
    assert isinstance(read("slack-user", bot, refreshing=True), Garbled)  # of type bot
    assert isinstance(read("slack", {**bot, "token_type": "user"}), Garbled)


NOES = [
    # name, what, body, status, code, whether only a new login helps, whether the client is at fault
    (
        "github",
        "a code that is spent, under 200",
        {
            "error": "bad_verification_code",
            "error_description": "The code passed is incorrect or expired.",
            "error_uri": "https://docs.github.com/x",
        },
        200,
        "bad_verification_code",
        "",
    ),
    ("github", "the same as a form", b"error=bad_verification_code&error_description=x+y", 200, None, ""),
    (
        "github",
        "a refresh token that is spent",
        {"error": "bad_refresh_token", "error_description": "The refresh token passed is incorrect."},
        200,
        "bad_refresh_token",
        "dead",
    ),
    (
        "github",
        "the wrong secret",
        {"error": "incorrect_client_credentials", "error_description": "x"},
        200,
        "incorrect_client_credentials",
        "client",
    ),
    ("github", "slow down", {"error": "slow_down", "interval": 10}, 200, "slow_down", ""),
    (
        "gitlab",
        "a refresh token that is spent",
        {"error": "invalid_grant", "error_description": "The provided authorization grant is invalid."},
        400,
        "invalid_grant",
        "dead",
    ),
    (
        "gitlab",
        "the wrong secret",
        {"error": "invalid_client", "error_description": "Client authentication failed."},
        401,
        "invalid_client",
        "client",
    ),
    (
        "google",
        "a refresh token that is revoked",
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
        400,
        "invalid_grant",
        "dead",
    ),
    (
        "google",
        "an administrator wants a new login",
        {"error": "invalid_grant", "error_subtype": "invalid_rapt", "error_description": "reauth error"},
        400,
        "invalid_grant",
        "dead",
    ),
    (
        "google",
        "an error object, as its APIs have it",
        {"error": {"code": 403, "message": "The caller does not have permission", "status": "PERM"}},
        403,
        "PERM",
        "",
    ),
    ("slack", "a spent code", {"ok": False, "error": "invalid_code"}, 200, "invalid_code", ""),
    (
        "slack",
        "a refresh token that is spent",
        {"ok": False, "error": "invalid_refresh_token"},
        200,
        "invalid_refresh_token",
        "dead",
    ),
    ("slack", "no, and no reason", {"ok": False, "warning": "x"}, 200, "not_ok", ""),
    ("slack", "a token, but not ok", {"ok": False, "access_token": "xoxb-made-up"}, 200, "not_ok", ""),
    ("slack-user", "a spent code", {"ok": False, "error": "invalid_code"}, 200, "invalid_code", ""),
    (
        "slack-user",
        "the user is gone",
        {"ok": False, "error": "account_inactive"},
        200,
        "account_inactive",
        "dead",
    ),
    (
        "notion",
        "a spent code",
        {"object": "error", "status": 400, "code": "invalid_grant", "message": "Invalid code."},
        400,
        "invalid_grant",
        "dead",
    ),
    (
        "notion",
        "the same as RFC 6749 has it",
        {"error": "invalid_grant", "error_description": "x", "request_id": "r"},
        400,
        "invalid_grant",
        "dead",
    ),
    (
        "notion",
        "the wrong client",
        {"object": "error", "status": 401, "code": "unauthorized_client", "message": "x"},
        401,
        "unauthorized_client",
        "client",
    ),
    ("linear", "a spent token", {"error": "invalid_grant", "error_description": "x"}, 400, None, "dead"),
    (
        "github-app",
        "a key that is not the app's",
        {"message": "A JSON web token could not be decoded", "documentation_url": "https://docs.github.com"},
        401,
        "http_401",
        "",
    ),
    ("github-app", "no such installation", {"message": "Not Found", "status": "404"}, 404, "http_404", ""),
]


@pytest.mark.parametrize("row", NOES, ids=[f"{row[0]}: {row[1]}" for row in NOES])
def test_a_no_is_read_and_what_it_means(row):
    name, _, body, status, code, means = row
    refused = read(name, body, status, refreshing=means == "dead")
    assert isinstance(refused, Refused)
    assert code is None or refused.code == code
    assert (is_dead(refused), is_clients_fault(refused)) == (means == "dead", means == "client")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("github", "The code passed is incorrect or expired."),
        ("google", "The caller does not have permission"),
        ("notion", "Invalid code."),
        ("github-app", "A JSON web token could not be decoded"),
    ],
)
def test_the_providers_own_words_are_kept(name, words):
    bodies = {row[0]: row for row in reversed(NOES) if row[0] == name and words in json.dumps(str(row[2]))}
    _, _, body, status, *_ = bodies[name]
    assert read(name, body, status).description == words


def test_github_says_how_slow():
    assert read("github", {"error": "slow_down", "interval": 10}).interval == 10


# Accounts

ACCOUNTS = {
    "github": (
        ("GET", "https://api.github.com/user", b""),
        {"login": "octocat", "id": 583231, "name": "x"},
        ("583231", "octocat"),
    ),
    "gitlab": (
        ("GET", "https://gitlab.com/api/v4/user", b""),
        {"id": 1, "username": "john_smith", "email": "john@x.example"},
        ("1", "john_smith"),
    ),
    "google": (
        ("GET", "https://openidconnect.googleapis.com/v1/userinfo", b""),
        {"sub": "10769150350006150715113082367", "email": "ada@x.example", "email_verified": True},
        ("10769150350006150715113082367", "ada@x.example"),
    ),
    "slack": (None, None, ("T9TK3CUKW", "Softball")),
    "slack-user": (
        ("POST", "https://slack.com/api/auth.test", b"{}"),
        {"ok": True, "url": "https://s.slack.com/", "team": "S", "user": "grace", "user_id": "W12345678"},
        ("W12345678", "grace"),
    ),
    "notion": (None, None, ("b3414d65-made-up", "Ada's")),
    "linear": (
        ("POST", "https://api.linear.app/graphql", b'{"query": "{ viewer { id email } }"}'),
        {"data": {"viewer": {"id": "v-1", "email": "ada@x.example"}}},
        ("v-1", "ada@x.example"),
    ),
}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_whose_account_it_is(wire, name):
    request, answer, known = ACCOUNTS[name]
    definition = BUNDLED.load(name)
    if request:
        wire.answer(answer)
    found = find_account(
        definition.account,
        tokens=read(name, LOGINS[name][0]),
        endpoints=Endpoints(),
        base_url=None,
        definition_base_url=definition.oauth.base_url,
        scopes="",
        send=wire,
    )
    assert (found.id, found.label, found.warning) == (*known, None)
    if request:
        assert (wire.sent.method, wire.sent.url, wire.sent.body) == request
        assert wire.sent.headers["Authorization"] == f"Bearer {LOGINS[name][1]['access_token']}"
    else:
        assert wire.requests == []
