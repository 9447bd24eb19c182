"""A third process in our group, which tells us what was sent to the whole group and so to the command as
well.

    terminal, kill -PGID, timeout ──▶ us, the command, the sentinel        not to be passed on
    kill PID, a timer, a hang-up  ──▶ us                                   to be passed on

It blocks every signal and only answers: "has this one come to you, too?". The kernel signals the youngest of
a group first, so that what has come to us has come to it. It sleeps else, holds no descriptor of anybody, and
ends with us.
"""

from __future__ import annotations

import _socket
import os
import select
import sys

from . import descriptors, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from typing import NoReturn
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_PR_SET_PDEATHSIG = 1
_READY = b"r"
_AT_ONCE = 64
_ANSWER_MS = 2000
"""It answers at once, unless somebody has stopped it and nobody else."""


class Sentinel:
    """`pid`: 0 once somebody has waited for it."""

    __slots__ = ("_channel", "pid")

    def __init__(self) -> None:
        """All signals are blocked. Raises OSError."""
        parent = os.getpid()
        self._channel, theirs = _socket.socketpair()
        try:
            self.pid = os.fork()
            if not self.pid:
                _stand(theirs.fileno(), parent)
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()
        self._channel.recv(len(_READY))  # it holds nothing of our caller's any more

    def have_come(self, numbers: Sequence[int]) -> list[bool] | None:
        """Which of them have come to it as well. To be asked as soon as they have come to us.

        None: it does not answer, and nobody knows.
        """
        if not numbers:
            return []
        if len(numbers) > _AT_ONCE:
            first, rest = self.have_come(numbers[:_AT_ONCE]), self.have_come(numbers[_AT_ONCE:])
            return None if first is None or rest is None else first + rest
        try:
            self._channel.send(bytes(numbers))
            poll = select.poll()
            poll.register(self._channel.fileno(), select.POLLIN)
            answer = self._channel.recv(len(numbers)) if poll.poll(_ANSWER_MS) else b""
        except OSError:
            return None
        if len(answer) != len(numbers):
            return None
        for number in {number for number, came in zip(numbers, answer, strict=True) if came}:
            if number < signal.SIGRTMIN:
                # One that has come meanwhile was merged with this one there, but may not have been here.
                signals.take(number)
        return [bool(came) for came in answer]

    def dismiss(self) -> None:
        self._channel.close()
        if not self.pid:
            return
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except OSError:
            pass


def _stand(channel: int, parent: int) -> NoReturn:
    """In the child. It returns nowhere."""
    try:
        if sys.platform == "linux":
            from .libc import call

            call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            os.chdir("/")
            descriptors.close_all_but(channel)
            ours = _socket.socket(fileno=channel)
            ours.send(_READY)
            while asked := ours.recv(_AT_ONCE):
                ours.send(bytes(map(_has_come, asked)))
    finally:
        os._exit(0)


def _has_come(number: int) -> bool:
    if number not in signal.sigpending():
        return False
    signal.sigwait((number,))
    return True
