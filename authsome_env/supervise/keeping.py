"""The keeper's loop: wait for the command's end, do meanwhile what is due.

One wait for everything, of at most LONGEST_WAIT_S: deadlines are wall-clock times, clocks are set, machines
sleep, and the timeout of a wait knows of neither.
"""

from __future__ import annotations

import select

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


LONGEST_WAIT_S = 30.0


def keep(command: Watch, work: Work, *, now: Clock) -> None:
    """Until the command has ended."""
    while True:
        deadline = work.deadline()
        wait = LONGEST_WAIT_S if deadline is None else min(max(deadline - now(), 0.0), LONGEST_WAIT_S)
        readers, writers = work.waits()
        readable, _, _ = select.select([command.fileno(), *readers], writers, (), wait)
        if command.fileno() in readable:
            return
        work.step(readable)
