"""When a keeper acts, as tables: due with jitter, retries, clocks that jump, what is said and how often."""

from __future__ import annotations

import pytest

from authsome_env.app import schedule
from authsome_env.app.errand import Errand, Finding
from authsome_env.app.held import Held
from authsome_env.app.plan import Bound, Place, Plan, State
from authsome_env.model import Reference
from authsome_env.oauth.grant import Grant

NOW = 1_700_000_000.0


def state(left=3600.0, lifetime=3600.0, **changes):
    given = {"generation": 1, "renewable": True, "refused": False, "values": {"T": b"1"}, **changes}
    return State(expires_at=None if left is None else NOW + left, lifetime=lifetime, **given)


def bound(**changes):
    given = {
        "account_id": "alice",
        "base_url": None,
        "provider_base_url": "https://acme.example",
        "templates": {"T": "{access_token}"},
        "keys": {"connections/1/use_key": b"\0\1"},
        **changes,
    }
    return Bound("1", Reference("acme", "work"), **given)


def held(chance=0.0, **of_state):
    return Held(bound(), state(**of_state), chance=chance, vault_option=" --vault work")


@pytest.mark.parametrize(
    ("lifetime", "min_ttl", "early"),
    [(3600, 300, 300), (600, 300, 120), (5, 300, 1), (None, 300, 300), (3600, 7200, 720)],
)
def test_due_is_a_fifth_of_the_lifetime_at_most(lifetime, min_ttl, early):
    due = schedule.due_at(state(left=1000, lifetime=lifetime), min_ttl, 0.0)
    assert due == pytest.approx(NOW + 1000 - early)
    earliest = schedule.due_at(state(left=1000, lifetime=lifetime), min_ttl, 1.0)
    assert due - early / 5 < earliest < due


@pytest.mark.parametrize(("took", "earlier"), [(0.0, 0), (0.25, 0.25), (7.0, 1)])
def test_what_took_long_begins_as_much_earlier_the_next_time(took, earlier):
    one = held(left=5, lifetime=5)
    one.took = took
    assert one.renew_at(300) == pytest.approx(NOW + 4 - earlier)


@pytest.mark.parametrize("of_state", [{"left": None}, {"refused": True}, {"renewable": False}])
def test_what_cannot_be_renewed_is_never_due(of_state):
    assert schedule.due_at(state(**of_state), 300, 0.5) is None


def test_a_clock_that_went_back_is_noticed():
    assert schedule.clock_went_back(state(), NOW - 7200)
    assert not schedule.clock_went_back(state(), NOW - 30)
    assert not schedule.clock_went_back(state(), NOW + 7200)


def test_what_a_clock_put_off_that_went_back_is_tried_again():
    one = held(left=10)
    one.take_in(Finding(state(left=10), error="down", failed=True, not_before=NOW + 3600), NOW, tried=True)
    one.forget_later_times(NOW + 1)
    assert one.renew_at(5) == NOW + 3600
    one.forget_later_times(NOW - 7200)
    assert one.renew_at(5) < NOW + 10


def test_pauses_grow_and_are_capped():
    assert [schedule.pause(n, 0.0) for n in (1, 2, 3, 6, 7, 100)] == [1, 2, 4, 32, 60, 60]
    assert all(0.5 <= schedule.pause(n, 1.0) / schedule.pause(n, 0.0) <= 1 for n in range(1, 9))


def failed(left=3600.0, **changes):
    return Finding(
        state(left=left), name="unreachable", error="acme:work: no", hint="later", failed=True, **changes
    )


def test_a_failure_is_tried_again_not_before_it_may_be():
    one = held()
    one.busy = True
    assert one.renew_at(300) is None
    assert not one.take_in(failed(), NOW, tried=True)
    assert one.retry_at == NOW + 1
    one.take_in(failed(not_before=NOW + 500), NOW, tried=True)
    assert one.retry_at == NOW + 500
    assert one.renew_at(300) == NOW + 3300
    assert one.take_in(Finding(state(generation=2, values={"T": b"2"})), NOW, tried=True)
    assert (one.failures, one.retry_at) == (0, 0)


def test_an_older_word_does_not_count():
    one = held(generation=3)
    assert not one.take_in(Finding(state(generation=2, values={"T": b"0"})), NOW, tried=False)
    assert one.state.generation == 3


def test_a_dead_token_is_taken_away_also_while_a_helper_is_at_it():
    one = held(left=10)
    one.busy = True
    assert not one.is_past(NOW + 9)
    assert one.is_past(NOW + 10)
    assert not held(left=None).is_past(NOW + 1e9)


LOGIN = "authsome login acme -c work --vault work"


@pytest.mark.parametrize(
    ("of_state", "finding", "later", "expected"),
    [
        ({}, None, 0, ""),
        ({}, failed(), 0, ""),  # it lives, and is tried again
        ({}, failed(), 3601, "acme:work: no; its token is expired, and a new one is still tried for"),
        ({"refused": True}, None, 0, f"; its token is good for 1h more: {LOGIN}"),
        ({"renewable": False}, None, 3601, f"acme:work is expired: {LOGIN}"),
        (
            {},
            Finding(error="acme:work was logged out", hint="login", stranger=True),
            0,
            "was logged out: login",
        ),
    ],
)
def test_what_is_wrong_is_said_once(of_state, finding, later, expected):
    one = held(**of_state)
    if finding is not None:
        one.take_in(finding, NOW, tried=finding.failed)
    said = one.notice(NOW + later)
    assert said.endswith(expected)
    assert bool(said) is bool(expected)
    assert one.notice(NOW + later) == ""


def test_after_a_recovery_the_next_death_is_said_again():
    one = held(left=10)
    one.take_in(failed(left=10), NOW, tried=True)
    assert one.notice(NOW + 11)
    one.take_in(Finding(state(left=20, generation=2)), NOW + 12, tried=True)
    assert one.notice(NOW + 12) == ""
    again = Finding(state(left=20, generation=2), name="unreachable", error="no", failed=True)
    one.take_in(again, NOW + 19, tried=True)
    assert one.notice(NOW + 21)


@pytest.mark.parametrize("lifetime", [5.0, 60.0, 3600.0])
@pytest.mark.parametrize(
    "attempts", [{}, {"sent_at": NOW}, {"retry_at": NOW + 7}, {"tried_at": NOW, "failures": 3}]
)
def test_the_earliest_next_try_is_when_nothing_speaks_against_it_any_more(lifetime, attempts):
    from authsome_env.model import Secret

    grant = Grant(
        flow="pkce", token_url="https://a.example", auth_method="none", refresh_token=Secret("x"), **attempts
    )
    expires_at = NOW + lifetime / 5
    first = grant.not_before(expires_at, lifetime)
    assert grant.wait(max(first, NOW) + 0.01, expires_at, lifetime) is None
    if first > NOW + 0.02:
        assert grant.wait(first - 0.02, expires_at, lifetime) is not None


def test_what_is_told_arrives_as_it_was():
    plan = Plan(
        Place("/home/\udcff", "work", "1f", " --vault work"),
        [bound(), bound(account_id=None, base_url="https://b.example")],
        [state(), state(left=None, lifetime=None, values={"A": b"\xff", "B": b""})],
        pid=7,
        min_ttl=300.0,
        signal=1,
        environ={"PATH": "/bin"},
        folder="/run/x",
        command="c\udcfe",
        delivery="dotenv",
        path="",
        reader="",
        terminal="/dev/pts/1",
    )
    again = Plan.unpack(plan.pack())
    assert again.pack() == plan.pack()
    assert again.states[1].values == {"A": b"\xff", "B": b""}
    assert again.bound[0].owner == ("alice", None)
    errand = Errand(plan.place, plan.bound, renew="1", generation=4, at=NOW)
    assert Errand.unpack(errand.pack()).pack() == errand.pack()
    assert Finding.unpack(failed(not_before=1.5).pack()).pack() == failed(not_before=1.5).pack()
