"""The keeper's loop: wait for the command's end, do meanwhile what is due.

One wait for everything, of at most LONGEST_WAIT_S: deadlines are wall-clock times, clocks are set, machines
sleep, and the timeout of a wait knows of neither.

The files of a live run go when the loop is left. So nothing but the command's end leaves it: after a failure
that nobody foresaw (no memory, a mistake of ours) it waits for the end alone for a while, then goes on.
"""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from authsome_env.clock import Clock

    from .process import Watch

    class Work(Protocol):
        """What there is to do while the command runs."""

        def waits(self) -> tuple[list[int], list[int]]:
            """Descriptors to wait for, until they can be read and written."""

        def deadline(self) -> float | None:
            """When to do something by itself, in Unix seconds; None: nothing is planned."""

        def step(self, readable: Sequence[int]) -> None:
            """Do what can be done without waiting."""

        def stumble(self, error: Exception) -> None:
            """One of these has raised it. What was begun has to be such that it can go on."""


LONGEST_WAIT_S = 30.0

_FIRST_REST_S = 1.0


def keep(command: Watch, work: Work, *, now: Clock) -> None:
    """Until the command has ended."""
    rest = _FIRST_REST_S
    while True:
        try:
            deadline = work.deadline()
            wait = LONGEST_WAIT_S if deadline is None else min(max(deadline - now(), 0.0), LONGEST_WAIT_S)
            readable = _wait(command, *work.waits(), wait)
            if command.fileno() in readable:
                return
            work.step(readable)
            rest = _FIRST_REST_S
        except Exception as error:  # noqa: BLE001 - see above
            _tell(work, error)
            if _has_ended(command, rest):
                return
            rest = min(2 * rest, LONGEST_WAIT_S)


def _wait(command: Watch, readers: Sequence[int], writers: Sequence[int], seconds: float) -> list[int]:
    """Those that can be read by then. Not by select(2), which has no word for a descriptor above 1023."""
    poll = select.poll()
    for descriptor in (command.fileno(), *readers):
        poll.register(descriptor, select.POLLIN)
    for descriptor in writers:
        poll.register(descriptor, select.POLLOUT)
    found = []
    for descriptor, event in poll.poll(seconds * 1000):
        if event & select.POLLNVAL:
            raise ValueError(f"descriptor {descriptor} is closed")
        if descriptor not in writers:
            found.append(descriptor)
    return found


def _has_ended(command: Watch, seconds: float) -> bool:
    try:
        return bool(_wait(command, (), (), seconds))
    except Exception:  # noqa: BLE001 - even for this there is no memory
        time.sleep(seconds)
        return False


def _tell(work: Work, error: Exception) -> None:
    try:
        work.stumble(error)
    except Exception:  # noqa: BLE001, S110 - there is nobody else to tell
        pass
