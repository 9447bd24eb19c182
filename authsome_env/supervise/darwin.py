"""What macOS has in the place of /proc and pidfd. Untested: no Mac was at hand."""

from __future__ import annotations

import os
import select


def start_of(pid: int) -> int | None:
    """Its start in Unix seconds, as ps(1) knows it; None if it is none or a zombie."""
    import subprocess
    import time

    told = subprocess.run(
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    ).stdout.split(maxsplit=1)
    if len(told) < 2 or told[0].startswith("Z"):
        return None
    return int(time.mktime(time.strptime(told[1].strip(), "%a %b %d %H:%M:%S %Y")))


def watch(pid: int) -> int:
    """A kqueue, itself readable once the process has ended; at once if it had ended before."""
    queue = select.kqueue()  # type: ignore[attr-defined]
    exit_of_it = select.kevent(  # type: ignore[attr-defined]
        pid,
        filter=select.KQ_FILTER_PROC,  # type: ignore[attr-defined]
        flags=select.KQ_EV_ADD,  # type: ignore[attr-defined]
        fflags=select.KQ_NOTE_EXIT,  # type: ignore[attr-defined]
    )
    try:
        queue.control([exit_of_it], 0)
    except ProcessLookupError:
        queue.close()
        reading, writing = os.pipe()
        os.close(writing)
        return reading
    descriptor = os.dup(queue.fileno())
    queue.close()
    return descriptor
