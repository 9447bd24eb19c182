"""Private files that survive a power cut: 0600 from the first moment, in 0700 folders, whole or absent."""

from __future__ import annotations

import os
import stat

from .errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


def storage_error(error: OSError, path: str) -> StorageError:
    """`error` of the kernel as ours; the message names `path`."""
    return StorageError(
        f"cannot write {path}: {(error.strerror or 'error').lower()}",
        "make that place writable and free some space, or set AUTHSOME_HOME to another folder",
    )


def look_at(path: str) -> str:
    """The hint for a file of ours that cannot be read."""
    import shlex  # loads `re`; only ever needed to report an error

    return f"look at it with `ls -ld {shlex.quote(path)}`"


def private_folder(path: str) -> None:
    """Make `path` and what is missing above it; an existing one must be ours and is closed to others.

    Raises StorageError.
    """
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        try:
            os.mkdir(path, 0o700)
            os.chmod(path, 0o700)  # a umask may have taken our own rights; it can never have added any
            sync_folder(os.path.dirname(path))
        except FileExistsError:
            found = os.stat(path)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise StorageError(
                    f"{path} is not a folder of ours",
                    "move it away, or set AUTHSOME_HOME to another folder",
                ) from None
            if stat.S_IMODE(found.st_mode) & 0o077:
                os.chmod(path, 0o700)
    except OSError as error:
        raise storage_error(error, path) from None


def sync_folder(path: str) -> None:
    """Make the names in `path` durable, as fsync(2) demands after a create or rename."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_private(path: str, data: bytes) -> None:
    """Write a new 0600 file and make it durable. Raises FileExistsError, StorageError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(error, path) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # as in private_folder
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        sync_folder(os.path.dirname(path))
    except OSError as error:
        os.unlink(path)
        raise storage_error(error, path) from None


def replace_private(path: str, data: bytes) -> None:
    """Put `data` in the place of `path` in one step: readers see the old or the new, never between.

    The caller holds a lock that keeps others from replacing the same file. Raises StorageError.
    """
    draft = f"{path}.new"
    try:
        os.unlink(draft)  # of a killed process
    except FileNotFoundError:
        pass
    except OSError as error:
        raise storage_error(error, path) from None
    create_private(draft, data)
    try:
        os.replace(draft, path)
    except OSError as error:
        os.unlink(draft)
        raise storage_error(error, path) from None
    try:
        sync_folder(os.path.dirname(path))
    except OSError as error:
        raise storage_error(error, path) from None


class FolderLock:
    """An exclusive flock(2) on `<folder>/lock`, for as long as the `with` block lasts."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "lock")
        self._descriptor = -1

    def __enter__(self) -> None:
        import fcntl

        try:
            self._descriptor = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            os.fchmod(self._descriptor, 0o600)  # as in private_folder
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise storage_error(error, self._path) from None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
