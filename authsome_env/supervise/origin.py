"""Where a signal has come from, and so whom it has reached beside us, and what it is to `step`.

    the terminal, kill -PGID     our whole group, and so the command, if it is still in there
    kill PID, a timer            us alone
    the command                  us, for its parent

What is sent to our group is not told from what is sent to us but by the sentinel, which is in it as well.
"""

from __future__ import annotations

import os

from . import signals
from .modes import hand_over
from .step import STOPPING, HungUp, Signalled

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from .plain import Between
    from .sentinel import Sentinel
    from .signals import Signal
    from .step import Event
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_BORN_OF_TERMINAL = frozenset(
    (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCONT, signal.SIGWINCH, *STOPPING)
)


def are_shared(
    found: Sequence[Signal], sentinel: Sentinel | None, streams: Between, command: int
) -> list[bool]:
    """Which of them have reached the command as well. `command`: its pid, or 0."""
    if streams.own_session:
        return [False for _ in found]
    told = sentinel.have_come([each.number for each in found]) if sentinel else None
    if _group_apart(command):
        return [False for _ in found]
    if told is not None:
        return told
    # Somebody has killed the sentinel. A hang-up comes to a session's leader alone.
    alone = {signal.SIGHUP, signal.SIGCONT} if os.getsid(0) == os.getpid() else ()
    return [
        each.code == signals.BY_KERNEL and each.number in _BORN_OF_TERMINAL.difference(alone)
        for each in found
    ]


def event_of(given: Signal, streams: Between, command: int, *, shared: bool) -> Event:
    """The streams are told of it before."""
    by_kernel = given.code == signals.BY_KERNEL
    inside = streams.own_session  # where its terminal tells it, or its process group is told
    if given.number == signal.SIGHUP and by_kernel:
        streams.hung_up()
        return HungUp(shared or inside)
    if given.number == signal.SIGWINCH:
        streams.resized()
        shared = shared or (inside and by_kernel)
    elif given.number == signal.SIGCONT:
        streams.resume()
        shared = shared or inside
        if group := _group_apart(command):
            hand_over(group)
    by_command = not shared and given.code <= 0 and given.sender == command != 0 != os.getppid()
    return Signalled(given.number, shared, by_command)


def _group_apart(command: int) -> int:
    """The command's process group in our session, if it has made one of its own, as shells do; else 0.

    If we were not there, that would be our caller's job.
    """
    try:
        group = os.getpgid(command) if command else 0
        return group if group != os.getpgrp() and group and os.getsid(command) == os.getsid(0) else 0
    except OSError:
        return 0
