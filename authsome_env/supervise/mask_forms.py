"""The forms in which a secret shows in output: what a mask looks for. Pure.

Each is exact bytes. A form of base64 is the part that the secret alone decides, for each of the three places
that it can have in what was encoded: so `Authorization: Basic …` and a JSON text that was encoded as a whole
are found as well.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse

SHORTEST = 8
"""Characters. What is shorter would be found in innocent words."""
LINE_ENDS = b"\r\n"


_URL_SAFE = ("", "/", "/:", "*", "!'()*", "!'()*;/?:@&=+$,#")
"""What is left as it is, by Python's functions, by URLSearchParams, encodeURIComponent, encodeURI."""
_ASCII_ONLY = "<>&'+`"
"""What Go (the first three) and .NET (all) write as \\uXXXX in JSON."""
_LIKE_A_KEY = re.compile(rb"(?=[A-Za-z+/=_.-]*[0-9])(?=[0-9+/=_.-]*[A-Za-z])[A-Za-z0-9+/=_.-]{16}")


_FOR_URLS = bytes.maketrans(b"+/", b"-_")


def is_too_short(secret: bytes) -> bool:
    return len(secret.translate(None, LINE_ENDS)) < SHORTEST


def forms(secret: bytes) -> set[bytes]:
    """Without line ends, which may be anywhere in them (mail, PEM, `xxd -p`, `fold`).

    Empty for one that is too short to be masked. Space around it (a file's last newline) is no part of it.
    """
    if is_too_short(secret):
        return set()
    if len(secret.translate(None, b" \t" + LINE_ENDS)) >= SHORTEST:
        secret = secret.strip(b" \t" + LINE_ENDS)
    letters = _base64(secret)
    for_urls = {each.translate(_FOR_URLS) for each in letters}
    in_hex = {secret.hex().encode(), secret.hex().upper().encode()}
    found = _plain(secret) | in_hex | _in_urls(secret) | _in_json(secret) | letters | for_urls
    return {each.translate(None, LINE_ENDS) for each in found}


def _plain(secret: bytes) -> set[bytes]:
    """As it stands, and each line that tells something: the others are in innocent files as well."""
    found = {secret}
    in_pem = False
    for each in secret.split(b"\n"):
        line = each.strip()
        if line.startswith(b"-----"):  # all keys begin and end alike
            in_pem = line.startswith(b"-----BEGIN")
        elif len(line) >= SHORTEST and (in_pem or _LIKE_A_KEY.search(line)):
            found.add(line)
    return found


def _in_urls(secret: bytes) -> set[bytes]:
    found = set()
    for safe in _URL_SAFE:
        quoted = urllib.parse.quote_from_bytes(secret, safe=safe)
        for each in (quoted, quoted.replace("%20", "+"), quoted.replace("%20", "+").replace("~", "%7E")):
            found |= {each.encode(), _lower(each).encode()}
    return found


def _in_json(secret: bytes) -> set[bytes]:
    text = secret.decode("utf-8", "surrogateescape")
    found = set()
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        for each in (once, _as_numbers(once, _ASCII_ONLY[:3]), _as_numbers(once, _ASCII_ONLY)):
            found |= {each, each.replace("/", "\\/"), json.dumps(each, ensure_ascii=ascii_only)[1:-1]}
    return {each.encode("utf-8", "surrogateescape") for each in found}


def _as_numbers(text: str, characters: str) -> str:
    return "".join(f"\\u{ord(each):04X}" if each in characters else each for each in text)


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
