"""bash and zsh: `$'…'` with octal escapes, which both read as bytes whatever the locale.

All but letters, digits, `_` and `-` is escaped. So nothing in a value is left for word splitting
(even with an IFS such as `:`), globbing, tilde, brace or history expansion, and `eval $(…)` is as
right as `eval "$(…)"`. Three digits always: a shorter escape would swallow a digit that follows.
"""

from __future__ import annotations

from . import sh

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_NOTATION = [bytes([byte]) if byte in _PLAIN else b"\\%03o" % byte for byte in range(256)]


def assign(name: str, value: bytes) -> bytes:
    if _PLAIN.issuperset(value):
        return b"export %b=%b" % (name.encode(), value)
    return b"export %b=$'%b'" % (name.encode(), b"".join([_NOTATION[byte] for byte in value]))


unset = sh.unset
failure = sh.failure
