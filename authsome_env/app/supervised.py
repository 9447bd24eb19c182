"""What a supervisor does for its run: what a keeper does, and say when the command is to have new values."""

from __future__ import annotations

from authsome_env.deliver import ram

from .masking import Masking
from .tending import Tending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authsome_env.clock import Clock

    from .held import Held
    from .plan import Plan
    from .tending import Sender


_TOGETHER_S = 10.0
"""What is renewed within this is one reason to start the command again, as long as it has live tokens."""
_WHOLE_SECOND_S = 1.0
"""By so much a token may end earlier than we think, where its server counts in whole seconds."""
_LONGEST_END_S = 60.0


class Supervised(Tending):
    """As supervise.work.Work."""

    def __init__(self, plan: Plan, command: Sender, *, now: Clock) -> None:
        """Raises NotAllowed if --path is taken."""
        super().__init__(plan, command, now=now)
        self._given: Mapping[str, bytes] = {}
        self._good_until: float | None = None
        self._masking = Masking()
        self._wanted_at: float | None = None
        """When the command was to be started again, while it is ending."""
        self.values()

    def values(self) -> Mapping[str, bytes]:
        now = self.now()
        if self.plan.on_expiry == "restart":
            took = 0.0 if self._wanted_at is None else now - self._wanted_at
            for held in self.held:
                held.lead = _WHOLE_SECOND_S + min(max(took, 0.0), _LONGEST_END_S)
        self._wanted_at = None
        self._given = self._values(now)
        ends = [held.state.expires_at for held in self.held if held.state.expires_at is not None]
        self._good_until = min(ends, default=None)
        return self._given

    def changed(self) -> float | None:
        now = self.now()
        newest = self._values(now)
        if all(self._given.get(name) == value for name, value in newest.items()):
            return None  # or it is one less, which is no reason
        wait = 0.0
        if any(self._is_expected(held, now) for held in self.held):
            wait = _TOGETHER_S
            if self._good_until is not None:  # half of what is left is for its end
                wait = max(min(wait, (self._good_until - now) / 2), 0.0)
        if not wait and self._wanted_at is None:
            self._wanted_at = now
        return wait

    def _is_expected(self, held: Held, now: float) -> bool:
        """To be renewed soon, so that both are one reason; not what was renewed just now."""
        if any(self._given.get(name) != value for name, value in held.state.values.items()):
            return False
        at = held.renew_at(self.plan.min_ttl)
        return held.busy or (at is not None and at <= now + _TOGETHER_S)

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
