"""Make, list, remove, lock and rekey vaults. Each is one step for whoever looks: before, or after.

A master key is stored before the vault needs it and deleted after the vault has stopped needing it; a kill in
between leaves a key that opens nothing, which the next change of keys sweeps away.
"""

from __future__ import annotations

import contextlib
import os

from authsome_env.durable import FolderLock
from authsome_env.errors import AuthsomeError, KeyUnavailable, NotAllowed, WrongKey

from . import cache, draft
from .envelope import new_key, seal
from .format import is_key_id, vault_key_binding
from .keys.places import NAMES as KEY_PLACES
from .keys.variable import from_environment
from .store import new_id
from .unlock import check_unlocked, open_database, read_meta, vault_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .database import Database
    from .home import Home
    from .unlock import KeyAccess


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
        _sweep(access)
        source = source or _choose_source(access)
        vault_id = new_id()
        meta: dict[str, Any] = {
            "vault_id": vault_id,
            "name": name,
            "owner": owner,
            "created_at": now,
            "key_source": source,
            "key_id": _new_key_id(vault_id),
        }
        try:
            db = draft.begin(path, meta)
            try:
                master, parameters = access.place(source).create(meta["key_id"])
                meta["key_parameters"] = _lines(parameters)
                meta["wrapped_key"] = seal(master, new_key(), vault_key_binding(meta))
                draft.fill(db, path, meta)
                draft.publish(db, path)
            finally:
                db.close()
        except BaseException:
            with contextlib.suppress(AuthsomeError):  # else the next one does it; the first error is the news
                _delete_all_keys(access, meta)
                draft.discard(path)
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


def connected_providers(name: str, home: Home) -> set[str]:
    """The providers that the vault's file names. Read without a key, so proven by nothing: to sort by.

    Raises VaultNotFound, VaultDamaged, VaultFormat, StorageError.
    """
    with contextlib.closing(open_database(name, home)) as database:
        return {row[0] for row in database.rows("SELECT DISTINCT provider FROM connections")}


def remove_vault(name: str, access: KeyAccess) -> None:
    """Delete the vault, its master key and its cached key. A damaged vault is deleted all the same."""
    home = access.home
    path = home.vault_path(name)
    with FolderLock(home.path):
        if not os.path.exists(path):
            raise home.vault_missing(name)
        meta: dict[str, Any] = {}
        with contextlib.suppress(AuthsomeError):  # damaged: its key cannot be named any more
            database = open_database(name, home)
            try:
                meta = read_meta(database)
            finally:
                database.close()
            cache.drop(meta["vault_id"])
        _sweep(access)  # what an earlier one left under the same name
        draft.withdraw(path)
        _delete_all_keys(access, meta)
        draft.discard(path)


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
        vault_id = read_meta(database)["vault_id"]
        try:
            with database.transaction():
                database.rows("REPLACE INTO meta VALUES ('locked', ?)", (int(locked),))
        finally:
            if locked:  # after the flag, or a command in between would cache the key again
                cache.drop(vault_id)
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
    held_by = {"variable": "AUTHSOME_MASTER_KEY", "passphrase": "AUTHSOME_PASSPHRASE"}.get(source)
    if source == old["key_source"] and held_by and (source == "variable" or access.environ.get(held_by)):
        raise NotAllowed(
            f"{held_by} cannot hold the old key and the new one at the same time",
            f"authsome vault rekey {name} --key file, then set the new {held_by}"
            f" and authsome vault rekey {name} --key {source}",
        )
    # On the way to a variable the vault opens by its recorded source: the variable holds the new key.
    key = vault_key(name, old, access, recorded=source == "variable")
    left = _delete_keys(access, _stale(old))
    new = {**old, "key_source": source, "key_id": _new_key_id(old["vault_id"])}
    _set_stale(database, [*left, (source, new["key_id"])])
    master, parameters = access.place(source).create(new["key_id"])
    new["key_parameters"] = _lines(parameters)
    new["wrapped_key"] = seal(master, key, vault_key_binding(new))
    left.append((old["key_source"], old["key_id"]))
    new["stale_keys"] = _lines_of_keys(left)
    with database.transaction():
        for entry in ("key_source", "key_id", "key_parameters", "wrapped_key", "stale_keys"):
            database.rows("REPLACE INTO meta VALUES (?, ?)", (entry, new[entry]))
    cache.drop(old["vault_id"])
    _set_stale(database, _delete_keys(access, left))
    return str(source)


def _choose_source(access: KeyAccess) -> str:
    if from_environment(access.environ) is not None:
        return "variable"
    return "keyring" if access.place("keyring").usable() else "file"


def _new_key_id(vault_id: str) -> str:
    return f"{vault_id}.{new_id()}"


def _lines(parameters: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in parameters.items())


def _keys_in(text: str, meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Source and id of the master keys that `text` names, one `source:id` a line.

    No seal need have proved them, so what is no key of the vault of `meta` is passed over.
    """
    named = (line.partition(":") for line in text.split("\n"))
    return [
        (source, key_id)
        for source, _, key_id in named
        if source in KEY_PLACES and is_key_id(key_id, meta.get("vault_id"))
    ]


def _stale(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    stale = _keys_in(str(meta.get("stale_keys", "")), meta)
    return [key for key in stale if key[1] != meta["key_id"]]


def _set_stale(database: Database, keys: Sequence[tuple[str, str]]) -> None:
    with database.transaction():
        database.rows("REPLACE INTO meta VALUES ('stale_keys', ?)", (_lines_of_keys(keys),))


def _lines_of_keys(keys: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{source}:{key_id}" for source, key_id in keys)


def _delete_keys(access: KeyAccess, keys: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those that are out of reach now, for a later try; they open nothing any more."""
    left = []
    for source, key_id in keys:
        try:
            access.place(source).delete(key_id)
        except (KeyUnavailable, WrongKey):
            left.append((source, key_id))
    return left


def _delete_all_keys(access: KeyAccess, meta: Mapping[str, Any]) -> None:
    """The keys of a vault that is gone, unless a copy of it, which somebody laid beside it, needs them."""
    for name in access.home.vault_names():
        with contextlib.suppress(AuthsomeError):
            if describe_vault(name, access.home)["id"] == meta.get("vault_id"):
                return
    text = f"{meta.get('key_source')}:{meta.get('key_id')}\n{meta.get('stale_keys')}"
    _delete_keys(access, _keys_in(text, meta))


def _sweep(access: KeyAccess) -> None:
    """Finish what a killed `create_vault` or `remove_vault` left: delete the key, then what names it."""
    for path in draft.left_behind(access.home):
        _delete_all_keys(access, draft.meta_of(path))
        draft.discard(path)
