"""PowerShell 6 and later (about_Quoting_Rules, about_Special_Characters).

One line of ASCII, so that neither the console's encoding nor a pipe that is read line by line alters
it: `authsome env --format powershell | Invoke-Expression`. All but letters, digits and a few marks
is a `` `u{…} `` escape, among them the typographic quotes, which PowerShell takes for quotes.
"""

from __future__ import annotations

from authsome_env.errors import CannotExpress

from .text import utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:@+,=")


def assign(name: str, value: bytes) -> bytes:
    if not value:
        raise CannotExpress(
            f"{name} is empty, and PowerShell before 7.5 removes a variable that is set to nothing",
            "leave the variable out, or use `authsome run -- pwsh`",
        )
    text = utf8(name, value, "PowerShell")
    escaped = "".join(char if char in _PLAIN else f"`u{{{ord(char):x}}}" for char in text)
    return f'$env:{name} = "{escaped}"'.encode("ascii")


def unset(names: Sequence[str]) -> bytes:
    return "; ".join(f"$env:{name} = $null" for name in names).encode()


def failure(exit_code: int) -> bytes:
    """`$ErrorActionPreference = 'Stop'`, the counterpart of `set -e`, stops at a written error."""
    return b"$global:LASTEXITCODE = %d; Write-Error 'authsome ended with exit status %d'" % (
        exit_code,
        exit_code,
    )
