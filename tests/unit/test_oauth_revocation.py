"""Tokens are revoked (RFC 7009, or the provider's own way): what is sent, in what order, and what is told."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl

import pytest

from authsome_env.model import Secret
from authsome_env.oauth.messages import Endpoints, NoAnswer, NotSent, OAuthClient
from authsome_env.oauth.revoke import revocation_url, revoke
from authsome_env.providers.registry import Registry

URL = "https://as.example/revoke"
BOTH = {"refresh_token": Secret("made-up-rt"), "access_token": Secret("made-up-at")}
CLIENT = OAuthClient("cid", "client_secret_post", secret=Secret("made-up-secret"))
BUNDLED = Registry("/nonexistent")


class Told(list):
    """What became of each token; beside it what was waited for."""

    def __init__(self, revoked, waits):
        super().__init__((each.kind, each.ok, each.reason, each.unreachable) for each in revoked)
        self.waits = waits


def run(endpoint, *, url=URL, base_url=None, tokens=BOTH):
    waits = []
    where = revocation_url(endpoint.oauth, Endpoints(revocation=url), base_url)
    return Told(revoke(endpoint, where, tokens, sleep=waits.append), waits)


DONE = [("refresh_token", True, "", False), ("access_token", True, "", False)]


def test_the_refresh_token_goes_first_each_with_its_hint_and_the_clients_proof(wire, ask):
    wire.answer().answer(b"{}")
    assert run(ask(CLIENT, revocation_url=URL)) == DONE
    assert [wire.fields(index) for index in range(2)] == [
        {
            "token": f"made-up-{short}",
            "token_type_hint": kind,
            "client_id": "cid",
            "client_secret": "made-up-secret",
        }
        for short, kind in (("rt", "refresh_token"), ("at", "access_token"))
    ]
    assert {request.url for request in wire.requests} == {URL}
    assert {request.method for request in wire.requests} == {"POST"}


def test_a_public_client_names_itself(wire, ask):
    wire.answer().answer()
    run(ask(OAuthClient("cid", "none"), revocation_url=URL, headers={"Acme-Version": "1"}))
    assert wire.fields()["client_id"] == "cid"
    assert wire.requests[0].headers == {
        "Content-Type": "application/x-www-form-urlencoded",
        "Acme-Version": "1",
    }


@pytest.mark.parametrize(
    ("tokens", "kinds"),
    [
        ({"refresh_token": None, "access_token": Secret("a")}, ["access_token"]),
        ({"refresh_token": Secret("r"), "access_token": None}, ["refresh_token"]),
        ({"refresh_token": Secret(""), "access_token": Secret("a")}, ["access_token"]),
        ({}, []),
    ],
)
def test_what_is_not_there_is_not_asked_for(wire, ask, tokens, kinds):
    for _ in kinds:
        wire.answer()
    assert [each[0] for each in run(ask(CLIENT, revocation_url=URL), tokens=tokens)] == kinds


def test_where_there_is_no_way_nothing_is_sent(wire, ask):
    assert run(ask(CLIENT)) == []
    assert run(ask(CLIENT, revocation="none", revocation_url=URL)) == []
    assert run(ask(CLIENT, issuer="https://as.example"), url=None) == []  # its metadata named no place
    assert wire.requests == []


TOLD = [
    ("unknown to the server: section 2.2", b"", 200, True, "", False),
    ("204", b"", 204, True, "", False),
    (
        "an error of section 2.2.1",
        {"error": "unsupported_token_type"},
        400,
        False,
        "the provider refused: unsupported_token_type",
        False,
    ),
    (
        "the wrong client",
        {"error": "invalid_client", "error_description": "who?"},
        401,
        False,
        "the provider refused: invalid_client: who?",
        False,
    ),
    ("a bare 401", b"", 401, False, "the provider answered HTTP 401", False),
    ("404, a page", b"<html>", 404, False, "the provider answered HTTP 404", False),
    ("a redirect, which is not followed", b"", 307, False, "the provider answered HTTP 307", True),
    ("an error under 200", {"error": "x"}, 200, False, "the provider refused: x", False),
    ("Google: dead already", {"error": "invalid_token"}, 400, True, "", False),
    ("a fault", b"", 500, False, "the provider answered HTTP 500", True),
    (
        "a fault with an error",
        {"error": "invalid_request"},
        502,
        False,
        "the provider answered HTTP 502",
        True,
    ),
]


@pytest.mark.parametrize(
    ("body", "status", "ok", "reason", "unreachable"),
    [row[1:] for row in TOLD],
    ids=[row[0] for row in TOLD],
)
def test_what_the_provider_said_is_told(wire, ask, body, status, ok, reason, unreachable):
    wire.answer(body, status)
    told = run(ask(CLIENT, revocation_url=URL), tokens={"access_token": Secret("a")})
    assert told == [("access_token", ok, reason, unreachable)]


def test_a_failure_of_the_first_does_not_spare_the_second(wire, ask):
    wire.answers.append(NoAnswer("as.example does not answer in time"))
    wire.answer()
    assert run(ask(CLIENT, revocation_url=URL)) == [
        ("refresh_token", False, "as.example does not answer in time", True),
        ("access_token", True, "", False),
    ]


def test_a_server_that_is_busy_is_asked_once_more(wire, ask):
    """RFC 7009 section 2.2.1: our copy is deleted whatever it says, so the second try is the last chance."""
    endpoint = ask(CLIENT, revocation_url=URL)
    one = {"access_token": Secret("a")}
    wire.answer(b"", 503, {"retry-after": "2"}).answer()
    told = run(endpoint, tokens=one)
    assert (told, told.waits) == ([("access_token", True, "", False)], [2.0])
    wire.answers.append(NotSent("cannot connect"))
    told = run(endpoint, tokens=one) if wire.answer() else None
    assert (told, told.waits) == ([("access_token", True, "", False)], [1.0])
    wire.answer(b"", 429, {"retry-after": "3600"}).answer(b"", 429)
    told = run(endpoint, tokens=one)
    assert (told, told.waits) == (
        [("access_token", False, "the provider answered HTTP 429", True)],
        [5.0],
    )
    wire.answers += [NotSent("cannot connect"), NotSent("cannot connect")]
    assert run(endpoint, tokens=one) == [("access_token", False, "cannot connect", True)]


def test_what_may_have_been_carried_out_is_not_sent_again(wire, ask):
    endpoint = ask(CLIENT, revocation_url=URL)
    for answer in (NoAnswer("half an answer"), None):
        if answer is None:
            wire.answer(b"", 500)
        else:
            wire.answers.append(answer)
        told = run(endpoint, tokens={"access_token": Secret("a")})
        assert (told[0][1], told.waits) == (False, [])


def test_a_token_that_the_server_quotes_is_not_said(wire, ask):
    wire.answer(
        {"error": "no made-up-at", "error_description": "made-up-secret does not own made-up-at"}, 400
    )
    told = run(ask(CLIENT, revocation_url=URL), tokens={"access_token": Secret("made-up-at")})
    assert told[0][2] == "the provider refused: no ***: *** does not own ***"


def test_a_client_without_what_it_needs_is_told(wire, ask):
    told = run(ask(OAuthClient("cid", "client_secret_post"), revocation_url=URL))
    assert [(each[1], each[3]) for each in told] == [(False, False)] * 2
    assert "has no secret" in told[0][2]
    assert wire.requests == []


# The ways of the bundled definitions, as their providers document them

BASIC = "Basic " + base64.b64encode(b"cid:made-up-secret").decode()
FORM = "application/x-www-form-urlencoded"
OWN_WAYS = [
    (
        "github",
        None,
        [
            (
                "DELETE",
                "https://api.github.com/applications/cid/token",
                {"Content-Type": "application/json", "Authorization": BASIC},
                {"access_token": "made-up-at"},
            )
        ],
    ),
    ("github-app", None, [("DELETE", "https://api.github.com/installation/token", {}, None)]),
    (
        "github-app",
        "https://ghe.example/api/v3",
        [("DELETE", "https://ghe.example/api/v3/installation/token", {}, None)],
    ),
    (
        "google",
        None,
        [
            (
                "POST",
                "https://oauth2.googleapis.com/revoke",
                {"Content-Type": FORM},
                {"token": f"made-up-{each}"},
            )
            for each in ("rt", "at")
        ],
    ),
    ("slack", None, [("POST", "https://slack.com/api/auth.revoke", {}, None)]),
    ("slack-user", None, [("POST", "https://slack.com/api/auth.revoke", {}, None)]),
    (
        "notion",
        None,
        [
            (
                "POST",
                "https://api.notion.com/v1/oauth/revoke",
                {
                    "Content-Type": "application/json",
                    "Authorization": BASIC,
                    "Notion-Version": "2025-09-03",
                },
                {"token": "made-up-at"},
            )
        ],
    ),
]
BEARERS = {"github-app", "slack", "slack-user"}


@pytest.mark.parametrize(
    ("name", "base_url", "requests"), OWN_WAYS, ids=[f"{row[0]} {row[1] or ''}" for row in OWN_WAYS]
)
def test_each_own_way_is_that_of_its_provider(wire, ask, name, base_url, requests):
    for _ in requests:
        wire.answer(b"", 204)
    told = run(ask(CLIENT, oauth=BUNDLED.load(name).oauth), url=None, base_url=base_url)
    assert all(each[1] for each in told)
    sent = []
    for request in wire.requests:
        body = None
        if request.body:
            as_json = request.headers["Content-Type"] == "application/json"
            body = json.loads(request.body) if as_json else dict(parse_qsl(request.body.decode()))
        sent.append((request.method, request.url, dict(request.headers), body))
    if name in BEARERS:
        assert [each[2].pop("Authorization") for each in sent] == ["Bearer made-up-at"]
    assert sent == requests


@pytest.mark.parametrize("name", ["gitlab", "linear"])
def test_those_of_rfc_7009_have_no_way_of_their_own(name):
    oauth = BUNDLED.load(name).oauth
    assert oauth.revocation == "rfc7009"
    assert oauth.revocation_url


def test_a_stranger_is_not_told_a_token_of_another_place(wire, ask):
    endpoint = ask(CLIENT, oauth=BUNDLED.load("github").oauth)
    assert run(endpoint, url=None, base_url="https://ghe.example.com") == []
    assert wire.requests == []


OWN = {"url": "https://as.example/apps/{client_id}/revoke", "body": {"token": "{token}"}}


def test_marks_are_filled_once_and_in_their_place(wire, ask):
    way = {**OWN, "body": {"token": "<{token}>", "app": "{client_id}", "fixed": "{other}"}, "auth": "none"}
    wire.answer()
    client = OAuthClient("a/b?{token}", "none")
    run(ask(client, revocation=way), tokens={"access_token": Secret("{client_id}")})
    assert wire.sent.url == "https://as.example/apps/a%2Fb%3F%7Btoken%7D/revoke"
    assert wire.fields() == {"token": "<{client_id}>", "app": "a/b?{token}", "fixed": "{other}"}


def test_a_secret_in_the_body_where_the_way_wants_it(wire, ask):
    wire.answer()
    run(ask(CLIENT, revocation={**OWN, "auth": "client_post", "tokens": ["access_token"]}))
    assert wire.fields() == {"token": "made-up-at", "client_id": "cid", "client_secret": "made-up-secret"}


@pytest.mark.parametrize("auth", ["client_basic", "client_post"])
@pytest.mark.parametrize("client", [None, OAuthClient("cid", "none")])
def test_a_way_that_needs_the_secret_is_not_gone_without(wire, ask, auth, client):
    told = run(ask(client, revocation={**OWN, "auth": auth}))
    assert [(each[1], each[3]) for each in told] == [(False, False)] * 2
    assert "from a client with a secret alone" in told[0][2]
    assert wire.requests == []


def test_a_bearer_that_is_not_let_in_is_dead(wire, ask):
    wire.answer({"message": "Bad credentials"}, 401)
    assert run(ask(oauth=BUNDLED.load("github-app").oauth)) == [("access_token", True, "", False)]
    wire.answer({"message": "no"}, 401)
    assert run(ask(CLIENT, oauth=BUNDLED.load("github").oauth))[0][1] is False


SLACK = [
    ("done", {"ok": True, "revoked": True}, True),
    ("done, in a word", {"ok": True}, True),
    ("revoked before", {"ok": False, "error": "token_revoked"}, True),
    ("expired", {"ok": False, "error": "token_expired"}, True),
    ("the user is gone", {"ok": False, "error": "account_inactive"}, True),
    ("not from this address", {"ok": False, "error": "invalid_auth"}, False),
    ("no, and no reason", {"ok": False}, False),
]


@pytest.mark.parametrize("name", ["slack", "slack-user"])
@pytest.mark.parametrize(("body", "ok"), [row[1:] for row in SLACK], ids=[row[0] for row in SLACK])
def test_slack_says_so_under_200(wire, ask, name, body, ok):
    wire.answer(body)
    told = run(ask(CLIENT, oauth=BUNDLED.load(name).oauth))
    assert [each[1] for each in told] == [ok]


def test_a_client_of_another_shape_of_answer_is_no_failure(wire, ask):
    """The definition's `ok` is for its token answers; where a revocation has none, its status counts."""
    wire.answer(b"{}")
    endpoint = ask(CLIENT, revocation={**OWN, "tokens": ["access_token"]}, answer={"ok": "/ok"})
    assert run(endpoint) == [("access_token", True, "", False)]
    wire.answer({"why": "no"}, 400)
    assert run(endpoint)[0][1] is False
