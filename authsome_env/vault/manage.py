"""Make, list, remove, lock and rekey vaults. Each is one step for whoever looks: before, or after.

A master key is stored before the vault needs it and deleted after the vault has stopped needing it; a kill in
between leaves a key that opens nothing, which the next change of keys sweeps away.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3

from authsome_env.durable import FolderLock, create_private, private_folder, storage_error, sync_folder
from authsome_env.errors import AuthsomeError, KeyUnavailable, NotAllowed, WrongKey

from . import cache
from .database import create as create_database
from .database import translate
from .envelope import new_key, seal
from .format import SCHEMA, vault_key_binding
from .keys.variable import from_environment
from .store import new_id
from .unlock import check_unlocked, open_database, read_meta, vault_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .database import Database
    from .home import Home
    from .unlock import KeyAccess

_DRAFT = ".draft"


def create_vault(name: str, access: KeyAccess, *, source: str | None, owner: str, now: float) -> str:
    """Make the vault `name`, unless it exists by now, and return its key source.

    `source`: keyring, file, passphrase or variable; None chooses the variable if it is set, else the OS
    keyring if there is one, else the file. Raises UsageError, KeyUnavailable, StorageError.
    """
    home = access.home
    path = home.vault_path(name)
    if source is not None:
        access.place(source)  # an unknown one is said before anything is made
    home.prepare()
    with FolderLock(home.path):
        if os.path.exists(path):
            return str(describe_vault(name, home)["key_source"])
        _sweep(home)
        source = source or _choose_source(access)
        vault_id = new_id()
        meta: dict[str, Any] = {
            "vault_id": vault_id,
            "owner": owner,
            "created_at": now,
            "key_source": source,
            "key_id": _new_key_id(vault_id),
        }
        place = access.place(source)
        master, parameters = place.create(meta["key_id"])
        try:
            meta["key_parameters"] = _lines(parameters)
            meta["wrapped_key"] = seal(master, new_key(), vault_key_binding(meta))
            _write_database(path, meta)
        except BaseException:
            place.delete(meta["key_id"])
            raise
        return source


def describe_vault(name: str, home: Home) -> dict[str, Any]:
    """What is known of a vault without its key: meta in clear and the number of connections."""
    database = open_database(name, home)
    try:
        meta = read_meta(database)
        return {
            "name": name,
            "id": meta["vault_id"],
            "owner": meta["owner"],
            "key_source": meta["key_source"],
            "locked": bool(meta.get("locked")),
            "created_at": meta.get("created_at"),
            "connections": database.row("SELECT count(*) FROM connections")[0],
        }
    finally:
        database.close()


def remove_vault(name: str, access: KeyAccess) -> None:
    """Delete the vault, its master key and its cached key. A damaged vault is deleted all the same."""
    home = access.home
    path = home.vault_path(name)
    if not os.path.exists(path):
        raise home.vault_missing(name)
    with FolderLock(home.path):
        keys: list[tuple[str, str]] = []
        with contextlib.suppress(AuthsomeError):  # damaged: its key cannot be named any more
            database = open_database(name, home)
            try:
                meta = read_meta(database)
            finally:
                database.close()
            keys = [(meta["key_source"], meta["key_id"]), *_stale(meta)]
            cache.drop(meta["vault_id"])
        try:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path + suffix)
            sync_folder(home.vaults)
        except OSError as error:
            raise storage_error(error, path) from None
        _delete_keys(access, keys)


def lock_vault(name: str, home: Home) -> None:
    """Forget the cached key and refuse to open the vault until `unlock_vault`."""
    _set_locked(name, home, locked=True)


def unlock_vault(name: str, access: KeyAccess) -> None:
    """Prove that the key can be had, then clear the flag. Raises as open_vault, and nothing changes then."""
    database = open_database(name, access.home)
    try:
        vault_key(name, read_meta(database), access)
    finally:
        database.close()
    _set_locked(name, access.home, locked=False)


def _set_locked(name: str, home: Home, *, locked: bool) -> None:
    database = open_database(name, home)
    try:
        with database.transaction():
            database.rows("REPLACE INTO meta VALUES ('locked', ?)", (int(locked),))
        if locked:
            cache.drop(read_meta(database)["vault_id"])
    finally:
        database.close()


def rekey_vault(name: str, access: KeyAccess, source: str | None) -> str:
    """Give the vault a new master key, in the same kind of place or in `source`; return that kind.

    The vault key is wrapped anew; the old master key is deleted after the change is durable.
    """
    database = open_database(name, access.home)
    try:
        with FolderLock(access.home.path):
            return _rekey(name, database, access, source)
    finally:
        database.close()


def _rekey(name: str, database: Database, access: KeyAccess, wanted: str | None) -> str:
    old = read_meta(database)
    check_unlocked(name, old)
    source = wanted or old["key_source"]
    if source == old["key_source"] == "variable":
        raise NotAllowed(
            "a key that comes from a variable cannot be changed in one step",
            f"authsome vault rekey {name} --key file, then set the new AUTHSOME_MASTER_KEY"
            f" and authsome vault rekey {name} --key variable",
        )
    # On the way to a variable the vault opens by its recorded source: the variable holds the new key.
    key = vault_key(name, old, access, recorded=source == "variable")
    _delete_keys(access, _stale(old))
    new = {**old, "key_source": source, "key_id": _new_key_id(old["vault_id"])}
    _set_stale(database, [(source, new["key_id"])])
    master, parameters = access.place(source).create(new["key_id"])
    new["key_parameters"] = _lines(parameters)
    new["wrapped_key"] = seal(master, key, vault_key_binding(new))
    new["stale_keys"] = f"{old['key_source']}:{old['key_id']}"
    with database.transaction():
        for entry in ("key_source", "key_id", "key_parameters", "wrapped_key", "stale_keys"):
            database.rows("REPLACE INTO meta VALUES (?, ?)", (entry, new[entry]))
    cache.drop(old["vault_id"])
    _delete_keys(access, [(old["key_source"], old["key_id"])])
    _set_stale(database, [])
    return str(source)


def _choose_source(access: KeyAccess) -> str:
    if from_environment(access.environ) is not None:
        return "variable"
    return "keyring" if access.place("keyring").usable() else "file"


def _new_key_id(vault_id: str) -> str:
    return f"{vault_id}.{new_id()}"


def _lines(parameters: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in parameters.items())


def _stale(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = str(meta.get("stale_keys", "")).split("\n")
    return [(source, key_id) for source, mark, key_id in (line.partition(":") for line in lines) if mark]


def _set_stale(database: Database, keys: list[tuple[str, str]]) -> None:
    text = "\n".join(f"{source}:{key_id}" for source, key_id in keys)
    with database.transaction():
        database.rows("REPLACE INTO meta VALUES ('stale_keys', ?)", (text,))


def _delete_keys(access: KeyAccess, keys: list[tuple[str, str]]) -> None:
    for source, key_id in keys:
        with contextlib.suppress(KeyUnavailable, WrongKey):  # out of reach now; it opens nothing any more
            access.place(source).delete(key_id)


def _write_database(path: str, meta: Mapping[str, Any]) -> None:
    """The vault appears under its name when it is whole and durable."""
    draft = path + _DRAFT
    private_folder(os.path.dirname(path))
    create_private(draft, b"")
    try:
        db = create_database(draft, SCHEMA)
        try:
            db.executemany("INSERT INTO meta VALUES (?, ?)", list(meta.items()))
        finally:
            db.close()
        os.rename(draft, path)
        sync_folder(os.path.dirname(path))
    except sqlite3.Error as error:
        os.unlink(draft)
        raise translate(error, path) from None
    except OSError as error:
        os.unlink(draft)
        raise storage_error(error, path) from None


def _sweep(home: Home) -> None:
    """Remove what a killed `create_vault` left: its draft, and key files of no vault."""
    for name in os.listdir(home.vaults):
        if _DRAFT in name:
            os.unlink(os.path.join(home.vaults, name))
    if not os.path.isdir(home.keys):
        return
    try:
        known = {describe_vault(name, home)["id"] for name in home.vault_names()}
    except AuthsomeError:
        return  # one vault cannot be read now, and its key may lie there
    for key_id in os.listdir(home.keys):
        if key_id.partition(".")[0] not in known:
            os.unlink(os.path.join(home.keys, key_id))
