"""Start the command as our child, as it would be if our caller had started it: but for its pid and its
parent.

What exec keeps of us (descriptors, limits, group, session…) is its own already. The rest is done between fork
and exec: mask and ignored signals, what was pending, timers, umask, working directory, the variables that
name a pid.
"""

from __future__ import annotations

import _socket
import errno
import os
import sys

from authsome_env.packed import pack, unpack

from . import process, signals
from .exec import CommandFailed, replace_process
from .signals import Signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet
    from typing import NoReturn

    from .plain import Between
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_PR_SET_PDEATHSIG = 1
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_PID_NAMES = (b"LISTEN_PID", b"WATCHDOG_PID", b"SYSTEMD_EXEC_PID")
"""systemd's: they count only for the process that they name."""
_PIDFD_NAME = b"LISTEN_PIDFDID"


class Caller:
    """What our caller has left to the command, as this process finds it when it begins."""

    def __init__(self, mask: AbstractSet[int]) -> None:
        self.mask = mask
        self.umask = os.umask(0o077)
        self.ignored = signals.ignored() - {signal.SIGPIPE, signal.SIGXFSZ}
        """CPython ignores those two. Whether our caller did nobody can tell."""
        self.timers = [signal.setitimer(each, 0.0) for each in _TIMERS]
        self.folder: int | None = None
        self._is_left = False

    def leave_folder(self, *, come_back: bool) -> None:
        """Do not keep it from being unmounted, unless another command is to begin there."""
        if self._is_left:
            return
        if come_back:
            try:
                self.folder = os.open(".", os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY))
            except OSError:
                return  # then it stays ours
        os.chdir("/")
        self._is_left = True
        self.timers.clear()

    def restore(self) -> None:
        """In the child. Raises OSError."""
        os.umask(self.umask)
        if self.folder is not None:
            os.fchdir(self.folder)
        for each, (left, interval) in zip(_TIMERS, self.timers, strict=False):
            if left:
                signal.setitimer(each, left, interval)


class Command:
    """A command that is about to begin, and waits, all signals blocked, for `begin`."""

    def __init__(
        self, argv: Sequence[bytes], environment: Sequence[bytes], caller: Caller, streams: Between
    ) -> None:
        """Raises OSError if there can be no process for it."""
        self.argv = argv
        self._is_known = False
        """Whether it has become the command."""
        parent = os.getpid()
        self._channel, theirs = _socket.socketpair()
        try:
            self.pid = streams.fork()
            if not self.pid:
                _become(argv, environment, caller, theirs, parent)
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()

    def begin(self, early: Sequence[Signal]) -> None:
        """`early`: what has come to us for it. What was sent to our group since it exists it has itself."""
        try:
            self._channel.sendall(_pack_signals(early))
        except OSError:
            pass  # it was killed

    def waits(self) -> list[int]:
        """A descriptor that can be read once it has become the command, or could not."""
        return [] if self._is_known else [self._channel.fileno()]

    def hear(self) -> CommandFailed | None:
        """Whether it could not. To be called as soon as that is known."""
        if self._is_known:
            return None
        self._is_known = True
        told = b""
        try:
            while chunk := self._channel.recv(65536):
                told += chunk
        except OSError:
            pass
        self._channel.close()
        if not told:
            return None
        fields = unpack(told)
        return CommandFailed(self.argv[0], int(fields["number"]), fields["hint"].decode())

    def send(self, given: Signal) -> None:
        """It is still our child, so that its pid is no other's. Never raises: it may be another user's."""
        try:
            signals.send(self.pid, given)
        except OSError:
            pass


def _become(
    argv: Sequence[bytes],
    environment: Sequence[bytes],
    caller: Caller,
    channel: _socket.socket,
    parent: int,
) -> NoReturn:
    try:
        if sys.platform == "linux":
            from .libc import call

            call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it was killed before we had asked for its death to be ours
            os._exit(1)
        entries = with_own_pid(environment, parent)
        early = _receive_signals(channel)
        try:
            caller.restore()
            for given in early:
                if not signals.is_pending(given.number):
                    signals.send(os.getpid(), given)
            signals.be_plain(caller.mask, caller.ignored)
            replace_process(argv, entries)
        except CommandFailed as failed:
            number, hint = failed.number, failed.hint
        except OSError as error:
            number, hint = error.errno or errno.EINVAL, "see whether its folder is still there"
        channel.sendall(pack({"number": b"%d" % number, "hint": hint.encode()}))
    finally:
        os._exit(127)


def _pack_signals(given: Sequence[Signal]) -> bytes:
    packed = b"".join(each.number.to_bytes(1, "big") + _pack_value(each.value) for each in given)
    return len(packed).to_bytes(4, "big") + packed


def _pack_value(value: int | None) -> bytes:
    return b"\0" * 9 if value is None else b"\1" + value.to_bytes(8, "big")


def _receive_signals(channel: _socket.socket) -> list[Signal]:
    length = int.from_bytes(channel.recv(4, _socket.MSG_WAITALL), "big")
    packed = channel.recv(length, _socket.MSG_WAITALL) if length else b""
    found = []
    for at in range(0, len(packed), 10):
        value = int.from_bytes(packed[at + 2 : at + 10], "big") if packed[at + 1] else None
        found.append(Signal(packed[at], value=value))
    return found


def with_own_pid(environment: Sequence[bytes], parent: int) -> list[bytes]:
    """What named the `parent` names this process."""
    named = {name + b"=%d" % parent for name in _PID_NAMES}
    entries = []
    for entry in environment:
        name = entry.partition(b"=")[0]
        if entry in named:
            entries.append(name + b"=%d" % os.getpid())
        elif name == _PIDFD_NAME:
            if identity := process.pidfd_identity():
                entries.append(name + b"=%d" % identity)
        else:
            entries.append(entry)
    return entries
