"""What a run's processes show of themselves: no secret in any of them, no trace of them at the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def wait_for(what, timeout=60.0):
    deadline = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
    return found


def read(pid, name):
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def parent(pid):
    return int(read(pid, "stat").rpartition(b") ")[2].split()[1])


def children(pid):
    found = []
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            if parent(other) == pid:
                found.append(int(other))
        except OSError:
            continue
    return found


@pytest.fixture
def two(authsome, connect, live, made_up_key):
    """A run with two connections, and its helper, which waits for a server that does not answer."""
    server = connect(4)
    connect.login(check=True)
    authsome.key = made_up_key()
    authsome("login", "openai", "--stdin", input=authsome.key, check=True)
    inherited = os.pipe()
    run = live(
        *("--deliver", "dotenv"),
        env={"PYTHONSTARTUP": "/nowhere", "SSLKEYLOGFILE": "/nowhere", "OF_MINE": "x"},
        pass_fds=inherited,
    )
    for descriptor in inherited:
        os.close(descriptor)
    run.secrets = [run.token().encode(), authsome.key, *master_keys(authsome.home)]
    server.process.send_signal(signal.SIGSTOP)
    helper = wait_for(lambda: children(run.keeper))[0]
    wait_for(lambda: b"authsome_env.app.updater" in read(helper, "cmdline"))
    yield run, helper
    server.process.send_signal(signal.SIGCONT)


def master_keys(home):
    folder = os.path.join(home, "keys")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            yield file.read().strip()


def test_no_process_of_a_run_shows_a_secret_or_what_was_the_callers(two):
    run, helper = two
    for pid in (run.process.pid, run.keeper, helper):
        shown = read(pid, "cmdline") + read(pid, "environ")
        assert [secret for secret in run.secrets if secret in shown] == [], pid
    for pid in (run.keeper, helper):
        environ = dict(entry.split(b"=", 1) for entry in read(pid, "environ").split(b"\0") if entry)
        assert environ.keys() <= {b"PATH", b"HOME", b"LANG", b"LC_ALL", b"LC_CTYPE", b"TZ"}
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        limits = read(pid, "limits").decode().splitlines()
        assert next(line for line in limits if line.startswith("Max core")).split()[4:6] == ["0", "0"]
        assert os.getsid(pid) == os.getsid(run.keeper) != os.getsid(run.process.pid)
    assert b"-I\0-S\0" in read(run.keeper, "cmdline")
    assert b"-P\0" in read(helper, "cmdline")


def test_nothing_of_the_keeper_is_the_commands(two):
    run, _ = two
    assert parent(run.keeper) != run.process.pid
    assert children(run.process.pid) == []
    keepers = {os.readlink(f"/proc/{run.keeper}/fd/{n}") for n in os.listdir(f"/proc/{run.keeper}/fd")}
    commands = {
        os.readlink(f"/proc/{run.process.pid}/fd/{n}") for n in os.listdir(f"/proc/{run.process.pid}/fd")
    }
    assert keepers & commands <= {"/dev/null"}
    assert any(name.startswith("pipe:") for name in commands)
    assert os.getpgid(run.keeper) not in (os.getpgid(run.process.pid), run.process.pid)
    assert read(run.keeper, "stat").rpartition(b") ")[2].split()[4] == b"0"  # no terminal


def test_the_environment_has_the_path_and_no_value(two):
    run, _ = two
    environ = dict(entry.split(b"=", 1) for entry in read(run.process.pid, "environ").split(b"\0") if entry)
    assert environ[b"AUTHSOME_ENV_FILE"].decode() == os.path.join(run.folder, "variables.env")
    assert not {b"ACME_TOKEN", b"OPENAI_API_KEY"} & environ.keys()
    assert environ[b"OF_MINE"] == b"x"


def test_idle_it_is_small_and_sleeps(authsome, live, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    run = live("--deliver", "dotenv")

    def told(name):
        lines = read(run.keeper, "status").decode().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])

    time.sleep(1)  # it may be at its last words
    before = told("voluntary_ctxt_switches")
    time.sleep(3)
    assert told("voluntary_ctxt_switches") - before == 0
    assert told("VmRSS") <= 16 * 1024


HARDENED = """
from authsome_env.supervise.harden import harden
import ctypes, resource
harden()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_hardened_means_no_core_and_no_debugger():
    done = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, text=True, check=True)
    assert done.stdout == "0 0 0\n"
