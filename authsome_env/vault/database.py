"""SQLite as the vault uses it: opened without creating, durable commits, its errors turned into ours."""

from __future__ import annotations

import errno
import os
import stat

from authsome_env.errors import StorageError, VaultDamaged, VaultFormat, VaultNotFound

from .format import APPLICATION_ID, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any
else:
    import _sqlite3 as sqlite3  # all of sqlite3 but its date converters, which load datetime

# A writer holds the lock for one commit; fifty of them in a row on a slow disk stay far below this.
BUSY_TIMEOUT_S = 60.0

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY_CODE = 0xFF  # the low byte of an extended result code


class Database:
    """One open vault file. Every method raises VaultDamaged or StorageError for what SQLite reports."""

    __slots__ = ("_db", "_obstacle", "path")

    def __init__(self, path: str) -> None:
        """Open an existing vault. Raises VaultNotFound, VaultDamaged, VaultFormat, StorageError."""
        self.path = path
        size = _size(path)
        self._obstacle = None if _writable(path) else _read_only(path)
        self._db = _connect(path, "mode=rw" if self._obstacle is None else _reading_mode(path))
        try:
            if self._obstacle is None:
                self._try_index()
            application, version, pages, page_bytes = self.row(
                "SELECT * FROM pragma_application_id, pragma_user_version,"
                " pragma_page_count, pragma_page_size"
            )
            if application != APPLICATION_ID:
                raise _damaged(path)
            check_version(version, path)
            # SQLite itself would not mind missing pages as long as none of them is asked for. It is no proof:
            # a writer may be about to bring them in from the log.
            if size < pages * page_bytes and self.row("PRAGMA quick_check(1)") != ("ok",):
                raise _damaged(path)
        except BaseException:
            self._db.close()
            raise

    def _try_index(self) -> None:
        """Begin to read. WAL needs an index file beside the vault, for which a full disk may have no room.

        Then what is there can be read all the same.
        """
        try:
            self.rows("PRAGMA schema_version")
        except StorageError as error:
            if _has_log(self.path):
                raise
            self._obstacle = error
            self._db.close()
            self._db = _connect(self.path, _reading_mode(self.path))

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise translate(error, self.path) from None
        except UnicodeDecodeError:  # SQLite's message quotes a schema that was altered
            raise _damaged(self.path) from None

    def row(self, query: str, values: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        found = self.rows(query, values)
        return found[0] if found else None

    def transaction(self) -> Transaction:
        return Transaction(self)

    def close(self) -> None:
        self._db.close()

    @property
    def obstacle(self) -> StorageError | None:
        """Why the vault can be read, but not changed."""
        return self._obstacle

    @property
    def raw(self) -> sqlite3.Connection:
        """For SQLite's own functions (JSON); never for the vault's tables."""
        return self._db


def check_version(version: int, path: str) -> None:
    """Raises VaultFormat for a format that this program does not know."""
    if version != VERSION:
        raise VaultFormat(
            f"{path} has format version {version}, and this program knows version {VERSION}",
            "upgrade authsome: pip install --upgrade authsome-env",
        )


class Transaction:
    """One durable change: all of it at the end of the `with` block, or nothing."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        if self._database.obstacle is not None:
            raise self._database.obstacle
        for statement in (*_DURABLE, "BEGIN IMMEDIATE"):
            self._database.rows(statement)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._database.rows("COMMIT")
            except BaseException:
                self._rollback()
                raise
        else:
            self._rollback()

    def _rollback(self) -> None:
        if self._database.raw.in_transaction:  # some errors (full disk) have rolled back already
            self._database.rows("ROLLBACK")


# FULL: the log is synced at each commit. fullfsync is macOS's real fsync, and does nothing elsewhere.
_DURABLE = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA secure_delete = ON",
)


def create(path: str, script: str) -> sqlite3.Connection:
    """A new database in the empty file `path` (made 0600 by the caller), with `script` run in it.

    Not in WAL mode yet: that leaves to the closing, which reports no errors, to bring commits into the file.
    Raises sqlite3.Error.
    """
    db = _connect(path, "mode=rw")
    try:
        for statement in _DURABLE:
            db.execute(statement)
        db.executescript(f"BEGIN; {script} COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


def _connect(path: str, mode: str) -> sqlite3.Connection:
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    # `//`: an empty authority, or a path that begins with two slashes would be read as a host.
    where = f"file://{escaped}?{mode}"
    try:
        db = sqlite3.connect(where, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except sqlite3.Error as error:
        raise translate(error, path) from None
    # A damaged text column must reach the check of its seal, not end in a decoding error.
    db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return db


def _size(path: str) -> int:
    """Raises VaultNotFound, StorageError, VaultDamaged.

    The file is not opened: POSIX would drop every lock that other connections of this process have on it
    when it is closed again (SQLite's "How To Corrupt", 2.2).
    """
    try:
        status = os.stat(path)
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except FileNotFoundError:
        raise VaultNotFound(f"there is no vault {path}") from None
    except OSError as error:
        raise StorageError(
            f"cannot read {path}: {(error.strerror or 'error').lower()}",
            "check who owns it: it should be yours, mode 0600",
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise _damaged(path)
    return status.st_size


def _writable(path: str) -> bool:
    return os.access(path, os.W_OK) and os.access(os.path.dirname(path) or ".", os.W_OK)


def _has_log(path: str) -> bool:
    """Whether a killed writer left commits in the WAL that are not in the vault's file yet."""
    try:
        return os.path.getsize(path + "-wal") > 0
    except OSError:
        return False


def _reading_mode(path: str) -> str:
    """Without an index file nothing can be read from the log; then nobody may be writing either."""
    return "mode=ro" if _has_log(path) else "mode=ro&immutable=1"


def _read_only(path: str) -> StorageError:
    return StorageError(
        f"{path} cannot be changed: read-only",
        "make the vault's folder writable, or set AUTHSOME_HOME to another folder",
    )


def _damaged(path: str) -> VaultDamaged:
    return VaultDamaged(
        f"{path} is damaged or is not a vault",
        "put back a copy of it, or move it away and log in again",
    )


def translate(error: sqlite3.Error, path: str) -> StorageError | VaultDamaged:
    """SQLite's error as ours: damage, or a place that cannot be written."""
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & _PRIMARY_CODE
    if code in _DAMAGED or (not isinstance(error, sqlite3.OperationalError) and code == sqlite3.SQLITE_ERROR):
        return _damaged(path)
    if code == sqlite3.SQLITE_ERROR:  # "no such table" and its like: the schema is not ours
        return _damaged(path)
    full = code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE
    reason = os.strerror(errno.ENOSPC) if full else str(error)
    return StorageError(
        f"cannot use {path}: {reason.lower()}; nothing was changed",
        "make that place writable and free some space, or set AUTHSOME_HOME to another folder",
    )
