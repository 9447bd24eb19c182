r"""fish 3 and later. `\x` and `\X` escapes stand for bytes and need no quotes, so the text has neither
blanks nor newlines in values, and both `authsome env | source` and `eval (authsome env)` read it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:@+,")
# Before fish 3.6, `\x` stood for ASCII only and `\X` for any byte.
_NOTATION = [
    bytes([byte]) if byte in _PLAIN else b"\\%b%02x" % (b"x" if byte < 0x80 else b"X", byte)
    for byte in range(256)
]


def assign(name: str, value: bytes) -> bytes:
    return b"set -gx %b %b" % (name.encode(), b"".join([_NOTATION[byte] for byte in value]) or b"''")


def unset(names: Sequence[str]) -> bytes:
    """A universal variable belongs to every session of the user, so it is never erased. An exported one is
    hidden by an empty global one; fish would still export it past a global one that is not exported.
    `true`: erasing what is not there would leave status 4.
    """
    parts = [f"set -eg {name}; set -qUx {name}; and set -gx {name}" for name in names]
    return ("; ".join(parts) + "; true").encode()


def failure(exit_code: int) -> bytes:
    """By a process: fish has no subshell, and `return` would leave the function that called `eval`."""
    return b"command sh -c 'exit %d'" % exit_code
