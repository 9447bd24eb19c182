"""One stream of output: from what the command writes to, by a mask, to where it would have written.

Nothing waits here, and what is kept is bounded: nothing more is read before all that was read is written.
A descriptor that we got from our caller is shared with it, so O_NONBLOCK is never set on one: pipes and
terminals are opened once more, which gives us a description of our own.
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import select
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from authsome_env.clock import Clock

    from .mask import Mask

READ_SIZE = 1 << 18
PAUSE_S = 0.002
"""After that long without more, somebody may be waiting for what the mask keeps: an echo, a prompt."""
_PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ, _F_GETPIPE_SZ = 1031, 1032
_TERMINAL_HOLDS = 1 << 17
_FLUSHED = 8
_PAGE, _FEW = 4096, 256
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FIRST_FREE = 3
"""0 to 2 may be closed, and must stay so: nothing of ours may come to lie there."""


def above(descriptor: int) -> int:
    """The same as a descriptor of ours that is none of the standard ones; takes the place of `descriptor`."""
    if descriptor >= FIRST_FREE:
        return descriptor
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
    os.close(descriptor)
    return moved


def pipe() -> tuple[int, int]:
    """(for us, without waiting; for the command)."""
    ours, theirs = os.pipe()
    ours, theirs = above(ours), above(theirs)
    os.set_blocking(ours, False)
    if sys.platform == "linux":
        try:
            fcntl.fcntl(theirs, _F_SETPIPE_SZ, _PIPE_SIZE)
        except OSError:
            pass  # there is a limit for each user
    return ours, theirs


class Sink:
    """Where output goes. The descriptor is our own, so that closing it ends what we hold of the stream."""

    __slots__ = ("_most", "_socket", "before_close", "descriptor")

    def __init__(self, descriptor: int) -> None:
        """`descriptor`: the caller's, which is left as it is. Raises OSError."""
        self.before_close: Callable[[int], None] | None = None
        kind = os.fstat(descriptor).st_mode
        self._socket: _socket.socket | None = None
        self._most = 0
        """How much may be written where `poll` says so, since that would not wait; 0: it never waits."""
        opened = None
        if stat.S_ISFIFO(kind):
            opened = _opened(f"/proc/self/fd/{descriptor}")
            self._most = _PAGE if sys.platform == "linux" else select.PIPE_BUF
        elif stat.S_ISCHR(kind):
            opened = open_terminal(descriptor, os.O_WRONLY)
            self._most = _FEW
        if opened is None:
            self.descriptor = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
        else:
            self.descriptor, self._most = opened, 0
        if stat.S_ISSOCK(kind):
            self._socket = _socket.socket(fileno=self.descriptor)

    def write(self, data: memoryview) -> int:
        """How much was written; 0 if it would have to wait. Raises OSError: nobody is there, or no space."""
        try:
            if self._socket is not None:
                return self._socket.send(data, _socket.MSG_DONTWAIT)
            if self._most:
                if not _polled(self.descriptor, select.POLLOUT):
                    return 0
                data = data[: self._most]
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        if self.descriptor < 0:
            return
        if self.before_close is not None:
            self.before_close(self.descriptor)
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self.descriptor)
        self.descriptor = -1


def open_terminal(descriptor: int, flags: int) -> int | None:
    """The terminal there, once more, without waiting; None: that cannot be had."""
    try:
        name = os.ttyname(descriptor)
        os.tcgetpgrp(descriptor)
    except OSError:  # it is not our controlling one, which can always be opened
        return _opened(name, flags) if os.isatty(descriptor) else None
    return _opened("/dev/tty", flags) or _opened(name, flags)


def _opened(path: str, flags: int = os.O_WRONLY) -> int | None:
    try:
        return above(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return None


def _polled(descriptor: int, events: int) -> int:
    poll = select.poll()
    poll.register(descriptor, events)
    found = poll.poll(0)
    return found[0][1] if found else 0


class Channel:
    def __init__(self, source: int, sink: Sink, mask: Mask, *, now: Clock, is_terminal: bool = False) -> None:
        """`source`: not blocking; closed with the channel, if it is no terminal."""
        self.source = source
        self.sink = sink
        self.mask = mask
        self.is_open = True
        """More may come."""
        self.lost = 0
        """Why there was no space for all of it: an errno. The command had written it, and does not know."""
        self.doubles_newlines = False
        """Where it goes, a carriage return is put before each newline, and was already."""
        self._is_terminal = is_terminal
        self._now = now
        self._pending = memoryview(b"")
        self._pause_at: float | None = None
        self._left: int | None = None
        """How much more is taken, after the command's end; 0: others still hold the other end."""

    def waits(self) -> tuple[list[int], list[int]]:
        if self._pending:
            return [], [self.sink.descriptor]
        return ([self.source], []) if self.is_open and self._left != 0 else ([], [])

    def deadline(self) -> float | None:
        """Wall-clock time, which may be set back meanwhile."""
        if self._pause_at is None or self._pending:
            return None
        self._pause_at = min(self._pause_at, self._now() + PAUSE_S)
        return self._pause_at

    def is_done(self) -> bool:
        """Whether all is passed on that came, or that came until the command's end."""
        return not self._pending and (not self.is_open or self._left == 0)

    def step(self, *, readable: bool, writable: bool) -> None:
        if self._pending:
            if writable:
                self._write()
            if self._left is not None:
                self._take_rest()
        elif readable and self.is_open:
            self._read()
        if self._pause_at is None or self._pending or self._now() < self._pause_at:
            return
        if not self._read():  # there may be more than whoever called us saw
            self._pass_on_kept()

    def flush(self) -> None:
        """As after a pause, at once: we are about to stop."""
        for _ in range(_FLUSHED):  # not for ever: others may write on
            if not self.is_open or self._pending or not self._read():
                break
        if not self._pending:
            self._pass_on_kept()

    def command_ended(self) -> None:
        """What is there now is the last of its output; others may still hold the other end."""
        if self._left is None and self.is_open:
            self._left = _TERMINAL_HOLDS if self._is_terminal else _held_by(self.source)
            self._take_rest()

    def is_held(self) -> bool:
        """Once it is done: whether others hold the other end, so that more may come."""
        if self.is_open and self._left == 0:
            self._left = None
            self._read()
        return self.is_open

    def close(self) -> None:
        """Nobody reads what we write, or another process of ours goes on with it."""
        self._pending = memoryview(b"")
        self._close()

    def _take_rest(self) -> None:
        """As long as it can be passed on at once."""
        while self.is_open and self._left and not self._pending:
            if not self._read():
                self._left = 0

    def _read(self) -> bool:
        """Whether anything came."""
        try:
            data = os.read(self.source, min(self._left or READ_SIZE, READ_SIZE))
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody holds the other side of the terminal
            data = b""
        if self._left is not None:
            self._left -= len(data)
        if data:
            self._pass_on(self.mask.feed(data))
            self._pause_at = self._now() + PAUSE_S if self.is_open and self.mask.is_waiting() else None
        else:
            self._pending = self._as_shown(self.mask.end())
            self._close()
            self._write()
        return True

    def _pass_on_kept(self) -> None:
        self._pause_at = None
        if self.is_open:
            self._pass_on(self.mask.pause())

    def _pass_on(self, out: bytes) -> None:
        self._pending = self._as_shown(out)
        self._write()

    def _as_shown(self, out: bytes) -> memoryview:
        """Not when it is read: what the mask keeps may go to a terminal that has other modes by then."""
        return memoryview(out.replace(b"\r\n", b"\n") if self.doubles_newlines else out)

    def _write(self) -> None:
        try:
            while self._pending and (written := self.sink.write(self._pending)):
                self._pending = self._pending[written:]
        except OSError as error:
            if error.errno in _NO_SPACE:
                self.lost = error.errno
            self.close()
        self._close_sink()

    def _close(self) -> None:
        self._pause_at = None
        if self.is_open:
            self.is_open = False
            if not self._is_terminal:
                os.close(self.source)
        self._close_sink()

    def _close_sink(self) -> None:
        if not self.is_open and not self._pending:
            self.sink.close()


def _held_by(source: int) -> int:
    """The most that a pipe can hold."""
    try:
        return fcntl.fcntl(source, _F_GETPIPE_SZ)
    except OSError:
        return _PIPE_SIZE
