"""Definitions of the newer style: what they become, and how each mistake is told."""

import json

import pytest

from authsome_env.errors import InvalidDefinition, UsageError
from authsome_env.model import Secret
from authsome_env.providers.definition import parse
from authsome_env.providers.kinds import KINDS
from authsome_env.providers.position import line_of
from authsome_env.providers.schema import Answer, Field, Revocation
from authsome_env.providers.urls import check_base_url, fill_base_url

KEY = {
    "schema_version": 1,
    "name": "acme",
    "display_name": "Acme",
    "auth_type": "api_key",
    "api_key": {"key_pattern": "^k-", "key_pattern_hint": "keys begin with k-"},
    "env": {"ACME_KEY": "{api_key}"},
}
OAUTH = {
    "schema_version": 1,
    "name": "acme",
    "display_name": "Acme",
    "auth_type": "oauth2",
    "flow": "pkce",
    "oauth": {
        "base_url": "https://acme.example",
        "authorization_url": "{base_url}/authorize",
        "token_url": "{base_url}/token",
    },
    "env": {"ACME_TOKEN": "{access_token}"},
}
GONE = object()


def changed(document, path, value):
    """A copy with `value` at `path`, which is written as messages write it."""
    copy = json.loads(json.dumps(document))
    *parents, last = path.replace("[", ".[").split(".")
    place = copy
    for part in parents:
        place = place[int(part[1:-1])] if part.startswith("[") else place.setdefault(part, {})
    last = int(last[1:-1]) if last.startswith("[") else last
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return copy


def load(document, **options):
    return parse(json.dumps(document, indent=1).encode(), "acme.json", **options)


def failure(raw, **options):
    with pytest.raises(InvalidDefinition) as caught:
        parse(raw, "acme.json", **options)
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.exit_code == 4
    return caught.value


def test_one_field_is_implied_and_takes_the_key_pattern():
    definition = load(KEY)
    assert definition.fields == (
        Field("api_key", "Acme API key", pattern="^k-", pattern_hint="keys begin with k-"),
    )
    assert definition.fields[0].accepts(Secret("k-1"))
    assert not definition.fields[0].accepts(Secret("x-1"))
    assert (definition.flow, definition.flows) == ("api_key", ("api_key",))
    assert definition.api_key.header_name == "Authorization"
    assert definition.api_key.header_prefix == "Bearer"
    assert definition.unknown_keys == ()


def test_what_is_there_for_people_has_defaults():
    definition = load(KEY)
    assert (definition.kind, definition.note, definition.example) == ("other", None, None)
    document = {**KEY, "kind": "ai", "note": "A key.", "example": "acme list"}
    definition = load(document)
    assert (definition.kind, definition.note, definition.example) == ("ai", "A key.", "acme list")


def test_every_kind_is_told_where_one_is_unknown():
    error = failure(json.dumps({**KEY, "kind": "database"}).encode())
    assert all(kind in error.hint for kind in KINDS)


def test_a_header_may_be_a_template_or_none_at_all():
    document = changed(KEY, "api_key", {"header_value": "Basic {sid:api_key:base64}"})
    document["fields"] = [{"name": "sid"}, {"name": "api_key"}]
    assert load(document).api_key.header_value == "Basic {sid:api_key:base64}"
    assert load(changed(KEY, "api_key.header_value", "")).api_key.header_value == ""
    assert load(KEY).api_key.header_value is None


def test_without_env_the_api_keys_variable_is_filled():
    document = changed(changed(KEY, "env", None), "api_key.env_var", "ACME_API_KEY")
    assert load(document).env == {"ACME_API_KEY": "{api_key}"}


def test_a_definition_may_fill_no_variable():
    assert load(changed(KEY, "env", GONE)).env == {}


def test_several_fields_keep_their_order_and_their_rules():
    fields = [
        {"name": "sid", "label": "SID", "secret": False, "pattern": "^AC", "pattern_hint": "begins with AC"},
        {"name": "auth_token", "optional": True},
    ]
    document = {
        **KEY,
        "api_key": None,
        "fields": fields,
        "env": {"A": "{sid:auth_token:base64}", "B": "{sid}"},
    }
    assert load(document).fields == (
        Field("sid", "SID", secret=False, pattern="^AC", pattern_hint="begins with AC"),
        Field("auth_token", "auth token", optional=True),
    )


def test_oauth_defaults_are_those_of_the_rfcs():
    definition = load(OAUTH)
    oauth = definition.oauth
    assert oauth.token_endpoint_auth_method == "client_secret_basic"
    assert (oauth.scope_separator, oauth.scope_parameter) == (" ", "scope")
    assert oauth.headers == {}
    assert oauth.refresh_answer is None
    assert oauth.pkce is True
    assert oauth.redirect_uri is None
    assert oauth.revocation is None
    assert oauth.answer == Answer()
    assert definition.flows == ("pkce",)
    assert [field.name for field in definition.fields] == ["access_token"]


def test_everything_that_oauth_can_say_is_kept():
    document = {
        **OAUTH,
        "docs": "https://acme.example/docs",
        "flows": ["pkce", "device_code", "dcr_pkce", "client_credentials", "jwt_bearer", "token_exchange"],
        "oauth": {
            **OAUTH["oauth"],
            "device_authorization_url": "{base_url}/device",
            "registration_endpoint": "http://127.0.0.1:81/register",
            "scopes": ["a", "b"],
            "scope_separator": ",",
            "scope_parameter": "user_scope",
            "headers": {"Acme-Version": "2"},
            "authorization_params": {"prompt": "consent"},
            "token_params": {"audience": "x"},
            "token_request": "json",
            "token_endpoint_auth_method": "private_key_jwt",
            "redirect_uri": "http://localhost:7999/callback",
            "pkce": False,
            "revocation": {
                "method": "DELETE",
                "url": "{base_url}/apps/{client_id}/token",
                "auth": "client_basic",
                "body_format": "json",
                "body": {"access_token": "{token}"},
                "tokens": ["access_token"],
            },
            "answer": {
                "access_token": "/user/access_token",
                "ok": "/ok",
                "token_types": ["Bot"],
                "fields": {"instance": "/instance_url"},
            },
            "refresh_answer": {"ok": "/fine", "expires_in": "/ttl", "token_types": ["USER"]},
        },
        "client": {"client_id": "id", "client_id_env": "ACME_ID", "client_secret_env": "ACME_SECRET"},
        "env": {"ACME_TOKEN": "{access_token}", "ACME_URL": "{instance}", "ACME_HOST": "{base_url}"},
        "account": {
            "url": "{base_url}/me",
            "method": "POST",
            "body": {"q": 1},
            "id": "/id",
            "label": "/mail",
        },
        "git_hosts": ["git.acme.example"],
        "git_user": "x-acme-token",
        "docker_hosts": ["registry.acme.example"],
        "api_url": "api.acme.example",
    }
    definition = load(document)
    assert definition.unknown_keys == ()
    assert definition.docs == "https://acme.example/docs"
    assert definition.flows == tuple(document["flows"])
    assert definition.oauth.revocation == Revocation(
        "{base_url}/apps/{client_id}/token",
        "DELETE",
        "client_basic",
        "json",
        {"access_token": "{token}"},
        ("access_token",),
    )
    assert definition.oauth.answer.access_token == "/user/access_token"
    assert definition.oauth.answer.fields == {"instance": "/instance_url"}
    assert definition.oauth.answer.token_types == ("bot",)
    assert definition.oauth.refresh_answer == Answer(
        ok="/fine", expires_in="/ttl", token_types=("user",), fields={"instance": "/instance_url"}
    )
    assert definition.oauth.scope_parameter == "user_scope"
    assert definition.oauth.headers == {"Acme-Version": "2"}
    assert [field.name for field in definition.fields] == ["access_token", "instance"]
    assert definition.client.client_secret_env == "ACME_SECRET"
    assert definition.account.body == {"q": 1}
    assert definition.git_hosts == ("git.acme.example",)
    assert definition.git_user == "x-acme-token"
    assert definition.docker_hosts == ("registry.acme.example",)
    assert definition.api_url == "api.acme.example"


def test_an_issuer_stands_for_every_endpoint():
    document = {**OAUTH, "flow": "dcr_pkce", "flows": ["dcr_pkce", "device_code"]}
    document["oauth"] = {"issuer": "https://acme.example"}
    assert load(document).oauth.revocation == "rfc7009"


def test_rfc7009_without_a_url_is_no_revocation():
    assert load(changed(OAUTH, "oauth.revocation", "rfc7009")).oauth.revocation is None


def test_revocation_can_be_switched_off():
    document = changed(OAUTH, "oauth.revocation_url", "https://acme.example/revoke")
    assert load(document).oauth.revocation == "rfc7009"
    assert load(changed(document, "oauth.revocation", "none")).oauth.revocation is None


def test_unknown_keys_are_reported_and_no_error():
    document = changed(changed(OAUTH, "logo", "x"), "oauth.tls", {"a": 1})
    document = changed(document, "api_key", {"header_name": "X"})
    document = changed(changed(document, "oauth.answer.who", "/x"), "client.kind", "x")
    assert set(load(document).unknown_keys) == {
        "logo",
        "oauth.tls",
        "oauth.answer.who",
        "client.kind",
        "api_key",
    }
    document = changed(KEY, "fields", [{"name": "api_key", "help": "x"}])
    document = changed(document, "api_key", {"query": "x"})
    assert set(load(document).unknown_keys) == {"fields[0].help", "api_key.query"}


def test_a_bundled_definition_may_list_refused_variables():
    document = {**KEY, "env": {"GIT_TOKEN": "{api_key}"}, "variable_exceptions": ["GIT_TOKEN"]}
    assert load(document, bundled=True).env == {"GIT_TOKEN": "{api_key}"}
    error = failure(json.dumps(document).encode())
    assert "variable_exceptions: is for bundled definitions only" in error.message
    document["env"] = {"GIT_ASKPASS": "{api_key}"}
    assert "env.GIT_ASKPASS" in failure(json.dumps(document).encode(), bundled=True).message


FIELDS = [{"name": "a"}, {"name": "b"}]
OWN_WAY = {"url": "https://x.example/", "body": {"token": "{token}"}}
URLS_THAT_ARE_REFUSED = [
    "http://acme.example/",
    "http://localhost/",
    "ftp://acme.example/",
    "https://",
    "https:///x",
    "acme.example/x",
    "//acme.example/x",
    "https://user@acme.example/",
    "https://user:pass@acme.example/",
    "https://acme.example/#x",
    "https://acme.example/ x",
    "https://acme.example/\tx",
    "https://acme.example\\.evil.example/",
    "https://acme.example:port/",
    "https://[::1/",
    "https://{base_url}/",
    "https://{host}/",
    "https://acme.example/{base_url}",
    "{base_url}{base_url}",
    "https://acme.example/\u00e4",
    "javascript:alert(1)",
    "https://acme.example/" + "x" * 3000,
    7,
]

# document, field that is changed, value there, part of the message: behind the field, or with its field
MISTAKES = [
    (KEY, "schema_version", 2, "is not a version that this program knows"),
    (KEY, "schema_version", True, "is not a version"),
    (KEY, "schema_version", "1", "is not a version"),
    (KEY, "name", GONE, "is missing"),
    (KEY, "name", 5, "is not a text"),
    (KEY, "name", "../x", "cannot be a provider name"),
    (KEY, "name", "Acme", "cannot be a provider name"),
    (KEY, "display_name", "a\x1b[2J", "is not one line of"),
    (KEY, "display_name", " ", "is empty"),
    (KEY, "docs", "http://acme.example", "is plain http"),
    (KEY, "kind", "database", "'database' is unknown"),
    (KEY, "kind", ["ai"], "is not a text"),
    (KEY, "note", "", "is empty"),
    (KEY, "note", "a\nb", "is not one line of"),
    (KEY, "note", "x" * 501, "is not one line of at most 500"),
    (KEY, "example", 1, "is not a text"),
    (KEY, "api_key.header_value", "Basic {user}", "there is no field 'user'"),
    (KEY, "api_key.header_value", "{api_key:rot13}", "there is no filter 'rot13'"),
    (KEY, "api_key.header_value", 1, "is not a text"),
    (OAUTH, "oauth.answer.lifetime", 0, "is no whole number of seconds from 1"),
    (OAUTH, "oauth.answer.lifetime", True, "is no whole number of seconds from 1"),
    (OAUTH, "oauth.answer.lifetime", 3600.5, "is no whole number of seconds from 1"),
    (OAUTH, "oauth.answer.lifetime", "3600", "is no whole number of seconds from 1"),
    (KEY, "auth_type", GONE, "is missing"),
    (KEY, "auth_type", "saml", "'saml' is unknown"),
    (KEY, "auth_type", {}, "is not a text"),
    (KEY, "flow", "pkce", "'pkce' is unknown"),
    (KEY, "flows", ["pkce"], "flows[0]: 'pkce' is no flow of api_key"),
    (KEY, "fields", {}, "is not a list of fields"),
    (KEY, "fields", [], "is not a list of fields"),
    (KEY, "api_key", "x", "is not an object"),
    (KEY, "api_key.header_name", "X: y", "is not the name of a header"),
    (KEY, "api_key.key_pattern", "(", "is not a regular expression"),
    (KEY, "api_key.key_pattern", "a" * 501, "is not one line of"),
    (KEY, "api_key.key_pattern", 3, "is not a text"),
    (KEY, "env", [], "is not an object"),
    (KEY, "env.ACME_KEY", 1, "is not a text"),
    (KEY, "env.ACME_KEY", "{access_token}", "there is no field 'access_token'"),
    (KEY, "env.ACME_KEY", "{api_key:rot13}", "there is no filter 'rot13'"),
    (KEY, "env.ACME_KEY", "{base_url}", "there is no field 'base_url'"),
    (KEY, "env.LD_PRELOAD", "{api_key}", "the variable LD_PRELOAD is refused"),
    (KEY, "env.1A", "{api_key}", "cannot be the name of a variable"),
    (KEY, "account", {"id": "/id"}, "account.url: is missing"),
    (KEY, "git_hosts", ["*.acme.example"], "git_hosts[0]: is not an exact host name"),
    (KEY, "git_hosts", "acme.example", "git_hosts: is not a list"),
    (KEY, "git_hosts", ["acme.example", "acme.example"], "git_hosts[1]: 'acme.example' is there twice"),
    (KEY, "git_user", "", "git_user: is not a text"),
    (KEY, "git_user", "a\nb", "git_user: is not a text"),
    (KEY, "docker_hosts", ["acme.example:"], "docker_hosts[0]: has no port"),
    (KEY, "docker_hosts", ["acme.example:65536"], "docker_hosts[0]: has no port"),
    (KEY, "docker_hosts", ["acme.example:443"], "docker_hosts[0]: has no port"),
    (KEY, "docker_hosts", ["acme.example:5000/v2"], "docker_hosts[0]: has no port"),
    (KEY, "docker_hosts", [1], "docker_hosts[0]: is not a text"),
    (KEY, "api_url", "https://api.acme.example:8443", "is not an exact host name"),
    (KEY, "api_url", "api.acme.example:443", "is not an exact host name"),
    (KEY, "api_url", "-x.example", "is not an exact host name"),
    (KEY, "api_url", "API.example", "is not an exact host name"),
    (OAUTH, "fields", FIELDS, "is for API-key providers only"),
    (OAUTH, "flow", GONE, "is missing"),
    (OAUTH, "flow", "implicit", "'implicit' is unknown"),
    (OAUTH, "flow", "api_key", "'api_key' is unknown"),
    (OAUTH, "flows", ["device_code"], "flow: pkce is not among the flows"),
    (OAUTH, "flows", "pkce", "is not a list"),
    (OAUTH, "oauth", [], "is not an object"),
    (OAUTH, "oauth.token_url", GONE, "is missing, and the flow pkce needs it"),
    (OAUTH, "oauth.authorization_url", GONE, "is missing, and the flow pkce needs it"),
    (OAUTH, "oauth.base_url", GONE, "oauth.authorization_url: uses {base_url}, but"),
    (OAUTH, "oauth.base_url", "https://acme.example?x=1", "has a query"),
    (OAUTH, "oauth.base_url", "https://acme.example#x", "has a user part or a fragment"),
    *((OAUTH, "oauth.token_url", url, "") for url in URLS_THAT_ARE_REFUSED),
    (OAUTH, "oauth.issuer", "http://acme.example", "is plain http"),
    (OAUTH, "oauth.revocation_url", "http://acme.example", "is plain http"),
    (OAUTH, "oauth.redirect_uri", "http://acme.example/cb", "is plain http"),
    (OAUTH, "oauth.scopes", "repo", "is not a list"),
    (OAUTH, "oauth.scopes", [""], "oauth.scopes[0]: is not a text"),
    (OAUTH, "oauth.scopes", ["a", "a"], "oauth.scopes[1]: 'a' is there twice"),
    (OAUTH, "oauth.scopes", ["a b"], "oauth.scopes[0]: holds the separator"),
    (OAUTH, "oauth.scope_separator", "", "is not one or two characters"),
    *(
        (OAUTH, f"oauth.authorization_params.{name}", "x", "is set by the flow itself")
        for name in ("state", "redirect_uri", "code_challenge", "client_id", "response_type")
    ),
    (OAUTH, "oauth.token_params.grant_type", "password", "is set by the flow itself"),
    (OAUTH, "oauth.token_params.x", 1, "is not a text"),
    (OAUTH, "oauth.token_request", "xml", "'xml' is unknown"),
    (OAUTH, "oauth.token_endpoint_auth_method", "tls_client_auth", "is unknown"),
    (OAUTH, "oauth.pkce", "yes", "is neither true nor false"),
    (OAUTH, "oauth.revocation", "delete", "is unknown"),
    (OAUTH, "oauth.revocation", {"auth": "bearer"}, "oauth.revocation.url: is missing"),
    (OAUTH, "oauth.revocation", {"url": "https://x.example/"}, "oauth.revocation.body: does not hold"),
    (
        OAUTH,
        "oauth.revocation",
        {**OWN_WAY, "url": "https://x.example/{token}"},
        "oauth.revocation.url: has a placeholder",
    ),
    (OAUTH, "oauth.revocation", {**OWN_WAY, "method": "GET"}, "oauth.revocation.method: 'GET' is unknown"),
    (
        OAUTH,
        "oauth.revocation",
        {**OWN_WAY, "tokens": ["id_token"]},
        "oauth.revocation.tokens[0]: is unknown",
    ),
    (OAUTH, "oauth.answer.access_token", "access_token", "is not a JSON pointer"),
    (OAUTH, "oauth.answer.fields.refresh_token", "/x", "cannot be an extra field"),
    (OAUTH, "oauth.answer.fields.more", "/user/refresh_token", "cannot be an extra field"),
    (
        OAUTH,
        "oauth.answer",
        {"refresh_token": "/rt", "fields": {"x": "/rt"}},
        "oauth.answer.fields.x: cannot be an extra field",
    ),
    (
        OAUTH,
        "oauth.answer",
        {"refresh_token": "/rt", "access_token": "/rt"},
        "oauth.answer.access_token: points to a refresh token",
    ),
    (OAUTH, "oauth.answer.access_token", "/refresh_token", "points to a refresh token"),
    (OAUTH, "oauth.answer.scope", "/more/client_secret", "points to a refresh token"),
    (OAUTH, "account.label", "/access_token", "points to a token"),
    (
        changed(OAUTH, "oauth.answer", {"access_token": "/a", "refresh_token": "/rt"}),
        "account",
        {"id": "/rt"},
        "account.id: points to a token",
    ),
    (
        changed(OAUTH, "oauth.answer", {"access_token": "/a", "refresh_token": "/rt"}),
        "account",
        {"id": "/id", "label": "/a"},
        "account.label: points to a token",
    ),
    (OAUTH, "oauth.answer", {"access_token": "/a", "error": "/a"}, "oauth.answer.error: points to the token"),
    (OAUTH, "oauth.answer.scope", "/access_token", "points to the token"),
    (OAUTH, "oauth.answer.token_types", "bot", "is not a list"),
    (OAUTH, "oauth.refresh_answer", [], "is not an object"),
    (OAUTH, "oauth.refresh_answer.access_token", "/refresh_token", "points to a refresh token"),
    (
        changed(OAUTH, "oauth.answer.refresh_token", "/rt"),
        "oauth.refresh_answer",
        {"access_token": "/rt", "refresh_token": "/other"},
        "oauth.refresh_answer.access_token: points to a refresh token",
    ),
    (
        changed(OAUTH, "oauth.refresh_answer.refresh_token", "/rt"),
        "oauth.answer",
        {"fields": {"x": "/rt"}},
        "oauth.answer.fields.x: cannot be an extra field",
    ),
    *(
        (OAUTH, f"oauth.assertion.{key}", value, what)
        for key, value, what in (
            ("lifetime", 3601, "is no number of seconds from 1 to 3600"),
            ("lifetime", 0, "is no number of seconds"),
            ("lifetime", True, "is no number of seconds"),
            ("lifetime", "60", "is no number of seconds"),
            ("key", "no_field", "'no_field' is none of the fields"),
            ("algorithm", "none", "is unknown"),
            ("algorithm", "HS256", "is unknown"),
            ("send", "cookie", "'cookie' is unknown"),
            ("scope", "header", "'header' is unknown"),
            ("issuer", "{no_field}", "there is no field 'no_field'"),
            ("audience", "{token_uri}", "there is no field 'token_uri'"),
        )
    ),
    (
        OAUTH,
        "oauth.assertion",
        {"fields": [{"name": "private_key"}]},
        "oauth.assertion.issuer: is missing",
    ),
    (OAUTH, "oauth.assertion.fields", [], "is not a list of fields"),
    (OAUTH, "oauth.exchange.audience", " ", "is empty"),
    (OAUTH, "oauth.scope_parameter", "state", "is set by the flow itself"),
    (OAUTH, "oauth.scope_parameter", "", "is empty"),
    (
        changed(OAUTH, "oauth.scope_parameter", "user_scope"),
        "oauth.authorization_params.user_scope",
        "x",
        "is what the scopes are called",
    ),
    (OAUTH, "oauth.headers.Authorization", "x", "is not the name of a header that can be given"),
    (OAUTH, "oauth.headers.Content-Type", "x", "is not the name of a header that can be given"),
    (OAUTH, "oauth.headers", {"X Y": "x"}, "oauth.headers.'X Y': is not the name of a header"),
    (OAUTH, "oauth.headers.X-Version", " ", "is not one line of ASCII"),
    (OAUTH, "oauth.headers.X-Version", "1\r\nHost: x", "is not one line of ASCII"),
    (OAUTH, "oauth.answer.fields.base_url", "/x", "cannot be the name of a field"),
    (OAUTH, "oauth.answer.fields.Team", "/x", "cannot be the name of a field"),
    (OAUTH, "oauth.answer.fields.team", "", "is not a JSON pointer"),
    (OAUTH, "oauth.answer.fields.team", 1, "is not a text"),
    (OAUTH, "client.client_secret", "s3cret", "is never part of a definition"),
    (OAUTH, "client.client_id_env", "AUTHSOME_MASTER_KEY", "is refused"),
    (OAUTH, "client.client_secret_env", "no name", "cannot be the name of a variable"),
    (OAUTH, "account", {"url": "https://acme.example/me"}, "account.id: is missing"),
    (OAUTH, "account.id", "id", "is not a JSON pointer"),
    (OAUTH, "account", {"id": "/id", "body": {}}, "account.body: is for POST only"),
]


@pytest.mark.parametrize(("document", "path", "value", "what"), MISTAKES)
def test_a_mistake_is_told_by_field_and_line(document, path, value, what):
    error = failure(json.dumps(changed(document, path, value), indent=1).encode())
    where = "acme.json: " if value is GONE and "." not in path else "acme.json, line "
    assert error.message.startswith(where)
    where, _, what = what.rpartition(": ")
    assert f": {where or path}: " in error.message
    assert what in error.message
    assert "s3cret" not in error.message + error.hint


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ([7], "fields[0]: is not an object"),
        ([{"name": "a"}, {}], "fields[1].name: is missing"),
        ([{"name": "a"}, {"name": 1}], "fields[1].name: is not a text"),
        ([{"name": "a"}, {"name": "a"}], "fields[1].name: the field a is there twice"),
        ([{"name": "base_url"}], "fields[0].name: 'base_url' cannot be"),
        ([{"name": "A"}], "fields[0].name: 'A' cannot be"),
        ([{"name": "a", "secret": "no"}], "fields[0].secret: is neither"),
        ([{"name": "a", "optional": 1}], "fields[0].optional: is neither"),
        ([{"name": "a", "label": "\n"}], "fields[0].label: is not one line"),
        ([{"name": "a"}, {"name": "b", "pattern": "["}], "fields[1].pattern: is not a regular expression"),
        ([{"name": "a", "optional": True}], "fields: are all optional"),
    ],
)
def test_a_mistake_in_the_fields_names_the_entry(fields, where):
    error = failure(json.dumps({**KEY, "env": {}, "api_key": None, "fields": fields}, indent=1).encode())
    assert where in error.message


def test_the_line_is_that_of_the_field_and_not_of_a_namesake():
    raw = b"""{"name": "acme", "auth_type": "oauth2",
      "flow": "pkce",
      "decoy": {"oauth": {"token_url": "http://x"}, "list": [{"a": "}"}, "]{"]},
      "oauth": {"answer": {"token_url": 1},
                "authorization_url": "https://x.example/",

                "token_url": "http://x.example"}}"""
    assert failure(raw).message.startswith("acme.json, line 7: oauth.token_url: is plain http")


def test_client_credentials_need_a_client_that_can_prove_itself():
    document = changed(
        changed(OAUTH, "flow", "client_credentials"), "oauth.token_endpoint_auth_method", "none"
    )
    assert "RFC 6749 section 4.4" in failure(json.dumps(document).encode()).message


@pytest.mark.parametrize(("key", "value"), [("key_pattern", "^k"), ("label", "Acme token")])
def test_what_is_said_of_one_field_is_an_error_beside_several(key, value):
    document = {**KEY, "fields": [{"name": "api_key"}], "api_key": {key: value}}
    message = failure(json.dumps(document).encode()).message
    assert f"api_key.{key}: is for providers with one field" in message


def test_what_a_login_asks_for_can_be_named():
    assert load(changed(KEY, "api_key.label", "Acme token")).fields[0].label == "Acme token"
    assert load(KEY).fields[0].label == "Acme API key"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "line 1: is not JSON: expecting value"),
        (b"// comment\n{}", "line 1: is not JSON"),
        (b'{"name": "a",\n "x": }', "line 2: is not JSON: expecting value"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'{"name": "a", "name": "b"}', "the key 'name' is there twice"),
        (b'{"oauth": {"x": 1, "x": 2}}', "the key 'x' is there twice"),
        (
            b'{"a": "{x",\n "b": [{"x": "y,"}, {"x": 1}],\n "\\u0062": 2}',
            "line 3: the key 'b' is there twice",
        ),
        (b'{"a": [1,\n -Infinity]}', "line 2: is not JSON: -Infinity is no JSON number"),
        (b'{"x": NaN}', "NaN is no JSON number"),
        (b'{"x": ' + b"1" * 5000 + b"}", "too many digits"),
        (b'{\n"x": "\xff"}', "line 2: is not UTF-8"),
        (b'\xef\xbb\xbf{"name": "a"}', "is not JSON"),
        (b'{"x": "\\u0000"}', "holds the character NUL"),
        (b'{"x": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": "x"}', "half of a surrogate pair"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"x": ' + b"[" * 20 + b"]" * 20 + b"}", "is nested too deeply"),
        (b" " * (256 * 1024 + 1), "is larger than 256 KiB"),
    ],
)
def test_what_is_no_json_object_is_refused(raw, what):
    assert what in failure(raw).message


def test_the_line_of_every_value_is_found():
    document = {"a": [1, {"b": "x\n}"}, []], "c": {"a": {}, 'd"': None}, "e": "\u00e4"}
    text = json.dumps(document, indent=2)
    for path, line in {
        ("a",): 2,
        ("a", 0): 3,
        ("a", 1, "b"): 5,
        ("a", 2): 7,
        ("c",): 9,
        ("c", "a"): 10,
        ("c", 'd"'): 11,
        ("e",): 13,
        ("c", "gone"): 9,
        ("a", 7): 2,
        ("e", "below"): 13,
        ("gone",): None,
        (): None,
    }.items():
        assert line_of(text, path) == line, path


def test_a_base_url_is_kept_without_its_last_slash_and_filled_in():
    base_url = check_base_url("https://git.acme.example/sub/")
    assert base_url == "https://git.acme.example/sub"
    assert fill_base_url("{base_url}/token", base_url) == "https://git.acme.example/sub/token"
    assert fill_base_url("https://x.example/token", base_url) == "https://x.example/token"
    assert check_base_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
    assert check_base_url("http://[::1]:8080") == "http://[::1]:8080"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "git.acme.example",
        "http://git.acme.example",
        "https://a@b.example",
        "https://a.example/?x",
        "{base_url}",
    ],
)
def test_a_base_url_that_is_none_is_a_usage_error(text):
    with pytest.raises(UsageError, match="the base URL"):
        check_base_url(text)
