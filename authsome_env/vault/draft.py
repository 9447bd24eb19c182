"""A vault on its way in or out: `vaults/<name>.db.draft`, whose meta names the master key that goes with it.

A killed `create_vault` or `remove_vault` leaves it behind; the next one deletes it together with that key. No
key is deleted for not being known: the vault that needs it may only have been moved away for a while.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3

from authsome_env.durable import create_private, private_folder, storage_error, sync_folder
from authsome_env.errors import VaultError

from .database import Database, create, translate
from .format import SCHEMA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from .home import Home

# Never a part of the name of a finished vault's files: those end with .db, .db-wal or .db-shm.
_SUFFIX = ".draft"
_SIDE_FILES = ("-journal", "-wal", "-shm")


def begin(path: str, meta: Mapping[str, Any]) -> sqlite3.Connection:
    """The draft of the vault `path`, durable with what is known before its key is made.

    Raises StorageError.
    """
    private_folder(os.path.dirname(path))
    create_private(path + _SUFFIX, b"")
    with _translated(path):
        db = create(path + _SUFFIX, SCHEMA)
    fill(db, path, meta)
    return db


def fill(db: sqlite3.Connection, path: str, meta: Mapping[str, Any]) -> None:
    with _translated(path):
        db.execute("BEGIN")
        db.executemany("REPLACE INTO meta VALUES (?, ?)", list(meta.items()))
        db.execute("COMMIT")


def publish(db: sqlite3.Connection, path: str) -> None:
    """The draft becomes the vault, durably; or it stays a draft. Raises StorageError."""
    with _translated(path):
        db.execute("PRAGMA journal_mode = WAL")
        db.close()
        for suffix in _SIDE_FILES:  # of a vault that was moved away: SQLite would play them back into ours
            _unlink(path + suffix)
        os.rename(path + _SUFFIX, path)
        try:
            sync_folder(os.path.dirname(path))
        except OSError:
            os.rename(path, path + _SUFFIX)
            raise


def withdraw(path: str) -> None:
    """The vault is none any more; its draft remains until `discard`. Raises StorageError."""
    with _translated(path):
        os.rename(path, path + _SUFFIX)
        for suffix in _SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                os.rename(path + suffix, path + _SUFFIX + suffix)
        sync_folder(os.path.dirname(path))


def discard(path: str) -> None:
    with _translated(path):
        for suffix in (*_SIDE_FILES, ""):
            _unlink(path + _SUFFIX + suffix)
        sync_folder(os.path.dirname(path))


def left_behind(home: Home) -> list[str]:
    """The paths of the vaults whose drafts somebody left. Only for who holds the home's lock."""
    ends = tuple(".db" + _SUFFIX + suffix for suffix in ("", *_SIDE_FILES))
    found = {name.rpartition(_SUFFIX)[0] for name in os.listdir(home.vaults) if name.endswith(ends)}
    return sorted(os.path.join(home.vaults, name) for name in found)


def meta_of(path: str) -> dict[str, Any]:
    """What the draft's meta says; nothing if it was left before that was written, so before its key was made.

    Raises StorageError.
    """
    try:
        database = Database(path + _SUFFIX)
    except VaultError:
        return {}
    try:
        return dict(database.rows("SELECT name, value FROM meta"))
    except VaultError:
        return {}
    finally:
        database.close()


@contextlib.contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from None
    except OSError as error:
        raise storage_error(error, path) from None


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
