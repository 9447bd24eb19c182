"""All that a command has started, wherever it went: for a restart, and for an end that is to be everybody's.

On Linux we are a child subreaper, so that whoever's parent ends becomes our own child, in whatever session it
is. Who is below those is found by psutil, which costs as much to load as all else that we are, and is only
needed for what does not end by itself.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

    from psutil import Process
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_PR_SET_CHILD_SUBREAPER = 36
_PASSES = 8
"""Of one attempt to kill all; who starts processes faster than that is met again by the next."""


class Tree:
    def __init__(self, folders: Sequence[str]) -> None:
        """`folders`: where psutil is."""
        self._folders = folders
        self._psutil: Any = None
        self._strangers = set(_children() or ())
        """Our caller's children, whom we have got with our pid."""

    def adopt(self) -> None:
        if sys.platform == "linux":
            from .libc import call

            call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def forget(self, pid: int) -> None:
        """Somebody has waited for it."""
        self._strangers.discard(pid)

    def left(self, ours: Collection[int]) -> list[int]:
        """Those of the command's tree that have become our children. `ours`: which are not of it."""
        found = _children()
        if found is None:
            found = [each.pid for each in self._below([os.getpid()], recursive=False)]
        return [pid for pid in found if pid not in self._strangers and pid not in ours]

    def send(self, number: int, roots: Sequence[int]) -> None:
        """To them, who are our children, and to all below them; for KILL until there is nobody else."""
        sent: set[int] = set()
        for _ in range(_PASSES if number == signal.SIGKILL else 1):
            below = [each for each in self._below(roots) if each.pid not in sent]
            for pid in set(roots) - sent:
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
            for each in below:
                try:
                    each.send_signal(number)  # which sees to it that the number is not another one's by now
                except self._psutil.Error:
                    pass
            if not below and sent:
                return
            sent |= {*roots, *(each.pid for each in below)}

    def _below(self, roots: Iterable[int], *, recursive: bool = True) -> list[Process]:
        if self._psutil is None:
            try:
                sys.path += [each for each in self._folders if each not in sys.path]
                import psutil
            except ImportError:
                return []
            self._psutil = psutil
        found = []
        for root in roots:
            try:
                found += self._psutil.Process(root).children(recursive=recursive)
            except self._psutil.Error:
                continue
        return found


def _children() -> list[int] | None:
    """Ours; None: /proc does not tell."""
    try:
        with open("/proc/thread-self/children", encoding="ascii") as file:
            return list(map(int, file.read().split()))
    except (OSError, ValueError):
        return None
