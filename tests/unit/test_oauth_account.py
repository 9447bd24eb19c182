"""Whose account the tokens are for; and JSON pointers (RFC 6901), which find it."""

from __future__ import annotations

import json

import pytest

from authsome_env.model import Secret
from authsome_env.oauth.account import find_account
from authsome_env.oauth.messages import Endpoints, NoAnswer, TokenSet
from authsome_env.oauth.pointer import read_pointer
from authsome_env.providers.schema import Account

ME = Account("https://api.example/me", "GET", None, "/id", "/login")
TOKENS = TokenSet(Secret("made-up-at"), document={"team": {"id": "T1", "name": "Team"}})


def find(wire, account, *, base_url=None, default=None, scopes="", userinfo=None):
    return find_account(
        account,
        tokens=TOKENS,
        endpoints=Endpoints(userinfo=userinfo),
        base_url=base_url,
        definition_base_url=default,
        scopes=scopes,
        send=wire,
    )


def test_the_token_is_a_bearer_and_nothing_else(wire):
    wire.answer({"id": 7, "login": "octo"})
    found = find(wire, ME)
    assert (found.id, found.label, found.warning) == ("7", "octo", None)
    assert (wire.sent.method, wire.sent.url, wire.sent.body) == ("GET", "https://api.example/me", b"")
    assert wire.sent.headers == {"Authorization": "Bearer made-up-at"}


def test_a_post_has_its_body_as_json(wire):
    wire.answer({"data": {"viewer": {"id": "u", "email": "e@x"}}})
    account = Account(
        "https://api.example/graphql",
        "POST",
        {"query": "{ viewer { id } }"},
        "/data/viewer/id",
        "/data/viewer/email",
    )
    found = find(wire, account)
    assert (found.id, found.label) == ("u", "e@x")
    assert json.loads(wire.sent.body) == {"query": "{ viewer { id } }"}
    assert wire.sent.headers == {
        "Authorization": "Bearer made-up-at",
        "Content-Type": "application/json",
    }


def test_the_token_answer_says_it_itself(wire):
    found = find(wire, Account(None, "GET", None, "/team/id", "/team/name"))
    assert (found.id, found.label) == ("T1", "Team")
    assert wire.requests == []


ANSWERS = [
    ("no label", {"id": "u"}, ("u", "u")),
    ("an empty label", {"id": "u", "login": ""}, ("u", "u")),
    ("no id", {"login": "octo"}, (None, "octo")),
    ("null", {"id": None, "login": None}, (None, None)),
    ("objects", {"id": {"a": 1}, "login": ["x"]}, (None, None)),
    ("truth is no name", {"id": True, "login": "octo"}, (None, "octo")),
    ("a long one is cut", {"id": "x" * 500, "login": "y" * 500}, ("x" * 200, "y" * 200)),
    ("half a character", {"id": "\ud800", "login": "a\ud800"}, ("?", "a?")),
    ("a list", [], (None, None)),
]


@pytest.mark.parametrize(("document", "known"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_what_is_found(wire, document, known):
    wire.answer(document)
    found = find(wire, ME)
    assert (found.id, found.label) == known
    assert bool(found.warning) == (known == (None, None))


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 401, "HTTP 401"),
        ({"id": "u"}, 403, "HTTP 403"),
        ({"id": "u"}, 302, "HTTP 302"),
        (b"<html>", 200, "the answer does not say"),
        (b'{"id":' * 100_000, 200, "the answer does not say"),
        (b"\xff", 200, "the answer does not say"),
    ],
)
def test_an_account_that_cannot_be_learnt_fails_no_login(wire, body, status, why):
    wire.answer(body, status)
    found = find(wire, ME)
    assert (found.id, found.label) == (None, None)
    assert found.warning == f"whose account it is could not be learnt: {why}"


def test_a_network_that_is_down_fails_no_login(wire):
    wire.answers.append(NoAnswer("api.example does not answer in time"))
    assert find(wire, ME).warning.endswith("api.example does not answer in time")


def test_the_base_url_is_the_connections_own(wire):
    account = Account("{base_url}/api/v4/user", "GET", None, "/id", "/id")
    wire.answer({"id": 1}).answer({"id": 1})
    find(wire, account, default="https://gitlab.com")
    find(wire, account, default="https://gitlab.com", base_url="https://gitlab.example.com/git")
    assert [request.url for request in wire.requests] == [
        "https://gitlab.com/api/v4/user",
        "https://gitlab.example.com/git/api/v4/user",
    ]


def test_a_stranger_is_not_told_a_token_of_another_place(wire):
    found = find(wire, ME, default="https://github.com", base_url="https://ghe.example.com")
    assert (found.id, found.label, found.warning) == (None, None, None)
    assert wire.requests == []
    wire.answer({"id": 1})
    assert find(wire, ME, default="https://github.com").id == "1"
    wire.requests.clear()
    wire.answer({"id": 1})
    assert find(wire, ME, base_url=None, default=None).id == "1"


USERINFO = [
    ({"sub": "s", "email": "e@x", "preferred_username": "p", "name": "n"}, ("s", "e@x")),
    ({"sub": "s", "preferred_username": "p", "name": "n"}, ("s", "p")),
    ({"sub": "s", "name": "n"}, ("s", "n")),
    ({"sub": "s"}, ("s", "s")),
]


@pytest.mark.parametrize(("document", "known"), USERINFO)
def test_openid_tells_it_without_a_word_in_the_definition(wire, document, known):
    """OIDC Core section 5.3."""
    wire.answer(document)
    found = find(wire, None, scopes="openid email", userinfo="https://as.example/userinfo")
    assert (found.id, found.label) == known
    assert wire.sent.url == "https://as.example/userinfo"


@pytest.mark.parametrize(("scopes", "userinfo"), [("email", "https://as.example/me"), ("openid", None)])
def test_without_openid_nobody_is_asked(wire, scopes, userinfo):
    found = find(wire, None, scopes=scopes, userinfo=userinfo)
    assert (found.id, found.label, found.warning) == (None, None, None)
    assert wire.requests == []


DOCUMENT = {"a": [{"b": 1}, "x"], "m~n": 2, "p/q": 3, "": 4, "0": 5, "n": None}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", DOCUMENT),
        ("/a/0/b", 1),
        ("/a/1", "x"),
        ("/m~0n", 2),
        ("/p~1q", 3),
        ("/m~n", 2),
        ("/", 4),
        ("/0", 5),
        ("/n", None),
        ("/n/x", None),
        ("/a/2", None),
        ("/a/-1", None),
        ("/a/00", None),
        ("/a/01", None),
        ("/a/\u0661", None),
        ("/a/99999999999999999999", None),
        ("/a/0/b/c", None),
        ("/z", None),
        ("/a/b", None),
    ],
)
def test_a_pointer_leads_to_one_place_or_nowhere(pointer, found):
    assert read_pointer(DOCUMENT, pointer) == found


def test_the_order_of_escapes_is_that_of_rfc_6901():
    assert read_pointer({"~1": "right", "/": "wrong"}, "/~01") == "right"
