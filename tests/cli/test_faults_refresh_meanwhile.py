"""Refreshes and what happens meanwhile: each other, a login, a clock that is put right."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli.acme import DEAD_S, DUE_S, LIFETIME_S
from cli.misbehaving import LONGEST_HOLD_S, PLAYS, good


def test_several_due_tokens_are_refreshed_at_the_same_time(authsome, acme):
    together = threading.Barrier(3)

    def meet(request):
        together.wait(60)
        good(request)

    families = [acme.login(f"c{number}", meet, left=DUE_S) for number in range(3)]
    tokens, said = acme.delivered(["c0", "c1", "c2"])
    assert (tokens, said) == ([family.access for family in families], [])


@pytest.mark.parametrize(("answer", "code"), [("invalid_client", 5), ("invalid_grant", 5), ("500", 8)])
def test_those_who_wait_share_the_failure_of_the_one_who_asked(authsome, acme, answer, code):
    def late(request):
        request.family.go.wait(LONGEST_HOLD_S)
        PLAYS[answer](request)

    family = acme.login("default", late, left=DEAD_S)
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(acme.token, "default") for _ in range(3)]
        assert family.arrived.wait(60)
        deadline = time.monotonic() + 60
        while waiting_for_lock(authsome) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        family.go.set()
        ended = [each.result() for each in asking]
    assert [done.returncode for done in ended] == [code] * 3
    assert family.asked == 1


def waiting_for_lock(authsome):
    """How many commands have a lock of this home open, or wait for their helper."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                ours = f"AUTHSOME_HOME={authsome.home}".encode() in file.read()
            targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            found += ours and any("/locks/" in each or "socket:" in each for each in targets)
        except OSError:  # it has ended
            pass
    return found


@pytest.mark.parametrize("answer", ["invalid_grant", "good", "500"])
@pytest.mark.parametrize("force", [True, False])
def test_a_login_meanwhile_wins_over_whatever_is_answered_then(authsome, acme, answer, force):
    """A login in place keeps the part keys, one by force draws new ones: the helper can open just the one."""

    def late(request):
        request.family.go.wait(LONGEST_HOLD_S)
        PLAYS[answer](request)

    old = acme.login("default", "404", left=DEAD_S)
    assert acme.token("default").returncode == 5  # so that it is expired, and may be logged in to
    old.play = late
    old.arrived.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(acme.token, "default")
        assert old.arrived.wait(60)
        new = acme.login("default", force=force)
        old.go.set()
        done = waiting.result()
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip() == new.access
    assert acme.kept("default", new)
    assert acme.inspected()["default"]["status"] == "connected"


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
@pytest.mark.parametrize("left", [LIFETIME_S, DUE_S])
def test_a_login_by_a_clock_that_was_wrong_by_an_hour(authsome, acme, skew, left):
    """It is put right, and the record's times are worth nothing: one refresh mends that."""
    family = acme.login("default", "closed", left=left, skew=skew)
    for _ in range(2):
        done = acme.token("default")
        # An hour ahead: the token seems to live. Then it is handed out, as far as anybody can tell.
        assert done.returncode == (0 if skew > 0 else 8)
    assert family.asked == (1 if skew > 0 else 2)
    family.play = good
    authsome("refresh", "acme", "--force", check=True)
    done = acme.token("default", check=True)
    assert (done.stdout.decode().strip(), done.stderr) == (family.access, b"")
    assert 0 < acme.record("default")[0].expires_at - time.time() <= LIFETIME_S
