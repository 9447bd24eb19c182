"""What a supervisor does about what happens: histories as data, and all that no history may lead to."""

from __future__ import annotations

from signal import (
    SIGCONT,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGQUIT,
    SIGTERM,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGUSR1,
    SIGWINCH,
)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsome_env.supervise.step import (
    AT_ONCE_S,
    LONGEST_PAUSE_S,
    Act,
    Cleared,
    Continued,
    Dead,
    Due,
    Exited,
    Failed,
    HungUp,
    Renewed,
    Signalled,
    State,
    Stopped,
    step,
)

GRACE_S = 10.0
STEP_S = 0.1


def play(history):
    """The acts of each event. A number in a history is time that passes."""
    state = State(grace=GRACE_S)
    now = 0.0
    for event, *expected in history:
        if isinstance(event, float):
            now += event
            continue
        state, acts = step(state, event, now)
        assert [act if act.number else act.kind for act in acts] == [
            Act(*each) if isinstance(each, tuple) else each for each in expected
        ], event
        now += STEP_S
    return state


FORWARD_TERM = ("forward", SIGTERM)
REPLACED = [(Renewed(), FORWARD_TERM), (Exited(-SIGTERM), "clear"), (Cleared(), "spawn")]
"""A restart, as it should go."""

HISTORIES = {
    "it ends by itself": [(Exited(3), ("end", 3))],
    "it ends well by itself": [(Exited(0), "end")],
    "it dies by itself": [(Exited(-11), ("end", -11))],
    "it cannot be started": [(Failed(127), ("end", 127))],
    "nothing happens after the end": [(Exited(3), ("end", 3)), (Renewed(),), (Due(),), (Signalled(SIGTERM),)],
    "a signal for us alone is passed on": [(Signalled(SIGUSR1), ("forward", SIGUSR1))],
    "one that it has already is not": [(Signalled(SIGINT, shared=True),)],
    "one of its own goes to our parent": [(Signalled(SIGUSR1, by_command=True), ("relay", SIGUSR1))],
    "a hang-up for us alone is passed on": [(HungUp(), ("forward", SIGHUP))],
    "a hang-up for all is not": [(HungUp(shared=True),)],
    "it stops, and goes on": [
        (Signalled(SIGTSTP, shared=True),),
        (Stopped(SIGTSTP), ("stop", SIGTSTP)),
        (Signalled(SIGCONT, shared=True),),
        (Continued(),),
        (Exited(0), "end"),
    ],
    "it is stopped by pid, and continued by pid": [
        (Signalled(SIGTSTP), ("forward", SIGTSTP)),
        (Stopped(SIGTSTP), ("stop", SIGTSTP)),
        (Signalled(SIGCONT), ("forward", SIGCONT)),
    ],
    "a restart": [*REPLACED, (100.0,), (Exited(4), ("end", 4))],
    "it ends well, soon after a restart": [*REPLACED, (Exited(0), "end")],
    "it ignores TERM": [
        (Renewed(), FORWARD_TERM),
        (GRACE_S,),
        (Due(), "kill"),
        (Exited(-SIGKILL), "clear"),
        (Cleared(), "spawn"),
    ],
    "its children ignore TERM": [
        (Renewed(), FORWARD_TERM),
        (Exited(0), "clear"),
        (GRACE_S,),
        (Due(), "kill"),
        (Due(), "kill"),
        (Cleared(), "spawn"),
    ],
    "it is stopped when it is to be restarted": [
        (Stopped(SIGTTIN), ("stop", SIGTTIN)),
        (Renewed(), FORWARD_TERM, ("forward", SIGCONT)),
    ],
    "it was stopped, but is not any more": [
        (Stopped(SIGTTOU), ("stop", SIGTTOU)),
        (Signalled(SIGCONT), ("forward", SIGCONT)),
        (Renewed(), FORWARD_TERM),
    ],
    "several tokens at once cause one restart": [
        (Renewed(5.0),),
        (Renewed(4.0),),
        (Renewed(0.0), FORWARD_TERM),
        (Renewed(0.0),),
        (Exited(0), "clear"),
        (Renewed(0.0),),
        (Cleared(), "spawn"),
    ],
    "others are not waited for too long": [(Renewed(5.0),), (4.9,), (Due(), FORWARD_TERM)],
    "TERM during a restart ends all": [
        (Renewed(), FORWARD_TERM),
        (Signalled(SIGTERM), FORWARD_TERM),
        (Exited(143), "clear"),
        (Cleared(), ("end", 143)),
    ],
    "TERM to the group during a restart ends all": [
        (Renewed(), FORWARD_TERM),
        (Signalled(SIGTERM, shared=True),),
        (Exited(-SIGTERM), "clear"),
        (Cleared(), ("end", -SIGTERM)),
    ],
    "Ctrl-C during a restart ends all, also if it ignores both": [
        (Renewed(), FORWARD_TERM),
        (Signalled(SIGINT, shared=True),),
        (GRACE_S,),
        (Due(), "kill"),
        (Exited(-SIGKILL), "clear"),
        (Cleared(), ("end", -SIGKILL)),
    ],
    "hang-up during a restart ends all": [
        (Renewed(), FORWARD_TERM),
        (HungUp(shared=True),),
        (Exited(-SIGHUP), "clear"),
        (Cleared(), ("end", -SIGHUP)),
    ],
    "TERM when it has just ended for a restart ends all": [
        (Renewed(), FORWARD_TERM),
        (Exited(0), "clear"),
        (Signalled(SIGTERM),),
        (Cleared(), "end"),
    ],
    "hang-up when it has just ended for a restart ends all": [
        (Renewed(), FORWARD_TERM),
        (Exited(1), "clear"),
        (HungUp(),),
        (Cleared(), ("end", 1)),
    ],
    "HUP by pid during a restart is passed on, and the restart goes on": [
        (Renewed(), FORWARD_TERM),
        (Signalled(SIGHUP), ("forward", SIGHUP)),
        (Exited(-SIGTERM), "clear"),
        (Cleared(), "spawn"),
    ],
    "unless it is what it dies of": [
        (Renewed(), FORWARD_TERM),
        (Signalled(SIGUSR1), ("forward", SIGUSR1)),
        (Exited(-SIGUSR1), "clear"),
        (Cleared(), ("end", -SIGUSR1)),
    ],
    "a signal for the command that has just ended is nobody's": [
        (Renewed(), FORWARD_TERM),
        (Exited(0), "clear"),
        (Signalled(SIGUSR1),),
        (Signalled(SIGHUP),),
        (Signalled(SIGWINCH),),
        (Cleared(), "spawn"),
    ],
    "TERM, and it takes its time: no token is a reason to start it again": [
        (Signalled(SIGTERM), FORWARD_TERM),
        (Renewed(),),
        (1000.0,),
        (Renewed(),),
        (Exited(0), "end"),
    ],
    "TERM while others are waited for": [
        (Renewed(5.0),),
        (Signalled(SIGTERM, shared=True),),
        (5.0,),
        (Exited(0), "end"),
    ],
    "INT may end it, so that a restart waits to see": [
        (Signalled(SIGINT, shared=True),),
        (Renewed(),),
        (Exited(130), ("end", 130)),
    ],
    "INT while others are waited for, too": [
        (Renewed(5.0),),
        (Signalled(SIGINT, shared=True),),
        (Exited(130), ("end", 130)),
    ],
    "it has survived an INT, and is kept fresh as before": [
        (Signalled(SIGINT, shared=True),),
        (Renewed(),),
        (GRACE_S,),
        (Due(), FORWARD_TERM),
        (Exited(0), "clear"),
        (Cleared(), "spawn"),
        (100.0,),
        (Renewed(), FORWARD_TERM),
    ],
    "it fails at once after a restart": [
        *REPLACED,
        (Exited(1),),
        (Due(), "spawn"),
        (Failed(127),),
        (Due(), "spawn"),
        (AT_ONCE_S,),
        (Exited(1), ("end", 1)),
    ],
    "it is to be restarted when it turns out that it cannot be started": [
        (Renewed(), FORWARD_TERM),
        (Failed(126), ("end", 126)),
    ],
    "it dies by a signal from just before the restart": [
        (Signalled(SIGUSR1), ("forward", SIGUSR1)),
        (Renewed(), FORWARD_TERM),
        (Exited(-SIGUSR1), "clear"),
        (Cleared(), ("end", -SIGUSR1)),
    ],
    "it fails at once by a TERM of the user": [
        *REPLACED,
        (Signalled(SIGTERM), FORWARD_TERM),
        (Exited(-SIGTERM), ("end", -SIGTERM)),
    ],
    "it fails at once after some other signal of the user": [
        *REPLACED,
        (Signalled(SIGHUP), ("forward", SIGHUP)),
        (Exited(-SIGHUP), ("end", -SIGHUP)),
    ],
    "it fails at once after its window was resized": [
        *REPLACED,
        (Signalled(SIGWINCH, shared=True),),
        (Exited(1),),
        (Due(), "spawn"),
    ],
    "TERM while we wait to start it again": [
        *REPLACED,
        (Exited(1),),
        (Signalled(SIGTERM), ("end", -SIGTERM)),
    ],
    "INT then": [*REPLACED, (Exited(1),), (Signalled(SIGINT, shared=True), ("end", -SIGINT))],
    "QUIT then": [*REPLACED, (Exited(1),), (Signalled(SIGQUIT), ("end", -SIGQUIT))],
    "HUP then": [*REPLACED, (Exited(1),), (Signalled(SIGHUP), ("end", -SIGHUP))],
    "hang-up then": [*REPLACED, (Exited(1),), (HungUp(), ("end", -SIGHUP))],
    "Ctrl-Z then": [*REPLACED, (Exited(1),), (Signalled(SIGTSTP, shared=True), ("stop", SIGTSTP))],
    "a token then": [*REPLACED, (Exited(1),), (Renewed(),), (Due(), "spawn")],
    "its token dies": [
        (Dead(), FORWARD_TERM),
        (Dead(),),
        (Exited(5), "clear"),
        (Cleared(), ("end", 5)),
    ],
    "its token dies, and it ignores TERM": [
        (Dead(), FORWARD_TERM),
        (GRACE_S,),
        (Due(), "kill"),
        (Exited(-SIGKILL), "clear"),
        (Cleared(), ("end", -SIGKILL)),
    ],
    "its token dies while it ends by a TERM": [
        (Signalled(SIGTERM), FORWARD_TERM),
        (Dead(), FORWARD_TERM),
        (GRACE_S,),
        (Due(), "kill"),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_history(history):
    play(history)


def test_pauses_grow_up_to_a_minute():
    """A hundred times it dies at once."""
    state, _ = step(State(grace=GRACE_S), Renewed(), 0.0)
    state, _ = step(state, Exited(0), 0.0)
    state, _ = step(state, Cleared(), 0.0)
    now, pauses = 0.0, []
    for _ in range(100):
        state, acts = step(state, Exited(1), now)
        assert acts == []
        pauses.append(state.deadline - now)
        now = state.deadline
        state, acts = step(state, Due(), now)
        assert acts == [Act("spawn")]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_S]
    assert set(pauses[7:]) == {LONGEST_PAUSE_S}


def test_a_restart_that_went_well_is_the_end_of_pauses():
    state = State(grace=GRACE_S, again=True, tries=5)
    state, _ = step(state, Renewed(), AT_ONCE_S)
    state, _ = step(state, Exited(0), AT_ONCE_S)
    state, _ = step(state, Cleared(), AT_ONCE_S)
    assert state.tries == 0


# Any history: a command that does anything, users that do anything


NUMBERS = st.sampled_from([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGTSTP, SIGCONT, SIGWINCH])
STATUSES = st.sampled_from([0, 1, 3, -SIGTERM, -SIGINT, -SIGHUP, -SIGKILL, -11])
EVENTS = st.one_of(
    st.builds(Signalled, NUMBERS, st.booleans(), st.just(value=False)),
    st.builds(HungUp, st.booleans()),
    st.builds(Exited, STATUSES),
    st.builds(Stopped, st.sampled_from([SIGTSTP, SIGTTIN, SIGTTOU])),
    st.builds(Continued),
    st.builds(Renewed, st.sampled_from([0.0, 3.0])),
    st.builds(Dead),
    st.builds(Failed, st.sampled_from([126, 127])),
    st.builds(Cleared),
    st.builds(Due),
    st.floats(0.0, 70.0),
)


@settings(max_examples=2000, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_no_history_leads_astray(history):
    state, now = State(grace=GRACE_S), 0.0
    lives, over, ours, asked_to_end, killable = True, False, False, False, False
    for event in history:
        if isinstance(event, float):
            now += event
            continue
        # What cannot be
        if isinstance(event, Exited | Failed | Stopped | Continued) and not lives:
            continue
        if isinstance(event, Cleared) and (lives or state.phase not in {"clearing", "closing"}):
            continue
        if isinstance(event, Due):
            if state.deadline is None:
                continue
            now = max(now, state.deadline)
        before = state
        state, acts = step(state, event, now)
        kinds = [act.kind for act in acts]
        if over:
            assert acts == []
            continue
        if isinstance(event, Exited | Failed):
            lives = False
            if not ours and not asked_to_end and before.phase == "running" and not before.again:
                assert kinds == ["end"], "it was started again, though it has ended by itself"
            if isinstance(event, Exited) and event.status == 0 and before.phase == "running":
                assert kinds == ["end"]
        if Act("forward", SIGTERM) in acts and not (isinstance(event, Signalled) and event.number == SIGTERM):
            assert isinstance(event, Renewed | Due | Dead)
            ours = True
        if isinstance(event, Signalled):
            assert kinds in ([], ["forward"], ["stop"], ["end"])
            assert ("forward" in kinds) == (lives and not event.shared), "every signal arrives once"
            if event.number == SIGTERM:
                asked_to_end = True
        if "spawn" in kinds:
            assert not lives, "two at once"
            assert not asked_to_end, "after a TERM"
            assert ours
            lives, killable = True, False
        if "end" in kinds:
            assert not lives
            over = True
        if "kill" in kinds:
            assert before.deadline is not None
            killable = True
        if not lives:
            assert state.phase in {"clearing", "closing", "waiting", "over"}
        if not lives and not over:
            assert state.deadline is not None, "nothing would happen any more"
        if state.phase == "replacing" or (state.phase == "leaving" and ours and killable):
            assert state.deadline is not None, "whoever ignores TERM would be waited for"
    if asked_to_end and not over:
        # Whatever there is left to come: the end.
        if lives:
            state, _ = step(state, Exited(0), now)
        if state.phase != "over":
            state, _ = step(state, Cleared(), now)
        assert state.phase == "over"
