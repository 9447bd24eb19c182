"""The interactive flows' rules, without a network: what is sent, and what an answer may and may not do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from urllib.parse import parse_qs, urlsplit

import pytest

from authsome_env.errors import LoginFailed
from authsome_env.model import Secret
from authsome_env.oauth import device_code, pkce
from authsome_env.oauth.grant import Grant
from authsome_env.oauth.jwt import signed_jwt
from authsome_env.oauth.messages import Endpoints, NoAnswer, OAuthClient, Response, TokenSet
from authsome_env.oauth.renewal import next_grant
from authsome_env.oauth.token_request import TokenEndpoint
from authsome_env.providers.definition import parse

BACK = "http://127.0.0.1:40000/callback"
ISSUER = "https://as.example"
DEFINITION = {
    "schema_version": 1,
    "name": "acme",
    "auth_type": "oauth2",
    "flow": "pkce",
    "oauth": {
        "authorization_url": "https://as.example/authorize?tenant=1",
        "token_url": "https://as.example/token",
        "authorization_params": {"access_type": "offline"},
    },
    "env": {"ACME_TOKEN": "{access_token}"},
}
OAUTH = parse(json.dumps(DEFINITION).encode(), "acme.json").oauth
CLIENT = OAuthClient("cid", "none")


def begin(*, iss_required=False, random=os.urandom):
    endpoints = Endpoints(
        authorization=OAUTH.authorization_url, token=OAUTH.token_url, issuer=ISSUER, iss_required=iss_required
    )
    return pkce.begin(
        endpoints=endpoints,
        oauth=OAUTH,
        client=CLIENT,
        scopes=["a", "b"],
        redirect_uri=BACK,
        random=random,
    )


def test_the_authorization_request_is_that_of_rfc_7636():
    attempt = begin()
    query = parse_qs(urlsplit(attempt.url).query)
    digest = hashlib.sha256(attempt.verifier.reveal().encode()).digest()
    assert query.pop("state") == [attempt.state]
    assert query == {
        "tenant": ["1"],
        "response_type": ["code"],
        "client_id": ["cid"],
        "redirect_uri": [BACK],
        "scope": ["a b"],
        "code_challenge": [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()],
        "code_challenge_method": ["S256"],
        "access_type": ["offline"],
    }
    assert 43 <= len(attempt.verifier.reveal()) <= 128
    assert begin().state != attempt.state


@pytest.mark.parametrize(
    ("query", "verdict"),
    [
        ({}, None),
        ({"code": ["c"]}, None),
        ({"code": ["c"], "state": ["wrong"]}, None),
        ({"code": ["c"], "state": ["S", "S"]}, None),
        ({"error": ["access_denied"]}, None),
        ({"error": ["access_denied"], "state": ["wrong"]}, None),
        ({"error": ["access_denied"], "state": ["S"]}, "access_denied"),
        ({"error": ["access_denied"], "code": ["c"], "state": ["S"]}, "access_denied"),
        ({"code": ["c"], "state": ["S"], "iss": ["https://evil.example"]}, "wrong_issuer"),
        ({"error": ["x"], "state": ["S"], "iss": ["https://evil.example"]}, "wrong_issuer"),
        ({"code": ["c", "d"], "state": ["S"]}, "no_code"),
        ({"code": [""], "state": ["S"]}, "no_code"),
        ({"state": ["S"]}, "no_code"),
        ({"code": ["c"], "state": ["S"]}, "a code"),
        ({"code": ["c"], "state": ["S"], "iss": [ISSUER]}, "a code"),
    ],
)
def test_the_state_comes_first_then_the_issuer_then_the_rest(query, verdict):
    attempt = begin()
    asked = {name: [attempt.state if v == "S" else v for v in values] for name, values in query.items()}
    judged = pkce.judge(attempt, asked)
    if verdict is None:
        assert judged is None
    elif verdict == "a code":
        assert judged.value.reveal() == "c"
    else:
        assert judged.code == verdict


def test_a_server_that_always_names_itself_must_do_so():
    attempt = begin(iss_required=True)
    assert pkce.judge(attempt, {"code": ["c"], "state": [attempt.state]}).code == "wrong_issuer"


def test_what_a_person_may_paste():
    attempt = begin()
    state = attempt.state
    for text in (
        f"{BACK}?code=c&state={state}",
        f"'{BACK}?state={state}&code=c#_=_' ",
        f"code=c&state={state}",
        "c",
        f"c#{state}",
    ):
        assert pkce.from_pasted(attempt, text).value.reveal() == "c", text
    for text in (
        "",
        "http://[",
        "code=c&state=\ud83d",
        f"{BACK}?code=c",
        f"{BACK}?code=c&state=wrong",
        "c#wrong",
        "two words",
        BACK,
    ):
        assert pkce.from_pasted(attempt, text) is None, text


class Clock:
    def __init__(self):
        self.now = 0.0
        self.waits = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


GRANT = {
    "device_code": "dc",
    "user_code": "AB-CD",
    "verification_uri": "https://as.example/device",
    "expires_in": 900,
}


def by_device(answers, **grant):
    """(the tokens, what was waited). `answers`: of the polls: a document, or an exception."""
    clock = Clock()
    left = [{**GRANT, **grant}, *answers]
    shown = []

    def send(_):
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Response(400 if "error" in answer else 200, {}, json.dumps(answer).encode())

    endpoint = TokenEndpoint(OAUTH.token_url, OAUTH, CLIENT, send=send, now=lambda: 0.0, random=os.urandom)
    try:
        tokens = device_code.login(
            endpoint,
            "https://as.example/device_authorization",
            ["a"],
            monotonic=clock,
            sleep=clock.sleep,
            show=shown.append,
            provider="acme",
            again="authsome login acme",
        )
    except LoginFailed as error:
        return error, clock.waits
    assert shown[0].user_code == "AB-CD"
    return tokens, clock.waits


DONE = {"access_token": "at", "token_type": "bearer"}
PENDING = {"error": "authorization_pending"}


@pytest.mark.parametrize(
    ("grant", "answers", "waits"),
    [
        ({}, [DONE], [5]),
        ({"interval": 1}, [PENDING, DONE], [1, 1]),
        ({"interval": "3"}, [DONE], [3]),
        ({"interval": 0}, [DONE], [5]),
        ({"interval": 10**9}, [DONE], [60]),
        ({"interval": 2}, [{"error": "slow_down"}, PENDING, DONE], [2, 7, 7]),
        ({"interval": 5}, [{"error": "slow_down", "interval": 20}, DONE], [5, 20]),
        ({"interval": 5}, [NoAnswer("x"), NoAnswer("x"), DONE], [5, 10, 20]),
    ],
)
def test_a_device_login_waits_as_it_is_told(grant, answers, waits):
    tokens, waited = by_device(answers, **grant)
    assert isinstance(tokens, TokenSet)
    assert waited == waits


def test_a_device_login_ends_as_it_is_told():
    assert "was denied" in by_device([{"error": "access_denied"}])[0].message
    assert "expired" in by_device([{"error": "expired_token"}])[0].message
    assert "expired" in by_device([PENDING] * 9, expires_in=20)[0].message
    for uri in ("javascript:alert(1)", "http://evil.example/", "file:///x", 7):
        assert "nothing was opened" in by_device([DONE], verification_uri=uri)[0].hint


def test_a_grant_is_the_same_after_it_was_packed():
    grant = Grant(
        flow="pkce",
        token_url="https://as.example/token",
        auth_method="none",
        client_id="cid",
        scopes="a b",
        refresh_token=Secret("rt"),
        inputs={"key": Secret("k")},
        sent_at=1.5,
        failures=2,
    )
    again = Grant.unpack(grant.pack())
    assert all(getattr(again, name) == getattr(grant, name) for name in Grant.__slots__)


def test_a_refresh_token_without_an_answer_waits_until_nothing_can_be_lost():
    grant = Grant(flow="pkce", token_url="t", auth_method="none", refresh_token=Secret("rt"), sent_at=100.0)
    assert grant.wait(110.0, 110.0 + 400, 3600) is not None
    assert grant.wait(110.0, 110.0 + 400, 3600, asked=True) is not None
    assert grant.wait(110.0, 110.0 + 29, 3600) is None
    assert grant.wait(110.0, 110.0 + 1, 5) is not None
    assert grant.wait(110.0, 110.0 + 0.4, 5) is None
    assert grant.wait(110.0, 100.0, 3600) is None
    assert grant.replace(sent_at=None).wait(110.0, 510.0, 3600) is None
    again = grant.replace(sent_at=480.0, tried_at=480.0, failures=1)
    assert again.wait(484.0, 500.0, 3600) is not None  # as after any failure
    assert again.wait(485.0, 500.0, 3600) is None


def test_times_of_a_clock_that_was_ahead_keep_nobody_waiting():
    grant = Grant(flow="pkce", token_url="t", auth_method="none", refresh_token=Secret("rt"), sent_at=5000.0)
    assert grant.wait(1400.0, 8600.0, 3600) is None  # more is left than there ever was
    assert grant.replace(sent_at=None, retry_at=8600.0).wait(1400.0, 2000.0, 3600) is None
    assert grant.replace(sent_at=None, tried_at=5000.0, failures=3).wait(1400.0, 8600.0, 3600) is None


def test_pauses_grow_and_end_with_the_token():
    grant = Grant(flow="pkce", token_url="t", auth_method="none", refresh_token=Secret("rt"), tried_at=100.0)
    for failures, pause in ((1, 5), (2, 10), (5, 60), (50, 60)):
        failed = grant.replace(failures=failures)
        assert failed.wait(100.0 + pause - 1, 10_000.0, 3600) is not None
        assert failed.wait(100.0 + pause - 1, 10_000.0, 3600, asked=True) is None
        assert failed.wait(100.0 + pause, 10_000.0, 3600) is None
        assert failed.wait(100.5, 100.0, 3600) is None  # nothing left to go on with
    asked = grant.replace(retry_at=130.0)
    assert "30 s" in asked.wait(100.5, 100.0, 3600)
    assert "30 s" in asked.wait(100.5, 100.0, 3600, asked=True)


def test_a_refresh_token_stays_until_another_one_comes():
    grant = Grant(flow="pkce", token_url="t", auth_method="none", refresh_token=Secret("old"), sent_at=1.0)
    kept = next_grant(grant, TokenSet(Secret("at")))
    assert (kept.refresh_token.reveal(), kept.sent_at) == ("old", None)
    assert (
        next_grant(grant, TokenSet(Secret("at"), refresh_token=Secret("new"))).refresh_token.reveal() == "new"
    )
    machine = grant.replace(refresh_token=None)
    assert next_grant(machine, TokenSet(Secret("at"), refresh_token=Secret("x"))).refresh_token is None


def test_an_assertion_is_always_signed():
    key = Secret(json.dumps({"kty": "oct", "k": "c2VjcmV0", "alg": "none"}))
    with pytest.raises(LoginFailed):
        signed_jwt({"iss": "a"}, key)
