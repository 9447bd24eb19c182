"""What this process got from its caller, exact to the byte.

`os.environ` and `sys.argv` are not that: a mapping loses entries without `=`, duplicates and their order;
under a C locale CPython adds `LC_CTYPE` to its own environment (PEP 538); and arguments were decoded by a
locale that may not give the same bytes back. Linux keeps the strings of the last exec in /proc, see proc(5).

Without a readable /proc (macOS, some containers, a not dumpable interpreter) the answers come from
`os.environb` and `sys.argv`, with the losses named above. That way is tested on Linux only.
"""

from __future__ import annotations

import os
import sys

_CHUNK_BYTES = 1 << 16


def environment() -> list[bytes]:
    """The entries as they were at exec, in order; most are `NAME=value`, but nothing makes them so."""
    return _environment("/proc/self/environ")


def arguments(count: int) -> list[bytes]:
    """The last `count` arguments of this process; empty ones and those with newlines are kept."""
    return _arguments("/proc/self/cmdline", count)


def hold_stdio() -> None:
    """Occupy each closed one of the descriptors 0, 1 and 2 until exec, so that no file of ours becomes one.

    The occupant has FD_CLOEXEC, so the command finds closed what its caller had closed. Where /dev/null
    cannot be opened nothing is held, which is harmless as long as files are opened with O_CLOEXEC.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            try:
                os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)  # gets the lowest free number: this one
            except OSError:
                return


def _environment(path: str) -> list[bytes]:
    entries = _strings(path)
    return [name + b"=" + value for name, value in os.environb.items()] if entries is None else entries


def _arguments(path: str, count: int) -> list[bytes]:
    if not count:
        return []
    found = _strings(path)
    if found is None or len(found) < count:
        found = [os.fsencode(argument) for argument in sys.argv]
    return found[-count:]


def _strings(path: str) -> list[bytes] | None:
    """The strings of a file that ends each with NUL; None if it cannot be read."""
    chunks = []
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                chunks.append(chunk)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    return b"".join(chunks).split(b"\0")[:-1]
