"""The forms in which a secret shows up in logs: itself, and what programs encode it to."""

from __future__ import annotations

import json
from binascii import b2a_base64

SHORTEST = 8
"""Bytes. What is shorter is no secret worth the name, and often a companion such as `true` or `us-east-1`
cut short; masked, it would take pieces out of unrelated words and hide the log itself.
"""

_UNRESERVED = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
)  # RFC 3986, 2.3


def lines(value: bytes) -> list[bytes]:
    """The value and each of its lines that is long enough: logs are masked line by line."""
    parts = [value, *(line.strip() for line in value.replace(b"\r", b"\n").split(b"\n"))]
    return list(dict.fromkeys([part for part in parts if len(part) >= SHORTEST]))


def encoded(secret: bytes) -> list[bytes]:
    """Base64, URL-, JSON- and hex-encoded forms of UTF-8 text, each once, without the text itself."""
    text = secret.decode("utf-8")
    json_ascii = json.dumps(text)[1:-1].encode()
    json_utf8 = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    upper = b"".join([bytes([byte]) if byte in _UNRESERVED else b"%%%02X" % byte for byte in secret])
    lower = b"".join([bytes([byte]) if byte in _UNRESERVED else b"%%%02x" % byte for byte in secret])
    forms = [
        *_base64(secret),
        upper,
        lower,
        upper.replace(b"%20", b"+"),
        upper.replace(b"%2F", b"/"),
        json_ascii,
        json_utf8,
        json_utf8.replace(b"/", b"\\/"),
        secret.hex().encode(),
        secret.hex().upper().encode(),
    ]
    return [form for form in dict.fromkeys(forms) if form != secret]


def _base64(secret: bytes) -> list[bytes]:
    """As encoded alone, and as it looks inside of something longer (`user:secret`).

    Base64 maps 3 bytes to 4 characters, so there are three ways to lie in it; the characters that
    neighbouring bytes have a share in are left out.
    """
    whole = b2a_base64(secret, newline=False)
    forms = [whole, whole.rstrip(b"=")]
    for before in range(3):
        text = b2a_base64(bytes(before) + secret, newline=False)
        forms.append(text[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6])
    return [*forms, *(form.replace(b"+", b"-").replace(b"/", b"_") for form in forms)]
