"""A JSON object that is asked key by key: each answer has its type, each mistake its path, and what nobody
asked for is known in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .environment import mapping
from .hosts import check_host
from .problem import Problem, path_text
from .urls import check_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .problem import Path

MAX_WORDS = 500
"""Characters of a text that is shown to people."""

YEAR_S = 366 * 86400


class Node:
    """One object of the document. An absent key and null are the same."""

    def __init__(self, values: dict[str, Any], path: Path) -> None:
        self._values = dict(values)
        self.path = path

    def take(self, key: str) -> Any:
        return self._values.pop(key, None)

    @property
    def left(self) -> tuple[str, ...]:
        """The keys that were not asked for yet."""
        return tuple(self._values)

    def rest(self) -> list[str]:
        """Paths of what was not asked for."""
        return [path_text((*self.path, key)) for key in self._values]

    def problem(self, key: str, message: str, hint: str = "") -> Problem:
        return Problem((*self.path, key), message, hint)

    def inside(self, key: str, values: dict[str, Any]) -> Node:
        return Node(values, (*self.path, key))

    def object(self, key: str) -> Node:
        return self.inside(key, mapping(self.take(key), (*self.path, key)))

    def text(self, key: str) -> str | None:
        """A text without control characters."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.problem(key, "is not a text", 'write it in double quotes: "…"')
        if not value.isprintable() or len(value) > MAX_WORDS:
            raise self.problem(key, f"is not one line of at most {MAX_WORDS} printable characters")
        return value

    def filled(self, key: str) -> str | None:
        """A text that says something."""
        value = self.text(key)
        if value is not None and not value.strip():
            raise self.problem(key, "is empty", "fill it in or leave it out")
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        value = self.text(key)
        if value is None:
            return default
        if value not in allowed:
            raise self.problem(key, f"{value[:40]!a} is unknown", f"write one of: {', '.join(allowed)}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.problem(key, "is neither true nor false", "write true or false, without quotes")
        return value

    def seconds(self, key: str) -> int | None:
        """A whole number of seconds from 1 to a year."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= YEAR_S:
            raise self.problem(key, f"is no whole number of seconds from 1 to {YEAR_S}", "write 3600")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none of them empty, none there twice."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.problem(key, "is not a list", 'write ["…", "…"]')
        for index, entry in enumerate(value):
            path = (*self.path, key, index)
            if not isinstance(entry, str) or not entry.strip() or not entry.isprintable():
                raise Problem(path, "is not a text", 'write it in double quotes: "…"')
            if entry in value[:index]:
                raise Problem(path, f"{entry[:40]!a} is there twice", "leave one of them")
        return tuple(value)

    def map(self, key: str) -> dict[str, str]:
        """An object of texts."""
        values = mapping(self.take(key), (*self.path, key))
        for name, value in values.items():
            if not isinstance(value, str):
                raise Problem((*self.path, key, name), "is not a text", 'write it in double quotes: "…"')
        return values

    def url(self, key: str, base_url: str | None = None, **rules: Any) -> str | None:
        """A URL by the rules of `check_url`."""
        value = self.text(key)
        if value is not None:
            try:
                check_url(value, base_url=base_url, **rules)
            except ValueError as error:
                raise self.problem(key, str(error), "write it like https://example.com/path") from None
        return value

    def pointer(self, key: str, default: str | None = None) -> str | None:
        """A JSON pointer to a part of an answer (RFC 6901)."""
        value = self.text(key)
        if value is None:
            return default
        if not value.startswith("/"):
            raise self.problem(key, "is not a JSON pointer", "begin it with /, as in /user/login")
        return value

    def host(self, key: str) -> str | None:
        value = self.text(key)
        if value is not None:
            self.check_host((key,), value)
        return value

    def check_host(self, path: Path, host: str) -> None:
        try:
            check_host(host)
        except ValueError as error:
            raise Problem((*self.path, *path), str(error), "patterns, ports and URLs are not taken") from None


def is_header_name(name: str) -> bool:
    """Whether it can stand in a request (RFC 9110 section 5.1), leaving out what nobody uses."""
    return bool(name) and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
