"""What macOS has in the place of /proc and pidfd. Untested: no Mac was at hand."""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable
else:
    import _signal as signal

_LENGTH_BYTES = 8


class Wakeups:
    """The numbers of signals that have come. Nothing tells there who has sent one."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._reading, writing = os.pipe()
        for end in (self._reading, writing):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writing)
        for number in numbers:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def fileno(self) -> int:
        return self._reading

    def read(self) -> bytes:
        try:
            return os.read(self._reading, 4096)
        except BlockingIOError:
            return b""


def leave(packed: bytes) -> int:
    """A memory object, without a name by now. It can be mapped, but neither read nor written."""
    import _posixshmem  # type: ignore[import-not-found]
    import mmap

    name = f"/authsome-{os.urandom(8).hex()}"
    descriptor: int = _posixshmem.shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600)
    _posixshmem.shm_unlink(name)
    os.ftruncate(descriptor, _LENGTH_BYTES + len(packed))
    with mmap.mmap(descriptor, _LENGTH_BYTES + len(packed)) as view:
        view[:] = len(packed).to_bytes(_LENGTH_BYTES, "big") + packed
    return descriptor


def take(descriptor: int) -> bytes:
    import mmap

    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as view:  # whole pages
        length = int.from_bytes(view[:_LENGTH_BYTES], "big")
        return bytes(view[_LENGTH_BYTES : _LENGTH_BYTES + length])


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
