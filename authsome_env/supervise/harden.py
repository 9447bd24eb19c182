"""What every process of ours that handles secrets for others does first: no core file, no debugger."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable
else:
    import _signal as signal

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """No core file; on Linux not dumpable: only root's processes read our memory and /proc/PID/environ."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hide()


def hide() -> None:
    """The second half, which no program that we start inherits."""
    if sys.platform == "linux":
        from .libc import call

        call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def ignore(numbers: Iterable[int]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
