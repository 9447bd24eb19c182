"""The supervisor's loop: one thread, one wait around `step`, which decides; here it is only done.

The wait is for the signals' descriptor (CHLD among them), what the work and the streams wait for, and the
nearest of their times (by the wall clock, so at most LONGEST_WAIT_S at once) and of `step`'s.
"""

from __future__ import annotations

import os

from . import descriptors, origin, signals
from . import step as steps
from .brief import Brief
from .ends import relay, stop_as
from .entries import Entries
from .harden import hide
from .inherited import hold_stdio
from .keeping import LONGEST_WAIT_S
from .last_words import ENDING, pass_on
from .plain import Plain
from .ready import wait_for
from .sentinel import Sentinel
from .spawn import Caller, Command
from .step import (
    Act,
    Cleared,
    Continued,
    Dead,
    Due,
    Exited,
    Failed,
    Renewed,
    Signalled,
    State,
    Stopped,
)
from .tree import Tree
from .work import Careful

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Collection, Sequence

    from authsome_env.clock import Clock

    from .exec import CommandFailed
    from .modes import Modes
    from .plain import Between
    from .signals import Signal
    from .step import Event
    from .work import Work

else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_STDERR = 2
_OUTPUT_LOST = 125
"""Instead of 0, for a command that cannot know of it."""


class Supervisor:
    """To be made first of all, with every signal blocked (`supervisor.become_supervisor`)."""

    def __init__(self, descriptor: int, *, now: Clock, ticks: Clock) -> None:
        """`descriptor`: of its brief. `ticks`: seconds of a clock that nobody sets."""
        hide()
        self._inherited = descriptors.open_ones() - {descriptor}
        self.brief = brief = Brief.take(descriptor)
        hold_stdio()
        self.now = now
        self.ticks = ticks
        self._caller = Caller(brief.mask)
        self._signals = signals.Signals()
        self._early = self._signals.read()
        # What CPython has set; and CHLD, which says nothing where it is ignored. The rest stays: it is
        # blocked.
        for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._tree = Tree(brief.folders)
        self._restarts = brief.on_expiry == "restart"
        if self._restarts or brief.on_expiry == "stop":
            self._tree.adopt()
        self._plain: Between = Plain()
        self._streams: Between = self._plain
        self._masked: Collection[bytes] = ()
        self._sentinel: Sentinel | None = None
        self._command: Command | None = None
        self._modes: Modes | None = None
        self._environment = Entries(brief.environment, brief.delivered)
        self._given = signals.Signal(0)
        """The one that `step` is asked about."""
        self._is_asked = False
        """For our end, when the command had ended."""
        self._events: list[Event] = []
        self._failure: CommandFailed | None = None
        self._status: int | None = None
        self.state = State(grace=brief.grace, since=ticks())

    @property
    def pid(self) -> int:
        """The command's; 0 where there is none just now."""
        return self._command.pid if self._command is not None else 0

    def send(self, number: int) -> None:
        """To the command. Raises ProcessLookupError where there is none just now, or another OSError."""
        if self._command is None:
            raise ProcessLookupError
        os.kill(self._command.pid, number)

    def run(self, work: Work) -> int:
        """Until the command has ended: its status, as os.waitstatus_to_exitcode gives it.

        Raises CommandFailed if it could not be started, OSError if no process can.
        """
        self.work = Careful(work, self.brief.delivered, now=self.now, ticks=self.ticks)
        try:
            if self._restarts:
                from .modes import Modes

                self._modes = Modes()
            self._spawn()
            while self._status is None:
                self._wait()
                while self._events and self._status is None:
                    self._take(self._events.pop(0))
        finally:
            self.work.end()
            pass_on(self._streams, self._signals, is_asked=self._is_asked, now=self.now)
            lost = self._streams.lost()
            if lost:
                self.work.say(f"not all of its output could be written: {os.strerror(lost).lower()}")
            self._streams.finish(keep_modes=self._status is not None and self._status >= 0)
            if self._sentinel is not None:
                self._sentinel.dismiss()
        if self._failure is not None:
            raise self._failure
        return _OUTPUT_LOST if lost and self._status == 0 else self._status

    # What happens

    def _wait(self) -> None:
        command = self._command
        told = command.waits() if command is not None else []
        readers, writers = self.work.waits()
        stream_readers, stream_writers = self._streams.waits()
        wait = self._longest_wait()
        own = (self._signals.fileno(), *told)
        readable, writable = wait_for([*own, *readers, *stream_readers], [*writers, *stream_writers], wait)
        if told and told[0] in readable:
            self._hear()
        if self._signals.fileno() in readable:
            self._hear_signals(self._signals.read())
        self._streams.step(readable, writable)
        self._events += [Signalled(number, shared=True) for number in self._streams.typed()]
        if not readable <= {*own, *stream_readers} or writable.intersection(writers) or self._is_due():
            self.work.step(list(readable))
            self._mask()
        self._look()

    def _mask(self) -> None:
        """What is secret by now, before any more of the output is looked at."""
        if not self.brief.masked:
            return
        before, self._masked = self._masked, self.work.secrets()
        for secret in self._masked:
            if secret not in before:
                self._streams.add(secret)
        for secret in before:
            if secret not in self._masked:
                self._streams.forget(secret)

    def _deadline(self) -> float | None:
        """That of `step`; but no command is started while the last of another one's output is passed on."""
        return None if self.state.phase == "waiting" and not self._is_passed_on() else self.state.deadline

    def _is_passed_on(self) -> bool:
        """All that commands have written which have ended; then the terminal is our caller's again."""
        if self._command is None and self._streams is not self._plain:
            self._streams.command_ended()
            if not self._streams.is_done():
                return False
            self._streams.finish()
            self._streams = self._plain
        return True

    def _longest_wait(self) -> float | None:
        deadline = self._deadline()
        waits = [] if deadline is None else [deadline - self.ticks()]
        times = (self.work.deadline(), self._streams.deadline())
        waits += [when - self.now() for when in times if when is not None]
        return min(max(min(waits), 0.0), LONGEST_WAIT_S) if waits else None

    def _is_due(self) -> bool:
        deadline = self.work.deadline()
        return deadline is not None and deadline <= self.now()

    def _hear(self) -> None:
        """The command has begun, or could not, which is said on stderr."""
        assert self._command is not None  # noqa: S101
        failure = self._command.hear()
        if failure is None:
            self._begun()
            return
        os.waitpid(self._command.pid, 0)
        self._has_failed(failure)

    def _begun(self) -> None:
        self._let_go()

    def _let_go(self, *, but: Collection[int] = ()) -> None:
        """Of what the command has got from our caller by us, unless there will be another one to get it."""
        if not self._restarts:
            kept = {*but, *(descriptors.STANDARD if self._streams.holds else ())}
            descriptors.let_go(sorted(self._inherited - kept))
            self._inherited &= kept

    def _has_failed(self, failure: CommandFailed) -> None:
        self._command = None
        self._events.append(Failed(failure.exit_code))
        if self.state.again:
            self.work.say(f"{failure.message}: {failure.hint}")
        else:
            self._failure = failure

    def _hear_signals(self, found: Sequence[Signal]) -> None:
        children = False
        own = os.getpid()
        passed = []
        for each in found:
            if each.number == signal.SIGCHLD and each.code > 0:
                children = True
            elif each.sender != own or each.code > 0:  # our own are PIPE, and WINCH for all of our group
                passed.append(each)
        shares = origin.are_shared(passed, self._sentinel, self._streams, self.pid)
        for given, shared in zip(passed, shares, strict=True):
            self._given = given
            self._is_asked |= self._command is None and given.number in ENDING
            self._take(origin.event_of(given, self._streams, self.pid, shared=shared))
        self._given = signals.Signal(0)
        if children:
            self._reap()

    def _reap(self) -> None:
        """All that have ended: CHLD says that some have, not how many."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if not pid:
                return
            if self._command is not None and pid == self._command.pid:
                self._hear_of_command(status)
            elif os.WIFEXITED(status) or os.WIFSIGNALED(status):
                self._tree.forget(pid)
                if self._sentinel is not None and pid == self._sentinel.pid:
                    self._sentinel.pid = 0

    def _hear_of_command(self, status: int) -> None:
        assert self._command is not None  # noqa: S101
        if os.WIFSTOPPED(status):
            self._events.append(Stopped(os.WSTOPSIG(status)))
        elif os.WIFCONTINUED(status):
            self._events.append(Continued())
        elif failure := self._command.hear():
            self._has_failed(failure)
        else:
            self._command = None
            self._events.append(Exited(os.waitstatus_to_exitcode(status)))

    def _look(self) -> None:
        """What is not told, but so."""
        if self._restarts and (wait := self.work.changed()) is not None:
            self._events.append(Renewed(wait))
        if self.brief.on_expiry == "stop" and self.work.is_dead():
            self._events.append(Dead())
        deadline = self._deadline()
        if self._is_cleared():
            self._events.append(Cleared())
        elif deadline is not None and deadline <= self.ticks():
            self._events.append(Due())

    def _is_cleared(self) -> bool:
        if self.state.phase not in {"clearing", "closing"} or self._left():
            return False
        return self.state.phase == "closing" or self._is_passed_on()

    # What is done

    def _take(self, event: Event) -> None:
        now = self.ticks()
        self.state, acts = steps.step(self.state, event, now)
        for act in acts:
            self._do(act)
        match event, self.state:
            case Exited(status), State(phase="waiting", deadline=float(until)):
                how = f"with {status}" if status > 0 else f"by signal {-status}"
                again = f"tried again in {until - now:.0f}s"
                self.work.say(f"started again, the command ended at once {how}; {again}")

    def _do(self, act: Act) -> None:
        match act:
            case Act("forward", number) if self._command is not None:
                same = self._given.number == number
                self._command.send(self._given if same else signals.Signal(number))
            case Act("relay"):
                relay(self._given)
            case Act("stop", number):
                if self._streams.suspend(number):
                    stop_as(number, whole_group=self._streams.own_session)
            case Act("clear"):
                self._clear()
            case Act("kill"):
                command = [self._command.pid] if self._command is not None else []
                if roots := [*command, *self._left()]:
                    self._tree.send(signal.SIGKILL, roots)
            case Act("spawn"):
                self._spawn()
            case Act("end", status):
                self._status = status

    def _clear(self) -> None:
        if left := self._left():
            self._tree.send(signal.SIGTERM, left)
        elif self._is_cleared():
            self._events.append(Cleared())

    def _left(self) -> list[int]:
        ours = {*self.work.processes(), *self._streams.processes()}
        if self._sentinel is not None:
            ours.add(self._sentinel.pid)
        if self._command is not None:
            ours.add(self._command.pid)
        return self._tree.left(ours)

    def _masking(self) -> Between:
        """Raises OSError."""
        from .streams import Streams

        self._masked = self.work.secrets()
        return Streams(self._masked, now=self.now)

    def _spawn(self) -> None:
        """Raises OSError the first time, if there can be no process."""
        if self._modes is not None and self.state.again:
            self._modes.restore()
        entries = self._environment.with_values(self.work.values())
        try:
            if self.brief.masked:
                self._streams = self._masking()
            if self._sentinel is None and not self._streams.own_session:
                self._sentinel = Sentinel()
            self._command = command = Command(self.brief.argv, entries, self._caller, self._streams)
        except OSError as error:
            if not self.state.again:
                raise
            self.work.say(f"no process can be started: {os.strerror(error.errno or 0).lower()}")
            self._events.append(Failed(126))
            return
        # It is in our group by now, and takes note of what is sent there. What came before came to us alone.
        late = self._signals.read()
        if any(each.number == signal.SIGCHLD and each.code > 0 for each in late):
            late = [each for each in late if each.number != signal.SIGCHLD or each.code <= 0]
            self._reap()
        early = [*self._early, *late]
        self._early = []
        if self._sentinel is not None:
            self._sentinel.have_come([each.number for each in early])
        # Before it begins, so that it meets nobody else at its pipes and locks, and in its folder.
        self._let_go(but=(_STDERR,))
        self._caller.leave_folder(come_back=self._restarts)
        command.begin(early)
        self._events += [Signalled(each.number, shared=True) for each in early]
