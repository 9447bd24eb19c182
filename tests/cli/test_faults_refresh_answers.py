"""Answers to a refresh in the shapes that real servers give them, and those that are of no use."""

from __future__ import annotations

import os
import time

import pytest
from cli.acme import DUE_S, LIFETIME_S
from cli.misbehaving import ABSENT, changed

KEPT = [{"refresh_token": ABSENT}, {"refresh_token": None}, {"refresh_token": ""}]
LIFETIMES = {
    3600: 3600,
    "3600": 3600,
    3599.5: 3599.5,
    "1800.0": 1800,
    ABSENT: LIFETIME_S,  # as long as the one before
    None: LIFETIME_S,
    0: 0,
    -5: 0,
    3_600_000: 3_600_000,
    10**30: 10 * 365 * 86400,
    "soon": LIFETIME_S,
}
SCOPES = {"read": ["read"], "a,b": ["a", "b"], ABSENT: ["read", "write"], "": ["read", "write"]}


def test_answers_as_real_servers_give_them_are_taken_for_what_they_say(authsome, acme):
    shapes = {
        **{f"kept-{number}": fields for number, fields in enumerate(KEPT)},
        **{f"life-{number}": {"expires_in": stated} for number, stated in enumerate(LIFETIMES)},
        **{f"scope-{number}": {"scope": stated} for number, stated in enumerate(SCOPES)},
        "list": {"scope": ["c", "d"]},
        "type": {"token_type": "bEARER"},
        "no-type": {"token_type": ABSENT},
        "more": {"id_token": "x.y.z", "unknown": {"deep": [1]}},
    }
    families = {name: acme.login(name, changed(**fields), left=DUE_S) for name, fields in shapes.items()}
    tokens, said = acme.delivered(list(shapes))
    assert said == []
    assert tokens == [family.access for family in families.values()]
    assert not {family.first for family in families.values()} & set(tokens)
    for name, family in families.items():
        connection, _, _ = acme.record(name)
        assert acme.kept(name, family), name
        assert (family.asked, connection.generation, connection.last_error) == (1, 2, None), name
        if name.startswith("life"):
            lifetime = list(LIFETIMES.values())[int(name[5:])]
            assert connection.lifetime == lifetime, name
            assert connection.expires_at == pytest.approx(connection.refreshed_at + lifetime, abs=30), name
        wanted = list(SCOPES.values())[int(name[6:])] if name.startswith("scope") else ["read", "write"]
        assert connection.scopes.split() == (["c", "d"] if name == "list" else wanted), name
    for name in ("kept-0", "kept-1", "kept-2", "type"):  # what was kept is good for one more
        authsome("refresh", "acme", "-c", name, check=True)
        assert families[name].reused == 0


def test_an_answer_of_no_use_keeps_the_old_token(authsome, acme, secret):
    shapes = {
        "line": {"access_token": "a\r\nLD_PRELOAD=x"},
        "nul": {"access_token": "a\0b"},
        "long": {"access_token": "a" * 140_000},
        "number": {"access_token": 7},
        "none": {"access_token": ""},
        "mac": {"token_type": "mac"},
        "odd": {"token_type": "x\n" + secret(os.urandom(12).hex().encode()).decode()},
    }
    families = {name: acme.login(name, changed(**fields), left=DUE_S) for name, fields in shapes.items()}
    tokens, said = acme.delivered(list(shapes))
    assert tokens == [family.first for family in families.values()]
    assert len(said) == len(shapes)
    for name in shapes:
        connection, _, grant = acme.record(name)
        assert (connection.status(time.time()), connection.generation) == ("expiring", 1), name
        assert grant.sent_at is not None, name


def test_a_token_that_only_a_login_renews_is_warned_of_where_it_has_less_than_is_wanted(authsome, acme):
    """The provider gave no refresh token. Without an explicit --min-ttl there is nothing to be said."""
    for name in ("other", "default"):  # the last one is what a plain `acme` means
        acme.login(name, first=changed(refresh_token=ABSENT))
    words = ("run", "-p", "acme", "--map", "AGAIN=acme")
    for wanted in ((), ("--min-ttl", "1m")):
        assert authsome(*words, *wanted, "--", "true", check=True).stderr == b""
    done = authsome(*words, "--min-ttl", "90h", "--", "true", check=True)
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("authsome: warning: the token of acme:default is good for ")
    assert line.endswith(
        "less than --min-ttl asks for, and only a login renews it: authsome login acme -c default --force"
    )
