"""Values as text, for the formats whose readers want UTF-8."""

from __future__ import annotations

from authsome_env.errors import CannotExpress

ELSEWHERE = "let a program take it from its environment: `authsome run -- …`"
"""The hint for a value that a file cannot hold: an environment can hold all."""


def utf8(name: str, value: bytes, reader: str) -> str:
    """Raises CannotExpress if the value of the variable `name` is not UTF-8, which `reader` demands."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        # `from None`: the exception's own text and attributes hold the value.
        raise CannotExpress(f"the value of {name} is not UTF-8, which {reader} demands", ELSEWHERE) from None
