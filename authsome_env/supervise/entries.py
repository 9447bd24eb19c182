"""The environment of the first command, and of the next: the same, but for the values that we delivered."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Entries:
    """The entries of the first command, and those of the next: the same, but for the values that we
    delivered.
    """

    def __init__(self, entries: Sequence[bytes], delivered: Mapping[str, bytes]) -> None:
        ours = {os.fsencode(name) + b"=" + value: name for name, value in delivered.items()}
        self._entries = [(entry, ours.get(entry)) for entry in entries]
        self._is_first = True

    def with_values(self, values: Mapping[str, bytes]) -> list[bytes]:
        """The first time they are what they were; one without a value is left out."""
        if self._is_first:
            self._is_first = False
            return [entry for entry, _ in self._entries]
        found = []
        for entry, name in self._entries:
            if name is None:
                found.append(entry)
            elif name in values:
                found.append(os.fsencode(name) + b"=" + values[name])
        return found
