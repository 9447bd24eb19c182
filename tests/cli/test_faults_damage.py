"""A vault that was cut, replaced, edited, or is of another time: exit 10, two lines, and nothing shown."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from authsome_env.vault.format import METADATA, SEALED

# list reads every connection; env and run take the way that knows no Typer.
READERS = (
    (("list",), 10, b""),
    (("list", "--json"), 10, b""),
    (("env", "--format", "sh"), 10, b"(exit 10)\n"),
    (("env", "--format", "json"), 10, b""),
    (("run", "--", "echo", "ran"), 125, b""),
)
QUICK_READERS = (READERS[0], READERS[2], READERS[4])
MISSING_ENTRIES = ("vault_id", "owner", "key_source", "key_id", "wrapped_key")


@pytest.fixture
def connected(authsome, made_up_key):
    """Two connections of openai and one of groq; `.vault` is the file."""
    for provider, name in (("openai", "default"), ("openai", "work"), ("groq", "default")):
        authsome("login", provider, "-c", name, "--stdin", input=made_up_key(provider), check=True)
    authsome.vault = os.path.join(authsome.home, "vaults", "default.db")
    return authsome


def refused(authsome, readers=READERS, names=("vault_damaged",)):
    for words, code, out in readers:
        done = authsome(*words)
        assert (done.returncode, done.stdout) == (code, out), (words, done.stderr)
        lines = done.stderr.decode().splitlines()
        if "--json" in words:
            assert len(lines) == 1
            assert json.loads(lines[0])["error"] in names
        else:
            assert len(lines) == 2, lines
            assert lines[0].rpartition("[")[2].rstrip("]") in names, lines
            assert lines[1].startswith("hint: ")


def change(authsome, statement, *values):
    with closing(sqlite3.connect(authsome.vault)) as db, db:
        assert db.execute(statement, values).rowcount == 1, statement


def value(authsome, query, *values):
    db = sqlite3.connect(authsome.vault)
    (found,) = db.execute(query, values).fetchone()
    db.close()
    return found


def flipped(value):
    """`value` of the same kind, one bit or digit away."""
    if isinstance(value, bytes):
        at = len(value) // 2
        return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
    if isinstance(value, str):
        return value[:-1] + chr(ord(value[-1]) ^ 1)
    return 1 - value if value in (0, 1) else value + 1


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 5000, 0.5, 0.9])
def test_a_vault_that_was_cut_short(connected, size):
    whole = os.path.getsize(connected.vault)
    os.truncate(connected.vault, int(size * whole) if size < 1 else size)
    refused(connected)


@pytest.mark.parametrize(
    "content", [b"no vault\n" * 1000, b"\0" * 8192, os.urandom(8192)], ids=["text", "0", "random"]
)
def test_a_file_that_is_no_vault(connected, content):
    with open(connected.vault, "wb") as file:
        file.write(content)
    refused(connected)


def test_a_database_of_somebody_else(connected):
    os.unlink(connected.vault)
    db = sqlite3.connect(connected.vault)
    db.execute("CREATE TABLE meta (name, value)")
    db.close()
    refused(connected)


def test_a_vault_of_a_later_format(connected):
    db = sqlite3.connect(connected.vault)
    db.execute("PRAGMA user_version = 2")
    db.close()
    refused(connected, names=("vault_format",))
    done = connected("list")
    assert b"format version 2" in done.stderr
    assert b"upgrade" in done.stderr


def test_a_change_of_any_part_of_a_connection_is_seen(connected):
    original = os.path.join(connected.temporary, "original")
    shutil.copy(connected.vault, original)
    for column in (*METADATA, *SEALED):
        old = value(connected, f"SELECT {column} FROM connections WHERE provider = 'groq'")
        for new in {flipped(old), None} if old is not None else {"x", 7}:
            if column in ("renew_key", "renew_part"):
                continue  # there is no renew part in the vault of an API key, and nothing reads it
            try:
                change(connected, f"UPDATE connections SET {column} = ? WHERE provider = 'groq'", new)
            except sqlite3.IntegrityError:  # the schema refuses NULL here
                continue
            # `list` reads all; the others read the default, and without its mark it is none.
            refused(connected, READERS[:1] if column == "is_default" else READERS[2:3])
            shutil.copy(original, connected.vault)
    connected("check", check=True)


def test_a_change_of_any_entry_of_the_header_is_seen(connected):
    original = os.path.join(connected.temporary, "original")
    shutil.copy(connected.vault, original)
    db = sqlite3.connect(connected.vault)
    entries = dict(db.execute("SELECT name, value FROM meta"))
    db.close()
    assert set(MISSING_ENTRIES) <= entries.keys()
    names = ("vault_damaged", "vault_format", "wrong_key", "key_unavailable")
    for entry, old in entries.items():
        if entry in ("locked", "stale_keys"):
            continue
        new = flipped(old) if old != "" else "n=2"
        change(connected, "UPDATE meta SET value = ? WHERE name = ?", new, entry)
        refused(connected, QUICK_READERS, names)
        shutil.copy(original, connected.vault)
    for entry in MISSING_ENTRIES:
        change(connected, "DELETE FROM meta WHERE name = ?", entry)
        refused(connected, QUICK_READERS)
        shutil.copy(original, connected.vault)
    connected("check", check=True)


@pytest.mark.parametrize("columns", [("use_part",), ("use_key", "use_part"), ("name",), ("id",)])
def test_parts_that_changed_places_are_seen(connected, columns):
    marks = ("openai", "default"), ("openai", "work")
    rows = [
        [
            value(connected, f"SELECT {c} FROM connections WHERE provider = ? AND name = ?", *mark)
            for c in columns
        ]
        for mark in marks
    ]
    aside = ["aside"] * len(columns)
    assignments = ", ".join(f"{column} = ?" for column in columns)
    keys = [
        value(connected, "SELECT rowid FROM connections WHERE provider = ? AND name = ?", *mark)
        for mark in marks
    ]
    for key, row in ((keys[0], aside), (keys[1], rows[0]), (keys[0], rows[1])):
        change(connected, f"UPDATE connections SET {assignments} WHERE rowid = ?", *row, key)
    refused(connected)


def test_a_connection_of_another_vault_is_not_taken_in(connected, made_up_key):
    connected("vault", "create", "other", check=True)
    connected("--vault", "other", "login", "anthropic", "--stdin", input=made_up_key("anthropic"), check=True)
    db = sqlite3.connect(connected.vault)
    with db:
        db.execute("ATTACH ? AS other", (os.path.join(connected.home, "vaults", "other.db"),))
        db.execute("INSERT INTO connections SELECT * FROM other.connections")
    db.close()
    refused(connected)


def test_one_damaged_connection_is_named_and_can_be_replaced_or_deleted(connected, made_up_key):
    for words in (
        ("login", "openai", "-c", "work", "--force", "--stdin"),
        ("logout", "openai", "-c", "work"),
    ):
        change(
            connected, "UPDATE connections SET use_part = x'00' WHERE provider = 'openai' AND name = 'work'"
        )
        done = connected("list")
        assert b"openai:work" in done.stderr
        assert b"authsome logout openai -c work" in done.stderr
        assert connected("token", "groq").returncode == 0
        connected(*words, input=made_up_key(), check=True)
        connected("list", check=True)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"not a log" * 600])
def test_a_log_that_is_rubbish_is_ignored_or_refused(connected, content):
    """SQLite proves each frame of its log; what it does not prove never was committed."""
    with open(connected.vault + "-wal", "wb") as file:
        file.write(content)
    connected("list", check=True)


def test_a_damaged_vault_can_be_removed_and_begun_again(connected, made_up_key):
    os.truncate(connected.vault, 3000)
    connected("vault", "remove", "default", "--yes", check=True)
    connected("login", "openai", "--stdin", input=made_up_key(), check=True)
    connected("list", check=True)
