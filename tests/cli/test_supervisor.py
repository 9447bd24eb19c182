"""`run` with a supervisor, with real tokens: restart, stop, and as process 1, where no keeper can be."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

import pytest
from cli.live import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the supervisor's Linux half")

SAYS = """
import os, signal, sys
print(os.environ["ACME_TOKEN"], flush=True)
signal.pause()
"""
COMMAND = (sys.executable, "-I", "-S", "-c", SAYS)


def next_token(run):
    return run.process.stdout.readline().decode().strip()


def close(run):
    run.process.stdout.close()


def test_a_command_is_started_again_with_each_new_token(connect, live):
    """And has never a dead one."""
    server = connect(4)
    connect.login(check=True)
    run = live("--on-expiry", "restart", command=COMMAND, stdout=subprocess.PIPE)
    tokens = [next_token(run)]
    while len(tokens) < 3:
        if select.select([run.process.stdout], [], [], 0.02)[0]:
            tokens.append(next_token(run))
        assert server.account(tokens[-1]) == "alice"
    assert len(set(tokens)) == 3
    assert run.end() == -signal.SIGTERM
    close(run)


def test_a_refresh_that_fails_while_it_is_started_again_is_tried_for_later(connect, live):
    """The server is away while the command takes its time to end, and for longer than its new token lives."""
    server = connect(3, road=True)
    connect.login(check=True)
    code = """
import os, signal, sys, time
def late(*_): print("term", flush=True); time.sleep(1); os._exit(0)
signal.signal(signal.SIGTERM, late)
print(os.environ.get("ACME_TOKEN", "none"), flush=True)
while True: signal.pause()
"""
    command = (sys.executable, "-I", "-S", "-c", code)
    run = live("--on-expiry", "restart", command=command, stdout=subprocess.PIPE)
    first = next_token(run)
    assert next_token(run) == "term"
    connect.road.close()
    second = next_token(run)
    assert second not in (first, "none")
    wait_for(lambda: server.account(second) is None)
    time.sleep(0.5)
    connect.road.open()
    assert next_token(run) == "term"
    assert server.account(next_token(run)) == "alice"
    run.end()
    close(run)


def test_it_holds_no_key_of_the_vault_and_is_small(connect, live):
    connect(600)
    connect.login(check=True)
    run = live("--on-expiry", "restart", command=COMMAND, stdout=subprocess.PIPE)
    next_token(run)
    with open(f"/proc/{run.process.pid}/environ", "rb") as file:
        assert b"AUTHSOME_" not in file.read()
    with open(f"/proc/{run.process.pid}/status", encoding="ascii") as file:
        assert next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) <= 24 << 10
    assert run.keeper == run.process.pid
    assert run.listed()["command"] == COMMAND[0]
    run.end()
    close(run)


def test_a_command_is_ended_with_its_token(authsome, connect, live):
    """Which the server refuses to renew."""
    server = connect(3)
    connect.login(check=True)
    run = live("--on-expiry", "stop", command=COMMAND, stdout=subprocess.PIPE)
    token = next_token(run)
    server.revoke(token)
    assert run.process.wait(60) == -signal.SIGTERM
    assert server.account(token) is None
    close(run)


@pytest.mark.parametrize("deliver", ["env", "fifo", "files"])
def test_as_process_1_values_are_kept_fresh_too(authsome, connect, need, deliver):
    server = connect(3)
    connect.login(check=True)
    code = """
import os, signal, time
def value():
    if "ACME_TOKEN_FILE" in os.environ: return open(os.environ["ACME_TOKEN_FILE"]).read()
    if "AUTHSOME_ENV_FILE" in os.environ:
        return open(os.environ["AUTHSOME_ENV_FILE"]).read().partition("ACME_TOKEN='")[2].partition("'")[0]
    return os.environ["ACME_TOKEN"]
seen = []
while len(seen) < 2:
    if value() not in seen: seen.append(value())
    time.sleep(0.1)
    if "ACME_TOKEN" in os.environ: break
print(*seen, flush=True)
"""
    words = [need("unshare"), "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*words, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces here")
    command = (sys.executable, "-I", "-S", "-c", code)
    done = authsome("run", "--deliver", deliver, "--", *command, through=words, timeout=90)
    assert (done.returncode, done.stderr) == (0, b"")
    tokens = done.stdout.decode().split()
    assert len(tokens) == (1 if deliver == "env" else 2)
    assert server.account(tokens[-1]) == "alice"


def test_as_process_1_it_is_signalled_too(authsome, connect, need):
    connect(3)
    connect.login(check=True)
    # On a busy machine the first one may die, and so be taken out, before there is another.
    code = """
import os, signal
def value():
    file = os.environ["ACME_TOKEN_FILE"]
    return open(file).read() if os.path.exists(file) else ""
def look(*_):
    newest = value()
    if newest and newest != first: raise SystemExit(print("renewed"))
first = value()
signal.signal(1, look)
while True: signal.pause()
"""
    words = [need("unshare"), "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*words, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces here")
    command = (sys.executable, "-I", "-S", "-c", code)
    how = ("--deliver", "files", "--on-expiry", "signal:HUP")
    done = authsome("run", *how, "--", *command, through=words, timeout=90)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"renewed\n", b"")


def test_what_cannot_be_started_is_said_as_ever(authsome, connect):
    connect(600)
    connect.login(check=True)
    done = authsome("run", "--on-expiry", "restart", "--", "no-such-command")
    assert done.returncode == 127
    assert b"authsome: cannot run no-such-command" in done.stderr
    done = authsome("run", "--on-expiry", "restart", "--json", "--", "/etc/passwd")
    assert done.returncode == 126
    assert b'"error": "command_not_executable"' in done.stderr


def test_nothing_is_left(connect, live):
    connect(600)
    connect.login(check=True)
    run = live("--on-expiry", "restart", "--deliver", "dotenv", command=("sleep", "600"))
    assert os.path.exists(run.folder)
    assert run.end() == -signal.SIGTERM
    assert not os.path.exists(run.folder)
