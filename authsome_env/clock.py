"""Time as an argument: a `Clock` gives Unix seconds. Only `system` reads the real one."""

from __future__ import annotations

import time

from .errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Clock = Callable[[], float]

system = time.time

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> float:
    """Seconds of `90`, `90s`, `5m`, `1h` or `2d`. Raises UsageError."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNIT_S else (text, "s")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise UsageError(f"{text!r} is not a duration", "write for example 90s, 5m, 1h or 2d")
    return float(int(number) * _UNIT_S[unit])


def describe_duration(seconds: float) -> str:
    """A length of time in its largest whole unit: `45s`, `12m`, `3h`, `9d`."""
    whole = max(int(seconds), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def describe_time(when: float) -> str:
    """A point of time in local time, as `2026-11-22 21:40`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
