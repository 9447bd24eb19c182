"""Start the keeper: the small process that stays beside a command which we are about to become.

    we                    fork → its session → fork → its interpreter        the keeper
    ─ the plan, over a socket pair ────────────────────────────────────────▶ takes hold of our end (pidfd),
    ◀───────────────────────────────────────────────── ready, or why not ── makes files, writes values
    become the command (the socket closes by itself)

It is no child that the command could wait for, and holds nothing that we opened or inherited but its socket
and the descriptor of our end. It does not begin by `fork` alone: our environment and memory hold keys that it
must not have, and the memory is far more than it needs.
"""

from __future__ import annotations

import _socket
import os
import sys

from authsome_env.packed import pack, unpack

from . import process, sigchld
from .descriptors import close_all_but

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from typing import NoReturn
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

CHANNEL = 0
COMMAND = 3
"""The descriptors that a keeper begins with: the socket, and the end of its command."""

READY, FAILED = b"r", b"f"
DISMISS = b"x"
_PID_BYTES = 4
_START_S = 60.0

_BEGIN = "import sys; sys.path.append(sys.argv[1]); from {0} import main; main()"
"""Neither `site` nor its .pth files, which belong to others and cost a third of the start."""


class NotPossible(Exception):
    """No keeper can run beside this process; the argument says why, in words."""


class OrphansComeHere(NotPossible):
    """It would become the command's child. A supervisor is the way then."""


class KeeperFailed(Exception):
    """It could not do what it was asked to. `told`: the fields with which it said so; perhaps none."""

    def __init__(self, told: Mapping[str, bytes]) -> None:
        super().__init__()
        self.told = told


class Keeper:
    """The one being started. Better made early: its interpreter starts while we are at other things."""

    __slots__ = ("_briefed", "_channel")

    def __init__(self, module: str, environ: Mapping[str, str]) -> None:
        """`module`: its `main()` is what the keeper runs. Raises NotPossible."""
        if os.getpid() == 1:
            raise OrphansComeHere("it is process 1, which gets every orphan for its child")
        if not process.namespace():
            raise NotPossible("/proc does not show this process")
        if process.namespace_of_children() != process.namespace():
            raise NotPossible("its children would begin another pid namespace")
        try:
            watched = process.open_self()
        except OSError as error:
            raise NotPossible(f"pidfd_open: {os.strerror(error.errno or 0).lower()}") from None
        self._briefed = False
        self._channel, theirs = _socket.socketpair()
        was_pending = sigchld.is_pending()
        try:
            first = os.fork()
        except OSError as error:
            raise NotPossible(f"fork: {os.strerror(error.errno or 0).lower()}") from None
        if not first:
            _detach(theirs.fileno(), watched, module, environ)
        theirs.close()
        if watched is not None:
            os.close(watched)
        _reap(first)
        try:
            _check_no_child(_told_pid(self._channel))
        finally:
            sigchld.take_back(was_pending=was_pending)

    def brief(self, plan: bytes) -> None:
        """Hand it its plan, and wait until it is ready. Raises KeeperFailed."""
        self._briefed = True
        channel = self._channel
        channel.settimeout(_START_S)
        try:
            channel.sendall(len(plan).to_bytes(4, "big") + plan)
            told = channel.recv(1)
            if told != READY:
                rest = b""
                while chunk := channel.recv(65536):
                    rest += chunk
        except OSError:  # it ended, or it does not answer
            told = rest = b""
        if told == READY:
            return
        channel.close()
        raise KeeperFailed(unpack(rest))

    def dismiss(self) -> None:
        """There will be no command, or none that needs a keeper; returns when all is cleaned up."""
        if self._briefed:
            try:
                self._channel.settimeout(_START_S)
                self._channel.send(DISMISS)
                self._channel.recv(1)
            except OSError:
                pass
        self._channel.close()  # one that still waits for its plan ends by that


def failure(fields: Mapping[str, bytes]) -> bytes:
    """What a keeper that cannot begin says of it."""
    return FAILED + pack(fields)


def _detach(channel: int, watched: int | None, module: str, environ: Mapping[str, str]) -> NoReturn:
    """In the child: never returns to what our caller was about."""
    try:
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(channel, pid.to_bytes(_PID_BYTES, "big"))
            os._exit(0)
        os.chdir("/")
        os.umask(0o077)
        _keep_only(channel, watched)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        argv = [sys.executable, "-I", "-S", "-c", _BEGIN.format(module), package]
        os.execve(sys.executable, argv, dict(environ))
    finally:
        os._exit(1)


def _keep_only(channel: int, watched: int | None) -> None:
    """Close all but these two, which become CHANNEL and COMMAND. Both are above the standard streams."""
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(channel, CHANNEL)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    kept = [CHANNEL, 1, 2]
    if watched is not None:
        os.dup2(watched, COMMAND)
        os.set_inheritable(COMMAND, True)  # dup2 leaves it as it is if it is that number already
        kept.append(COMMAND)
    close_all_but(*kept)


def _told_pid(channel: _socket.socket) -> int | None:
    """The keeper's, from the one between, who has ended; None if there is no keeper."""
    try:
        told = channel.recv(_PID_BYTES, _socket.MSG_DONTWAIT)
    except OSError:
        return None
    return int.from_bytes(told, "big") or None


def _check_no_child(pid: int | None) -> None:
    """Raises NotPossible if we have become the parent of that keeper, which is ended then."""
    if pid is None:
        raise NotPossible("no second process can be started")
    if process.parent_of(pid) == os.getpid():
        os.kill(pid, signal.SIGKILL)
        _reap(pid)
        raise OrphansComeHere("it is a child subreaper, which gets every orphan for its child")


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # our caller ignores SIGCHLD, so that the kernel has done it
