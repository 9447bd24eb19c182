"""The delivery `fifo`: a named pipe in which each reader finds the whole set of that moment.

Its content is in the kernel's memory alone, so the folder may lie on a disk: for systems that have no file
system in RAM.

A reader's open(2) sleeps until there is a writer, and a writer's until there is a reader. Nothing tells a
select loop that a reader sleeps there: to ask (O_WRONLY | O_NONBLOCK, ENXIO while nobody is there) would be
to poll, and a writer that is always there (O_RDWR) would let the reader in, but tell nobody. inotify tells,
on Linux alone, where a file in RAM is the better delivery. So a small process, the doorkeeper, sleeps in that
open(2) and hands each descriptor that it gets over a socket to the process that has the values; it wakes for
readers and for nothing else, and is told no value. SIGIO ends it when the other end of the socket is closed,
which the kernel does for a process that was killed, too.

A pipe ends for its reader when all writers have closed it, and bytes go to whoever reads first. So each
reader needs a pipe of its own: as soon as one has come, the doorkeeper puts a new pipe in the place of the
one that it came by, and only then the set is written. So readers may come one after another, at any pace. Two
that open at the very same moment, before the new pipe is there, share one and take from each other; no server
can part them, since nothing but FUSE lets it act between the two opens. For many readers there is `dotenv`.
"""

from __future__ import annotations

import errno
import os
import stat

from . import dotenv_file, ram
from .delivery import Delivery

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Collection, Iterable, Mapping
    from typing import NoReturn
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds


class Fifo(Delivery):
    FILE = "variables.fifo"
    IN_RAM = False

    def __init__(self, folder: str, path: str | None = None, style: str = "dotenv") -> None:
        super().__init__(folder, path, style)
        self._text = b""
        self._serving = False
        self._door = 0
        """The process id of the doorkeeper, while there is one."""
        self._bell: socket.socket | None = None
        """Our end of its socket."""
        self._slow: dict[int, memoryview] = {}
        """Readers of a set that is larger than a pipe: descriptor -> what is left to write."""

    def environment(self, names: Iterable[str]) -> dict[str, bytes]:  # noqa: ARG002 - the same for all
        return {dotenv_file.VARIABLE: os.fsencode(self.file)}

    def write(self, values: Mapping[str, bytes], generation: int) -> None:
        """Who has opened the pipe already may get the set from before."""
        self._text = dotenv_file.text(values, generation, self._style)
        self._make_folder()
        if not _is_fifo(self.file):
            self._dismiss()  # it waits at a pipe that nobody can find
            ram.remove_tree(self.file)
            try:
                _make_fifo(self.file)
            except OSError as error:
                raise ram.storage_error(error, self.file) from None
        if self._serving and self._bell is None:
            self._employ()
        self._place_link()

    def lost(self) -> bool:
        return not _is_fifo(self.file) or (self._serving and self._bell is None)

    def serve(self) -> None:
        """Raises StorageError if there are too many processes or descriptors."""
        self._serving = True
        self._employ()

    def waits(self) -> tuple[list[int], list[int]]:
        return [] if self._bell is None else [self._bell.fileno()], list(self._slow)

    def step(self) -> None:
        for descriptor, rest in list(self._slow.items()):
            del self._slow[descriptor]
            self._give(descriptor, rest)
        if self._bell is None:
            return
        try:
            came = _take(self._bell)
        except BlockingIOError:
            return
        except OSError:
            came = None
        if came is None:
            self._dismiss()
        for descriptor in came or ():
            self._give(descriptor, memoryview(self._text))

    def remove(self) -> None:
        self._serving = False
        self._dismiss()
        for descriptor in self._slow:
            os.close(descriptor)
        self._slow.clear()
        super().remove()

    def _give(self, descriptor: int, rest: memoryview) -> None:
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            self._slow[descriptor] = rest
            return
        except OSError:  # the reader has gone
            pass
        os.close(descriptor)

    def _employ(self) -> None:
        import socket

        try:
            bell, theirs = socket.socketpair()
            with theirs:
                self._door = os.fork()
                if not self._door:
                    _keep_door(self.file, theirs)
        except OSError as error:
            raise ram.storage_error(error, self.file) from None
        bell.setblocking(False)
        self._bell = bell

    def processes(self) -> Collection[int]:
        return [self._door] if self._door else []

    def _dismiss(self) -> None:
        if self._bell is not None:
            self._bell.close()
            self._bell = None
        if self._door:
            try:
                os.kill(self._door, signal.SIGKILL)
                os.waitpid(self._door, 0)
            except OSError:
                pass
            self._door = 0


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.lstat(path).st_mode)
    except OSError:
        return False


def _make_fifo(path: str) -> None:
    os.mkfifo(path, 0o600)
    os.chmod(path, 0o600)  # as in ram.create_file


def _take(bell: socket.socket) -> list[int] | None:
    """The descriptor of a reader's pipe that has come; None: the doorkeeper has gone. Raises OSError."""
    from socket import recv_fds

    ring, descriptors, _, _ = recv_fds(bell, 1, 1)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)
    return descriptors if ring else None


def _keep_door(path: str, bell: socket.socket) -> NoReturn:
    """All that the doorkeeper does. `bell`: its end of the socket."""
    try:
        _leave_parent(bell)
        spare = path + ".next"
        ram.remove_tree(spare)
        while True:
            _make_fifo(spare)
            door = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)  # sleeps until a reader comes
            os.rename(spare, path)
            _ring(bell, door)
            os.close(door)
    finally:  # the folder has gone, or the parent
        os._exit(0)


def _ring(bell: socket.socket, door: int) -> None:
    from socket import send_fds

    if not stat.S_ISFIFO(os.fstat(door).st_mode):
        raise OSError(errno.EINVAL, "somebody put something else there")
    send_fds(bell, [b"r"], [door])


def _leave_parent(bell: socket.socket) -> None:
    """Hold nothing of the parent's but `bell`, do not catch its signals, and end when it does."""
    import fcntl
    from socket import MSG_DONTWAIT, MSG_PEEK

    def look(*_: object) -> None:
        try:
            if bell.recv(1, MSG_PEEK | MSG_DONTWAIT) == b"":
                os._exit(0)
        except BlockingIOError:
            pass

    os.umask(0o077)
    os.closerange(0, bell.fileno())
    os.closerange(bell.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGIO, look)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    fcntl.fcntl(bell, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(bell, fcntl.F_SETFL, fcntl.fcntl(bell, fcntl.F_GETFL) | os.O_ASYNC)
    look()  # it may have ended before
