"""Where definitions lie, and how their bytes become text: the first step of both readings."""

from __future__ import annotations

import errno
import os
import stat

from authsome_env.errors import InvalidDefinition

BUNDLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bundled")
MAX_BYTES = 256 * 1024
"""The largest bundled definition has 2 KiB; what is larger than this is no definition."""


class Source:
    """One definition as it lies on disk."""

    __slots__ = ("bundled", "path", "raw")

    def __init__(self, raw: bytes, path: str, *, bundled: bool) -> None:
        self.raw = raw
        self.path = path
        self.bundled = bundled


def find(name: str, folder: str) -> Source | None:
    """The registered definition in `folder`, else the bundled one, else None.

    `name` has passed `check_provider_name`. A registered file that is there but cannot be read hides the
    bundled one all the same: nobody gets another definition by guess. Raises InvalidDefinition.
    """
    for place in (folder, BUNDLED):
        path = os.path.join(place, name + ".json")
        raw = _read(path)
        if raw is not None:
            return Source(raw, path, bundled=place is BUNDLED)
    return None


def check_name(inside: str, outside: str, origin: str) -> None:
    """Raises InvalidDefinition if a file says another name than its own."""
    if inside != outside:
        raise InvalidDefinition(
            f"{origin}: name: is {inside[:64]!a}, but the file is named for {outside}",
            "give the file and the provider in it the same name",
        )


def decode(raw: bytes, origin: str) -> str:
    """Raises InvalidDefinition for what is too large, is not UTF-8, or holds NUL.

    NUL is refused also in its escaped form, because SQLite's JSON reader may cut a text there.
    """
    if len(raw) > MAX_BYTES:
        raise InvalidDefinition(f"{origin}: is larger than 256 KiB", "a definition is a small JSON file")
    if b"\0" in raw or b"\\u0000" in raw:
        raise InvalidDefinition(f"{origin}: holds the character NUL", "no part of a definition needs it")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidDefinition(f"{origin}, line {line}: is not UTF-8", "save the file as UTF-8") from None


def _read(path: str) -> bytes | None:
    """The bytes of a regular file; None if there is none."""
    try:
        # without O_NONBLOCK a fifo of that name would hang us
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            if os.path.islink(path):
                raise InvalidDefinition(f"{path}: points to a file that is gone", "remove it") from None
            return None
        raise _unreadable(path, error) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidDefinition(f"{path}: is not a regular file", "remove it")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)


def _unreadable(path: str, error: OSError) -> InvalidDefinition:
    return InvalidDefinition(
        f"{path}: cannot be read: {(error.strerror or 'error').lower()}", "make it readable or remove it"
    )
