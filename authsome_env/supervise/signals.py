"""The signals that a supervisor gets: all blocked, read from a descriptor, with what the kernel says of each.

Blocked from before its interpreter starts, none is lost, none interrupts anything, and those that our caller
ignores come as well (a blocked signal is kept, whatever its disposition), as does what the kernel would not
deliver to process 1.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from typing import NamedTuple
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

    from .named import NamedTuple

BY_KERNEL = 0x80
BY_QUEUE = -1
"""si_code(7) of what the kernel sends by itself, and of sigqueue(3)."""

_CATCHABLE = frozenset(map(int, signal.valid_signals())) - {signal.SIGKILL, signal.SIGSTOP}
_SFD_NONBLOCK, _SFD_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_SIGSET_BYTES = 128
_INFO_BYTES = 128
"""signalfd_siginfo(2)."""


class Signal(NamedTuple):
    number: int
    code: int = 0
    sender: int = 0
    """The process id of who sent it, if that is a process of ours or of a namespace below."""
    value: int | None = None
    """What sigqueue(3) was given."""


def block() -> frozenset[int]:
    """All of them. Returns the mask that was."""
    return frozenset(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, _CATCHABLE)))


def ignored() -> frozenset[int]:
    """Those that this process ignores, and so do the commands that it starts, by itself."""
    return frozenset(n for n in _CATCHABLE if signal.getsignal(n) == signal.SIG_IGN)


def be_plain(mask: AbstractSet[int], ignore: Iterable[int]) -> None:
    """Be as our caller was, just before exec: `mask` is its mask, `ignore` what it ignores."""
    for number in ignore:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class Signals:
    """What has come, as a descriptor that can be read. To be made with all blocked."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            from .darwin import Wakeups

            self._wakeups = Wakeups(_CATCHABLE)
            self._descriptor = self._wakeups.fileno()
            return
        from .libc import call

        mask = sum(1 << (number - 1) for number in _CATCHABLE)
        self._descriptor = call(
            "signalfd", -1, mask.to_bytes(_SIGSET_BYTES, sys.byteorder), _SFD_NONBLOCK | _SFD_CLOEXEC
        )

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> list[Signal]:
        """All that have come by now, lower numbers first; of those that do not queue one of each."""
        if sys.platform != "linux":
            return [Signal(number) for number in self._wakeups.read()]
        found: list[Signal] = []
        while True:
            try:
                raw = os.read(self._descriptor, 64 * _INFO_BYTES)
            except BlockingIOError:
                return found
            found += [_parse(raw[at : at + _INFO_BYTES]) for at in range(0, len(raw), _INFO_BYTES)]


def take(number: int) -> None:
    """Forget it, if it has come and was not read yet."""
    if number in signal.sigpending():
        signal.sigwait((number,))


def is_pending(number: int) -> bool:
    return number in signal.sigpending()


def send(pid: int, given: Signal) -> None:
    """`given` to a process of ours, with its value. Raises OSError."""
    if given.value is None or sys.platform != "linux":
        os.kill(pid, given.number)
        return
    from .libc import call

    call("sigqueue", pid, given.number, given.value)


def _parse(raw: bytes) -> Signal:
    number = _integer(raw, 0)
    code = _integer(raw, 8, signed=True)
    value = int.from_bytes(raw[48:56], sys.byteorder) if code == BY_QUEUE else None
    return Signal(number, code, _integer(raw, 12), value)


def _integer(raw: bytes, at: int, *, signed: bool = False) -> int:
    return int.from_bytes(raw[at : at + 4], sys.byteorder, signed=signed)
