"""Stop and end as the command has, so that our caller sees of us what it would see of the command."""

from __future__ import annotations

import os

from . import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import NoReturn

    from .signals import Signal
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds


def end_as(status: int) -> NoReturn:
    """End as the command has: with its exit code, or by its signal. Our memory goes to no core file."""
    if status < 0:
        number = -status
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                pass
            signals.take(number)
        os.kill(os.getpid(), number)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
        except (OSError, ValueError):
            pass
    # Process 1 does not die of a signal that it sends itself.
    os._exit(status if status >= 0 else 128 - status)


def relay(given: Signal) -> None:
    """To our parent, whom the command takes for its own."""
    try:
        signals.send(os.getppid(), given)
    except OSError:
        pass


def stop_as(number: int, *, whole_group: bool = False) -> None:
    """Ourselves, so that our caller sees it; until somebody continues us, which may have happened already.

    `whole_group`: the command is in another one than we are. What stops it by its terminal would have come to
    all of ours without us, such as a script that waits for us. Not so STOP, which no terminal sends.
    """
    if number == signal.SIGSTOP:
        if not signals.is_pending(signal.SIGCONT):
            os.kill(os.getpid(), number)
        return
    ours = signal.getsignal(number)
    if ours == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
    # A CONT takes back what has not stopped us yet. So what comes from here on does; what came before is
    # seen.
    os.kill(0 if whole_group else os.getpid(), number)
    if signals.is_pending(signal.SIGCONT):
        signals.take(number)
    else:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
        signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
    if ours == signal.SIG_IGN:
        signal.signal(number, signal.SIG_IGN)
