"""Runs with a keeper, from the outside."""

from __future__ import annotations

import io
import json
import os
import signal
import time

import dotenv
import pytest
from cli.program import remember


def wait_for(what, timeout=60.0):
    """The first true answer of `what()`."""
    deadline = time.monotonic() + timeout
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] not in b"ZX"
    except OSError:
        return False


class Live:
    """One `authsome run` with a keeper, from the outside."""

    def __init__(self, authsome, words, command, how):
        self.authsome = authsome
        self.process = authsome.start("run", *words, "--", *command, **how)
        self.folder = wait_for(self._find)
        self.keeper = self.record()["keeper_pid"]

    def _find(self):
        base = authsome_runs(self.authsome)
        names = os.listdir(base) if os.path.isdir(base) else []
        found = [name for name in names if name.startswith(f"{self.process.pid}-")]
        if found and os.path.exists(os.path.join(base, found[0], "record")):
            return os.path.join(base, found[0])
        assert self.process.poll() is None, "the run ended before it began"
        return None

    def record(self):
        with open(os.path.join(self.folder, "record"), encoding="ascii") as file:
            return json.load(file)

    def text(self):
        """What the dotenv file holds; empty while there is none."""
        try:
            with open(os.path.join(self.folder, "variables.env"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def token(self):
        """As a program would read it; None: there is none."""
        value = dotenv.dotenv_values(stream=io.StringIO(self.text())).get("ACME_TOKEN")
        return value and remember(value.encode()).decode()

    def listed(self):
        """What `ps` says of it; None: nothing. Runs of other tests may be there as well."""
        found = json.loads(self.authsome("ps", "--json", check=True).stdout)["runs"]
        return next((each for each in found if each["pid"] == self.process.pid), None)

    def line(self):
        """The same for people, as words."""
        lines = self.authsome("ps", check=True).stdout.decode().splitlines()
        return next(words for line in lines if (words := line.split())[0] == str(self.process.pid))

    def notice(self):
        return self.record()["notice"] or ""

    def is_gone(self):
        return not os.path.exists(self.folder) and not alive(self.keeper)

    def end(self, number=signal.SIGTERM):
        """End the command, and see that nothing is left of the run; its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(60)
        wait_for(self.is_gone)
        return status


def authsome_runs(authsome):
    return os.path.join(authsome.environ["XDG_RUNTIME_DIR"], "authsome")


@pytest.fixture
def live(authsome):
    """`live("--deliver", "dotenv", command=…)`: a run that has begun; all of them are over afterwards."""
    runtime = os.path.join(authsome.folder, "run")
    if not authsome.folder.startswith("/dev/shm"):
        pytest.skip("there is no /dev/shm")
    os.mkdir(runtime, 0o700)
    authsome.environ["XDG_RUNTIME_DIR"] = runtime
    runs = []

    def start(*words, command=("sleep", "600"), **how):
        runs.append(Live(authsome, words, command, how))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()
    for run in runs:
        wait_for(lambda run=run: not alive(run.keeper))
    authsome("list")  # sweeps, if a test has killed a keeper
    assert not os.path.exists(authsome_runs(authsome))
