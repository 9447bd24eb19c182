"""Two programs that meet in the worst moment: one is held inside a system call until the other is done."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

HELD_S = 8.0
STILL = 10  # looks in a row, 10 ms apart, that find it stopped: strace holds it


@pytest.fixture
def hold(authsome, need):
    """`hold(path, calls, when, *words)` starts the command; its nth of `calls` on `path` takes HELD_S.

    `calls`: what strace knows by that name. `when`: the wait is before (enter) or after (exit) it happens.
    """
    strace = need("strace")
    held = []

    def start(path, calls, when, *words, nth=1, env=None):
        log = os.path.join(authsome.temporary, "strace")
        injection = f"inject={calls}:delay_{when}={int(HELD_S * 1e6)}:when={nth}"
        command = [strace, "-f", "-o", log, "-P", path, "-e", f"trace={calls}", "-e", injection]
        process = subprocess.Popen(
            [*command, authsome.program, *words],
            env=authsome.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        held.append(process)
        stopped = 0
        while stopped < STILL and process.poll() is None:
            time.sleep(0.01)
            stopped = stopped + 1 if _is_stopped(process.pid) else 0
        return process

    yield start
    for process in held:
        process.communicate(timeout=60)


def _is_stopped(tracer):
    """Whether the tracer's first child is in a tracing stop, proc(5)."""
    try:
        with open(f"/proc/{tracer}/task/{tracer}/children") as file:
            child = file.read().split()[0]
        with open(f"/proc/{child}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "t"
    except (OSError, IndexError):
        return False


def vault_of(authsome):
    return os.path.join(authsome.home, "vaults", "default.db")


def key_file_of(authsome):
    (name,) = os.listdir(os.path.join(authsome.home, "keys"))
    return os.path.join(authsome.home, "keys", name)


def outcome(authsome, process, *words):
    assert process.poll() is None, "it was not held"
    out, err = process.communicate(timeout=60)
    authsome.heard(words, out, err)
    return process.returncode, out, err.decode()


def test_a_reader_that_meets_a_rekey_finds_the_new_master_key(authsome, made_up_key, hold):
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=key, check=True)
    reader = hold(key_file_of(authsome), "openat", "enter", "token", "openai")
    authsome("vault", "rekey", "--key", "file", check=True)
    assert outcome(authsome, reader, "token") == (0, key + b"\n", "")


def test_a_reader_that_meets_a_lock_is_refused(authsome, made_up_key, hold):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    reader = hold(key_file_of(authsome), "openat", "enter", "token", "openai")
    os.unlink(key_file_of(authsome))
    authsome("vault", "lock", check=True)
    code, out, err = outcome(authsome, reader, "token")
    assert (code, out) == (10, b"")
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize(
    "words", [("login", "openai", "-c", "second", "--from-env", "KEY"), ("list", "--json")]
)
def test_a_program_that_just_found_no_vault_meets_the_first_login(authsome, made_up_key, hold, words):
    first, second = made_up_key(), made_up_key()
    held = hold(vault_of(authsome), "%%stat", "exit", *words, env={"KEY": second.decode()})
    authsome("login", "openai", "--stdin", input=first, check=True)
    code, out, err = outcome(authsome, held, *words)
    assert code == 0, err
    if words[0] == "login":
        assert authsome("token", "openai:second", check=True).stdout == second + b"\n"
    else:
        assert out == b'{"connections": []}\n'
    assert authsome("token", "openai", check=True).stdout == first + b"\n"


def test_a_login_that_found_its_name_free_before_another_took_it_is_refused(authsome, made_up_key, hold):
    first, second = made_up_key(), made_up_key()
    authsome("login", "groq", "--stdin", input=made_up_key("groq"), check=True)
    words = ("login", "openai", "--from-env", "KEY")
    held = hold(key_file_of(authsome), "openat", "enter", *words, nth=2, env={"KEY": second.decode()})
    authsome("login", "openai", "--stdin", input=first, check=True)
    code, out, err = outcome(authsome, held, *words)
    assert (code, out) == (6, b"")
    assert "[connection_exists]" in err
    assert authsome("token", "openai", check=True).stdout == first + b"\n"
