"""The SIGCHLD of our own children, which a command that we become has never had.

Where our caller blocks it, it would be pending still when the command begins.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds


def is_pending() -> bool:
    return signal.SIGCHLD in signal.sigpending()


def take_back(*, was_pending: bool) -> None:
    """Once a child of ours was waited for. `was_pending`: before it was started; then it stays."""
    if not was_pending and is_pending():
        signal.sigwait((signal.SIGCHLD,))
