"""What a keeper does for its run: have tokens renewed in time, deliver them, signal, say what is wrong."""

from __future__ import annotations

import os

from authsome_env.deliver.deliveries import Choice
from authsome_env.errors import AuthsomeError
from authsome_env.supervise import process

from . import schedule
from .errand import Errand
from .hearing import Hearing
from .held import Held
from .sending import Sent
from .status import Status
from .telling import Telling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Sender(Protocol):
        """A supervise.process.Watch, or a supervisor."""

        @property
        def pid(self) -> int:
            """The command's, or 0 if there is none just now."""

        def send(self, number: int) -> None:
            """To the command. Raises OSError."""

    from authsome_env.clock import Clock

    from .plan import Plan

_LOOK_S = 5.0
"""How often the vault's file is looked at while a connection waits for a login."""


_SETTLE_S = 10.0
_SETTLE_LOOK_S = 0.1
"""A command that has just begun may not catch its signal yet, and would die of it. So the first one waits
until it does, for that long, looking that often.
"""


class Tending:
    def __init__(self, plan: Plan, command: Sender, *, now: Clock) -> None:
        """Raises NotAllowed if --path is taken."""
        self.plan = plan
        self.command = command
        self.now = now
        self.held = [
            Held(bound, state, chance=_chance(), vault_option=plan.place.vault_option)
            for bound, state in zip(plan.bound, plan.states, strict=True)
        ]
        choice = Choice(plan.delivery, plan.path or None, plan.reader or None)
        self.delivery = choice.delivery(plan.folder)
        self.telling = Telling(plan) if plan.in_ram else None
        self.hearing = Hearing(plan.folder)
        self.status = Status(plan, now=now)
        self.helpers: list[Sent] = []
        self.generation = 0
        """Of what was delivered."""
        self.delivered: dict[str, bytes] | None = None
        self.deliver_at = 0.0
        self.delivery_failures = 0
        self.news = False
        """The values are others than those that the command was told of: also if one was taken away."""
        self.first_signal_at: float | None = None
        """When the first one was due; None: there was none yet."""
        self.seen = self._vault_signature()

    def begin(self) -> None:
        """The first delivery, and the record. Raises CannotExpress, NotAllowed, StorageError."""
        if self.delivery is not None:
            self._write()
            self.delivery.serve()
        if self.telling is not None:
            self.telling.begin(self.held, self.now())
            self.hearing.open()
        self.status.next_refresh = self._next_refresh()
        self.status.write()

    def end(self) -> None:
        """The command has ended. Helpers that have begun go on by themselves."""
        self.hearing.close()
        if self.delivery is not None:
            self.delivery.remove()

    # As keeping.Work

    def waits(self) -> tuple[list[int], list[int]]:
        readers, writers = self.delivery.waits() if self.delivery is not None else ([], [])
        helpers = [helper.fileno() for helper in self.helpers]
        return [*helpers, *readers, *self.hearing.waits()], writers

    def deadline(self) -> float | None:
        now = self.now()
        times = []
        for held in self.held:
            at = held.renew_at(self.plan.min_ttl)
            if at is not None:
                times.append(at - schedule.HEAD_START_S)
            expires_at = held.state.expires_at
            if expires_at is not None and expires_at > now:
                times.append(expires_at)
        if any(held.waits_for_login for held in self.held):
            times.append(now + _LOOK_S)
        if self.delivery_failures:
            times.append(self.deliver_at)
        elif self.telling is not None and self.telling.retry_at is not None:
            times.append(self.telling.retry_at)
        elif self.news:
            times.append(now + _SETTLE_LOOK_S)  # the command is about to be signalled
        return min(times, default=None)

    def step(self, readable: Sequence[int]) -> None:
        now = self.now()
        for helper in [each for each in self.helpers if each.fileno() in readable]:
            self._hear(helper, now)
        if self.delivery is not None:
            self.delivery.step()
        for connection, generation in self.hearing.hear():
            for held in self.held:
                if held.bound.id == connection:
                    held.ask(generation)
        self._renew(now)
        self._look()
        for held in self.held:
            if notice := held.notice(now):
                self.status.say(notice)
        self._deliver(now)
        self.status.next_refresh = self._next_refresh()
        self.status.refresh()

    def stumble(self, error: Exception) -> None:
        for held in self.held:
            if held.busy and all(helper.errand.renew != held.bound.id for helper in self.helpers):
                held.come_to_nothing(self.now())  # its helper was lost on the way
        # Its text may hold a value.
        self.status.say(
            f"keeping the values of {self.plan.command} fresh met something unexpected"
            f" ({type(error).__name__}); it goes on, and may be late"
        )
        self.status.refresh()

    # Helpers

    def _renew(self, now: float) -> None:
        for held in self.held:
            held.forget_later_times(now)
            at = held.renew_at(self.plan.min_ttl)
            if at is None:
                continue
            if schedule.clock_went_back(held.state, now):
                at = max(held.retry_at, now)
            if at - schedule.HEAD_START_S <= now:
                generation = held.state.generation
                held.busy = True
                self._send(
                    Errand(
                        self.plan.place,
                        self.plan.bound,
                        renew=held.bound.id,
                        generation=generation,
                        at=max(at, now),
                    )
                )

    def _look(self) -> None:
        """Somebody has written to the vault: a login, or another process that renewed."""
        if self.helpers or not self.held:
            return  # they look as well; or there is nothing to look at
        signature = self._vault_signature()
        if signature != self.seen:
            self.seen = signature
            self._send(Errand(self.plan.place, self.plan.bound))

    def _send(self, errand: Errand) -> None:
        try:
            self.helpers.append(Sent(errand, self.plan.environ))
        except OSError as error:
            for held in self.held:
                if held.bound.id == errand.renew:
                    held.come_to_nothing(self.now())
            self.status.say(f"no process can be started: {os.strerror(error.errno or 0).lower()}")

    def _hear(self, helper: Sent, now: float) -> None:
        findings = helper.hear()
        if findings is None:
            return
        self.helpers.remove(helper)
        for held in self.held:
            tried = held.bound.id == helper.errand.renew
            finding = findings.get(held.bound.id)
            if finding is not None:
                before = held.state.generation
                self.news |= held.take_in(finding, now, tried=tried)
                if tried and held.state.generation > before:
                    held.took = max(now - helper.errand.at, 0.0)
            elif tried:
                held.come_to_nothing(now)
        self.seen = self._vault_signature()

    def _vault_signature(self) -> tuple[object, ...]:
        """Something else after every commit; the same after a mere look, which makes an empty log."""
        path = os.path.join(self.plan.place.home, "vaults", f"{self.plan.place.vault}.db")
        found: list[object] = []
        for each in (path, path + "-wal"):
            try:
                status = os.stat(each)
            except OSError:
                status = None
            if status is not None and status.st_size:
                found.append((status.st_ino, status.st_mtime_ns, status.st_size))
            else:
                found.append(None)
        return tuple(found)

    # Delivery

    def _values(self, now: float) -> dict[str, bytes]:
        values: dict[str, bytes] = {}
        for held in self.held:
            if not held.is_past(now):
                values |= held.state.values
        return values

    def _deliver(self, now: float) -> None:
        """Write what has changed, then tell the command. What cannot be written is tried again."""
        delivered = self._deliver_set(now)
        if self._tell(now) and delivered and self.news and self._is_settled(now):
            self.news = False
            self._signal()

    def _tell(self, now: float) -> bool:
        """Whether the programs of the run can know all."""
        if self.telling is None:
            return True
        told, notice = self.telling.update(self.held, now)
        if notice:
            self.status.say(notice)
        if told and self.hearing.lost():
            try:
                self.hearing.open()
            except AuthsomeError:
                pass  # tried again at the next step
        return told

    def _deliver_set(self, now: float) -> bool:
        """Whether it is as it should be."""
        if self.delivery is not None:
            changed = self._values(now) != self.delivered
            wanted = changed or self.delivery.lost()
            if not wanted:
                self.delivery_failures = 0  # somebody else has mended it
            elif (
                now >= self.deliver_at or self.deliver_at > now + schedule.LONGEST_PAUSE_S
            ):  # a clock set back
                self.news |= changed
                try:
                    self._write()
                except AuthsomeError as error:
                    self.delivery_failures += 1
                    self.deliver_at = now + schedule.pause(self.delivery_failures, 0.0)
                    self.status.say(f"{error.message}: {error.hint}")
                    return False
            if self.delivery_failures:
                return False
        return True

    def _write(self) -> None:
        assert self.delivery is not None  # noqa: S101
        values = self._values(self.now())
        self.delivery.write(values, self.generation + 1)
        self.generation += 1
        self.delivered = values
        self.delivery_failures = 0
        self.deliver_at = 0.0

    def _is_settled(self, now: float) -> bool:
        if not self.plan.signal:
            return True
        if self.first_signal_at is None:
            self.first_signal_at = now
        waits = 0 <= now - self.first_signal_at < _SETTLE_S  # less: the clock was put back
        return not waits or process.heeds(self.command.pid, self.plan.signal)

    def _signal(self) -> None:
        if not self.plan.signal:
            return
        try:
            self.command.send(self.plan.signal)
        except ProcessLookupError:
            pass  # it has just ended
        except OSError as error:
            self.status.say(f"the command cannot be signalled: {os.strerror(error.errno or 0).lower()}")

    def _next_refresh(self) -> float | None:
        times = [held.renew_at(self.plan.min_ttl) for held in self.held]
        return min((each for each in times if each is not None), default=None)


def _chance() -> float:
    return int.from_bytes(os.urandom(4), "big") / 0xFFFFFFFF
