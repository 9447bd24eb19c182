"""What somebody may do to a vault's files, and to its neighbours, by hand or at the same moment."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys

import pytest

from authsome_env.errors import KeyUnavailable, VaultDamaged, VaultError, VaultLocked
from authsome_env.model import Connection, Secret
from authsome_env.vault import cache
from authsome_env.vault.home import Home
from authsome_env.vault.manage import create_vault, lock_vault, rekey_vault, remove_vault
from authsome_env.vault.store import new_id
from authsome_env.vault.unlock import KeyAccess, open_vault

NOW = 1_800_000_000.0


class Access(KeyAccess):
    """Lets a test do something whenever a key is sought (`on_load`), or keep one from being deleted."""

    def __init__(self, environ, **how):
        super().__init__(Home(environ), environ, **how)
        self.on_load = lambda: None
        self.deletes = True

    def place(self, source):
        return _Watched(super().place(source), self)


class _Watched:
    def __init__(self, place, access):
        self._place, self._access = place, access

    def create(self, key_id):
        return self._place.create(key_id)

    def load(self, key_id, parameters):
        key = self._place.load(key_id, parameters)
        self._access.on_load()
        return key

    def delete(self, key_id):
        if not self._access.deletes:
            raise KeyUnavailable("out of reach", "later")
        self._place.delete(key_id)


@pytest.fixture
def access(tmp_path):
    return Access({"AUTHSOME_HOME": str(tmp_path / "home")})


def make(access, name="default", source="file"):
    create_vault(name, access, source=source, owner="ada", now=NOW)


def log_in(access, name, *, is_default=False):
    with open_vault("default", access) as vault, vault.transaction():
        vault.put(
            Connection(
                id=new_id(), provider="acme", name=name, is_default=is_default,
                auth_type="api_key", created_at=NOW, logged_in_at=NOW,
            ),
            {"api_key": Secret(f"key of {name}")},
        )  # fmt: skip


def meta_of(access, name="default"):
    with contextlib.closing(sqlite3.connect(access.home.vault_path(name))) as db:
        return dict(db.execute("SELECT name, value FROM meta"))


def write_meta(access, name, value):
    with contextlib.closing(sqlite3.connect(access.home.vault_path("default"))) as db, db:
        db.execute("REPLACE INTO meta VALUES (?, ?)", (name, value))


def test_an_index_that_leads_to_another_connection_gives_nobody_its_secret(access):
    make(access)
    log_in(access, "other")
    log_in(access, "mine", is_default=True)  # the second row: the index of defaults says so in one byte
    path = access.home.vault_path("default")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        [root] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'defaults'").fetchone()
        [size] = db.execute("PRAGMA page_size").fetchone()
    with open(path, "r+b") as file:
        file.seek((root - 1) * size)
        page = file.read(size)
        entry = page.index(b"acme") + len(b"acme")
        assert page[entry] == 2
        file.seek((root - 1) * size + entry)
        file.write(b"\x01")
    with open_vault("default", access) as vault:
        with pytest.raises(VaultDamaged, match="index"):
            vault.default("acme")
        with pytest.raises(VaultDamaged, match="index"):
            vault.defaults()
        assert vault.find("acme", "mine").fields == {"api_key": Secret("key of mine")}


@pytest.mark.parametrize("value", [None, 5, b"\x00\xff", "x", "\x1b[31m"])
@pytest.mark.parametrize("name", ["vault_id", "key_source", "key_id", "wrapped_key"])
def test_a_header_entry_of_another_kind_is_damage(access, name, value):
    make(access)
    write_meta(access, name, value)
    with pytest.raises(VaultError):
        open_vault("default", access)
    with pytest.raises(VaultError):
        rekey_vault("default", access, None)


@pytest.mark.parametrize("entry", ["key_id", "stale_keys"])
def test_no_file_is_deleted_at_the_word_of_an_altered_header(access, entry):
    make(access)
    victim = os.path.join(access.home.path, "victim")
    with open(victim, "wb"):
        pass
    write_meta(access, entry, "../victim" if entry == "key_id" else "file:../victim")
    if entry == "stale_keys":
        rekey_vault("default", access, None)
        open_vault("default", access).close()
    remove_vault("default", access)
    assert os.path.exists(victim)


def test_a_key_of_another_vault_is_not_deleted_at_the_word_of_an_altered_header(access):
    make(access)
    make(access, "work")
    write_meta(access, "stale_keys", f"file:{meta_of(access, 'work')['key_id']}")
    rekey_vault("default", access, None)
    remove_vault("default", access)
    open_vault("work", access).close()


def test_the_key_in_use_survives_an_altered_list_of_stale_ones(access):
    make(access)
    write_meta(access, "stale_keys", f"file:{meta_of(access)['key_id']}")
    access.environ["AUTHSOME_PASSPHRASE"] = ""
    with pytest.raises(KeyUnavailable):
        rekey_vault("default", access, "passphrase")  # fails after it has swept
    open_vault("default", access).close()


def test_removing_a_copy_keeps_the_key_of_the_vault_that_it_was_copied_from(access):
    make(access)
    log_in(access, "default")
    shutil.copy(access.home.vault_path("default"), access.home.vault_path("copy"))
    remove_vault("copy", access)
    with open_vault("default", access) as vault:
        assert vault.count() == 1
    remove_vault("default", access)
    assert os.listdir(access.home.keys) == []


def test_an_old_key_out_of_reach_is_deleted_by_a_later_rekey(access):
    make(access)
    access.deletes = False
    rekey_vault("default", access, None)
    assert len(os.listdir(access.home.keys)) == 2
    access.deletes = True
    rekey_vault("default", access, None)
    assert os.listdir(access.home.keys) == [meta_of(access)["key_id"]]


def test_a_name_that_ends_like_a_draft_is_a_vault_like_any_other(access):
    make(access, "my.draft")
    make(access, "other")
    assert access.home.vault_names() == ["my.draft", "other"]
    open_vault("my.draft", access).close()


def test_a_vault_that_was_moved_away_still_opens_when_it_is_back(access):
    make(access)
    path = access.home.vault_path("default")
    os.rename(path, path + ".away")
    make(access)
    os.replace(path + ".away", path)
    open_vault("default", access).close()


def test_a_lock_given_while_the_key_is_sought_is_obeyed_and_leaves_no_cached_key(tmp_path):
    environ = {"AUTHSOME_HOME": str(tmp_path / "home"), "AUTHSOME_PASSPHRASE": "correct horse"}
    access = Access(environ, unlock_ttl=60.0)
    make(access, source="passphrase")
    access.on_load = lambda: lock_vault("default", access.home)
    with pytest.raises(VaultLocked):
        open_vault("default", access)
    assert cache.fetch(meta_of(access)["vault_id"]) is None


def test_a_reader_follows_a_rekey_that_overtakes_it(access):
    make(access)

    class Overtaken(Access):
        times = 0

        def place(self, source):
            self.times += 1
            if self.times == 1:
                rekey_vault("default", access, None)  # the key that is about to be loaded is gone
            return super().place(source)

    reader = Overtaken(access.environ)
    open_vault("default", reader).close()
    assert reader.times == 2


def test_a_second_reader_in_the_process_leaves_the_first_one_its_lock(access):
    if sys.platform != "linux":
        pytest.skip("locks are looked up in /proc")
    make(access)
    inode = f":{os.stat(access.home.vault_path('default')).st_ino}"

    def held():
        with open("/proc/locks") as locks:
            return [line for line in locks if line.split()[5].endswith(inode)]

    with open_vault("default", access) as first:
        first.all()
        assert held()
        open_vault("default", access).close()
        assert held()


@pytest.mark.parametrize("make_one", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_vault_and_nobody_waits_for_it(access, make_one):
    access.home.prepare()
    make_one(access.home.vault_path("default"))
    with pytest.raises(VaultDamaged):
        open_vault("default", access)
