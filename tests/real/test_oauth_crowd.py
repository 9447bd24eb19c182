"""Two hundred processes meet one due token, at a server that ends the family of a token that comes twice."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import random
import subprocess
import time

import pytest

from real.acme import wait_until

CROWD = 200
PATIENCE_S = 600


@contextlib.contextmanager
def held(authsome):
    """The connection's lock, as if a refresh were under way; `held()` says how many wait for it."""
    (path,) = glob.glob(os.path.join(authsome.home, "locks", "*"))
    with open(path, "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(path, (time.time() + PATIENCE_S, time.time() + PATIENCE_S))  # which we promise to end
        yield path


def waits_for(path, process):
    folder = f"/proc/{process.pid}/fd"
    with contextlib.suppress(FileNotFoundError):  # a descriptor that was closed meanwhile
        return any(os.readlink(os.path.join(folder, each)) == path for each in os.listdir(folder))
    return False


@pytest.mark.parametrize("lifetime", [5, 60, 3600])
def test_a_crowd_that_meets_one_due_token_causes_one_refresh(acme, need, lifetime):
    server, program = acme.server, acme.program
    acme.login()
    program("refresh", "acme", check=True)  # the lock's file is there from now on
    server.set(access_ttl=lifetime)
    # Logged in when nearly all of its life was still to come, by a clock that was set right since.
    back = (need("faketime"), "-f", f"-{lifetime * 0.95}s")
    acme.login("--force", through=back)
    before, revoked = server.granted("refresh_token"), server.counts()["families_revoked"]
    with held(program) as lock:
        crowd = [
            program.start(
                "run",
                "-p",
                "acme",
                "--",
                "printenv",
                "ACME_TOKEN",
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(CROWD)
        ]
        for each in crowd:
            wait_until(lambda: waits_for(lock, each))  # noqa: B023
        assert server.granted("refresh_token") == before
    ended = [(*each.communicate(timeout=PATIENCE_S), each.returncode) for each in crowd]
    assert {(said, code) for _, said, code in ended} == {(b"", 0)}
    assert len({token for token, _, _ in ended}) == 1
    assert server.granted("refresh_token") == (before[0] + 1, before[1])
    server.set(access_ttl=3600)
    program("refresh", "acme", check=True)  # the family is alive
    assert acme.alive(acme.token())
    assert server.counts()["families_revoked"] == revoked
