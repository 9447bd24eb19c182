"""systemd's `EnvironmentFile=` (systemd.exec(5)): values in double quotes, in which a backslash escapes
a double quote, backslash, backtick and dollar sign, and all else, newlines too, stands for itself.
"""

from __future__ import annotations

from authsome_env.errors import CannotExpress

from .text import ELSEWHERE, utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = {ord(char): f"\\{char}" for char in '"\\`$'}


def render(values: Mapping[str, bytes]) -> bytes:
    """Raises CannotExpress for a value for which systemd would refuse the file."""
    return "".join([f'{name}="{_escape(name, value)}"\n' for name, value in values.items()]).encode()


def _escape(name: str, value: bytes) -> str:
    text = utf8(name, value, "systemd")
    if any(_is_refused(ord(char)) for char in text):
        raise CannotExpress(
            f"the value of {name} holds a noncharacter or a byte order mark, which systemd refuses", ELSEWHERE
        )
    return text.translate(_ESCAPES)


def _is_refused(point: int) -> bool:
    """systemd.exec(5) allows all scalar values but noncharacters, NUL and the byte order mark."""
    return point == 0xFEFF or 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE
