"""Secrets are where they belong, and nowhere else. Every test that uses `authsome` ends with this search."""

from __future__ import annotations

import base64
import os
import urllib.parse

import pytest

FORMS = {
    "raw": bytes,
    "base64 alone": base64.b64encode,
    "base64 of a header": lambda key: base64.b64encode(b"user:" + key + b":"),
    "base64, one byte on": lambda key: base64.urlsafe_b64encode(b"Bearer " + key),
    "hex": lambda key: key.hex().encode(),
    "a URL": lambda key: b"?p=" + urllib.parse.quote_from_bytes(key, safe="").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_a_secret_in_a_file_and_in_what_was_said(authsome, secret, form):
    planted = FORMS[form](secret(b"hunter2 /+" + os.urandom(8).hex().encode() + b"%\xff"))
    path = os.path.join(authsome.temporary, "left-over")
    with open(path, "wb") as file:
        file.write(b"x" * 1000 + planted + b"y")
    authsome.heard(("list",), b"", b"authsome: " + planted)
    assert authsome.leaks() == ["stderr of list", path]
    os.unlink(path)
    authsome.said.clear()


def test_the_search_finds_a_master_key_that_was_said(authsome, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    keys = os.path.join(authsome.home, "keys")
    with open(os.path.join(keys, os.listdir(keys)[0]), "rb") as file:
        authsome.heard(("list",), file.read(), b"")
    assert authsome.leaks() == ["stdout of list"]
    authsome.said.clear()


def test_no_command_but_the_revealing_ones_shows_a_secret(authsome, made_up_key):
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=key + b"\n", check=True)
    authsome(
        "login", "openai", "-c", "work", "--from-env", "K", env={"K": made_up_key().decode()}, check=True
    )
    for words in (
        ("list",),
        ("list", "--all", "--json"),
        ("inspect", "openai"),
        ("inspect", "openai", "--json"),
        ("get", "openai"),
        ("get", "openai", "--field", "api_key"),
        ("get", "openai", "--json", "-c", "work"),
        ("check",),
        ("whoami", "--json"),
        ("set-default", "openai", "work", "--verbose"),
        ("rename", "openai", "default", "old"),
        ("vault", "list", "--json"),
        ("vault", "rekey"),
        ("provider", "show", "openai"),
        ("logout", "openai", "-c", "work"),
    ):
        authsome(*words, check=True)
    assert authsome("get", "openai", "--field", "api_key", "--show-secret", check=True).stdout == key + b"\n"
    assert key not in authsome("run", "--explain", check=True).stdout
    # The fixture searches files and outputs at the end.


def test_a_refused_key_is_not_repeated(authsome, secret):
    refused = secret(b"no-such-prefix-" + os.urandom(12).hex().encode())
    for words in (("--stdin",), ("--stdin", "--json"), ("--stdin", "--verbose"), ("--from-env", "K")):
        done = authsome("login", "openai", *words, input=refused, env={"K": refused.decode()})
        assert done.returncode == 9
        assert done.stdout == b""


def test_a_login_that_has_read_its_key_shows_it_in_no_command_line_or_environment(authsome, made_up_key):
    key = made_up_key()
    reader, writer = os.pipe()
    process = authsome.start("login", "openai", "--stdin", stdin=reader)
    os.close(reader)
    os.write(writer, key)
    while _waiting_bytes(writer):
        assert process.poll() is None
    for name in filter(str.isdigit, os.listdir("/proc")):
        for what in ("cmdline", "environ"):
            assert key not in _read(f"/proc/{name}/{what}"), (name, what)
    os.close(writer)
    assert process.wait(30) == 0
    assert authsome("token", "openai").stdout == key + b"\n"


def test_the_command_of_run_gets_the_key_it_is_for_and_none_of_ours(authsome, made_up_key, secret):
    key = made_up_key()
    master = secret(base64.b64encode(os.urandom(32)))
    ours = {"AUTHSOME_MASTER_KEY": master.decode(), "AUTHSOME_PASSPHRASE": "anything"}
    authsome("login", "openai", "--stdin", input=key, env=ours, check=True)
    done = authsome("run", "--", "cat", "/proc/self/environ", env=ours, check=True)
    child = dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if entry)
    assert child[b"OPENAI_API_KEY"] == key
    assert not {b"AUTHSOME_MASTER_KEY", b"AUTHSOME_PASSPHRASE", b"AUTHSOME_MASTER_KEY_FILE"} & child.keys()
    assert master not in done.stdout


def test_a_deleted_key_is_not_left_in_the_files_even_sealed(authsome, made_up_key):
    """`secure_delete`: what was sealed under keys that a backup may still hold is overwritten."""
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    authsome("login", "openai", "-c", "work", "--stdin", input=made_up_key(), check=True)
    vault = os.path.join(authsome.home, "vaults", "default.db")
    sealed = _sealed(vault, "work")
    assert sealed in _read(vault)
    authsome("logout", "openai", "-c", "work", check=True)
    assert sealed not in _read(vault)


def _sealed(vault, name):
    import sqlite3

    with sqlite3.connect(vault) as db:
        ((sealed,),) = db.execute("SELECT use_part FROM connections WHERE name = ?", (name,))
    db.close()
    return sealed


def _waiting_bytes(pipe):
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # a process that has ended
        return b""
