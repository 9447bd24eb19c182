"""Say a line on the terminal that a command was started at, by a process that has none."""

from __future__ import annotations

import os

from authsome_env.printable import printable

from . import process


def name_of(descriptor: int | None) -> str:
    """The path of the terminal there; empty if it is none."""
    try:
        return os.ttyname(descriptor) if descriptor is not None else ""
    except OSError:
        return ""


def say(path: str, line: str, *, pid: int) -> bool:
    """Whether it was said at `path`. Not said where `pid` has another terminal by now, or none (hung up):
    the next login of the machine may have got the name. Control characters are shown, not sent.
    """
    if not path:
        return False
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        device = os.fstat(descriptor).st_rdev
        if _number(device) != process.terminal_of(pid):
            return False
        # \r: a program in raw mode (an editor) has taken away what adds it.
        return os.write(descriptor, b"\r" + printable(line).encode() + b"\r\n") > 0
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _number(device: int) -> int:
    """As proc(5) writes it: the minor number in bits 0-7 and 20-31, the major one in 8-15."""
    major, minor = os.major(device), os.minor(device)
    return (minor & 0xFF) | major << 8 | (minor >> 8) << 20
