"""The one text form of a master key: base64 of 32 bytes, in either alphabet, with or without padding."""

from __future__ import annotations

import binascii

KEY_BYTES = 32


def encode(key: bytes) -> bytes:
    """44 ASCII characters, without a newline."""
    return binascii.b2a_base64(key, newline=False)


def decode(text: bytes) -> bytes | None:
    """The key, or None if `text` (blanks around it ignored) is not base64 of exactly 32 bytes.

    Unpadded text is taken too, because Python's `secrets.token_urlsafe(32)` makes it. None instead of an
    error, so that each caller names its own source and no message can hold a part of the text.
    """
    body = text.strip().replace(b"-", b"+").replace(b"_", b"/")
    if len(body) == 43:
        body += b"="
    try:
        key = binascii.a2b_base64(body, strict_mode=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_BYTES else None
