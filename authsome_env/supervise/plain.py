"""The standard streams of a command as they are: it gets our caller's own, and we have nothing to do with
them.

The protocol is that of `streams.Streams`, which stands between a command and its caller's streams.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Protocol

    class Between(Protocol):
        """What stands between the command's descriptors 0 to 2 and ours."""

        own_session: bool
        """The command has one, so that no signal of the terminal or of our group reaches it but by us."""
        holds: bool
        """Our own descriptors 0 to 2 are needed while the command runs."""

        def fork(self) -> int:
            """As os.fork; in the command the descriptors are in their places. Raises OSError.

            Once: another start of a command has other streams.
            """

        def waits(self) -> tuple[list[int], list[int]]:
            """Descriptors to wait for, until they can be read and written."""

        def deadline(self) -> float | None:
            """When `step` is to be called by itself, in Unix seconds."""

        def step(self, readable: Collection[int] = (), writable: Collection[int] = ()) -> None:
            """Do what can be done without waiting."""

        def typed(self) -> Collection[int]:
            """Signals that the command has got by keys since this was asked last, and that we have not."""

        def add(self, secret: bytes) -> bool:
            """It is one from now on."""

        def forget(self, secret: bytes) -> None:
            """It is none any more."""

        def resized(self) -> None:
            """WINCH has come."""

        def suspend(self, number: int) -> bool:
            """The command was stopped by that signal; whether we are to stop as well."""

        def resume(self) -> None:
            """We go on after a stop: CONT has come."""

        def hung_up(self) -> None:
            """HUP has come from the kernel."""

        def processes(self) -> Collection[int]:
            """Those that it has started. Whoever is a child of ours is waited for by the supervisor."""

        def command_ended(self) -> None:
            """What it has written by now is the last of its output."""

        def is_done(self) -> bool:
            """After that: whether all of it was passed on."""

        def lost(self) -> int:
            """Before `finish`: why there was no space for some of its output, an errno; 0: there was."""

        def finish(self, *, keep_modes: bool = False) -> None:
            """Leave the terminal as it was, or as the command has left it. Whoever still writes may go on."""


class Plain:
    own_session = False
    holds = False

    def fork(self) -> int:
        return os.fork()

    def waits(self) -> tuple[list[int], list[int]]:
        return [], []

    def deadline(self) -> float | None:
        return None

    def step(self, readable: Collection[int] = (), writable: Collection[int] = ()) -> None:
        pass

    def typed(self) -> Collection[int]:
        return ()

    def add(self, secret: bytes) -> bool:
        del secret
        return True

    def forget(self, secret: bytes) -> None:
        pass

    def resized(self) -> None:
        pass

    def suspend(self, number: int) -> bool:
        del number
        return True

    def resume(self) -> None:
        pass

    def hung_up(self) -> None:
        pass

    def processes(self) -> Collection[int]:
        return ()

    def command_ended(self) -> None:
        pass

    def is_done(self) -> bool:
        return True

    def lost(self) -> int:
        return 0

    def finish(self, *, keep_modes: bool = False) -> None:
        pass
