"""The vault as a store: what is written is read back, and what was altered is never shown."""

from __future__ import annotations

import contextlib
import math
import os
import random
import shutil
import sqlite3
import stat

import pytest

from authsome_env.errors import AuthsomeError, VaultDamaged, VaultFormat, VaultNotFound
from authsome_env.model import Connection, Secret
from authsome_env.vault.clients import StoredClient
from authsome_env.vault.format import METADATA, SEALED
from authsome_env.vault.home import Home
from authsome_env.vault.manage import create_vault
from authsome_env.vault.part_keys import PartKeys
from authsome_env.vault.store import Vault, new_id
from authsome_env.vault.unlock import KeyAccess, open_vault

NOW = 1_800_000_000.0


@pytest.fixture
def access(tmp_path):
    environ = {"AUTHSOME_HOME": str(tmp_path / "home")}
    access = KeyAccess(Home(environ), environ)
    create_vault("default", access, source="file", owner="ada", now=NOW)
    return access


def connection(name="default", provider="acme", **changes):
    return Connection(
        **{
            "id": new_id(),
            "provider": provider,
            "name": name,
            "auth_type": "api_key",
            "created_at": NOW,
            "logged_in_at": NOW,
            **changes,
        }
    )


def fill(access, *connections, renew=None):
    with open_vault("default", access) as vault, vault.transaction():
        for each in connections:
            vault.put(each, {"api_key": Secret(f"key of {each.name}")}, renew=renew)


def read(access):
    """Everything that a reader of the vault can see, in comparable form."""
    with open_vault("default", access) as vault:
        return {
            (each.connection.provider, each.connection.name): (
                {name: getattr(each.connection, name) for name in METADATA},
                {name: value.reveal() for name, value in each.fields.items()},
            )
            for each in vault.all()
        }


@contextlib.contextmanager
def raw(access, name="default"):
    """The vault's file as SQLite, without a thought for seals."""
    with contextlib.closing(sqlite3.connect(access.home.vault_path(name))) as db, db:
        yield db


def test_a_connection_is_read_back_as_written(access):
    full = connection(
        expires_at=NOW + 3600.25, lifetime=3600, scopes="repo read", account="ada", account_id="7",
        base_url="https://example.org", is_default=True, generation=4, refreshed_at=NOW + 1, last_error="no",
    )  # fmt: skip
    fill(access, full)
    metadata, fields = read(access)["acme", "default"]
    assert metadata == {name: getattr(full, name) for name in METADATA}
    assert fields == {"api_key": "key of default"}


def test_secrets_of_any_bytes_survive(access):
    raw_value = bytes(range(1, 256))
    with open_vault("default", access) as vault:
        with vault.transaction():
            vault.put(connection(), {"api_key": Secret.from_bytes(raw_value)})
        assert vault.find("acme", "default").fields["api_key"].reveal_bytes() == raw_value


def test_no_secret_lies_in_the_file(access):
    fill(access, connection(), renew=b"a refresh token")
    for folder, _, files in os.walk(access.home.path):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                content = file.read()
            assert b"key of default" not in content
            assert b"a refresh token" not in content


def test_files_are_private_from_creation(access):
    old = os.umask(0)
    try:
        fill(access, connection())
        with open_vault("default", access) as vault:
            vault.all()  # -wal and -shm exist while it is open
            modes = {
                stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
                for folder, _, files in os.walk(access.home.path)
                for name in files
            }
    finally:
        os.umask(old)
    assert modes == {0o600}
    assert stat.S_IMODE(os.stat(access.home.path).st_mode) == 0o700


def other_value(value):
    """A value of the same kind that differs in the least way."""
    if isinstance(value, bytes):
        return bytes((value[0] ^ 1,)) + value[1:]
    if isinstance(value, str):
        return chr(ord(value[0]) ^ 1) + value[1:]
    if isinstance(value, float):
        return math.nextafter(value, math.inf)
    return 1 if value is None else value + 2


@pytest.mark.parametrize("column", [*METADATA, "use_key", "use_part"])
def test_an_altered_column_is_found(access, column):
    fill(access, connection(is_default=True, expires_at=NOW, scopes="x"), connection("work"))
    with raw(access) as db:
        (value,) = db.execute(f"SELECT {column} FROM connections WHERE name = 'default'").fetchone()
        db.execute(f"UPDATE connections SET {column} = ? WHERE name = 'default'", (other_value(value),))
    with pytest.raises(VaultDamaged, match="damaged or was altered"):
        read(access)


@pytest.mark.parametrize("column", ["renew_key", "renew_part", "provider", "generation"])
def test_an_altered_renew_part_is_found(access, column):
    fill(access, connection(renewable=True), renew=b"a refresh token")
    with open_vault("default", access) as vault:
        credential = vault.find("acme", "default")
        assert vault.renew_part(credential) == b"a refresh token"
        value = credential.sealed.get(column) or getattr(credential.connection, column)
        if column in SEALED:
            credential.sealed[column] = other_value(value)
        else:
            credential.connection = credential.connection.replace(**{column: other_value(value)})
        with pytest.raises(VaultDamaged):
            vault.renew_part(credential)


@pytest.mark.parametrize("columns", [["use_part"], ["use_key", "use_part"], ["use_key"]])
def test_a_part_moved_to_another_row_is_found(access, columns):
    fill(access, connection("default"), connection("work"))
    with raw(access) as db:
        moved = db.execute(f"SELECT {', '.join(columns)} FROM connections WHERE name = 'work'").fetchone()
        marks = ", ".join(f"{column} = ?" for column in columns)
        db.execute(f"UPDATE connections SET {marks} WHERE name = 'default'", moved)
    with pytest.raises(VaultDamaged):
        read(access)


def test_a_row_moved_to_another_vault_is_found(access):
    fill(access, connection())
    with raw(access) as db:
        row = db.execute("SELECT * FROM connections").fetchone()
    create_vault("other", access, source="file", owner="ada", now=NOW)
    with raw(access, "other") as db:
        db.execute(f"INSERT INTO connections VALUES ({', '.join('?' * len(row))})", row)
    with open_vault("other", access) as vault, pytest.raises(VaultDamaged):
        vault.all()


def test_swapped_default_marks_are_found(access):
    fill(access, connection("default", is_default=True), connection("work"))
    with raw(access) as db:
        db.execute("UPDATE connections SET is_default = 0")
        db.execute("UPDATE connections SET is_default = 1 WHERE name = 'work'")
    with open_vault("default", access) as vault, pytest.raises(VaultDamaged):
        vault.default("acme")


def test_any_flipped_byte_of_the_file_is_found_or_harmless(access):
    """Harmless: free space of a page, say. What may never happen is other data without an error."""
    fill(access, connection("default", is_default=True), connection("work"), connection(provider="zeta"))
    path = access.home.vault_path("default")
    good = read(access)
    shutil.copy(path, path + ".good")
    size = os.path.getsize(path)
    chance = random.Random(7)
    found = 0
    for offset in sorted(chance.sample(range(size), 1500)):
        shutil.copy(path + ".good", path)
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes((byte[0] ^ (1 << chance.randrange(8)),)))
        try:
            # A row may be gone, as by a deletion; what is there must be true.
            assert read(access).items() <= good.items()
        except AuthsomeError:
            found += 1
    assert found > 50


@pytest.mark.parametrize("size", [0, 1, 15, 16, 50, 100, 1000, 4096, 5000, 8192, 12288, 20000])
def test_a_truncated_vault_is_reported(access, size):
    fill(access, connection())
    path = access.home.vault_path("default")
    assert size < os.path.getsize(path)
    os.truncate(path, size)
    with pytest.raises(VaultDamaged) as report:
        read(access)
    assert report.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\0" * 8192, random.Random(1).randbytes(8192), b"SQLite format 3\0" + b"\1" * 4096],
)
def test_a_file_that_is_no_vault_is_reported(access, content):
    with open(access.home.vault_path("default"), "wb") as file:
        file.write(content)
    with pytest.raises(VaultDamaged):
        read(access)


def test_another_sqlite_database_is_no_vault(access):
    os.unlink(access.home.vault_path("default"))
    with raw(access) as db:
        db.execute("CREATE TABLE meta (name, value)")
    with pytest.raises(VaultDamaged):
        read(access)


@pytest.mark.parametrize(
    "change",
    ["PRAGMA user_version = 2", "UPDATE meta SET value = 2 WHERE name = 'format_version'"],
)
def test_an_unknown_format_version_is_named(access, change):
    with raw(access) as db:
        db.execute(change)
    with pytest.raises(VaultFormat, match=r"version 2, and this program knows version 1") as report:
        read(access)
    assert "upgrade" in report.value.hint


def test_a_missing_vault_is_named_with_the_nearest(access):
    with pytest.raises(VaultNotFound, match=r"no vault defualt \(did you mean default\?\)"):
        open_vault("defualt", access)


def test_putting_a_second_default_never_deletes_the_first(access):
    fill(access, connection("default", is_default=True))
    with pytest.raises(AuthsomeError):
        fill(access, connection("work", is_default=True))
    assert set(read(access)) == {("acme", "default")}


def test_a_failed_transaction_changes_nothing(access):
    fill(access, connection())

    def fail(vault):
        with vault.transaction():
            vault.delete("acme", "default")
            raise ZeroDivisionError

    with open_vault("default", access) as vault:
        with pytest.raises(ZeroDivisionError):
            fail(vault)
        assert vault.count() == 1


def test_metadata_changes_keep_the_credential_and_its_keys(access):
    fill(access, connection(), renew=b"renew")
    with open_vault("default", access) as vault:
        before = vault.find("acme", "default")
        with vault.transaction():
            vault.update(before, name="work", is_default=True)
        after = vault.find("acme", "work")
        assert after.connection.is_default
        assert after.fields == before.fields
        assert after.sealed["use_key"] == before.sealed["use_key"]
        assert after.sealed["use_part"] != before.sealed["use_part"]
        assert vault.renew_part(after) == b"renew"


def test_providers_are_listed_without_reading_every_row(access):
    fill(access, connection("a", "one"), connection("b", "one", is_default=True), connection("c", "two"))
    with open_vault("default", access) as vault:
        assert vault.providers() == ["one", "two"]
        assert vault.providers_without_default() == ["two"]
        assert [each.connection.name for each in vault.defaults()] == ["b"]


def test_a_client_that_is_put_again_is_open_to_who_has_its_key(access):
    """A helper that refreshes one connection goes on while another one is logged in."""
    fill(access, connection())
    with open_vault("default", access) as vault:
        for secret in ("first", "second"):
            with vault.transaction():
                vault.clients.put(StoredClient("acme", "id", {"client_secret": Secret(secret)}))
            if secret == "first":
                given = vault.part_keys(vault.find("acme", "default"))
        helper = Vault(vault.database, vault.name, vault.id, PartKeys(vault.id, None, given))
        assert helper.clients.find("acme").fields["client_secret"].reveal() == "second"
        with vault.transaction():
            vault.database.rows("UPDATE clients SET client_key = x'00'")
            vault.clients.put(StoredClient("acme", "id", {}))  # also over one that is damaged
        assert vault.clients.find("acme").fields == {}
