"""Named bytes as one string of bytes: the plain text of sealed parts, and what our processes tell each other.

fields  = for each field: length (4 bytes, big endian) ‖ name ‖ length ‖ value
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def pack(fields: Mapping[str, bytes]) -> bytes:
    out = bytearray()
    for name, value in fields.items():
        for raw in (name.encode("ascii"), value):
            out += len(raw).to_bytes(4, "big") + raw
    return bytes(out)


def unpack(packed: bytes) -> dict[str, bytes]:
    """The fields of `pack`. Only ever given bytes of that form: they were sealed, or are our own.

    Raises ValueError for those of a process that was killed while it spoke, unless whole fields are missing.
    """
    items: list[bytes] = []
    at = 0
    while at < len(packed):
        end = at + 4 + int.from_bytes(packed[at : at + 4], "big")
        if end > len(packed):
            raise ValueError("cut short")
        items.append(packed[at + 4 : end])
        at = end
    return {name.decode("ascii"): value for name, value in zip(items[::2], items[1::2], strict=True)}
