"""One JSON object, variable -> text, on one line and in ASCII."""

from __future__ import annotations

import json

from .text import utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def render(values: Mapping[str, bytes]) -> bytes:
    """Raises CannotExpress for a value that is not UTF-8 (RFC 8259, 8.1)."""
    return json.dumps({name: utf8(name, value, "JSON") for name, value in values.items()}).encode() + b"\n"
