"""One process, told apart from a later one of the same number, and from those of other containers.

    identity   pid ‖ its start in ticks, raw as in /proc/PID/stat (22) ‖ its pid namespace (an inode number)

A pid is used again; a pid with a start is not, until the machine boots again, and what we keep these for lies
in memory that no boot survives. A namespace counts its own processes, so of another one nothing can be said.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_STATE = 0
_PARENT = 1
_TERMINAL = 4
_START = 19
"""Fields of /proc/PID/stat, counted from the one behind the name in parentheses: 3, 4, 7, 22 in proc(5)."""


def start_of(pid: int) -> int | None:
    """When the process began; None if it is none, or has ended and only waits for its parent (a zombie).

    Raises OSError where that cannot be told: no descriptor is free, or /proc hides what is another user's.
    """
    if sys.platform != "linux":
        from .darwin import start_of as start

        return start(pid)
    try:
        fields = _read(pid)
    except ProcessLookupError:
        return None
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return None
        raise
    return None if fields[_STATE] in b"ZXx" else int(fields[_START])


def parent_of(pid: int) -> int:
    """0 if it is not known."""
    fields = _fields(pid)
    return int(fields[_PARENT]) if fields else 0


def terminal_of(pid: int) -> int:
    """The device number of its controlling terminal; 0 if it has none, or had one that is hung up."""
    fields = _fields(pid)
    return int(fields[_TERMINAL]) & 0xFFFFFFFF if fields else 0


def heeds(pid: int, number: int) -> bool:
    """Whether it catches or ignores that signal; True where it cannot be told."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            lines = file.read().splitlines()
    except OSError:
        return True
    masks = [int(line[7:], 16) for line in lines if line.startswith((b"SigIgn:", b"SigCgt:"))]
    return not masks or any(mask >> (number - 1) & 1 for mask in masks)


def namespace() -> int:
    """Ours; 0 if nothing can be told of processes, since /proc is missing or shows those of another one."""
    if sys.platform != "linux":
        return 1
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return 0
    except OSError:
        return 0
    return _inode("/proc/self/ns/pid")


def namespace_of_children() -> int:
    """Another one after `unshare --pid`, where our first child is process 1, and all others end with it."""
    return _inode("/proc/self/ns/pid_for_children") if sys.platform == "linux" else namespace()


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def open_self() -> int | None:
    """A descriptor (close-on-exec) by which another process of ours sees our end; None: it needs none.

    Raises OSError where the kernel has no pidfd_open(2), or a sandbox forbids it.
    """
    return os.pidfd_open(os.getpid()) if sys.platform == "linux" else None


def pidfd_identity() -> int:
    """What tells a pidfd of ours from that of any other process until the next boot; 0: it is not known."""
    try:
        descriptor = os.pidfd_open(os.getpid())
    except (OSError, AttributeError):
        return 0
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


class Watch:
    """The end of one process, as a descriptor that becomes readable; and a way to send it a signal."""

    __slots__ = ("_descriptor", "pid")

    def __init__(self, pid: int, descriptor: int | None) -> None:
        """`descriptor`: that of its `open_self`."""
        self.pid = pid
        if descriptor is None:
            from .darwin import watch

            descriptor = watch(pid)
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def send(self, number: int) -> None:
        """Raises OSError: ESRCH after its end, EPERM if it has become another user's."""
        if sys.platform == "linux":
            signal.pidfd_send_signal(self._descriptor, number)
        else:
            os.kill(self.pid, number)


def _read(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
        return file.read().rpartition(b") ")[2].split()


def _fields(pid: int) -> list[bytes] | None:
    try:
        return _read(pid)
    except OSError:
        return None


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
