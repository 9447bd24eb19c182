"""Where in a JSON text a value stands. Only asked for when there is an error to report."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .problem import Path

_BLANKS = " \t\n\r"
_decoder = json.JSONDecoder()
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},]|-?Infinity|NaN')


def line_of(text: str, path: Path) -> int | None:
    """The line, from 1, of the key or list entry at `path`, or of the nearest thing above it that exists.

    `text` is JSON; None for an empty path.
    """
    start = _blanks(text, 0)
    line = None
    for part in path:
        entry = _entry(text, start, part)
        if entry is None:
            break
        shown, start = entry
        line = text.count("\n", 0, shown) + 1
    return line


def unreadable_line(text: str) -> int | None:
    """The line, from 1, of the first key that its object has already, or of the first constant that Python
    reads and JSON does not know; None if there is neither. `text` is JSON otherwise, at least so far.
    """
    keys: list[set[str] | None] = []  # of the objects and lists that are open; None: a list
    is_key = False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark[0] in "-NI":
            return text.count("\n", 0, token.start()) + 1
        if mark in "{[":
            keys.append(set() if mark == "{" else None)
        elif mark in "}]":
            keys.pop()
        elif is_key and keys[-1] is not None and mark.startswith('"'):
            key = json.loads(mark)
            if key in keys[-1]:
                return text.count("\n", 0, token.start()) + 1
            keys[-1].add(key)
        is_key = mark in "{,"
    return None


def _entry(text: str, start: int, part: str | int) -> tuple[int, int] | None:
    """Where the entry `part` of the object or list at `start` begins, and where its value does."""
    if text[start] != ("{" if isinstance(part, str) else "["):
        return None
    position, index = _blanks(text, start + 1), 0
    while text[position] not in "}]":
        shown = position
        key: str | int = index
        if isinstance(part, str):
            key, position = _decoder.raw_decode(text, position)
            position = _blanks(text, _blanks(text, position) + 1)  # over the colon
        if key == part:
            return shown, position
        _, position = _decoder.raw_decode(text, position)
        position = _blanks(text, position)
        if text[position] == ",":
            position = _blanks(text, position + 1)
        index += 1
    return None


def _blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANKS:
        position += 1
    return position
