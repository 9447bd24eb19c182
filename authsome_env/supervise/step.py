"""What a supervisor does about what happens: a pure function from (state, event, time) to (state, acts).

    running ──renewed──▶ replacing ──ended──▶ clearing ──cleared──▶ running
       │                     │                    │                   │ ended at once
       │ dead, TERM          │ TERM               │ TERM              ▼
       ▼                     ▼                    ▼                waiting ──due──▶ running
    leaving ───────────────ended──────────────▶ closing ──cleared──▶ over

The command lives in the upper left three. In `clearing` and `closing` it has ended, and what it has left of
its tree is being ended. What only `step` knows: a command that ended by itself is not started again; several
tokens cause one restart; whoever asks for the end (TERM; INT, QUIT and hang-up while there is a restart) gets
it. Times are seconds of a clock that nobody sets: a grace is not longer or shorter for a clock set meanwhile.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import NamedTuple
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

    from .named import NamedTuple

_CONT, _HUP, _INT, _KILL = signal.SIGCONT, signal.SIGHUP, signal.SIGINT, signal.SIGKILL
_QUIT, _TERM = signal.SIGQUIT, signal.SIGTERM

STOPPING = frozenset((signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
_ENDING = frozenset((_INT, _QUIT, _TERM))
_HARMLESS = STOPPING | {_CONT, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH}
"""What ends nothing where the command leaves it as it is."""

AT_ONCE_S = 5.0
"""One that we have started again and that fails sooner was hindered by that: its port was taken, say."""

_FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_AGAIN_S = 1.0
"""Between one look for what is to be killed and the next."""


class State(NamedTuple):
    phase: str = "running"
    grace: float = 10.0
    """Seconds from TERM to KILL."""
    deadline: float | None = None
    """When `Due` is to come."""
    since: float = 0.0
    """When the command was started."""
    again: bool = False
    """By us, in the place of another one."""
    tries: int = 0
    """How many in a row have failed at once."""
    asked: float | None = None
    """When an INT, QUIT or HUP has reached the command: it may be about to end by that."""
    reached: frozenset[int] = frozenset()
    """All that has reached it and may end it."""
    stopped: bool = False
    status: int = 0
    """How the last one ended, as `os.waitstatus_to_exitcode` gives it."""


# Events


class Signalled(NamedTuple):
    """`shared`: it has reached the command as well. `by_command`: it comes from there, for its parent."""

    number: int
    shared: bool = False
    by_command: bool = False


class HungUp(NamedTuple):
    """The kernel's HUP: the terminal is gone, or its session."""

    shared: bool = False


class Exited(NamedTuple):
    status: int


class Stopped(NamedTuple):
    number: int


class Continued(NamedTuple):
    pass


class Renewed(NamedTuple):
    """There are other values than those that the command got. `wait`: seconds in which more are expected."""

    wait: float = 0.0


class Dead(NamedTuple):
    """A token that cannot be renewed has come to its end, and the run shall not outlive it."""


class Failed(NamedTuple):
    """The command could not be started. `status`: 126 or 127."""

    status: int


class Cleared(NamedTuple):
    """Nothing is left of the tree of a command that has ended."""


class Due(NamedTuple):
    """The deadline has come."""


Event = Signalled | HungUp | Exited | Stopped | Continued | Renewed | Dead | Failed | Cleared | Due


class Act(NamedTuple):
    """What is to be done.

    forward N   to the command              relay N   to our own parent
    clear       TERM to what it has left    kill      all that there is of it
    spawn       with the newest values      stop N    ourselves, as by N
    end N       ourselves, with status N
    """

    kind: str
    number: int = 0


def step(state: State, event: Event, now: float) -> tuple[State, list[Act]]:  # noqa: PLR0911, PLR0912, C901
    lives = state.phase in {"running", "replacing", "leaving"}
    match state.phase, event:
        case "over", _:
            return state, []
        case _, Signalled(number, _, True):
            return state, [Act("relay", number)]
        case _, Signalled(number, shared) if lives:
            return _reached(state, number, now), [] if shared else [Act("forward", number)]
        case _, HungUp(shared) if lives:
            state = _reached(state, _HUP, now)
            phase = "leaving" if state.phase == "replacing" else state.phase
            return state._replace(phase=phase), [] if shared else [Act("forward", _HUP)]
        case _, Signalled(number) if number in STOPPING:
            return state, [Act("stop", number)]
        case "clearing", Signalled(number) if number in _ENDING:
            return state._replace(phase="closing"), []
        case "clearing", HungUp():
            return state._replace(phase="closing"), []
        case "waiting", Signalled(number) if number in _ENDING | {_HUP}:
            return _over(state, -number)
        case "waiting", HungUp():
            return _over(state, -_HUP)

        case _, Stopped(number) if lives:
            return state._replace(stopped=True), [Act("stop", number)]
        case _, Continued():
            return state._replace(stopped=False), []

        case ("running", Exited(status)) | ("running" | "replacing", Failed(status)):
            return _ended_by_itself(state._replace(status=status), now)
        case "replacing", Exited(status):
            # By one that came in between, and that would have ended it without us as well.
            phase = "closing" if -status in state.reached else "clearing"
            return state._replace(phase=phase, status=status), [Act("clear")]
        case "leaving", Exited(status) if state.deadline is None:
            return _over(state, status)
        case "leaving", Exited(status):
            return state._replace(phase="closing", status=status), [Act("clear")]
        case "leaving", Failed(status):
            return _over(state, status)

        case "running", Renewed(wait):
            at = now + wait if state.asked is None else max(now + wait, state.asked + state.grace)
            if at <= now:
                return _terminated(state, "replacing", now)
            return state._replace(deadline=at if state.deadline is None else min(at, state.deadline)), []
        case "running", Due():
            return _terminated(state, "replacing", now)
        case "running", Dead():
            return _terminated(state, "leaving", now)
        case "leaving", Dead() if state.deadline is None:
            return _terminated(state, "leaving", now)

        case (("replacing" | "leaving" | "clearing" | "closing"), Due()):
            return state._replace(deadline=now + _AGAIN_S), [Act("kill")]
        case "clearing", Cleared():
            return _spawned(state, now)
        case "closing", Cleared():
            return _over(state, state.status)
        case "waiting", Due():
            return _spawned(state, now)
    return state, []


def _reached(state: State, number: int, now: float) -> State:
    """`number` has reached the command, or is about to."""
    if number == _CONT:
        return state._replace(stopped=False)
    if number in _HARMLESS:
        return state
    state = state._replace(reached=state.reached | {number})
    if number == _TERM or (state.phase == "replacing" and number in _ENDING):
        if state.phase == "running":  # it may take its time, as it might without us
            return state._replace(phase="leaving", deadline=None)
        return state._replace(phase="leaving")
    if state.phase == "running" and number in _ENDING | {_HUP}:
        # Many programs survive an INT. So whether it is to be started again is seen when it has had its time.
        later = None if state.deadline is None else max(state.deadline, now + state.grace)
        return state._replace(asked=now, deadline=later)
    return state


def _terminated(state: State, phase: str, now: float) -> tuple[State, list[Act]]:
    acts = [Act("forward", _TERM)]
    if state.stopped:
        acts.append(Act("forward", _CONT))  # else it does not see the other one
    tries = state.tries if now - state.since < AT_ONCE_S else 0
    return state._replace(phase=phase, deadline=now + state.grace, tries=tries), acts


def _ended_by_itself(state: State, now: float) -> tuple[State, list[Act]]:
    at_once = state.again and 0 <= now - state.since < AT_ONCE_S
    if state.status == 0 or not at_once or state.reached:
        return _over(state, state.status)
    pause = min(_FIRST_PAUSE_S * 2 ** min(state.tries, 10), LONGEST_PAUSE_S)
    return state._replace(phase="waiting", deadline=now + pause, tries=state.tries + 1), []


def _spawned(state: State, now: float) -> tuple[State, list[Act]]:
    fresh = State("running", state.grace, since=now, again=True, tries=state.tries, status=state.status)
    return fresh, [Act("spawn")]


def _over(state: State, status: int) -> tuple[State, list[Act]]:
    return state._replace(phase="over", deadline=None, status=status), [Act("end", status)]
