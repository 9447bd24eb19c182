"""JSON pointers (RFC 6901)."""

from __future__ import annotations

from typing import Any


def read_pointer(document: Any, pointer: str) -> Any | None:
    """What `pointer` leads to; None if it leads nowhere."""
    found = document
    for raw in pointer.split("/")[1:]:
        token = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(token)
        elif isinstance(found, list) and _is_index(token):
            found = found[int(token)] if int(token) < len(found) else None
        else:
            return None
    return found


def _is_index(text: str) -> bool:
    """Section 4: digits without a leading zero, so that each place has one name."""
    return text.isascii() and text.isdigit() and len(text) < 10 and (text[0] != "0" or text == "0")
