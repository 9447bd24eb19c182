"""What the programs of a run are told of a connection, and what comes of their asking."""

from __future__ import annotations

import pytest

from authsome_env.app.errand import Finding
from authsome_env.app.held import Held
from authsome_env.app.plan import Bound, State
from authsome_env.model import Reference

NOW = 1_700_000_000.0
REFUSED = Finding(name="credential_unusable", error="it said no", failed=True)


def state(left=600.0, **given):
    given = {"generation": 3, "lifetime": 600.0, "renewable": True, "refused": False, "values": {}, **given}
    return State(expires_at=None if left is None else NOW + left, **given)


def held(left=600.0, *, asked=0, error=False, stranger=False, **given):
    bound = Bound(
        "1",
        Reference("acme", "work"),
        account_id=None,
        base_url=None,
        provider_base_url=None,
        templates={},
        keys={},
    )
    held = Held(bound, state(left, **given), chance=0.0, vault_option="")
    held.ask(asked)
    held.stranger = stranger
    if error:
        held.take_in(REFUSED, NOW, tried=True)
    return held


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, "connected"),
        ({"left": None}, "connected"),
        ({"left": 0.0}, "expired"),
        ({"left": 0.0, "renewable": False}, "expired"),
        ({"error": True}, "expiring"),
        ({"error": True, "left": 0.0}, "expired"),
        ({"stranger": True}, "expiring"),
        ({"refused": True}, "expiring"),  # it lives, and is served
        ({"refused": True, "left": 0.0}, "invalid"),
        ({"refused": True, "left": None}, "invalid"),
        ({"refused": True, "asked": 3}, "invalid"),  # the token was refused as well
        ({"refused": True, "asked": 2}, "expiring"),
        ({"asked": 3}, "connected"),
    ],
)
def test_its_status(given, status):
    assert held(**given).status(NOW) == status


def test_one_that_was_asked_for_is_renewed_at_once_until_it_has_been():
    it = held()
    later = it.renew_at(60.0)
    it.ask(2)
    assert it.renew_at(60.0) == later > NOW
    it.ask(3)
    assert it.renew_at(60.0) == 0.0
    it.take_in(Finding(state(generation=4)), NOW, tried=True)
    assert it.renew_at(60.0) == later
    it.ask(3)
    assert it.renew_at(60.0) == later


def test_asking_ends_no_pause():
    it = held(asked=3)
    it.take_in(Finding(name="unreachable", error="down", failed=True, not_before=NOW + 50), NOW, tried=True)
    it.ask(3)
    assert it.renew_at(60.0) == NOW + 50


@pytest.mark.parametrize(
    "given", [{"renewable": False}, {"refused": True}, {"renewable": False, "left": None}]
)
def test_what_cannot_be_renewed_is_not_for_asking(given):
    assert held(asked=3, **given).renew_at(60.0) is None


def test_that_nothing_but_a_login_helps_is_said_once():
    it = held(None, renewable=False)
    assert it.notice(NOW) == ""
    it.ask(3)
    said = "the token of acme:work was refused, and cannot be refreshed: authsome login acme -c work"
    assert [it.notice(NOW), it.notice(NOW)] == [said, ""]


def test_what_is_packed_comes_out_again():
    bound = Bound(
        "1",
        Reference("acme", "work"),
        account_id="7",
        base_url=None,
        provider_base_url=None,
        templates={"A": "{a}"},
        keys={"1": b"k"},
        named=True,
        account="Ann \u00e9",
        public=["a", "b"],
        git_hosts=["git.example"],
        git_user="oauth2",
        docker_hosts=[],
    )
    again = Bound.unpack(bound.pack())
    names = [name for name in Bound.__slots__ if name != "reference"]
    assert {name: getattr(again, name) for name in names} == {name: getattr(bound, name) for name in names}
    fields = {"access_token": b"\xff\n", "region": b""}
    assert State.unpack(state(fields=fields).pack()).fields == fields
