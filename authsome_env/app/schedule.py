"""When a keeper does something about a connection. Pure: times are Unix seconds, `chance` is from 0 to 1."""

from __future__ import annotations

from authsome_env.model import CLOCK_SLACK_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .plan import State

HEAD_START_S = 2.0
"""A helper is started this long before its token is due, since its imports take longer than its request."""

_JITTER = 0.1
"""Of the time between due and dead, before it, so that a thousand runs begun together do not ask together."""

_FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


def margin(lifetime: float | None, min_ttl: float) -> float:
    """How long before its end a token is due: `min_ttl`, but at most a fifth of its lifetime."""
    return min_ttl if lifetime is None else min(min_ttl, lifetime / 5)


def due_at(state: State, min_ttl: float, chance: float, took: float = 0.0) -> float | None:
    """When to refresh; None: never, as it does not expire, or nothing but a login renews it.

    `took`: how long the last time took; on a busy machine it begins as much earlier, so that it ends in time.
    """
    if state.expires_at is None or state.refused or not state.renewable:
        return None
    early = margin(state.lifetime, min_ttl)
    # Earlier by chance, not later: a server that counts in whole seconds ends a token before its time.
    return state.expires_at - early * (1 + _JITTER * chance) - min(took, early)


def clock_went_back(state: State, now: float) -> bool:
    """Whether more is left than there ever was: then what the clock says of the end is worth nothing."""
    if state.expires_at is None or state.lifetime is None:
        return False
    return state.expires_at - now > state.lifetime + CLOCK_SLACK_S


def pause(failures: int, chance: float) -> float:
    """Seconds until the next try, after so many failures in a row."""
    longest = min(_FIRST_PAUSE_S * 2 ** (failures - 1), LONGEST_PAUSE_S)
    return float(longest * (1 - chance / 2))
