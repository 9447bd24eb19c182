"""Start the command in a session of its own, at a terminal of its own, so that Ctrl-Z works there.

    we             in our caller's session and process group
    ├ leader       of the new session; moves its foreground, waits for our word, ends with us
    │ └ second     in the command's process group, so that this is no orphaned one; ends with the leader
    └ command      in a process group of its own, and our child: clone(2) with CLONE_PARENT, by the leader

The kernel does not stop an orphaned process group (of which no member has a parent in another group of the
same session) by TSTP, TTIN or TTOU; that of a session's leader always is one. Where our own group is orphaned
(we were started by `xterm -e`, `ssh -t host`, as a container's first process) nobody would continue us, and
the command must not stop either: then it leads the session itself, as it would without us.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import sys
import termios

from . import process
from .descriptors import close_all_but

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import NoReturn
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_CLONE_PARENT = 0x8000
_CLONE = {
    **dict.fromkeys(("aarch64", "armv8l", "riscv64", "loongarch64"), 220),
    "ppc64le": 120,
    **dict.fromkeys(("x86_64", "i686"), 56),
}
"""The number of clone(2), whose first argument is the flags on these, for programs of 64 bits.

`armv8l` and `i686` is what setarch(8) has them named.
"""
_ANSWER_S = 2.0

_FORWARD, _BACKWARD, _LEAVE, _HANG_UP = b"f", b"b", b"l", b"h"
_PID_BYTES = 4


class Leader:
    """The session's, from our side."""

    __slots__ = ("_channel", "pid", "second")

    def __init__(self, pid: int, channel: _socket.socket, second: int = 0) -> None:
        self.pid = pid
        self.second = second
        self._channel = channel

    def set_foreground(self, *, in_foreground: bool) -> None:
        """The command's group, or what had it before; else the leader's own, so that who reads stops."""
        try:
            self._channel.send(_FORWARD if in_foreground else _BACKWARD)
            self._channel.settimeout(_ANSWER_S)
            self._channel.recv(1)
        except OSError:
            pass  # it was killed

    def dismiss(self, *, hang_up: bool = False) -> None:
        """`hang_up`: the kernel sends HUP to what is in the foreground, as when a terminal is closed."""
        try:
            self._channel.send(_HANG_UP if hang_up else _LEAVE)
        except OSError:
            pass
        self._channel.close()
        try:
            os.waitpid(self.pid, 0)
        except OSError:
            pass  # somebody waits for every child


def fork(slave: int, *, in_foreground: bool) -> tuple[int, Leader | None]:
    """As os.fork: (0, None) in the command, whose controlling terminal `slave` is. Raises OSError."""
    number = _CLONE.get(os.uname().machine) if sys.platform == "linux" and sys.maxsize > 1 << 32 else None
    if number is None or is_orphaned():
        pid = os.fork()
        if not pid:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        return pid, None
    return _fork_with_leader(number, slave, in_foreground=in_foreground)


def is_orphaned() -> bool:
    """Whether our process group is, as far as our own ancestors tell."""
    group, session, pid = os.getpgrp(), os.getsid(0), os.getppid()
    while pid > 0:
        try:
            if os.getsid(pid) != session:
                return True
            if os.getpgid(pid) != group:
                return False
        except OSError:
            return True
        pid = process.parent_of(pid)
    return True


def _fork_with_leader(number: int, slave: int, *, in_foreground: bool) -> tuple[int, Leader | None]:
    clone = _Cloner(number)
    ours, theirs = _socket.socketpair()
    try:
        leader = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if leader:
        theirs.close()
        try:
            pids = ours.recv(2 * _PID_BYTES)
        except OSError:
            pids = b""
        pid = int.from_bytes(pids[:_PID_BYTES], "big")
        found = Leader(leader, ours, int.from_bytes(pids[_PID_BYTES:], "big"))
        if not pid:
            found.dismiss()
            raise OSError("no session with a terminal of its own can be made")
        return pid, found
    command = -1
    try:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        told, tell = _socket.socketpair()
        command = clone()
        if not command:
            os.setpgid(0, 0)  # not the leader's child, so that only it can
            tell.send(b"r")
            told.close()
            tell.recv(1)  # until it is in the foreground
            tell.close()
            ours.close()
            theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return 0, None
        tell.close()
        told.recv(1)
        if command > 0:
            _lead(slave, command, theirs, told, in_foreground=in_foreground)
    finally:
        if command:
            os._exit(0)
    raise AssertionError  # never reached


def _lead(
    slave: int, command: int, channel: _socket.socket, begin: _socket.socket, *, in_foreground: bool
) -> NoReturn:
    """The leader: never returns."""
    os.chdir("/")
    until, held = os.pipe()
    second = _second(command, until)
    close_all_but(slave, channel.fileno(), begin.fileno(), held)
    if in_foreground:
        os.tcsetpgrp(slave, command)
    channel.send(b"".join(pid.to_bytes(_PID_BYTES, "big") for pid in (command, second)))
    begin.close()
    ours, before = os.getpgrp(), command
    while True:
        word = channel.recv(1)
        try:
            if word == _FORWARD and os.tcgetpgrp(slave) == ours:
                os.tcsetpgrp(slave, before)
            elif word == _BACKWARD and os.tcgetpgrp(slave) != ours:
                before = os.tcgetpgrp(slave)
                os.tcsetpgrp(slave, ours)
            elif word == _LEAVE:
                os.tcsetpgrp(slave, ours)  # else the kernel would send HUP to what the command left behind
        except OSError:
            before = command  # the group that was there has ended, or the terminal is hung up
        if word in {b"", _LEAVE, _HANG_UP}:
            os._exit(0)
        channel.send(word)


def _second(command: int, until: int) -> int:
    pid = os.fork()
    if pid:
        os.setpgid(pid, command)
        return pid
    try:
        close_all_but(until)
        os.read(until, 1)
    finally:
        os._exit(0)


class _Cloner:
    """fork(2), but that the child is our parent's. Nothing of Python's runs around it: the child executes."""

    __slots__ = ("_arguments", "_syscall")

    def __init__(self, number: int) -> None:
        import _ctypes  # `ctypes` itself takes as long to import as all else that we load

        simple = _ctypes._SimpleCData  # noqa: SLF001 - the name that it has
        long = type("c_long", (simple,), {"_type_": "l"})
        # FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI: the interpreter's lock is kept.
        kind = type("syscall", (_ctypes.CFuncPtr,), {"_flags_": 1 | 4, "_restype_": long})
        libc = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
        self._syscall = kind(_ctypes.dlsym(libc, "syscall"))
        flags = _CLONE_PARENT | signal.SIGCHLD
        self._arguments = [long(each) for each in (number, flags, 0, 0, 0, 0)]

    def __call__(self) -> int:
        """0 in the child, negative if there is none."""
        return int(self._syscall(*self._arguments))
