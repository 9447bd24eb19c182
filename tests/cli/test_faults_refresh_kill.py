"""Kills, ^C and full disks in the middle of a refresh: no token is spent twice, and none is lost.

The server takes its time before and after it rotates, so that "in the middle" is real.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli.acme import DEAD_S, DUE_S, Acme

WAVES = 10
CROWD = 20
MOMENTS = 50
AT_ONCE = 3
HELPER = b"authsome_env.app.renewer"


def kill_group(process, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def helpers(authsome):
    """The processes that refresh a connection of this home: those that have one of its locks."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read()
            if HELPER in command and any(
                os.readlink(f"/proc/{pid}/fd/{number}").startswith(authsome.home)
                for number in os.listdir(f"/proc/{pid}/fd")
            ):
                yield int(pid)
        except OSError:  # it has ended
            pass


def test_a_crowd_of_whom_a_fifth_is_killed_spends_a_token_once(authsome, acme):
    """In waves, each at one due token: 200 processes in all."""
    killed = 0
    for wave in range(WAVES):
        name = f"wave-{wave}"
        family = acme.login(name, "unsteady", left=DUE_S)
        words = ("run", "-p", f"acme:{name}", "--", "true")
        crowd = [authsome.start(*words, stderr=subprocess.PIPE) for _ in range(CROWD)]
        doomed = set(random.sample(range(CROWD), CROWD // 5))
        if wave % 2:  # when it is under way for sure; else at any time, also before anybody has begun
            assert family.arrived.wait(60)
        for number in doomed:
            time.sleep(random.uniform(0, 0.15))
            kill_group(crowd[number], signal.SIGKILL)
        for number, each in enumerate(crowd):
            _, said = each.communicate(timeout=120)
            if number in doomed:
                killed += each.returncode == -signal.SIGKILL
            else:
                assert (each.returncode, said) == (0, b""), wave
        acme.settle(name)
        assert (family.asked, family.rotations, family.reused) == (1, 1, 0), wave
        assert acme.kept(name, family), wave
    assert killed > WAVES  # else they were too late for what this is about


def test_no_signal_to_the_group_loses_a_rotated_token(authsome, acme):
    """At random moments: half of them from the start, half from when the server has the request."""

    def strike(number):
        name = f"c{number}"
        family = acme.login(name, "unsteady", left=DUE_S)
        process = authsome.start("run", "-p", f"acme:{name}", "--", "true")
        if number % 2:
            assert family.arrived.wait(60)
            time.sleep(random.uniform(0, 0.3))
        else:
            time.sleep(random.uniform(0, 0.5))
        kill_group(process, signal.SIGINT if number % 4 < 2 else signal.SIGTERM)
        code = process.wait(60)
        acme.settle(name)
        done = acme.token(name, check=True)
        assert (done.stdout.decode().strip(), done.stderr) == (family.access, b""), number
        assert (family.rotations, family.reused) == (1, 0), number
        assert acme.kept(name, family), number
        return code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(strike, range(MOMENTS)))
    assert sum(code != 0 for code in codes) > MOMENTS // 4  # struck before they were done


def test_a_caller_that_is_killed_leaves_the_refresh_to_those_who_wait(authsome, acme):
    """-9 to the one who started the helper, while the server holds the request; the others read of it."""
    family = acme.login("default", "held", left=DUE_S)
    first = authsome.start("token", "acme")
    assert family.arrived.wait(60)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(acme.token, "default") for _ in range(3)]
        kill_group(first, signal.SIGKILL)
        assert first.wait(60) == -signal.SIGKILL
        family.go.set()
        for each in waiting:
            done = each.result()
            assert (done.returncode, done.stderr) == (0, b"")
            assert done.stdout.decode().strip() == family.access
    assert (family.asked, family.reused) == (1, 0)


@pytest.mark.parametrize("left", [DUE_S, DEAD_S])
def test_a_helper_that_is_killed_after_the_rotation_is_the_one_loss_and_told_as_such(authsome, acme, left):
    family = acme.login("default", "held after", left=left)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(acme.token, "default")
        assert family.rotated.wait(60)
        (helper,) = helpers(authsome)
        os.kill(helper, signal.SIGKILL)
        done = waiting.result()
    assert b"the process that refreshes was killed or failed" in done.stderr
    status = json.loads(authsome("list", "--json", check=True).stdout)["connections"][0]["status"]
    family.go.set()
    if left > 0:
        assert (done.returncode, done.stdout.decode().strip(), status) == (0, family.first, "expiring")
        again = acme.token("default", check=True)
        assert again.stdout.decode().strip() == family.first
        assert b"the last refresh got no answer, so the next one waits" in again.stderr
        assert (family.asked, family.reused) == (1, 0)
    else:
        assert (done.returncode, done.stdout, status) == (1, b"", "expired")
        last = acme.token("default")  # the old one is all there is, and the server takes it for a copy
        assert (last.returncode, family.asked, family.reused) == (5, 2, 1)
        assert b"hint: authsome login acme -c default" in last.stderr


@pytest.fixture
def disk(authsome, misbehaving):
    """`disk(kilobytes)`: an acme whose home lies on a small file system of its own."""
    at = os.path.join(authsome.folder, "disk")
    os.mkdir(at)
    mounted = []

    def make(kilobytes):
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "authsome-test", at]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"nothing can be mounted here: {done.stderr.strip()}"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
        mounted.append(at)
        authsome.environ["AUTHSOME_HOME"] = authsome.home = os.path.join(at, "home")
        return Acme(authsome, misbehaving), at

    yield make
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], check=True)  # a helper may just be ending


def fill(folder):
    with open(os.path.join(folder, "ballast"), "ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"\0" * 4096)


def test_a_disk_that_is_full_before_the_request_keeps_it_from_being_sent(authsome, disk):
    acme, at = disk(2000)
    live = acme.login("live", left=DUE_S)
    dead = acme.login("dead", left=DEAD_S)
    fill(at)
    done = acme.token("live", check=True)
    assert done.stdout.decode().strip() == live.first
    assert done.stderr.count(b"\n") == done.stderr.count(b"authsome: warning: acme:live could not be") == 1
    done = acme.token("dead")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no space left on device" in done.stderr
    assert (live.asked, dead.asked) == (0, 0)
    os.unlink(os.path.join(at, "ballast"))
    for name, family in (("live", live), ("dead", dead)):
        assert acme.token(name, check=True).stdout.decode().strip() == family.access
        assert acme.kept(name, family)


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_disk_that_fills_up_while_the_server_works_loses_no_token(authsome, disk, goes_on):
    """`goes_on`: whatever filled it takes each page that gets free, until somebody stops it."""
    acme, at = disk(2000)
    family = acme.login("default", "held after", left=DUE_S)
    enough = threading.Event()

    def fill_on():
        while not enough.is_set():
            fill(at)
            time.sleep(0.001)

    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(acme.token, "default")
        assert family.rotated.wait(60), waiting.done() and waiting.result().stderr
        fill(at)
        filling = pool.submit(fill_on) if goes_on else None
        family.go.set()
        done = waiting.result()
        enough.set()
        if filling:
            filling.result()
    if not goes_on:
        assert (done.stdout.decode().strip(), done.stderr) == (family.access, b"")
    os.unlink(os.path.join(at, "ballast"))
    acme.settle("default")
    assert acme.kept("default", family)
    assert (family.asked, family.reused) == (1, 0)
    done = acme.token("default", check=True)
    assert (done.stdout.decode().strip(), done.stderr) == (family.access, b"")
