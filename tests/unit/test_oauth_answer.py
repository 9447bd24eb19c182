"""What a token endpoint's answer means, for every shape that real servers give it."""

from __future__ import annotations

import json

import pytest

from authsome_env.oauth.answer import read_answer
from authsome_env.oauth.messages import Garbled, Later, Refused, Response, TokenSet
from authsome_env.providers.schema import Answer

NOW = 1_700_000_000.0
USUAL = Answer()


def read(body, status=200, headers=None, shape=USUAL):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(Response(status, headers or {}, raw), shape, now=NOW)


def tokens(**more):
    return {"access_token": "at", "token_type": "Bearer", **more}


@pytest.mark.parametrize(
    ("stated", "lifetime"),
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        (3599.5, 3599.5),
        (0, 0.0),
        (-5, 0.0),
        (None, None),
        ("", None),
        (10**18, 10 * 365 * 86400.0),
        ("3600abc", None),
        (float("nan"), None),
        (True, None),
        ({}, None),
    ],
)
def test_a_lifetime_is_read_as_servers_write_it(stated, lifetime):
    answer = read(tokens(expires_in=stated))
    assert isinstance(answer, TokenSet)
    assert answer.lifetime == lifetime
    assert answer.expires_at == (None if lifetime is None else NOW + lifetime)
    assert bool(answer.warnings) == (stated not in (None, "") and lifetime is None)


def test_a_point_of_time_in_the_place_of_a_lifetime():
    shape = Answer(access_token="/token", expires_at="/expires_at")
    answer = read({"token": "t", "expires_at": "2023-11-14T23:13:20Z"}, 201, shape=shape)
    assert answer.expires_at == NOW + 3600
    assert read({"token": "t", "expires_at": NOW + 60}, shape=shape).lifetime == 60


def test_a_lifetime_that_no_answer_states_is_the_definitions():
    shape = Answer(lifetime=3600)
    assert read({"access_token": "t"}, shape=shape).expires_at == NOW + 3600
    assert read({"access_token": "t", "expires_in": 60}, shape=shape).lifetime == 60
    assert read({"access_token": "t"}).expires_at is None


@pytest.mark.parametrize("given", [{}, {"refresh_token": None}, {"refresh_token": ""}, {"refresh_token": 7}])
def test_no_refresh_token_is_none_however_it_is_written(given):
    assert read(tokens(**given)).refresh_token is None
    assert read(tokens(refresh_token="rt")).refresh_token.reveal() == "rt"


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("repo gist", "repo gist"),
        ("repo,gist", "repo gist"),
        (["a", "b"], "a b"),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_scopes_are_those_granted(scope, granted):
    assert read(tokens(scope=scope)).scopes == granted


@pytest.mark.parametrize("token", ["\ud800", "a b", "a\nb", "a\0b", "ä"])
def test_a_refresh_token_that_could_not_be_sent_back_is_none_and_said(token):
    answer = read(tokens(refresh_token=token))
    assert answer.refresh_token is None
    assert len(answer.warnings) == 1


@pytest.mark.parametrize("scope", ["a \ud800 b", ["a", "\x1b[2J", 7, "b"], "a\0 \u202e a b"])
def test_scopes_can_be_shown_and_kept(scope):
    assert read(tokens(scope=scope)).scopes.split()[-1] == "b"
    read(tokens(scope=scope)).scopes.encode()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("T1", "T1"),
        (7, "7"),
        ("two\nlines", "two\nlines"),
        ("j" * 3000, "j" * 3000),  # an ID token is of this size
        ("a\0b", None),
        ("\ud800", None),
        ("x" * 140_000, None),
        ("ä" * 70_000, None),
        (True, None),
        (None, None),
        ({}, None),
        ("", None),
    ],
)
def test_a_field_is_kept_whole_or_not_at_all(value, kept):
    fields = read({**tokens(), "team": {"id": value}}, shape=Answer(fields={"team": "/team/id"})).fields
    assert {name: secret.reveal() for name, secret in fields.items()} == ({"team": kept} if kept else {})


@pytest.mark.parametrize("stated", [10**400, "9" * 400, "nan", "soon", {}, True])
def test_a_point_of_time_that_makes_no_sense_is_none(stated):
    answer = read({**tokens(), "until": stated}, shape=Answer(expires_at="/until"))
    assert answer.lifetime in (None, 10 * 365 * 86400.0)


def test_the_type_of_a_token_stands_beside_it_and_may_have_another_name():
    shape = Answer(access_token="/user/access_token", token_types=("user",))
    user = {"access_token": "u", "token_type": "USER"}
    assert read({"user": user, "token_type": "mac"}, shape=shape).access_token.reveal() == "u"
    assert isinstance(read({"user": {**user, "token_type": "bot"}}, shape=shape), Garbled)
    assert isinstance(read({"user": user}, shape=Answer(access_token="/user/access_token")), Garbled)


@pytest.mark.parametrize("kind", ["bearer", "BEARER", "N_A", None])
def test_a_bearer_token_is_one_in_any_case(kind):
    assert isinstance(read({"access_token": "at", "token_type": kind}), TokenSet)
    assert isinstance(read({"access_token": "at", "token_type": "mac"}), Garbled)


@pytest.mark.parametrize(
    "body",
    [
        b"access_token=at&scope=repo%2Cgist&token_type=bearer",
        b"\xef\xbb\xbf" + json.dumps(tokens()).encode(),
    ],
)
def test_forms_and_byte_order_marks_are_understood(body):
    assert read(body).access_token.reveal() == "at"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>please wait</html>",
        b'{"access_token": "at"',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"\xff\xfe\x00",
        {},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": "a\r\nb"},
        {"access_token": "a\0b"},
        {"access_token": "a" * 140_000},
        ["at"],
    ],
)
def test_what_nobody_can_read_may_hold_the_tokens_all_the_same(body):
    assert isinstance(read(body), Garbled)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error": "invalid_grant", "error_description": "no"}, 400, "invalid_grant"),
        ({"error": "bad_verification_code"}, 200, "bad_verification_code"),  # GitHub
        (b"error=bad_verification_code&error_description=x", 200, "bad_verification_code"),
        ({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "m"}}, 403, "PERMISSION_DENIED"),
        (b"nonsense", 400, "http_400"),
        (b"", 401, "http_401"),
    ],
)
def test_a_no_is_told_whatever_the_status_says(body, status, code):
    answer = read(body, status)
    assert isinstance(answer, Refused)
    assert answer.code == code


def test_slack_says_no_by_ok():
    shape = Answer(ok="/ok")
    assert read({"ok": False, "error": "invalid_code"}, shape=shape).code == "invalid_code"
    assert read({"ok": False}, shape=shape).code == "not_ok"
    assert isinstance(read({"ok": True, **tokens()}, shape=shape), TokenSet)
    nested = Answer(ok="/ok", access_token="/authed_user/access_token")
    assert read({"ok": True, "authed_user": {"access_token": "u"}}, shape=nested).access_token.reveal() == "u"


@pytest.mark.parametrize(
    ("status", "headers", "doubtful", "pause"),
    [
        (429, {"retry-after": "7"}, False, 7.0),
        (503, {"retry-after": "Tue, 14 Nov 2023 22:14:20 GMT"}, False, 60.0),
        (503, {"retry-after": "junk"}, False, None),
        (429, {"retry-after": "999999"}, False, 3600.0),
        (500, {}, True, None),
        (502, {}, True, None),
        (504, {}, True, None),
        (408, {}, True, None),
    ],
)
def test_later_and_whether_the_work_may_have_been_done(status, headers, doubtful, pause):
    answer = read(b"<html>", status, headers)
    assert isinstance(answer, Later)
    assert (answer.doubtful, answer.retry_after) == (doubtful, pause)


def test_a_temporary_error_is_no_refusal():
    assert read({"error": "temporarily_unavailable"}, 400).doubtful is False
    assert read({"error": "server_error"}, 400).doubtful is True
    assert isinstance(read(b"", 307), Garbled)


def test_more_fields_are_kept_whole():
    shape = Answer(fields={"more": "/team/more", "number": "/n", "flag": "/f", "gone": "/x"})
    found = read(tokens(team={"more": "x" * 5000}, n=7, f=True), shape=shape).fields
    assert {name: value.reveal() for name, value in found.items()} == {"more": "x" * 5000, "number": "7"}
