"""kill -9 at any moment, and any write that fails: the vault is as before or as after, and goes on working.

Most programs here are forked from a warm one (probes/warm.py), since a cold start spends nine tenths of its
time in imports, where a kill proves nothing. A few cold ones show that it is the same program.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time

import pytest

KILLS = 100
COLD_KILLS = 12

# Every call by which the program changes something on a disk.
CHANGES = ("fsync", "fdatasync", "pwrite64", "write", "rename", "unlink", "ftruncate", "mkdir")
# Those that can be made to fail without taking its voice away; openat fails for reading too.
FALLIBLE = {
    "fsync": "EIO",
    "fdatasync": "EIO",
    "pwrite64": "ENOSPC",
    "ftruncate": "ENOSPC",
    "rename": "EIO",
    "mkdir": "ENOSPC",
}


class Case:
    """One command, the home it starts from, and the two states it may leave: connection -> (default, key)."""

    def __init__(self, name, authsome, warm, made_up_key):
        self.name, self.authsome, self.warm = name, authsome, warm
        self.keys = {each: made_up_key().decode() for each in ("default", "work", "new")}
        self.template = os.path.join(authsome.folder, "template")
        os.mkdir(self.template, 0o700)
        # The keyring of the system would be looked for at each first login, which takes most of its time.
        with open(os.path.join(self.template, "config.toml"), "w") as file:
            file.write('key = "file"\n')
        first = ("default", "work") if name != "first login" else ()
        for each in first:
            done = self.run(self.template, *self.login(each), KEY=self.keys[each])
            assert done["status"] == 0, done["err"]
        before = {each: (each == "default", self.keys[each]) for each in first}
        self.argv, after = {
            "first login": (self.login("new"), {"new": (True, self.keys["new"])}),
            "login": (self.login("new"), before | {"new": (False, self.keys["new"])}),
            "forced login": (
                (*self.login("work"), "--force"),
                {"default": (False, self.keys["default"]), "work": (True, self.keys["new"])},
            ),
            "set-default": (
                ("set-default", "openai", "work"),
                {each: (not mark, key) for each, (mark, key) in before.items()},
            ),
            "logout": (("logout", "openai"), {"work": (True, self.keys["work"])}),
            "rekey": (("vault", "rekey", "--key", "file"), before),
        }[name]
        self.states = (before, after)
        self.number = 0

    @staticmethod
    def login(name):
        return ("login", "openai", "-c", name, "--from-env", "KEY")

    def fresh(self):
        self.number += 1
        home = os.path.join(self.authsome.folder, f"home{self.number}")
        shutil.copytree(self.template, home)
        return home

    def environ(self, home, **more):
        return self.authsome.environment({"AUTHSOME_HOME": home, **more})

    def run(self, home, *argv, KEY="", **how):  # noqa: N803 - a variable of the environment
        done = self.warm(argv=argv, environ=self.environ(home, KEY=KEY or self.keys["new"]), **how)
        self.authsome.heard(argv, done["out"].encode(), done["err"].encode())
        assert "Traceback" not in done["err"]
        assert "unexpected" not in done["err"], done["err"]
        return done

    def state(self, home):
        listed = self.run(home, "list", "--json")
        assert listed["status"] == 0, listed["err"]
        defaults = {each["connection"]: each["default"] for each in json.loads(listed["out"])["connections"]}
        maps = [f"--map=KEY_{name}=openai:{name}" for name in defaults]
        done = self.run(home, "env", "--format", "json", "--none", *maps)
        assert done["status"] == 0, done["err"]
        keys = json.loads(done["out"])
        return {name: (mark, keys[f"KEY_{name}"]) for name, mark in defaults.items()}

    def check(self, home):
        """The state, which must be one of the two. What was left behind must go with the next commands."""
        state = self.state(home)
        assert state in self.states
        if not self.is_tidy(home):
            done = self.run(home, *(("vault", "rekey") if state else self.login("next")))
            assert done["status"] == 0, done["err"]
            assert set(self.state(home)) == (set(state) or {"next"})
            assert self.is_tidy(home), [names for *_, names in os.walk(home)]
        shutil.rmtree(home)
        return state

    @staticmethod
    def is_tidy(home):
        """Whether there is just a vault and its one key."""
        files = [
            os.path.relpath(os.path.join(at, name), home) for at, _, names in os.walk(home) for name in names
        ]
        keys = [path for path in files if path.startswith("keys/")]
        return len(keys) == 1 and sorted(files) == ["config.toml", *keys, "lock", "vaults/default.db"]


CASES = ("first login", "login", "forced login", "set-default", "logout", "rekey")


@pytest.fixture(params=CASES)
def case(request, authsome, warm, made_up_key):
    return Case(request.param, authsome, warm, made_up_key)


@pytest.mark.parametrize("case", [name for name in CASES if name != "forced login"], indirect=True)
def test_a_kill_at_a_random_moment_leaves_before_or_after(case):
    usual = min(case.run(case.fresh(), *case.argv)["elapsed"] for _ in range(5))
    seen = []
    killed = 0
    for _ in range(KILLS):
        home = case.fresh()
        done = case.run(home, *case.argv, kill_after=random.uniform(0, 1.2 * usual))
        # The machine may be faster or slower by now than when it was measured.
        if done["status"] == -signal.SIGKILL:
            killed += 1
            usual *= 1.02
        else:
            usual = min(usual, done["elapsed"])
        seen.append(case.check(home))
    assert killed > KILLS / 4
    assert all(state in seen for state in case.states), "the kills did not hit both sides of the change"


def test_a_kill_before_each_change_on_the_disk_leaves_before_or_after(case, need):
    seen = []
    for call, count in counted(case, need("strace")).items():
        for number in range(1, count + 1):
            home = case.fresh()
            done = case.run(home, *case.argv, trace=tracing(call, f"signal=KILL:when={number}"))
            assert done["status"] == -signal.SIGKILL, (call, number)
            seen.append(case.check(home))
    assert all(state in seen for state in case.states)


def test_a_change_on_the_disk_that_fails_is_one_error_and_leaves_before_or_after(case, need):
    refused = 0
    for call, count in counted(case, need("strace")).items():
        for number in range(1, count + 1) if call in FALLIBLE else ():
            home = case.fresh()
            done = case.run(home, *case.argv, trace=tracing(call, f"error={FALLIBLE[call]}:when={number}"))
            if done["status"]:
                refused += 1
                assert done["status"] == 1, (call, number, done["err"])
                assert "[storage]" in done["err"].splitlines()[0], (call, number, done["err"])
                assert done["err"].splitlines()[1].startswith("hint: ")
                assert done["out"] == ""
                assert case.state(home) == case.states[0], (call, number)
            else:
                assert case.state(home) == case.states[1], (call, number)
            case.check(home)
    assert refused


def test_a_cold_start_that_is_killed_leaves_before_or_after(authsome, warm, made_up_key):
    case = Case("first login", authsome, warm, made_up_key)
    began = time.perf_counter()
    environ = case.environ(case.fresh(), KEY=case.keys["new"])
    assert authsome.start(*case.argv, env=environ).wait(60) == 0
    whole = time.perf_counter() - began
    for number in range(COLD_KILLS):
        home = case.fresh()
        process = authsome.start(*case.argv, env=case.environ(home, KEY=case.keys["new"]))
        time.sleep(whole * (number + random.random()) / COLD_KILLS)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        case.check(home)


def tracing(call, injection):
    return ("strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{injection}")


def counted(case, strace):
    """How often the command makes each call of CHANGES."""
    log = os.path.join(case.authsome.temporary, "calls")
    done = case.run(
        case.fresh(), *case.argv, trace=(strace, "-f", "-o", log, "-e", f"trace={','.join(CHANGES)}")
    )
    assert done["status"] == 0, done["err"]
    with open(log) as file:
        names = [line.split()[1].partition("(")[0] for line in file]
    counts = {call: names.count(call) for call in CHANGES}
    assert counts["fdatasync"]
    assert counts["pwrite64"]
    return counts
