"""GitHub Actions: `::add-mask::` lines on stdout, and `NAME<<DELIMITER` blocks for `$GITHUB_ENV`
(docs.github.com, "Workflow commands"; actions/runner, ActionCommand.cs and FileCommandManager.cs).
"""

from __future__ import annotations

from . import forms
from .text import utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def masks(values: Mapping[str, bytes]) -> bytes:
    """One command for each value, each of its lines, and each encoded form of those.

    The runner matches masks against single lines of the log, hence the lines by themselves. Values
    and lines shorter than `forms.SHORTEST` are left out. Raises CannotExpress for what is not UTF-8.
    """
    secrets: dict[bytes, None] = {}  # in order, each once
    for name, value in values.items():
        utf8(name, value, "GitHub Actions")
        for part in forms.lines(value):
            secrets.update(dict.fromkeys([part, *forms.encoded(part)]))
    return b"".join([b"::add-mask::%b\n" % _escape(secret) for secret in secrets])


def environment(values: Mapping[str, bytes], delimiter: Callable[[], str]) -> bytes:
    """Raises CannotExpress for what is not UTF-8."""
    blocks = []
    for name, value in values.items():
        text = utf8(name, value, "GitHub Actions")
        mark = delimiter()
        while mark in text:
            mark = delimiter()
        blocks.append(f"{name}<<{mark}\n{text}\n{mark}\n")
    return "".join(blocks).encode()


def _escape(data: bytes) -> bytes:
    """What the runner undoes in the data of a command; `%` first."""
    return data.replace(b"%", b"%25").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
