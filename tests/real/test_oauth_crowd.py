"""Two hundred processes meet one due token, at a server that ends the family of a token that comes twice."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import random
import signal
import subprocess
import time

import pytest
from real.acme import wait_until

CROWD = 200
PATIENCE_S = 600


@pytest.fixture
def meet(acme, need):
    """`with meet(lifetime) as crowd`: they have all found one due token, and go on when the block ends."""

    @contextlib.contextmanager
    def gather(lifetime):
        server, program = acme.server, acme.program
        acme.login()
        program("refresh", "acme", check=True)  # the lock's file is there from now on
        server.set(access_ttl=lifetime)
        # Logged in when nearly all of its life was still to come, by a clock that was set right since.
        acme.login("--force", through=(need("faketime"), "-f", f"-{lifetime * 0.95}s"))
        words = ("run", "-p", "acme", "--", "printenv", "ACME_TOKEN")
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with held(program) as lock:
            crowd = [program.start(*words, **piped) for _ in range(CROWD)]
            for each in crowd:
                wait_until(lambda process=each: waits_for(lock, process))
            yield crowd

    return gather


@contextlib.contextmanager
def held(authsome):
    """The only connection's lock, as if somebody were about to refresh; its path."""
    (path,) = glob.glob(os.path.join(authsome.home, "locks", "*"))
    with open(path, "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(path, (time.time() + PATIENCE_S, time.time() + PATIENCE_S))  # others wait until then
        yield path


def waits_for(path, process):
    folder = f"/proc/{process.pid}/fd"
    with contextlib.suppress(FileNotFoundError):  # a descriptor that was closed meanwhile
        return any(os.readlink(os.path.join(folder, each)) == path for each in os.listdir(folder))
    return False


def ended(crowd):
    """(what it printed, what it said, exit code) of each."""
    return [(*each.communicate(timeout=PATIENCE_S), each.returncode) for each in crowd]


@pytest.fixture
def family(acme):
    """`family(requests)`: so many refreshes since the test began its crowd, none in vain, and it lives."""

    class Family:
        def begin(self):
            self.refreshes = acme.server.granted("refresh_token")
            self.revoked = acme.server.counts()["families_revoked"]

        def check(self, refreshes=None):
            ok, refused = acme.server.granted("refresh_token")
            assert refused == self.refreshes[1]
            assert refreshes is None or ok - self.refreshes[0] == refreshes
            acme.server.set(access_ttl=3600, answer_delay=0)
            acme.program("refresh", "acme", check=True)
            assert acme.alive(acme.token())
            assert acme.server.counts()["families_revoked"] == self.revoked

    return Family()


@pytest.mark.parametrize("lifetime", [5, 60, 3600])
def test_a_crowd_that_meets_one_due_token_causes_one_refresh(meet, family, lifetime):
    with meet(lifetime) as crowd:
        family.begin()
    outcome = ended(crowd)
    assert {(said, code) for _, said, code in outcome} == {(b"", 0)}
    assert len({token for token, _, _ in outcome}) == 1
    family.check(refreshes=1)


def test_a_crowd_of_which_a_fifth_is_killed_spends_no_token_twice(acme, meet, family):
    with meet(60) as crowd:
        family.begin()
        acme.server.set(answer_delay=0.5)  # so that some are killed while the request is under way
    killed = random.sample(crowd, CROWD // 5)
    for each in killed:
        time.sleep(random.uniform(0, 0.04))
        each.kill()
    outcome = ended([each for each in crowd if each not in killed])
    assert {(said, code) for _, said, code in outcome} == {(b"", 0)}
    ended(killed)
    family.check(refreshes=1)


def test_signals_in_the_middle_of_a_refresh_lose_no_token(acme, family):
    acme.login()
    family.begin()
    acme.server.set(answer_delay=0.1)
    for number in (signal.SIGINT, signal.SIGTERM) * 25:
        process = acme.program.start("refresh", "acme")
        time.sleep(random.uniform(0.1, 0.7))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(PATIENCE_S)
    family.check()
