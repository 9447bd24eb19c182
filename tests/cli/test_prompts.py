"""What authsome asks at a terminal, how it takes an answer, and what it does where nobody can be asked."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import termios
import time
from pathlib import Path

import pexpect
import pytest

PROGRAM = os.path.join(os.path.dirname(sys.executable), "authsome")
AWS = {"access_key_id": "AKIA" + "C" * 16, "secret_access_key": "c" * 40, "region": "eu-central-1"}
ASKED = r"OpenAI API key \(OpenAI keys begin with sk-[^)]*\): "
TIMEOUT_S = 30


class Terminal:
    """A person at a terminal in front of `authsome`: `shown` is all that it has shown."""

    def __init__(self, program, *line, env=None):
        self.child = pexpect.spawn(
            PROGRAM,
            list(line),
            env={**program.environment(env), "TERM": "xterm"},
            cwd=program.folder,
            timeout=TIMEOUT_S,
            echo=True,
            dimensions=(24, 200),
        )
        self.before = termios.tcgetattr(self.child.child_fd)
        self.child.delaybeforesend = None
        self._log = self.child.logfile_read = _Log()
        program.said.append((f"the terminal of {' '.join(line)}", self._log.bytes))

    def expect(self, pattern):
        self.child.expect(pattern)

    def prompt(self, pattern):
        """Wait until it is asked and nothing typed is shown any more."""
        self.child.expect(pattern)
        deadline = time.monotonic() + TIMEOUT_S
        while self.echoes() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not self.echoes()

    def echoes(self):
        return bool(termios.tcgetattr(self.child.child_fd)[3] & termios.ECHO)

    def type(self, text):
        self.child.send(text)

    def end(self):
        """(exit status, all that was shown). The terminal must be as it was."""
        self.child.expect(pexpect.EOF)
        if sys.platform == "linux":  # elsewhere it cannot be asked after the last process has gone
            after = termios.tcgetattr(self.child.child_fd)
            assert after == self.before
        self.child.close()
        return self.child.exitstatus, self.shown()

    def shown(self):
        return self._log.bytes.decode().replace("\r\n", "\n")


class _Log:
    def __init__(self):
        self.bytes = bytearray()

    def write(self, data):
        self.bytes += data

    def flush(self):
        pass


@pytest.fixture
def terminal(authsome):
    return lambda *line, **how: Terminal(authsome, *line, **how)


def token(program, reference):
    return program("token", reference, check=True).stdout.rstrip(b"\n")


def test_a_key_is_asked_for_with_its_hint_and_never_shown(authsome, terminal, made_up_key):
    key = made_up_key()
    person = terminal("login", "openai")
    person.prompt(ASKED)
    person.type(key + b"\r")
    code, shown = person.end()
    assert code == 0
    assert "OpenAI: https://platform.openai.com/api-keys\n" in shown
    assert shown.endswith("saved openai:default\ndefault: default\n")
    assert key.decode() not in shown
    assert "*" not in shown.partition("API key (")[2].partition("made the vault")[0]
    assert token(authsome, "openai") == key


def test_a_key_of_the_wrong_form_is_asked_for_again(authsome, terminal, made_up_key):
    key = made_up_key()
    person = terminal("login", "openai")
    for wrong, said in (
        (b"wrong", "that is no OpenAI API key of openai: OpenAI keys begin with sk-"),
        (b"", "the OpenAI API key of openai is empty"),
    ):
        person.prompt(ASKED)
        person.type(wrong + b"\r")
        person.expect(said)
    person.prompt(ASKED)
    person.type(b" " + key + b"\t\r")
    code, shown = person.end()
    assert code == 0
    assert "wrong\n" not in shown
    assert token(authsome, "openai") == key


def test_after_three_wrong_ones_it_gives_up(authsome, terminal):
    person = terminal("login", "openai")
    for _ in range(3):
        person.prompt(ASKED)
        person.type(b"wrong\r")
    code, shown = person.end()
    assert code == 9
    assert re.search(r"\nauthsome: that is no [^\n]* \[login_failed\]\nhint: [^\n]+\n$", plain(shown))
    assert authsome("list").stdout == b""


def plain(shown):
    return re.sub(r"\x1b\[\d*m", "", shown)


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["^C", "^D"])
def test_a_person_who_gives_up_is_told_that_nothing_was_saved(authsome, terminal, key):
    person = terminal("login", "openai")
    person.prompt(ASKED)
    person.type(key)
    code, shown = person.end()
    assert code == 9
    last = [line for line in plain(shown).split("\n") if line.startswith("authsome: ")]
    assert last == ["authsome: cancelled; nothing was saved [login_cancelled]"]
    assert not os.path.exists(authsome.home)


def test_an_interrupt_from_elsewhere_gives_the_terminal_back_too(authsome, terminal):
    person = terminal("login", "openai")
    person.prompt(ASKED)
    person.child.kill(signal.SIGINT)
    assert person.end()[0] == 9


def test_every_field_is_asked_for_and_optional_ones_may_be_skipped(authsome, terminal, secret):
    person = terminal("login", "aws", "-c", "prod")
    person.expect(r"Access key ID \([^)]*\)[^:]*: ")
    assert person.echoes()  # what is no secret may be seen
    person.type(AWS["access_key_id"] + "\r")
    person.prompt(r"Secret access key \([^)]*\): ")
    person.type(AWS["secret_access_key"] + "\r")
    person.prompt(r"Session token \(with a temporary key\) \[none\]: ")
    person.type("\r")
    person.expect(r"Region \([^)]*\) \[none\]: ")
    person.type(AWS["region"] + "\r")
    code, shown = person.end()
    assert code == 0
    assert AWS["secret_access_key"] not in shown
    done = authsome("get", "aws", "--json", "--show-secret")
    assert json.loads(done.stdout)["fields"] == AWS


def test_only_the_fields_that_variables_do_not_give_are_asked_for(authsome, terminal):
    sid = "AC" + "0" * 32
    person = terminal("login", "twilio", "--from-env", "account_sid=SID", env={"SID": sid})
    person.prompt(r"Auth token \([^)]*\): ")
    person.type("1" * 32 + "\r")
    code, shown = person.end()
    assert (code, "Account SID" in shown) == (0, False)
    assert token(authsome, "twilio#auth_token") == b"1" * 32
    assert token(authsome, "twilio#account_sid") == sid.encode()


def test_a_usable_connection_is_reported_before_anything_is_asked_for(authsome, terminal, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    code, shown = terminal("login", "openai").end()
    assert code == 6
    assert "API key (" not in shown


@pytest.mark.parametrize(("answer", "code"), [("y\r", 0), ("\r", 9), ("no\r", 9), ("\x04", 9)], ids=repr)
def test_a_vault_is_removed_only_after_a_yes(authsome, terminal, answer, code):
    authsome("vault", "create", "old", "--key", "file", check=True)
    person = terminal("vault", "remove", "old")
    person.expect(r"delete the vault old and all its connections\? \[y/N\] ")
    person.type(answer)
    found, shown = person.end()
    assert found == code
    assert os.path.exists(os.path.join(authsome.home, "vaults/old.db")) == (code != 0)
    assert ("cancelled; nothing was deleted [login_cancelled]" in plain(shown)) == (code != 0)


def test_a_passphrase_is_asked_for_twice_and_then_opens_the_vault(authsome, terminal, secret, made_up_key):
    passphrase = secret(b"lorem ipsum dolor sit amet")
    Path(authsome.folder, "home").mkdir(0o700)
    Path(authsome.home, "config.toml").write_text("unlock-ttl = 0\n")
    person = terminal("init", "--key", "passphrase")
    for prompt in ("New passphrase for the vault: ", "The same again: "):
        person.prompt(prompt)
        person.type(passphrase + b"\r")
    assert person.end()[0] == 0
    # stdin and stdout belong to the data, and it is asked for at the terminal all the same.
    key = made_up_key()
    authsome(
        "login", "openai", "--stdin", input=key, env={"AUTHSOME_PASSPHRASE": passphrase.decode()}, check=True
    )
    person = terminal("run", "--", "sh", "-c", "echo ${#OPENAI_API_KEY}")
    person.prompt("Passphrase of the vault: ")
    person.type(passphrase + b"\r")
    assert person.end() == (0, f"Passphrase of the vault: \n{len(key)}\n")
    person = terminal("run", "--", "echo", "started")
    person.prompt("Passphrase of the vault: ")
    person.type(b"\x03")
    code, shown = person.end()
    assert code == 125
    assert "started" not in shown


# Where nobody can be asked


NOBODY = [
    (["login", "openai"], 9, b"authsome login openai --stdin, or --from-env VAR"),
    (["login", "aws"], 9, b"authsome login aws --stdin, or --from-env access_key_id=VAR"),
    (["vault", "remove", "default"], 2, b"give --yes"),
]


@pytest.mark.parametrize(
    ("line", "code", "hint"), NOBODY, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_without_a_terminal_it_fails_at_once_and_says_what_to_type(authsome, line, code, hint):
    authsome("vault", "create", "default", "--key", "file", check=True)
    read, write = os.pipe()  # whoever reads it waits for ever
    try:
        process = authsome.start(*line, stdin=read, stdout=write, stderr=write)
        assert process.wait(60) == code
        assert b"hint: " + hint + b"\n" in os.read(read, 65536)
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("line", "code", "hint"), NOBODY, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_with_no_input_a_terminal_is_not_used(authsome, terminal, line, code, hint):
    authsome("vault", "create", "default", "--key", "file", check=True)
    found, shown = terminal(*line, "--no-input").end()
    assert found == code
    assert plain(shown).count("\n") == 2
    assert "hint: " + hint.decode() + "\n" in plain(shown)


def test_a_key_that_is_piped_without_the_flag_is_not_taken_for_an_answer(authsome, made_up_key):
    done = authsome("login", "openai", input=made_up_key())
    assert done.returncode == 9
    assert not os.path.exists(authsome.home)
