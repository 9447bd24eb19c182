"""The runs of this user, found by their folders: the live ones, and what is left of others."""

from __future__ import annotations

import os

from authsome_env.deliver import ram

from .record import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def sweep(environ: Mapping[str, str]) -> None:
    """Remove what runs have left whose command and keeper were killed. Never raises; leaves live ones alone.

    Cheap where there is nothing: every authsome does it.
    """
    for folder, run in _folders(environ):
        if run.is_over:
            ram.clear(folder)


def live(environ: Mapping[str, str]) -> list[str]:
    """The folders of the runs whose command is alive, or may be."""
    return sorted(folder for folder, run in _folders(environ) if not run.is_over)


def _folders(environ: Mapping[str, str]) -> Iterator[tuple[str, Run]]:
    own = os.geteuid()
    for base in ram.base_folders(environ):
        try:
            names = os.listdir(base) if os.lstat(base).st_uid == own else ()
        except OSError:
            continue
        for name in names:
            run = Run.of(name)
            if run is not None:
                yield os.path.join(base, name), run
