"""The forms in which a secret shows in output: what a mask looks for. Pure.

Each is exact bytes. A form of base64 is the part that the secret alone decides, for each of the three places
that it can have in what was encoded: so `Authorization: Basic …` and a JSON text that was encoded as a whole
are found as well.
"""

from __future__ import annotations

import base64
import json
import urllib.parse

SHORTEST = 8
"""Characters. What is shorter would be found in innocent words."""


def forms(secret: bytes) -> tuple[set[bytes], set[bytes]]:
    """(those that are in one piece, those of base64 that may be broken into lines, as in mail and PEM).

    Both are empty for a secret that is too short to be masked.
    """
    if len(secret) < SHORTEST:
        return set(), set()
    plain = {secret, secret.replace(b"\n", b"\r\n")}  # a terminal writes every newline so
    for line in secret.split(b"\n"):
        line = line.strip()  # noqa: PLW2901
        if len(line) >= SHORTEST and not line.startswith(b"-----"):  # all keys in PEM begin alike
            plain.add(line)
    encoded = {secret.hex().encode(), secret.hex().upper().encode()}
    for safe in ("", "/", "/:"):
        quoted = urllib.parse.quote_from_bytes(secret, safe=safe)
        encoded |= {quoted.encode(), _lower(quoted).encode(), quoted.replace("%20", "+").encode()}
    text = secret.decode("utf-8", "surrogateescape")
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        for each in (escaped, escaped.replace("/", "\\/")):
            encoded.add(each.encode("utf-8", "surrogateescape"))
    letters = _base64(secret)
    for_urls = {each.translate(bytes.maketrans(b"+/", b"-_")) for each in letters}
    return plain | encoded | (for_urls - letters), letters


def _base64(secret: bytes) -> set[bytes]:
    found = set()
    for before in range(3):
        letters = base64.b64encode(b"\0" * before + secret)
        # A letter is six bits: those that are all the secret's, from the first to the last.
        found.add(letters[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6])
    return found


def _lower(quoted: str) -> str:
    """`%2F` as `%2f`, which is the same."""
    head, *rest = quoted.split("%")
    return "%".join([head, *(each[:2].lower() + each[2:] for each in rest)])
