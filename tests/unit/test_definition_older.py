"""Definitions in the older style. The samples have the shapes that are found in the wild."""

import json

import pytest

from authsome_env.errors import InvalidDefinition
from authsome_env.providers.definition import parse

# before mid-2026: field to variable, host_url, supports_device_flow
NESTED = {
    "schema_version": 1,
    "name": "acme",
    "display_name": "Acme",
    "auth_type": "oauth2",
    "flow": "pkce",
    "oauth": {
        "base_url": "https://acme.example",
        "authorization_url": "{base_url}/oauth/authorize",
        "token_url": "{base_url}/oauth/token",
        "revocation_url": None,
        "device_authorization_url": "{base_url}/device",
        "scopes": ["repo", "read:user"],
        "pkce": True,
        "supports_device_flow": True,
        "supports_dcr": False,
    },
    "host_url": "api.acme.example",
    "export": {"env": {"access_token": "ACME_ACCESS_TOKEN", "refresh_token": "ACME_REFRESH_TOKEN"}},
}
# after it: variable to field, api_url in several forms, things for a dashboard
FLAT = {
    "schema_version": 1,
    "name": "acme",
    "display_name": "Acme",
    "logo": "img.example/acme",
    "type": "llm",
    "auth_type": "api_key",
    "flow": "api_key",
    "api_url": "https://api.acme.example/v4",
    "api_key": {
        "header_name": "x-api-key",
        "header_prefix": None,
        "env_var": "ACME_KEY",
        "key_pattern": "^k-[a-z]+$",
        "key_pattern_hint": "keys begin with k-",
    },
    "export": {"ACME_API_KEY": "API_TOKEN", "ACME_KEY": "API_TOKEN"},
    "docs_url": "https://acme.example/docs",
}


def load(document):
    return parse(json.dumps(document, indent=1).encode(), "acme.json")


def test_the_nested_export_fills_variables_but_never_with_a_refresh_token():
    definition = load(NESTED)
    assert definition.env == {"ACME_ACCESS_TOKEN": "{access_token}"}
    assert definition.unknown_keys == ("export.env.refresh_token",)
    assert definition.api_url == "api.acme.example"
    assert definition.flows == ("pkce", "device_code")
    assert definition.oauth.redirect_uri == "http://127.0.0.1:7999/callback"


def test_the_flat_export_fills_variables():
    definition = load(FLAT)
    assert definition.env == {"ACME_API_KEY": "{api_key}", "ACME_KEY": "{api_key}"}
    assert definition.unknown_keys == ("logo", "type")
    assert definition.api_url == "api.acme.example"
    assert definition.docs == "https://acme.example/docs"
    assert definition.api_key.header_prefix == ""
    assert definition.fields[0].pattern == "^k-[a-z]+$"


def test_the_flat_export_works_for_oauth_and_withholds_too():
    document = {**NESTED, "export": {"A": "ACCESS_TOKEN", "B": "access_token", "C": "REFRESH_TOKEN"}}
    definition = load(document)
    assert definition.env == {"A": "{access_token}", "B": "{access_token}"}
    assert definition.unknown_keys == ("export.C",)


def test_the_nested_export_works_for_an_api_key():
    assert load({**FLAT, "export": {"env": {"api_key": "ACME"}}}).env == {"ACME": "{api_key}"}


def test_an_export_beside_env_is_ignored():
    definition = load({**FLAT, "env": {"NEW": "{api_key}"}})
    assert definition.env == {"NEW": "{api_key}"}


def test_dynamic_registration_is_found_where_it_was():
    document = json.loads(json.dumps(NESTED))
    document["flow"] = "dcr_pkce"
    document["oauth"]["supports_dcr"] = True
    document["registration"] = {"registration_endpoint": "{base_url}/register"}
    definition = load(document)
    assert definition.flow == "dcr_pkce"
    assert definition.oauth.registration_endpoint == "{base_url}/register"
    assert definition.oauth.redirect_uri is None
    assert definition.oauth.issuer is None
    assert definition.unknown_keys == ("export.env.refresh_token",)


@pytest.mark.parametrize("endpoint", ["{base_url}/oauth/authorize", "https://acme.example/a/b"])
def test_dynamic_registration_without_an_endpoint_asks_the_origin(endpoint):
    document = json.loads(json.dumps(NESTED))
    document["flow"] = "dcr_pkce"
    document["oauth"]["authorization_url"] = endpoint
    assert load(document).oauth.issuer == "https://acme.example"


def test_the_json_device_request_is_a_kind_of_token_request():
    document = json.loads(json.dumps(NESTED))
    document["flow"] = "device_code"
    document["oauth"]["device_token_request"] = "json"
    definition = load(document)
    assert definition.oauth.token_request == "json"
    assert definition.flows == ("device_code",)


@pytest.mark.parametrize(
    ("api_url", "host", "reported"),
    [
        ("api.acme.example", "api.acme.example", False),
        ("https://mcp.acme.example", "mcp.acme.example", False),
        ("regex:.*acme.*", None, True),
        (["api.acme.example", "regex:.*\\.acme\\.example$"], "api.acme.example", True),
        (["https://a.example/x", "b.example"], "a.example", True),
    ],
)
def test_the_first_exact_host_is_taken(api_url, host, reported):
    definition = load({**FLAT, "api_url": api_url})
    assert definition.api_url == host
    assert ("api_url" in definition.unknown_keys) is reported


@pytest.mark.parametrize(
    ("export", "what"),
    [
        ({"ACME": "PASSWORD"}, "line 18: export.ACME: there is no field 'PASSWORD'"),
        ({"ACME": 1}, "export.ACME: is not a text"),
        ({"env": {"password": "ACME"}}, "export.env.password: there is no field"),
        ({"env": {"api_key": None}}, "export.env.api_key: is not a text"),
        ({"env": {"api_key": "ACME", "api_token": "ACME"}}, "the variable ACME is there twice"),
        ({"env": {"api_key": "LD_PRELOAD"}}, "export.env.api_key: the variable LD_PRELOAD is refused"),
        ({"BASH_ENV": "API_TOKEN"}, "export.BASH_ENV: the variable BASH_ENV is refused"),
        (["ACME"], "export: is not an object"),
    ],
)
def test_a_mistake_in_export_is_told(export, what):
    with pytest.raises(InvalidDefinition) as caught:
        load({**FLAT, "export": export})
    assert what in caught.value.message


def test_slacks_words_for_a_bearer_token_are_known_to_the_older_style():
    assert load(NESTED).oauth.answer.token_types == ("bot", "user")
    told = {**NESTED, "oauth": {**NESTED["oauth"], "answer": {"token_types": ["x"]}}}
    assert load(told).oauth.answer.token_types == ("x",)
