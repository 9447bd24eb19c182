"""A refresh that goes wrong: the token that lives is kept and handed out, with one warning; nothing is asked
more often than it may be; the record says what happened.
"""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli.acme import DEAD_S, DUE_S, LIFETIME_S
from cli.misbehaving import ABSENT, LONGEST_HOLD_S, PLAYS, changed, good

INVALID = ("invalid_grant", "200 invalid_grant")
# What was refused, or not begun: the refresh token is as good as before.
CERTAIN = (
    *("503", "429 in 7 s", "503 until a date", "429 for ages", "429 of nonsense", "temporarily"),
    *("404", "invalid_client", "error object", "echo"),
)
# The server may have carried it out: the refresh token may have been rotated.
DOUBTFUL = (
    *("500", "502", "504", "408", "server_error", "lost", "closed", "reset", "truncated", "noise"),
    *("html", "empty", "deep", "gzip bomb", "50 MB", "302", "307"),
)
TRIED_THRICE = ("503", "429 of nonsense", "temporarily")
REFUSED = ("404", "invalid_client", "error object", "echo", *INVALID)
AT_ONCE = 4


def test_each_way_to_misbehave_has_its_place_here():
    others = {"good", "held", "held after", "unsteady", "hang", "drip"}
    assert {*INVALID, *CERTAIN, *DOUBTFUL} == PLAYS.keys() - others


def delivered(authsome, names):
    maps = [f"--map=TOKEN_{number}=acme:{name}" for number, name in enumerate(names)]
    done = authsome("env", "--format", "json", "--none", *maps, check=True)
    given = json.loads(done.stdout)
    return [given[f"TOKEN_{number}"] for number in range(len(names))], done.stderr.decode().splitlines()


def inspected(authsome):
    shown = json.loads(authsome("inspect", "acme", "--json", check=True).stdout)
    return {each["connection"]: each for each in shown["connections"]}


@pytest.mark.parametrize("plays", [CERTAIN, DOUBTFUL[:9], DOUBTFUL[9:]], ids=["certain", "cut", "garbled"])
def test_a_live_token_is_handed_out_with_one_warning_and_asked_for_once(authsome, acme, plays):
    families = [acme.login(f"c{number}", play, left=DUE_S) for number, play in enumerate(plays)]
    names = [f"c{number}" for number in range(len(plays))]
    for _ in range(2):  # the second time within the pause that follows a failure
        tokens, said = delivered(authsome, names)
        assert tokens == [family.first for family in families]
        assert len(said) == len(names)
        for line, name in zip(said, names, strict=True):
            assert line.startswith(
                f"authsome: warning: acme:{name} could not be refreshed, its token is good"
            )
        assert [family.asked for family in families] == [1] * len(names)
    records = inspected(authsome)
    for name, play in zip(names, plays, strict=True):
        assert records[name]["status"] == "expiring", play
        assert records[name]["last_error"], play
        assert (acme.record(name)[2].sent_at is not None) == (play in DOUBTFUL), play


def test_a_dead_token_is_an_error_of_its_kind_after_a_bounded_number_of_requests(authsome, acme):
    plays = (*INVALID, *CERTAIN, *DOUBTFUL)
    families = {play: acme.login(f"c{number}", play, left=DEAD_S) for number, play in enumerate(plays)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = pool.map(acme.token, [f"c{number}" for number in range(len(plays))])
    for play, done in zip(plays, ended, strict=True):
        code = 5 if play in REFUSED else 8
        assert (done.returncode, done.stdout) == (code, b""), (play, done.stderr)
        lines = done.stderr.decode().splitlines()
        assert len(lines) == 2, play
        assert lines[1].startswith("hint: "), play
        assert families[play].asked == (3 if play in TRIED_THRICE else 1), play
    records = inspected(authsome)
    for number, play in enumerate(plays):
        wanted = "invalid" if play in INVALID else "expired"
        assert records[f"c{number}"]["status"] == wanted, play
    hint = b"hint: authsome login acme -c c0\n"
    refused = acme.token("c0")
    assert (refused.returncode, hint in refused.stderr) == (5, True)
    assert families["invalid_grant"].asked == 1


@pytest.mark.parametrize("play", INVALID)
def test_a_connection_that_is_refused_is_invalid_and_never_asked_for_again(authsome, acme, play):
    family = acme.login("default", play, left=DUE_S)
    for _ in range(2):
        done = acme.token("default")
        assert (done.returncode, done.stdout) == (5, b"")
        assert len(done.stderr.splitlines()) == 2
    assert family.asked == 1
    assert inspected(authsome)["default"]["status"] == "invalid"


def test_a_server_that_hangs_or_drips_costs_the_patience_and_no_more(authsome, acme, misbehaving):
    """It costs it once, for however many; and meanwhile no command line or environment shows a secret."""
    plays = {"hang": "hang", "drip": "drip", "third": "hang", "fourth": "hang"}
    live = {name: acme.login(name, play, left=DUE_S) for name, play in plays.items()}
    dead = {f"dead-{name}": acme.login(f"dead-{name}", name, left=DEAD_S) for name in ("hang", "drip")}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {name: pool.submit(acme.token, name) for name in dead}
        alive = pool.submit(delivered, authsome, list(live))
        for family in (*live.values(), *dead.values()):
            assert family.arrived.wait(60)
        assert search_processes(misbehaving) >= 9  # three commands and six helpers
        for name, each in waiting.items():
            assert (each.result().returncode, each.result().stdout) == (8, b""), name
            assert b"no answer from the provider within 10 s" in each.result().stderr
        tokens, said = alive.result()
    assert tokens == [family.first for family in live.values()]
    for line, name in zip(said, live, strict=True):
        assert line.startswith(f"authsome: warning: acme:{name} could not be refreshed")
        # One after the other, the last would have heard that its helper had given up by itself.
        assert line.endswith("no answer from the provider within 10 s")
    # Whoever comes now finds a holder of the lock that is late, and does not ask.
    again, said = delivered(authsome, list(live))
    assert (again, len(said)) == (tokens, len(live))
    misbehaving.over.set()
    for name in (*live, *dead):
        acme.settle(name)
    records = inspected(authsome)
    for name, family in {**live, **dead}.items():
        assert family.asked == 1
        assert records[name]["status"] == ("expiring" if name in live else "expired")
        assert acme.record(name)[2].sent_at is not None


def search_processes(server):
    """How many processes of ours there are. None of them may show a secret."""
    found = 0
    secrets = [
        token for family in server.families for token in (family.access, family.refresh, *family.spent)
    ] + [server.client_secret]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        shown = b""
        for what in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{what}", "rb") as file:
                    shown += file.read()
            except OSError:  # it has ended
                break
        found += b"authsome" in shown.split(b"\0\0")[0] and int(pid) != os.getpid()
        assert not any(secret.encode() in shown for secret in secrets), pid
    return found


def test_after_a_lost_answer_the_refresh_token_waits_until_the_token_is_nearly_dead(authsome, acme):
    left = 38.0  # nearly dead: 30 s
    rotated = acme.login("rotated", "lost", left=left)
    kept = acme.login("kept", "closed", left=left)
    both = {"rotated": rotated, "kept": kept}
    until = acme.record("kept")[0].expires_at - 30.0
    for _ in range(2):
        tokens, said = delivered(authsome, list(both))
        assert tokens == [rotated.first, kept.first]
        assert len(said) == 2
    assert all("the last refresh got no answer, so the next one waits until" in line for line in said)
    refused = authsome("refresh", "acme", "-c", "kept")
    assert refused.returncode == 8
    assert b"authsome refresh acme -c kept --force" in refused.stderr
    assert time.time() < until, "too slow a machine to say anything"
    assert [family.asked for family in both.values()] == [1, 1]
    kept.play = rotated.play = good
    time.sleep(max(0.0, until - time.time()) + 0.1)
    done = acme.token("kept", check=True)
    assert (done.stdout.decode().strip(), done.stderr) == (kept.access, b"")
    done = acme.token("rotated")
    assert done.returncode == 5
    assert b"hint: authsome login acme -c rotated" in done.stderr
    assert [(family.asked, family.reused) for family in both.values()] == [(2, 1), (2, 0)]


def test_only_force_spends_a_refresh_token_that_may_be_rotated(authsome, acme):
    family = acme.login("default", "closed", left=DUE_S)
    assert acme.token("default", check=True).stderr.count(b"warning") == 1
    family.play = good
    assert authsome("refresh", "acme").returncode == 8
    assert family.asked == 1
    authsome("refresh", "acme", "--force", check=True)
    assert (family.asked, family.reused) == (2, 0)
    assert acme.kept("default", family)


def test_a_pause_that_the_server_asked_for_is_kept_also_by_a_dead_token(authsome, acme):
    family = acme.login("default", "429 in 7 s", left=DEAD_S)
    for _ in range(2):
        done = acme.token("default")
        assert done.returncode == 8
    assert b"the server asks to be left alone for" in done.stderr
    assert family.asked == 1
    family.play = good
    authsome("refresh", "acme", "--force", check=True)
    assert acme.token("default", check=True).stdout.decode().strip() == family.access


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
    tokens, said = delivered(authsome, list(shapes))
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
    tokens, said = delivered(authsome, list(shapes))
    assert tokens == [family.first for family in families.values()]
    assert len(said) == len(shapes)
    for name in shapes:
        connection, _, grant = acme.record(name)
        assert (connection.status(time.time()), connection.generation) == ("expiring", 1), name
        assert grant.sent_at is not None, name


def test_what_a_server_quotes_of_a_request_is_hidden_also_where_it_is_cut(authsome, acme, misbehaving):
    family = acme.login("default", "echo", left=DUE_S)
    for _ in range(8):
        done = authsome("refresh", "acme", "--force")
        assert done.returncode == 5
        error = inspected(authsome)["default"]["last_error"]
        for secret in (family.refresh, misbehaving.client_secret):
            assert secret[:6] not in error
            assert secret[:6].encode() not in done.stderr


def test_several_due_tokens_are_refreshed_at_the_same_time(authsome, acme):
    together = threading.Barrier(3)

    def meet(request):
        together.wait(60)
        good(request)

    families = [acme.login(f"c{number}", meet, left=DUE_S) for number in range(3)]
    tokens, said = delivered(authsome, ["c0", "c1", "c2"])
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
        while waiting_for_lock(authsome) < 3:
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
    assert inspected(authsome)["default"]["status"] == "connected"


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
