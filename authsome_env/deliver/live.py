r"""What live programs read: the file `live` in a run's folder, with the newest value of each variable.

    authsome-live 1 7                        the version of this notation, and the count of sets so far
    =GITHUB_TOKEN=gho_…                      a variable and its newest value; in it \ is \\, a newline \n
    -GITHUB_TOKEN=9f86d081884c7d65…          SHA-256, in hex, of a value that it had before; the latest first
    .                                        the end: a file without it is not whole

A live program (see `shims/`) replaces a variable that holds one of the former values by the newest one, and
leaves alone whatever else it holds, which somebody else has put there. The notation is for readers in Python,
JavaScript and bash that have a few microseconds, and no library.
"""

from __future__ import annotations

import os

from . import ram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = "live"
_HEAD = b"authsome-live 1 "

_FORMER = 1000
"""How many former values of a variable are known. A program that has one from before these keeps it."""


def text(values: Mapping[str, bytes], former: Mapping[str, Sequence[str]], generation: int) -> bytes:
    """The whole file. `former`: by variable the fingerprints of the values before, the latest first."""
    lines = [_HEAD + b"%d" % generation]
    for name, value in values.items():
        lines.append(b"=" + name.encode() + b"=" + _escaped(value))
        lines.extend(b"-" + name.encode() + b"=" + each.encode() for each in former.get(name, ()))
    return b"\n".join((*lines, b".\n"))


class Live:
    """The file of one run. Values only ever change: one that is taken away stays as it was."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._values: dict[str, bytes] = {}
        self._former: dict[str, list[str]] = {}
        self._generation = 0

    def write(self, values: Mapping[str, bytes]) -> None:
        """Take in `values`, and replace the file. Raises NotAllowed, StorageError."""
        for name, value in values.items():
            before = self._values.get(name)
            if before is not None and before != value:
                former = self._former.setdefault(name, [])
                former.insert(0, _fingerprint(before))
                del former[_FORMER:]
            self._values[name] = value
        self._generation += 1
        ram.replace_file(self._path, text(self._values, self._former, self._generation))

    def lost(self) -> bool:
        return not os.path.exists(self._path)


class Delivered:
    """What a run has delivered so far, as its file says."""

    __slots__ = ("_former", "_newest")

    def __init__(self) -> None:
        self._newest: dict[bytes, bytes] = {}
        self._former: dict[bytes, set[bytes]] = {}

    def add(self, line: bytes) -> None:
        name, _, value = line[1:].partition(b"=")
        if line.startswith(b"="):
            self._newest[name] = value
        elif line.startswith(b"-"):
            self._former.setdefault(name, set()).add(value)

    def holds(self, name: bytes, value: bytes) -> bool:
        """Whether the run has delivered this value for that variable."""
        if name not in self._newest:
            return False
        if self._newest[name] == _escaped(value):
            return True
        former = self._former.get(name)
        return former is not None and _fingerprint(value).encode() in former


def parse(content: bytes) -> Delivered:
    """Nothing, if it is not whole or of another version."""
    found = Delivered()
    lines = content.split(b"\n")
    if content.startswith(_HEAD) and lines[-2:] == [b".", b""]:
        for line in lines[1:-2]:
            found.add(line)
    return found


def _escaped(value: bytes) -> bytes:
    return value.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")


def _fingerprint(value: bytes) -> str:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]  # `hashlib` loads OpenSSL, for a keeper too much
    except ImportError:
        from _sha256 import sha256  # type: ignore[import-not-found]  # before Python 3.12
    return str(sha256(value).hexdigest())
