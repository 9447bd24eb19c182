"""Wait for descriptors: not by select(2), which has no word for one above 1023."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def wait_for(
    readers: Sequence[int], writers: Sequence[int], seconds: float | None
) -> tuple[set[int], set[int]]:
    """Those that can be read and written by then, or where it shows that they cannot. None: no limit."""
    wanted = dict.fromkeys(readers, select.POLLIN)
    for each in writers:
        wanted[each] = wanted.get(each, 0) | select.POLLOUT
    poll = select.poll()
    for each, events in wanted.items():
        poll.register(each, events)
    readable, writable = set(), set()
    for each, events in poll.poll(None if seconds is None else seconds * 1000):
        if wanted[each] & select.POLLIN and events & ~select.POLLOUT:
            readable.add(each)
        if wanted[each] & select.POLLOUT and events & ~select.POLLIN:
            writable.add(each)
    return readable, writable
