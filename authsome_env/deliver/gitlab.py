"""GitLab's `artifacts:reports:dotenv`: `NAME=value`, a line each. GitLab takes quotes as they are, strips
white space at both ends of a value, knows no comments and no empty lines, and refuses the whole report
if one line is wrong. Jobs that inherit a variable expand `$` in it.
"""

from __future__ import annotations

from authsome_env.errors import CannotExpress

from .text import ELSEWHERE, utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_LIMIT = 5 * 1024
"""Bytes; a report must be smaller. How many variables it may have depends on the plan (20 to 150)."""

_STRIPPED = " \t\n\v\f\r"


def render(values: Mapping[str, bytes]) -> bytes:
    """Raises CannotExpress for a value that GitLab would alter, and for a report that is too large."""
    report = b"".join([_line(name, value) for name, value in values.items()])
    if len(report) >= SIZE_LIMIT:
        largest = max(values, key=lambda name: len(values[name]))
        raise CannotExpress(
            f"the report is larger than the 5 KiB that GitLab takes; most of it is {largest}",
            "name fewer connections, or use `authsome run` in each job instead",
        )
    return report


def _line(name: str, value: bytes) -> bytes:
    text = utf8(name, value, "GitLab")
    if "\n" in text or "\r" in text:
        raise CannotExpress(f"the value of {name} has several lines, which GitLab cannot read", ELSEWHERE)
    if text.strip(_STRIPPED) != text:
        raise CannotExpress(f"the value of {name} begins or ends with a blank, which GitLab drops", ELSEWHERE)
    if "$" in text:
        raise CannotExpress(f"the value of {name} holds $, which GitLab expands", ELSEWHERE)
    return b"%b=%b\n" % (name.encode(), value)
