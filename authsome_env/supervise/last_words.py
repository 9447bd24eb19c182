"""The end of a masked command: the last of its output is passed on, however long its reader takes.

Nothing of the command is left then but what it wrote, as in a pipe. Whoever wants our end gets it as soon as
its reader does not read; a process of ours stays for the rest.
"""

from __future__ import annotations

from .ends import stop_as
from .ready import wait_for
from .signals import BY_KERNEL
from .step import STOPPING

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal

    from authsome_env.clock import Clock

    from .plain import Between
    from .signals import Signals
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_PATIENCE_S = 0.1
ENDING = frozenset((signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM))


def pass_on(streams: Between, signals: Signals, *, is_asked: bool, now: Clock) -> None:
    """Until all of it is, or somebody has asked for the end, as perhaps before (`is_asked`)."""
    streams.command_ended()
    while not streams.is_done():
        readers, writers = streams.waits()
        deadline = streams.deadline()
        wait = None if deadline is None else max(deadline - now(), 0.0)
        if is_asked:
            wait = _PATIENCE_S
        readable, writable = wait_for([signals.fileno(), *readers], writers, wait)
        if is_asked and not (readable or writable):
            return
        if signals.fileno() in readable:
            is_asked |= _hear(streams, signals)
        streams.step(readable, writable)


def _hear(streams: Between, signals: Signals) -> bool:
    """Whether somebody has asked for the end."""
    is_asked = False
    for each in signals.read():
        if each.number in ENDING:
            is_asked = True
            if each.number == signal.SIGHUP and each.code == BY_KERNEL:
                streams.hung_up()
        elif each.number in STOPPING:
            if streams.suspend(each.number):
                stop_as(each.number)
        elif each.number == signal.SIGCONT:
            streams.resume()
        elif each.number == signal.SIGWINCH:
            streams.resized()
    return is_asked
