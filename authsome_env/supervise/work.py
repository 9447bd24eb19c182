"""What there is to do while a supervisor's command runs: renew, deliver, say. The layer above does it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Protocol, TypeVar

    from authsome_env.clock import Clock

    from . import keeping

    T = TypeVar("T")

    class Work(keeping.Work, Protocol):
        """What there is to do while the command runs, and what it says of its values."""

        def values(self) -> Mapping[str, bytes]:
            """The newest. A command is started with them, so that they are no news any more."""

        def changed(self) -> float | None:
            """There are others than `values` gave, and more are expected for so many seconds; None: no."""

        def is_dead(self) -> bool:
            """A token has come to its end that cannot be renewed."""

        def secrets(self) -> Collection[bytes]:
            """What is not to be seen in the command's output, from now on. What is in it no more may be."""

        def processes(self) -> Collection[int]:
            """Those that it has started and not waited for. Whoever is a child of ours is waited for here."""

        def say(self, text: str) -> None:
            """Tell the user."""

        def end(self) -> None:
            """The command has ended: leave nothing. What is said from here on may be lost."""


_FIRST_REST_S = 1.0
_LONGEST_REST_S = 30.0


class NoWork:
    """A run with nothing to do while the command runs: nothing of it expires, nothing lies anywhere."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._values = values

    def waits(self) -> tuple[list[int], list[int]]:
        return [], []

    def deadline(self) -> float | None:
        return None

    def step(self, readable: Sequence[int]) -> None:
        pass

    def stumble(self, error: Exception) -> None:
        pass

    def values(self) -> Mapping[str, bytes]:
        return self._values

    def changed(self) -> float | None:
        return None

    def is_dead(self) -> bool:
        return False

    def secrets(self) -> Collection[bytes]:
        return set(self._values.values())

    def processes(self) -> Collection[int]:
        return ()

    def say(self, text: str) -> None:
        pass

    def end(self) -> None:
        pass


class Careful:
    """Nothing that a work raises reaches the loop, since that would end the command: it is told, and rests.

    As in `keeping.keep`. Meanwhile nothing is waited for, nor new.
    """

    def __init__(self, work: Work, values: Mapping[str, bytes], *, now: Clock, ticks: Clock) -> None:
        """`values`: those to start with."""
        self._work = work
        self._values = values
        self._secrets: Collection[bytes] = set(values.values())
        self._now = now
        self._ticks = ticks
        self._rest = _FIRST_REST_S
        self._until = 0.0

    def waits(self) -> tuple[list[int], list[int]]:
        nothing: tuple[list[int], list[int]] = [], []
        return self._call(self._work.waits, nothing)

    def deadline(self) -> float | None:
        left = self._until - self._ticks()
        if left > 0:
            return self._now() + left
        later: float | None = self._now() + self._rest
        return self._call(self._work.deadline, later)

    def step(self, readable: Sequence[int]) -> None:
        def do() -> bool:
            self._work.step(readable)
            return True

        if self._call(do, default=False):
            self._rest = _FIRST_REST_S

    def stumble(self, error: Exception) -> None:
        try:
            self._work.stumble(error)
        except Exception:  # noqa: BLE001, S110 - there is nobody else to tell
            pass

    def values(self) -> Mapping[str, bytes]:
        self._values = self._call(self._work.values, self._values)
        return self._values

    def changed(self) -> float | None:
        return self._call(self._work.changed, None)

    def is_dead(self) -> bool:
        return self._call(self._work.is_dead, default=False)

    def secrets(self) -> Collection[bytes]:
        # Also while it rests: it may have delivered something before it stumbled.
        try:
            self._secrets = self._work.secrets()
        except Exception as error:  # noqa: BLE001 - see above
            self.stumble(error)
        return self._secrets

    def processes(self) -> Collection[int]:
        return self._call(self._work.processes, ())

    def say(self, text: str) -> None:
        self._call(lambda: self._work.say(text), None)

    def end(self) -> None:
        try:
            self._work.end()
        except Exception as error:  # noqa: BLE001 - see above
            self.stumble(error)

    def _call(self, what: Callable[[], T], default: T) -> T:
        if self._ticks() < self._until:
            return default
        try:
            return what()
        except Exception as error:  # noqa: BLE001 - see above
            self._until = self._ticks() + self._rest
            self._rest = min(2 * self._rest, _LONGEST_REST_S)
            self.stumble(error)
            return default
