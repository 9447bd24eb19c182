r"""A .env file that python-dotenv, a shell (`set -a; . file`) and Node's `--env-file` read alike.

Two notations are common to all three; the limits of each were found with the programs themselves:

`'…'` for a value without `'`. python-dotenv alone reads `\\` there as one backslash and `\'` as a
quote that does not end the value, and expands `${…}` inside any quotes.
`"…"` for a value with `'`. There `"`, `$` and backtick mean something to the shell, which Node does
not let one escape, and a backslash means something before the characters of `_AFTER_BACKSLASH`.

python-dotenv and Node do not keep every carriage return, and both want UTF-8. Checked with
python-dotenv 1.2, bash 5.2, dash 0.5, Node 20, 22 and 24; Node before 20.12 reads single lines only.
"""

from __future__ import annotations

from authsome_env.errors import CannotExpress

from .text import ELSEWHERE, utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Escapes of python-dotenv and Node, then those of the shell; none: a backslash at the end.
_AFTER_BACKSLASH = frozenset({b"", *(bytes([byte]) for byte in b"\\'\"abfnrtv$`\n")})


def render(values: Mapping[str, bytes]) -> bytes:
    """One assignment a variable. Raises CannotExpress for a value that the readers would not read alike."""
    return b"".join([b"%b=%b\n" % (name.encode(), _quote(name, value)) for name, value in values.items()])


def _quote(name: str, value: bytes) -> bytes:
    utf8(name, value, "a .env file")
    if b"\r" in value:
        raise _not_alike(name, "a carriage return")
    if b"}" in value.partition(b"${")[2]:
        raise _not_alike(name, "${…}")
    if b"'" not in value:
        if b"\\\\" in value or value.endswith(b"\\"):
            raise _not_alike(name, "a doubled or final backslash")
        return b"'%b'" % value
    for character in (b'"', b"$", b"`"):
        if character in value:
            raise _not_alike(name, f"' together with {character.decode()}")
    if any(part[:1] in _AFTER_BACKSLASH for part in value.split(b"\\")[1:]):
        raise _not_alike(name, "' together with a backslash sequence")
    return b'"%b"' % value


def _not_alike(name: str, what: str) -> CannotExpress:
    return CannotExpress(
        f"the value of {name} holds {what}, which python-dotenv, sh and Node read differently", ELSEWHERE
    )
