"""One connection of a run, as its keeper has it: how it is, when something is to be done, what was said."""

from __future__ import annotations

from authsome_env.clock import describe_duration

from . import schedule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .errand import Finding
    from .plan import Bound, State

_REFUSED = "credential_unusable"


class Held:
    """`chance`: from 0 to 1, this run's own, for all that is better not done by everybody at once.

    `vault_option`: as that of the run's `Place`.
    """

    __slots__ = (
        "_asked",
        "_said",
        "bound",
        "busy",
        "chance",
        "error",
        "failed_at",
        "failures",
        "lead",
        "retry_at",
        "state",
        "stranger",
        "took",
        "vault_option",
    )

    def __init__(self, bound: Bound, state: State, *, chance: float, vault_option: str) -> None:
        self.bound = bound
        self.state = state
        self.chance = chance
        self.vault_option = vault_option
        self.busy = False
        """A helper is renewing it."""
        self.failures = 0
        """In a row."""
        self.failed_at = 0.0
        self.retry_at = 0.0
        self.took = 0.0
        """Seconds, from when the last renewal was to begin until it was done."""
        self.lead = 0.0
        """Seconds more that it is to be renewed earlier, since a command is not started again in no time."""
        self.stranger = False
        """It was logged out, or is another account's by now."""
        self.error: tuple[str, str, str] | None = None
        """Name, message and hint of the last failure."""
        self._asked = 0
        """The generation whose token was refused, by the word of somebody who was given it; 0: none."""
        self._said: set[str] = set()

    def renew_at(self, min_ttl: float) -> float | None:
        """When to renew it; None: never, or it is being done."""
        if self.busy or self.stranger:
            return None
        due = schedule.due_at(self.state, min_ttl, self.chance, self.took + self.lead)
        if self._is_asked_for and self.state.renewable and not self.state.refused:
            due = 0.0
        return None if due is None else max(due, self.retry_at)

    def ask(self, generation: int) -> None:
        """Somebody was refused with the token of that generation: renew it though it is not due, once."""
        if generation == self.state.generation:
            self._asked = generation

    @property
    def _is_asked_for(self) -> bool:
        return self._asked == self.state.generation

    def status(self, now: float) -> str:
        """As `Connection.status`, of what the run has in hand: a dead token is expired, also while a new one
        is tried for; one that lives is served, also if it cannot be renewed any more.
        """
        if self.state.refused and (self.is_past(now) or self.state.expires_at is None or self._is_asked_for):
            return "invalid"
        if self.is_past(now):
            return "expired"
        return "expiring" if self.error or self.stranger or self.state.refused else "connected"

    def forget_later_times(self, now: float) -> None:
        """What was put off by a clock that has been put back since is not put off any more."""
        if self.failed_at > now:
            self.failed_at = self.retry_at = 0.0

    def is_past(self, now: float) -> bool:
        """Then nobody is given it any more, also while a helper is at it."""
        return self.state.expires_at is not None and self.state.expires_at <= now

    @property
    def waits_for_login(self) -> bool:
        return self.state.refused or (self.state.expires_at is not None and not self.state.renewable)

    def take_in(self, finding: Finding, now: float, *, tried: bool) -> bool:
        """Whether it has other values by now. `tried`: the helper was to renew it."""
        before = self.state
        if tried:
            self.busy = False
        if finding.stranger:
            self.stranger = True
        elif finding.state is not None and finding.state.generation >= before.generation:
            self.state = finding.state
            self.stranger = False
            if self.state.generation > before.generation:
                self.failures = 0
                self.retry_at = 0.0
                self.error = None
                self._said.clear()
        if finding.error and (finding.failed or finding.stranger):
            self.error = finding.name, finding.error, finding.hint
        if finding.failed:
            self.failures += 1
            self.failed_at = now
            pause = schedule.pause(self.failures, self.chance)
            self.retry_at = max(finding.not_before, now + pause)
        elif tried and self.state.generation == before.generation and not self.stranger:
            self.come_to_nothing(now)  # not to be started again and again
        return self.state.values != before.values

    def come_to_nothing(self, now: float) -> None:
        """There was no helper, or it ended without a word."""
        self.busy = False
        self.failures += 1
        self.failed_at = now
        self.retry_at = now + schedule.pause(self.failures, self.chance)

    def notice(self, now: float) -> str:
        """What has to be said now, and was not yet; else empty."""
        kind, text = self._news(now)
        key = f"{kind} {self.state.generation}"
        if not kind or key in self._said:
            return ""
        self._said.add(key)
        return text

    def _news(self, now: float) -> tuple[str, str]:  # noqa: PLR0911 - a table
        reference = self.bound.reference
        login = f"authsome login {reference.provider} -c {reference.connection}{self.vault_option}"
        name, message, hint = self.error or ("", "", "")
        if self.stranger:
            return "stranger", f"{message}: {hint}"
        if self.state.refused:
            what = message or f"{reference} is invalid: the provider refused to refresh"
            return "refused", f"{what}{self._left(now)}: {login}"
        if name == _REFUSED:  # not for good, but nothing mends it by itself
            return "mend", f"{message}{self._left(now)}: {hint}"
        if self._is_asked_for and not self.state.renewable:
            return "asked", f"the token of {reference} was refused, and cannot be refreshed: {login}"
        if self.is_past(now) and not self.state.renewable:
            return "over", f"{reference} is expired: {login}"
        if self.is_past(now) and self.failures:
            return "late", f"{message or reference}; its token is expired, and a new one is still tried for"
        return "", ""

    def _left(self, now: float) -> str:
        if self.state.expires_at is None or self.is_past(now):
            return ""
        return f"; its token is good for {describe_duration(self.state.expires_at - now)} more"
