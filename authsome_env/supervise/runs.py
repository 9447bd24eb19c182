"""The runs of this user, found by their folders: the live ones, and what is left of others.

A run of another pid namespace counts as live for ever: its number means nothing here, and no lock tells of a
command that goes on without its keeper. So what a container leaves that is killed as a whole, in a /dev/shm
that it shares with its host, stays until that is removed by hand, or by a boot.
"""

from __future__ import annotations

import os

from authsome_env.deliver import ram

from . import record
from .record import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def sweep(environ: Mapping[str, str]) -> list[str]:
    """Remove what runs have left whose command and keeper were killed. Never raises; leaves live ones alone.

    The folders of those whose command is alive, or may be. Cheap where there is nothing: every authsome does
    it.
    """
    live = []
    for folder, run in _folders(environ):
        if run.is_over or (ram.may_survive_boot(folder) and record.is_of_another_boot(folder)):
            ram.clear(folder)
        else:
            live.append(folder)
    return sorted(live)


def _folders(environ: Mapping[str, str]) -> Iterator[tuple[str, Run]]:
    own = os.geteuid()
    for base in ram.looked_at(environ):
        try:
            names = os.listdir(base) if os.lstat(base).st_uid == own else ()
        except OSError:
            continue
        for name in names:
            run = Run.of(name)
            if run is not None:
                yield os.path.join(base, name), run
