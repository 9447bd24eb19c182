"""stdout or stderr that is closed, full, or read by nobody."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

COMMANDS = (
    ("list",),
    ("list", "--json"),
    ("env", "--format", "bash"),
    ("env", "--format", "json"),
    ("token", "openai"),
    ("get", "openai"),
    ("export", "openai", "--format", "dotenv"),
    ("provider", "list"),
)
CLOSED_STDOUT = ("sh", "-c", 'exec "$0" "$@" >&-')
CLOSED_STDERR = ("sh", "-c", 'exec "$0" "$@" 2>&-')
ALL_CLOSED = ("sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-')


@pytest.fixture
def connected(authsome, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    return authsome


def check_error(done, words):
    assert done.returncode == 1, words
    lines = done.stderr.decode().splitlines()
    if "--json" in words:
        assert len(lines) == 1
        assert '"error": "storage"' in lines[0]
    else:
        assert len(lines) == 2
        assert lines[0].startswith("authsome: cannot write to stdout: ")
        assert lines[0].endswith("[storage]")
        assert lines[1].startswith("hint: ")


def test_a_closed_stdout_is_one_error(connected):
    for words in COMMANDS:
        check_error(connected(*words, through=CLOSED_STDOUT), words)


def test_a_full_stdout_is_one_error(connected):
    with open("/dev/full", "wb") as full:
        for words in COMMANDS:
            check_error(connected(*words, stdout=full), words)


def test_a_reader_that_is_gone_ends_us_by_sigpipe_without_a_word(connected):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        for words in COMMANDS:
            done = connected(*words, stdout=pipe)
            assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b""), words


def test_a_closed_stderr_changes_nothing_on_stdout(connected):
    for words in COMMANDS:
        done = connected(*words, through=CLOSED_STDERR)
        assert done.returncode == 0, words
        assert done.stdout == connected(*words, check=True).stdout


@pytest.mark.parametrize("through", [CLOSED_STDERR, ALL_CLOSED], ids=["stderr", "all"])
def test_an_error_keeps_its_exit_code_when_nobody_can_hear_it(connected, through):
    for words, code in (
        (("token", "openai:nope"), 3),
        (("token", "nope"), 4),
        (("run", "-p", "openai:nope", "--", "true"), 125),
        (("list", "--nope"), 2),
    ):
        done = connected(*words, through=through)
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", b""), words


def test_a_login_is_saved_though_nobody_can_be_told(authsome, made_up_key):
    key = made_up_key()
    environ = {"KEY": key.decode()}
    done = authsome(
        "login", "openai", "--from-env", "KEY", env=environ, through=ALL_CLOSED, stdin=None, input=None
    )
    assert done.returncode == 0
    assert authsome("token", "openai", check=True).stdout == key + b"\n"


def test_a_full_stderr_loses_the_words_and_nothing_else(connected):
    with open("/dev/full", "wb") as full:
        assert connected("set-default", "openai", "default", stderr=full).returncode == 0
        assert connected("token", "openai:nope", stderr=full).returncode == 3


def test_a_failed_env_does_not_let_eval_go_on(connected):
    script = 'eval "$("$0" env -p openai:nope --format sh)" && echo went on; echo $?'
    done = subprocess.run(
        ["sh", "-c", script, connected.program], env=connected.environ, capture_output=True, check=False
    )
    assert done.stdout == b"3\n"
