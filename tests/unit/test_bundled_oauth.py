"""Each bundled OAuth definition builds the requests that its service documents, and reads its answer."""

import base64
import json
import os
import random
import string
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from authsome_env.model import Secret
from authsome_env.oauth import pkce
from authsome_env.oauth.account import find_account
from authsome_env.oauth.grant import Grant
from authsome_env.oauth.messages import Endpoints, OAuthClient, Response, TokenSet
from authsome_env.oauth.redirect import find_redirect, to_register
from authsome_env.oauth.renewal import renew
from authsome_env.oauth.revoke import revocation_url, revoke
from authsome_env.oauth.token_request import TokenEndpoint
from authsome_env.providers.registry import Registry
from authsome_env.providers.urls import check_url, fill_base_url

REGISTRY = Registry("/nonexistent")
DEFINITIONS = {
    name: definition for name in REGISTRY.names() if (definition := REGISTRY.load(name)).oauth is not None
}
BROWSER = [name for name, each in DEFINITIONS.items() if "pkce" in each.flows or "dcr_pkce" in each.flows]


def made_up(length=40):
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


ACCESS, REFRESH, CLIENT_SECRET = made_up(), made_up(), made_up()
NOW = 1_700_000_000.0

# Answers as their documentation has them, where they are not RFC 6749's: the answer, the account that it
# names, the lifetime, and what else is kept.
USUAL = {"access_token": ACCESS, "refresh_token": REFRESH, "token_type": "bearer", "expires_in": 3600}
ANSWERS = {
    "asana": ({**USUAL, "data": {"gid": "12", "name": "Ada", "email": "a@example.org"}}, "a@example.org", {}),
    "dropbox": ({**USUAL, "uid": "1", "account_id": "dbid:AA", "scope": "files.read"}, "dbid:AA", {}),
    "github-app": ({"token": ACCESS, "expires_at": "2023-11-14T23:13:20Z", "permissions": {}}, None, {}),
    "heroku": ({**USUAL, "user_id": "u-1", "session_nonce": None}, "u-1", {}),
    "notion": (
        {"access_token": ACCESS, "token_type": "bearer", "bot_id": "b-1", "workspace_name": "Work"},
        "Work",
        {},
    ),
    "salesforce": (
        {
            "access_token": ACCESS,
            "refresh_token": REFRESH,
            "instance_url": "https://x.my.salesforce.com",
            "id": "https://login.salesforce.com/id/00D/005",
            "token_type": "Bearer",
            "issued_at": "1700000000000",
        },
        "https://login.salesforce.com/id/00D/005",
        {"instance_url": "https://x.my.salesforce.com"},
    ),
    "sentry": ({**USUAL, "user": {"id": "2", "name": "Ada", "email": "a@example.org"}}, "a@example.org", {}),
    "slack": (
        {
            "ok": True,
            "access_token": ACCESS,
            "token_type": "bot",
            "scope": "chat:write,channels:read",
            "team": {"id": "T1", "name": "Work"},
            "authed_user": {"id": "U1"},
        },
        "Work",
        {"team_id": "T1"},
    ),
    "slack-user": (
        {
            "ok": True,
            "team": {"id": "T1", "name": "Work"},
            "authed_user": {
                "id": "U1",
                "access_token": ACCESS,
                "token_type": "user",
                "scope": "chat:write,channels:read",
            },
        },
        None,
        {},
    ),
    "twitch": ({**USUAL, "scope": ["user:read:email"]}, None, {}),
}
FOREVER = {"notion", "slack", "slack-user"}
"""Their answers state no lifetime, and mean it."""


class Server:
    """Takes requests and gives one answer. `sent`: what came."""

    def __init__(self, answer, status=200):
        self.answer, self.status, self.sent = answer, status, []

    def __call__(self, request):
        self.sent.append(request)
        return Response(self.status, {"content-type": "application/json"}, json.dumps(self.answer).encode())


def endpoint(definition, server, method=None):
    oauth = definition.oauth
    client = OAuthClient(
        "client id", method or oauth.token_endpoint_auth_method, secret=Secret(CLIENT_SECRET)
    )
    url = fill_base_url(oauth.token_url or "https://found.example/token", oauth.base_url)
    return TokenEndpoint(url, oauth, client, send=server, now=lambda: NOW, random=os.urandom)


def fields_of(request, definition):
    text = request.body.decode()
    return json.loads(text) if definition.oauth.token_request == "json" else dict(parse_qsl(text))


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_url_is_one(name):
    oauth = DEFINITIONS[name].oauth
    urls = ("issuer", "authorization_url", "token_url", "device_authorization_url", "revocation_url")
    for key in (*urls, "registration_endpoint"):
        url = getattr(oauth, key)
        if url is not None and DEFINITIONS[name].flow != "jwt_bearer":
            check_url(fill_base_url(url, oauth.base_url))
            assert url.startswith(("https://", "{base_url}/"))


@pytest.mark.parametrize("name", BROWSER)
def test_the_authorization_url_asks_for_what_is_defined(name):
    definition = DEFINITIONS[name]
    oauth = definition.oauth
    url = fill_base_url(oauth.authorization_url or "https://found.example/authorize", oauth.base_url)
    redirect_uri = to_register(oauth.redirect_uri)
    attempt = pkce.begin(
        endpoints=Endpoints(authorization=url),
        oauth=oauth,
        client=OAuthClient("client id", "none"),
        scopes=oauth.scopes,
        redirect_uri=redirect_uri,
        random=os.urandom,
    )
    assert attempt.url.startswith(f"{url}?")
    query = parse_qs(urlsplit(attempt.url).query, strict_parsing=True)
    assert query.pop("state") == [attempt.state]
    assert query.pop("response_type") == ["code"]
    assert query.pop("client_id") == ["client id"]
    assert query.pop("redirect_uri") == [redirect_uri]
    if oauth.pkce:
        assert query.pop("code_challenge_method") == ["S256"]
        assert len(query.pop("code_challenge")[0]) == 43
    asked = query.pop(oauth.scope_parameter, [""])[0]
    assert tuple(filter(None, asked.split(oauth.scope_separator))) == oauth.scopes
    assert query == {key: [value] for key, value in oauth.authorization_params.items()}
    assert CLIENT_SECRET not in attempt.url


@pytest.mark.parametrize("name", BROWSER)
def test_what_a_refresh_takes_is_asked_for(name):
    """Where a service gives a refresh token only to who asks, the definition asks."""
    oauth = DEFINITIONS[name].oauth
    url = fill_base_url(oauth.authorization_url or "", oauth.base_url)
    wanted = {
        "https://accounts.google.com/": {"access_type": "offline", "prompt": "consent"},
        "https://auth.atlassian.com/": {"audience": "api.atlassian.com", "prompt": "consent"},
        "https://www.dropbox.com/": {"token_access_type": "offline"},
        "https://www.reddit.com/": {"duration": "permanent"},
    }
    for start, params in wanted.items():
        if url.startswith(start):
            assert params.items() <= oauth.authorization_params.items()
    scopes = {
        "https://auth.atlassian.com/": "offline_access",
        "https://login.microsoftonline.com/": "offline_access",
        "https://x.com/": "offline.access",
        "https://login.salesforce.com/": "refresh_token",
    }
    for start, scope in scopes.items():
        if url.startswith(start):
            assert scope in oauth.scopes


def test_habits_of_servers_are_those_that_they_document():
    """A second time, by hand: what a slip in a file would change."""

    def those(habit):
        return {name for name, each in DEFINITIONS.items() if habit(each.oauth)}

    assert those(lambda oauth: oauth.scope_separator == ",") == {"linear", "slack", "slack-user", "todoist"}
    assert those(lambda oauth: oauth.token_request == "json") == {"notion"}
    assert those(lambda oauth: oauth.token_endpoint_auth_method == "client_secret_basic") == {
        *("airtable", "bitbucket", "klaviyo-oauth", "notion", "reddit", "supabase", "x", "zoom"),
    }
    assert those(lambda oauth: oauth.token_endpoint_auth_method == "none") == {
        *("github-app", "linear-mcp", "notion-mcp", "sentry-mcp"),
    }
    assert those(lambda oauth: not oauth.pkce) == {
        *("bitbucket", "box", "clickup-oauth", "digitalocean", "discord", "heroku", "hubspot"),
        *("monday", "netlify", "notion", "sentry", "slack", "slack-user", "twitch"),
    }
    assert those(lambda oauth: oauth.base_url is not None) == {
        *("gitea", "github", "github-app", "gitlab", "microsoft", "salesforce"),
    }


@pytest.mark.parametrize("name", BROWSER)
def test_a_refresh_request_is_that_of_rfc_6749_section_6(name):
    definition = DEFINITIONS[name]
    method = definition.oauth.token_endpoint_auth_method
    server = Server(USUAL)
    outcome = renew(
        Grant(
            flow="pkce",
            token_url="",
            auth_method=method,
            client_id="client id",
            refresh_token=Secret(REFRESH),
        ),
        endpoint(definition, server),
    )
    (request,) = server.sent
    assert request.method == "POST"
    fields = fields_of(request, definition)
    assert fields.pop("grant_type") == "refresh_token"
    assert fields.pop("refresh_token") == REFRESH
    basic = base64.b64encode(f"client+id:{CLIENT_SECRET}".encode()).decode()
    if method == "client_secret_basic":
        assert request.headers["Authorization"] == f"Basic {basic}"
    else:
        assert "Authorization" not in request.headers
        assert fields.pop("client_id") == "client id"
    if method == "client_secret_post":
        assert fields.pop("client_secret") == CLIENT_SECRET
    assert fields == definition.oauth.token_params
    assert REFRESH not in request.url
    if definition.oauth.answer.ok is None:
        assert isinstance(outcome, TokenSet)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_documented_answer_is_understood(name):
    definition = DEFINITIONS[name]
    answer, account, more = ANSWERS.get(name, (USUAL, None, {}))
    outcome = endpoint(definition, Server(answer)).ask({})
    assert isinstance(outcome, TokenSet)
    assert outcome.access_token == Secret(ACCESS)
    assert outcome.lifetime == (None if name in FOREVER else 3600)
    assert {key: value.reveal() for key, value in outcome.fields.items()} == more
    assert set(more) == set(definition.oauth.answer.fields)
    if definition.account is not None and definition.account.url is None:
        found = find_account(
            definition.account,
            tokens=outcome,
            endpoints=Endpoints(),
            base_url=None,
            definition_base_url=definition.oauth.base_url,
            scopes="",
            send=Server({}),
        )
        assert found.label == account
    else:
        assert account is None


@pytest.mark.parametrize("name", BROWSER)
def test_a_refusal_is_understood(name):
    outcome = endpoint(DEFINITIONS[name], Server({"error": "invalid_grant"}, 400)).ask({})
    assert outcome.code == "invalid_grant"


@pytest.mark.parametrize("name", [name for name, each in DEFINITIONS.items() if each.oauth.revocation])
def test_a_revocation_request_proves_itself_and_has_the_token_in_no_url(name):
    definition = DEFINITIONS[name]
    oauth = definition.oauth
    server = Server({"ok": True})
    tokens = {"access_token": Secret(ACCESS), "refresh_token": Secret(REFRESH)}
    found = fill_base_url(oauth.revocation_url or "https://found.example/revoke", oauth.base_url)
    url = revocation_url(oauth, Endpoints(revocation=found), None)
    done = revoke(endpoint(definition, server), url, tokens, sleep=lambda _: None)
    way = oauth.revocation
    kinds = list(way.tokens) if way != "rfc7009" else ["refresh_token", "access_token"]
    assert [(each.kind, each.ok) for each in done] == [(kind, True) for kind in kinds]
    for kind, request in zip(kinds, server.sent, strict=True):
        token = tokens[kind].reveal()
        check_url(request.url)
        assert token not in request.url
        assert CLIENT_SECRET not in request.url
        assert token in request.body.decode() or request.headers["Authorization"] == f"Bearer {token}"
        assert ("Content-Type" in request.headers) == bool(request.body)
        if way == "rfc7009":
            assert dict(parse_qsl(request.body.decode()))["token_type_hint"] == kind
            if oauth.token_endpoint_auth_method == "client_secret_basic":
                assert request.headers["Authorization"].startswith("Basic ")
            if oauth.token_endpoint_auth_method == "client_secret_post":
                assert CLIENT_SECRET in request.body.decode()


@pytest.mark.parametrize("name", BROWSER)
def test_the_browser_comes_back_to_us_or_its_address_is_pasted(name):
    redirect = find_redirect(DEFINITIONS[name].oauth.redirect_uri, None)
    assert (redirect is None) == (name in ("slack", "slack-user"))


def test_one_client_serves_all_of_google_and_all_of_atlassian():
    for start, family in (("GOOGLE", "oauth2.googleapis.com"), ("ATLASSIAN", "auth.atlassian.com")):
        members = [each for each in DEFINITIONS.values() if family in (each.oauth.token_url or "")]
        assert len(members) > 2
        assert {each.client.client_id_env for each in members} == {f"{start}_CLIENT_ID"}
        variables = [name for each in members for name in each.env]
        assert len(variables) == len(set(variables))
