"""The descriptors that a process of ours has inherited, and what it does with its copies.

As long as we keep one open, a reader sees no end, a writer no broken pipe, and a lock (flock) is not free,
whatever the command does with its own.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

STANDARD = (0, 1, 2)


def open_ones() -> set[int]:
    try:
        found = {int(name) for name in os.listdir("/dev/fd")}  # a limit may be lower than what is open
    except OSError:
        found = set(range(os.sysconf("SC_OPEN_MAX")))
    return {each for each in found if _is_open(each)}


def close_all_but(*kept: int) -> None:
    for number in open_ones().difference(kept):
        try:
            os.close(number)
        except OSError:
            pass  # it is closed all the same


def let_go(numbers: Iterable[int]) -> None:
    """Close our copies of these; of the standard ones make /dev/null, so that nothing else becomes one.

    Not of files of which our process has record locks (fcntl), since these would be lost by it.
    """
    locked = _locked_files()
    for number in numbers:
        try:
            found = os.fstat(number)
            if (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino) in locked:
                continue
            if number not in STANDARD:
                os.close(number)
                continue
            nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(nothing, number)
            os.close(nothing)
        except OSError:
            continue


def _locked_files() -> set[tuple[int, int, int]]:
    """Device and inode of those with record locks of this process: proc_locks(5)."""
    own = str(os.getpid())
    found = set()
    try:
        with open("/proc/locks", encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[1] == "POSIX" and fields[4] == own:
                    major, minor, inode = fields[5].split(":")
                    found.add((int(major, 16), int(minor, 16), int(inode)))
    except (OSError, ValueError, IndexError):
        pass
    return found


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
        return True
    except OSError:
        return False
