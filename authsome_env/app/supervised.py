"""What a supervisor does for its run: what a keeper does, and say when the command is to have new values."""

from __future__ import annotations

from authsome_env.deliver import ram

from .masking import Masking
from .tending import Tending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authsome_env.clock import Clock

    from .plan import Plan
    from .tending import Sender


_TOGETHER_S = 10.0
"""What is renewed within this is one reason to start the command again, as long as it has live tokens."""
_SPARE_S = 0.5
"""Before the end of a token that the command has."""


class Supervised(Tending):
    """As supervise.work.Work."""

    def __init__(self, plan: Plan, command: Sender, *, now: Clock) -> None:
        """Raises NotAllowed if --path is taken."""
        super().__init__(plan, command, now=now)
        self._given: Mapping[str, bytes] = {}
        self._good_until: float | None = None
        self._masking = Masking()
        self.values()

    def values(self) -> Mapping[str, bytes]:
        self._given = self._values(self.now())
        ends = [held.state.expires_at for held in self.held if held.state.expires_at is not None]
        self._good_until = min(ends, default=None)
        return self._given

    def changed(self) -> float | None:
        now = self.now()
        newest = self._values(now)
        if all(self._given.get(name) == value for name, value in newest.items()):
            return None  # or it is one less, which is no reason
        times = [held.renew_at(self.plan.min_ttl) for held in self.held]
        if not any(held.busy for held in self.held) and not any(
            at is not None and at <= now + _TOGETHER_S for at in times
        ):
            return 0.0
        if self._good_until is None:
            return _TOGETHER_S
        return max(min(_TOGETHER_S, self._good_until - _SPARE_S - now), 0.0)

    def is_dead(self) -> bool:
        now = self.now()
        return any(
            held.is_past(now) and (held.waits_for_login or held.stranger)
            for held in self.held
            if held.state.values
        )

    def secrets(self) -> set[bytes]:
        return self._masking.secrets(self.held, self.now())

    def processes(self) -> Collection[int]:
        delivery = self.delivery.processes() if self.delivery is not None else ()
        return [*(helper.pid for helper in self.helpers), *delivery]

    def say(self, text: str) -> None:
        self.status.say(text)
        self.status.refresh()

    def end(self) -> None:
        super().end()
        ram.clear(self.plan.folder)
