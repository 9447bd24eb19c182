"""The lock of one connection, flock(2) on `<home>/locks/<vault id>.<connection id>`.

Who holds it alone may renew the connection, and hands the descriptor to the process that does it: the lock
lasts until that process ends, whatever becomes of its parent. Others wait by asking for a share of it, so
that all of them go on together.

The file's access time, which writing leaves alone, says until when waiting makes sense (`promise`). Its bytes
are a reserve: room on the disk, given back just before the renewed tokens are written.
"""

from __future__ import annotations

import errno
import fcntl
import os

from authsome_env.durable import private_folder, storage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from authsome_env.clock import Clock

RESERVE = 1 << 19
"""Bytes; a commit of two large tokens needs some tens of kilobytes of log."""

_UNPROMISED_S = 2.0
"""Between taking the lock and promising there is a moment, and the file's time is an old one."""

_SHORTEST_WAIT_S = 0.005
_LONGEST_WAIT_S = 0.05


class ConnectionLock:
    __slots__ = ("_path", "descriptor")

    def __init__(self, folder: str, vault_id: str, connection_id: str) -> None:
        self._path = os.path.join(folder, f"{vault_id}.{connection_id}")
        self.descriptor = -1

    @classmethod
    def inherited(cls, descriptor: int) -> ConnectionLock:
        """The lock that our parent took."""
        lock = cls("", "", "")
        lock.descriptor = descriptor
        return lock

    def take(self, until: float) -> bool:
        """Whether we hold it alone now, and promised others an end by `until` (Unix seconds).

        Raises StorageError.
        """
        if not self._try(fcntl.LOCK_EX):
            return False
        self.promise(until)
        return True

    def wait(self, now: Clock, sleep: Callable[[float], None], *, since: float) -> bool:
        """Until nobody holds it alone; False if its holder is late. Raises StorageError.

        `since`: when somebody was found to hold it (Unix seconds); he may have been about to promise.
        """
        pause = _SHORTEST_WAIT_S
        patience = since + _UNPROMISED_S
        while True:
            if self._try(fcntl.LOCK_SH):
                self.release()
                return True
            if now() > max(patience, os.fstat(self.descriptor).st_atime):
                self.release()
                return False
            sleep(pause)
            pause = min(pause * 1.5, _LONGEST_WAIT_S)

    def promise(self, until: float) -> None:
        """Others wait no longer than until then (Unix seconds)."""
        os.utime(self.descriptor, (until, until))

    def reserve(self) -> None:
        """Raises StorageError on a full disk."""
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self.descriptor, 0, RESERVE)
            else:
                os.pwrite(self.descriptor, bytes(RESERVE), 0)
        except OSError as error:
            self.give_back()
            raise storage_error(error, self._path or "the lock of a connection") from None

    def give_back(self) -> bool:
        """Whether there was something to give back."""
        held = os.fstat(self.descriptor).st_size > 0
        os.ftruncate(self.descriptor, 0)
        return held

    def release(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def remove(self) -> None:
        """With the connection; who waits for it finds out."""
        try:
            os.unlink(self._path)
        except OSError:
            pass

    def _try(self, kind: int) -> bool:
        try:
            while True:
                if self.descriptor < 0:
                    self.descriptor = self._open()
                try:
                    fcntl.flock(self.descriptor, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                if os.fstat(self.descriptor).st_nlink:
                    return True
                self.release()  # somebody removed the file after we had opened it
        except OSError as error:
            raise storage_error(error, self._path) from None

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(self._path, flags, 0o600)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
        private_folder(os.path.dirname(self._path))
        return os.open(self._path, flags, 0o600)
