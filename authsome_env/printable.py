"""Text from outside, as one line that a terminal can be given."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""`text` as one line that shows what it holds.

    Control characters, escape sequences, line breaks, bidirectional overrides and invisible characters
    become visible (`\x1b`, `\u202e`), so that a name from outside cannot move a cursor or feign a line;
    bytes that were not UTF-8 become `\xff`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _visible(c) for c in text)


def _visible(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that os.fsdecode could not decode
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
