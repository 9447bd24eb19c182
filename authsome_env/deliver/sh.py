"""POSIX shells: dash, busybox ash, ksh, mksh, bash and zsh as sh.

POSIX has no notation that can hold any byte without the byte itself, so a value with a blank or a
pattern character does not survive an unquoted `eval $(…)`: field splitting and pathname expansion
(POSIX.1-2017, 2.6.5 and 2.6.6) see it before `eval` does.
"""

from __future__ import annotations

from authsome_env.errors import CannotExpress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Printable ASCII without patterns, without braces and parentheses, which ksh expands in the result
# of a substitution too, and without backslash, which some shells take as a pattern character there.
_SURVIVES = frozenset(range(0x21, 0x7F)) - frozenset(rb"*?[]\{}()")


def assign(name: str, value: bytes) -> bytes:
    """For `eval $(…)`. Raises CannotExpress for a value that the shell would split or expand."""
    if not _SURVIVES.issuperset(value):
        raise CannotExpress(
            f"the value of {name} does not survive an unquoted eval in sh",
            'add `--quoted` and type `eval "$(authsome env --format sh --quoted)"`',
        )
    return assign_quoted(name, value)


def assign_quoted(name: str, value: bytes) -> bytes:
    """For `eval "$(…)"`: any bytes. A quote is written `'"'"'`, since a backslash may not survive."""
    return b"export %b='%b'" % (name.encode(), value.replace(b"'", b"'\"'\"'"))


def unset(names: Sequence[str]) -> bytes:
    """`-v`, or a function of that name would go where there is no such variable."""
    return f"unset -v {' '.join(names)}".encode()


def failure(exit_code: int) -> bytes:
    return b"(exit %d)" % exit_code
