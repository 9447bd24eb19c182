"""The run around this one: what it has put into our environment, to be taken out before anything is put in.

Its variables go where they still hold a value of that run's, its other additions are put back to what they
were where they still hold what the run put there; the user's own stay. Of a run that is over nothing is known
but what it is called, and how the shims are loaded.
"""

from __future__ import annotations

import os

from authsome_env.deliver import additions, live, live_environment

from .inside import folder_of
from .run_folder import VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RUN = VARIABLE.encode()


def take_back(entries: Sequence[bytes]) -> list[bytes]:
    """`entries` as they would be without the run around us, in their order."""
    present = dict(entry.partition(b"=")[::2] for entry in reversed(entries))
    folder = folder_of({VARIABLE: os.fsdecode(present.get(_RUN, b""))})
    if folder is None:
        return _without_stale(entries, present)
    made, delivered = _additions(folder), _delivered(folder)
    left = []
    for entry in entries:
        name, mark, value = entry.partition(b"=")
        was: bytes | None = value
        if name in made and made[name][1] == value:
            was = made[name][0]
        elif name == _RUN or delivered.holds(name, value):
            was = None
        if not mark:
            left.append(entry)
        elif was is not None:
            left.append(name + b"=" + was)
    return left


def changes(environ: Mapping[str, str]) -> tuple[dict[str, bytes], set[str]]:
    """The same, for a shell that is to do it itself: what to set, and what to take away."""
    now = [os.fsencode(f"{name}={value}") for name, value in environ.items()]
    then = take_back(now)
    there = {os.fsdecode(entry.partition(b"=")[0]) for entry in then}
    back = dict(entry.partition(b"=")[::2] for entry in then if entry not in now)
    return {os.fsdecode(name): value for name, value in back.items()}, set(environ) - there


def _without_stale(entries: Sequence[bytes], present: dict[bytes, bytes]) -> list[bytes]:
    shims = live_environment.shims()
    left = []
    for entry in entries:
        name, mark, value = entry.partition(b"=")
        was = live_environment.without(name, value, present, shims) if shims else value
        if not mark:
            left.append(entry)
        elif name != _RUN and was is not None:
            left.append(name + b"=" + was)
    return left


def _additions(folder: str) -> dict[bytes, tuple[bytes | None, bytes]]:
    try:
        return additions.read(_read(os.path.join(folder, additions.FILE)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _delivered(folder: str) -> live.Delivered:
    return live.parse(_read(os.path.join(folder, live.FILE)))


def _read(path: str) -> bytes:
    """Empty if there is nothing. The folder is ours alone, so the file is."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""
