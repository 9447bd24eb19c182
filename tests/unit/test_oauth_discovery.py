"""Where a server listens: the definition, what the server's metadata add to it, and what is not believed."""

from __future__ import annotations

import json

import pytest

from authsome_env.errors import LoginFailed, Unreachable
from authsome_env.oauth.discovery import find_endpoints, well_known
from authsome_env.oauth.messages import NoAnswer
from authsome_env.providers.definition import parse

ISSUER = "https://as.example"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://as.example/a",
    "token_endpoint": "https://as.example/t",
    "device_authorization_endpoint": "https://as.example/d",
    "revocation_endpoint": "https://as.example/r",
    "registration_endpoint": "https://as.example/reg",
    "userinfo_endpoint": "https://as.example/me",
}


def definition(**oauth):
    document = {
        "schema_version": 1,
        "name": "acme",
        "auth_type": "oauth2",
        "flow": "pkce",
        "flows": ["pkce", "device_code", "dcr_pkce", "client_credentials"],
        "oauth": {"issuer": ISSUER, **oauth},
        "env": {"ACME_TOKEN": "{access_token}"},
    }
    return parse(json.dumps(document).encode(), "acme.json")


@pytest.mark.parametrize(
    ("issuer", "places"),
    [
        (
            "https://as.example",
            [
                "https://as.example/.well-known/oauth-authorization-server",
                "https://as.example/.well-known/openid-configuration",
            ],
        ),
        (
            "https://as.example/",
            [
                "https://as.example/.well-known/oauth-authorization-server",
                "https://as.example/.well-known/openid-configuration",
            ],
        ),
        (
            "https://as.example:8443/tenant/1",
            [
                "https://as.example:8443/.well-known/oauth-authorization-server/tenant/1",
                "https://as.example:8443/.well-known/openid-configuration/tenant/1",
                "https://as.example:8443/tenant/1/.well-known/openid-configuration",
            ],
        ),
    ],
)
def test_metadata_are_looked_for_in_the_order_of_the_rfcs(issuer, places):
    assert list(well_known(issuer)) == places


def test_everything_that_the_server_names_is_taken(wire):
    wire.answer({**METADATA, "authorization_response_iss_parameter_supported": True})
    found = find_endpoints(definition(), None, "pkce", wire)
    assert {name: getattr(found, name) for name in found.__slots__} == {
        "issuer": ISSUER,
        "authorization": "https://as.example/a",
        "token": "https://as.example/t",
        "device_authorization": "https://as.example/d",
        "revocation": "https://as.example/r",
        "registration": "https://as.example/reg",
        "userinfo": "https://as.example/me",
        "iss_required": True,
    }
    assert (wire.sent.method, wire.sent.body) == ("GET", b"")


@pytest.mark.parametrize("said", [None, False, "true", 1])
def test_the_issuer_in_redirects_is_required_only_where_the_server_says_so(wire, said):
    wire.answer({**METADATA, "authorization_response_iss_parameter_supported": said})
    assert find_endpoints(definition(), None, "pkce", wire).iss_required is False


def test_the_next_place_is_asked_where_one_has_nothing(wire):
    wire.answer(b"", 404).answer(b"<html>", 200).answer({**METADATA, "issuer": f"{ISSUER}/t"})
    found = find_endpoints(definition(issuer=f"{ISSUER}/t"), None, "pkce", wire)
    assert found.token == "https://as.example/t"
    assert [request.url for request in wire.requests] == list(well_known(f"{ISSUER}/t"))


def test_what_the_definition_gives_wins_over_the_servers_word(wire):
    wire.answer(METADATA)
    mine = definition(token_url="https://mine.example/token", revocation_url="https://mine.example/revoke")
    found = find_endpoints(mine, None, "pkce", wire)
    assert (found.token, found.revocation) == ("https://mine.example/token", "https://mine.example/revoke")
    assert found.authorization == "https://as.example/a"


@pytest.mark.parametrize(
    ("asked", "stated", "good"),
    [
        ("https://as.example", "https://as.example", True),
        ("https://as.example", "https://as.example/", True),
        ("https://as.example/", "https://as.example", True),
        ("https://as.example/t", "https://as.example/t", True),
        ("https://as.example/t", "https://as.example/t/", False),
        ("https://as.example/t/", "https://as.example/t", False),
        ("https://as.example", "https://evil.example", False),
        ("https://as.example", "http://as.example", False),
        ("https://as.example", "https://as.example/other", False),
        ("https://as.example", "https://AS.example", False),
        ("https://as.example", None, False),
        ("https://as.example", ["https://as.example"], False),
    ],
)
def test_the_server_must_call_itself_what_it_was_asked_for(wire, asked, stated, good):
    """RFC 8414 section 3.3; only a slash behind a bare host makes no difference."""
    wire.answer({**METADATA, "issuer": stated})
    if good:
        assert find_endpoints(definition(issuer=asked), None, "pkce", wire).issuer == stated
    else:
        with pytest.raises(LoginFailed, match="calls itself another issuer"):
            find_endpoints(definition(issuer=asked), None, "pkce", wire)


@pytest.mark.parametrize(
    "url",
    [
        "http://as.example/t",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://user@as.example/t",
        "https://as.example/t#x",
        "https://as.example/\u202e",
        "https://as.example\\@evil.example/",
        "//as.example/t",
        "{base_url}/t",
        7,
        ["https://as.example/t"],
        "",
    ],
)
@pytest.mark.parametrize("name", ["token_endpoint", "authorization_endpoint", "registration_endpoint"])
def test_an_endpoint_that_must_not_be_used_ends_the_login(wire, name, url):
    wire.answer({**METADATA, name: url})
    with pytest.raises(LoginFailed, match=name) as caught:
        find_endpoints(definition(), None, "pkce", wire)
    assert "nothing was opened" in caught.value.hint


@pytest.mark.parametrize(
    ("flow", "missing"),
    [
        ("pkce", "authorization_endpoint"),
        ("pkce", "token_endpoint"),
        ("device_code", "device_authorization_endpoint"),
        ("device_code", "token_endpoint"),
        ("dcr_pkce", "registration_endpoint"),
        ("dcr_pkce", "authorization_endpoint"),
        ("client_credentials", "token_endpoint"),
    ],
)
def test_what_a_flow_needs_and_nobody_names_is_said(wire, flow, missing):
    wire.answer({key: value for key, value in METADATA.items() if key != missing})
    with pytest.raises(LoginFailed, match=f"does not say where its {missing} is"):
        find_endpoints(definition(), None, flow, wire)


def test_a_flow_needs_no_more_than_its_own(wire):
    wire.answer({"issuer": ISSUER, "token_endpoint": "https://as.example/t"})
    assert find_endpoints(definition(), None, "client_credentials", wire).authorization is None


FAILURES = [
    ("not found", [(b"", 404), (b"", 404)], "HTTP 404"),
    ("a fault behind a 404", [(b"", 404), (b"", 502)], "HTTP 502"),
    ("a page", [(b"<html>", 200), (b"", 404)], "no JSON object"),
    ("a list", [(b"[]", 200), (b"[]", 200)], "no JSON object"),
    ("half of it", [(b'{"issuer": ', 200), (b"", 404)], "no JSON object"),
    ("a deep well", [(b"[" * 100_000, 200), (b'{"a":' * 100_000, 200)], "no JSON object"),
    ("a redirect", [(b"", 302), (b"", 302)], "HTTP 302"),
]


@pytest.mark.parametrize(("answers", "why"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_metadata_that_cannot_be_had(wire, answers, why):
    for body, status in answers:
        wire.answer(body, status)
    with pytest.raises(Unreachable, match=why):
        find_endpoints(definition(), None, "pkce", wire)


def test_metadata_are_a_help_where_the_definition_has_all(wire):
    """Google's definition names its endpoints: a login does not fail with the well-known place."""
    full = definition(
        authorization_url="https://as.example/x", token_url="https://as.example/y", base_url=None
    )
    wire.answers.append(NoAnswer("as.example does not answer in time"))
    found = find_endpoints(full, None, "pkce", wire)
    assert (found.authorization, found.token) == ("https://as.example/x", "https://as.example/y")
    assert (found.issuer, found.iss_required) == (ISSUER, False)
    wire.answer({**METADATA, "issuer": "https://evil.example"})
    assert find_endpoints(full, None, "pkce", wire).revocation is None
    wire.answers.append(NoAnswer("as.example does not answer in time"))
    with pytest.raises(NoAnswer):
        find_endpoints(full, None, "device_code", wire)


def test_a_base_url_of_the_login_moves_every_endpoint(wire):
    mine = definition(
        issuer=None,
        base_url="https://as.example",
        authorization_url="{base_url}/a",
        token_url="{base_url}/t",
        device_authorization_url="{base_url}/d",
        registration_endpoint="{base_url}/reg",
        revocation_url="https://fixed.example/revoke",
    )
    usual = find_endpoints(mine, None, "pkce", wire)
    assert (usual.token, usual.issuer) == ("https://as.example/t", None)
    assert usual.revocation == "https://fixed.example/revoke"
    moved = find_endpoints(mine, "https://ghe.example/sub", "pkce", wire)
    assert moved.authorization == "https://ghe.example/sub/a"
    assert moved.token == "https://ghe.example/sub/t"
    assert moved.revocation is None  # it would be told a token of another place
    assert wire.requests == []


def test_the_issuer_moves_with_the_base_url(wire):
    wire.answer({**METADATA, "issuer": "https://ghe.example/realm"})
    mine = definition(issuer="{base_url}/realm", base_url="https://as.example")
    assert find_endpoints(mine, "https://ghe.example", "pkce", wire).issuer == "https://ghe.example/realm"
    assert wire.sent.url == "https://ghe.example/.well-known/oauth-authorization-server/realm"
