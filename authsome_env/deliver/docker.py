"""`docker run --env-file`: `NAME=VALUE`, a line each, the value as it is (docker/cli, pkg/kvfile).

Blanks at both ends of a value and `#` in it are kept. Whether a pair of quotes around the whole value
belongs to it is being changed (docker/cli#3630), so such a value is refused.
"""

from __future__ import annotations

from authsome_env.errors import CannotExpress

from .text import ELSEWHERE, utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LINE_LIMIT = 65536
"""Bytes of a line with its newline: Go's bufio.MaxScanTokenSize, at which docker gives up the file."""


def render(values: Mapping[str, bytes]) -> bytes:
    """Raises CannotExpress for a value with line ends, in quotes, too long, or not UTF-8."""
    return b"".join([_line(name, value) for name, value in values.items()])


def _line(name: str, value: bytes) -> bytes:
    utf8(name, value, "docker")
    if b"\n" in value or b"\r" in value:
        raise CannotExpress(f"the value of {name} has several lines, which docker cannot read", ELSEWHERE)
    if len(value) > 1 and value[:1] == value[-1:] and value[:1] in {b"'", b'"'}:
        raise CannotExpress(
            f"the value of {name} is in quotes, which some versions of docker may drop", ELSEWHERE
        )
    line = b"%b=%b\n" % (name.encode(), value)
    if len(line) > LINE_LIMIT:
        raise CannotExpress(f"the value of {name} is too long for docker, which reads 64 KiB", ELSEWHERE)
    return line
