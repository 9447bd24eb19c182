"""A refresh that goes wrong: the token that lives is kept and handed out, with one warning; nothing is asked
more often than it may be; the record says what happened.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli.acme import DEAD_S, DUE_S
from cli.misbehaving import PLAYS, good

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


@pytest.mark.parametrize("plays", [CERTAIN, DOUBTFUL[:9], DOUBTFUL[9:]], ids=["certain", "cut", "garbled"])
def test_a_live_token_is_handed_out_with_one_warning_and_asked_for_once(authsome, acme, plays):
    families = [acme.login(f"c{number}", play, left=DUE_S) for number, play in enumerate(plays)]
    names = [f"c{number}" for number in range(len(plays))]
    for _ in range(2):  # the second time within the pause that follows a failure
        tokens, said = acme.delivered(names)
        assert tokens == [family.first for family in families]
        assert len(said) == len(names)
        for line, name in zip(said, names, strict=True):
            assert line.startswith(
                f"authsome: warning: acme:{name} could not be refreshed, its token is good"
            )
        assert [family.asked for family in families] == [1] * len(names)
    records = acme.inspected()
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
    records = acme.inspected()
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
    assert acme.inspected()["default"]["status"] == "invalid"


def test_a_server_that_hangs_or_drips_costs_the_patience_and_no_more(authsome, acme, misbehaving):
    """It costs it once, for however many; and meanwhile no command line or environment shows a secret."""
    plays = {"hang": "hang", "drip": "drip", "third": "hang", "fourth": "hang"}
    live = {name: acme.login(name, play, left=DUE_S) for name, play in plays.items()}
    dead = {f"dead-{name}": acme.login(f"dead-{name}", name, left=DEAD_S) for name in ("hang", "drip")}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {name: pool.submit(acme.token, name) for name in dead}
        alive = pool.submit(acme.delivered, list(live))
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
    again, said = acme.delivered(list(live))
    assert (again, len(said)) == (tokens, len(live))
    misbehaving.over.set()
    for name in (*live, *dead):
        acme.settle(name)
    records = acme.inspected()
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
        tokens, said = acme.delivered(list(both))
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


def test_what_a_server_quotes_of_a_request_is_hidden_also_where_it_is_cut(authsome, acme, misbehaving):
    family = acme.login("default", "echo", left=DUE_S)
    for _ in range(8):
        done = authsome("refresh", "acme", "--force")
        assert done.returncode == 5
        error = acme.inspected()["default"]["last_error"]
        for secret in (family.refresh, misbehaving.client_secret):
            assert secret[:6] not in error
            assert secret[:6].encode() not in done.stderr
