"""What the command's environment gets besides its variables, put down so that an inner run can take it back.

    additions    JSON in the run's folder: {NAME: {"was": text or null, "now": text}}

`was`: what the command would have had without the run; null: nothing. Texts are UTF-8 with surrogate escapes.
"""

from __future__ import annotations

from . import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .json_text import Value

FILE = "additions"


class Additions:
    """The entries of an environment, and what was added to them."""

    __slots__ = ("_made", "entries")

    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries
        self._made: dict[str, Value] = {}

    def present(self) -> dict[bytes, bytes]:
        """By name; of several entries the first, which is the one that getenv(3) finds."""
        found: dict[bytes, bytes] = {}
        for entry in self.entries:
            name, mark, value = entry.partition(b"=")
            if mark:
                found.setdefault(name, value)
        return found

    def add(self, values: Mapping[str, bytes]) -> None:
        """Each in the place of an entry of its name, or else at the end."""
        for name, value in values.items():
            key = name.encode() + b"="
            own = [at for at, entry in enumerate(self.entries) if entry.startswith(key)]
            was = self.entries[own[0]].removeprefix(key) if own else None
            for at in reversed(own[1:]):
                del self.entries[at]
            if own:
                self.entries[own[0]] = key + value
            else:
                self.entries.append(key + value)
            self._made.setdefault(name, {"was": None if was is None else _text(was), "now": _text(value)})

    def content(self) -> bytes:
        """The file."""
        return json_text.write(self._made).encode() + b"\n"


def read(content: bytes) -> dict[bytes, tuple[bytes | None, bytes]]:
    """By name: what was, and what is. Raises ValueError, TypeError, KeyError, AttributeError."""
    found = {}
    for name, each in json_text.read(content).items():
        was = each["was"]
        found[_bytes(name)] = (None if was is None else _bytes(was)), _bytes(each["now"])
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
