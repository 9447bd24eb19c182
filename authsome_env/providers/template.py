"""Templates: how the value of a variable is made from a credential's fields.

    text        every character but a placeholder stands for itself, so JSON text works as it is
    {f}         the field f; a field's name is a lower-case letter, then lower-case letters, digits and _
    {f:FILTER}  the field f, filtered
    {f:g:FILTER} the fields joined by ":" and then filtered; {user:password:base64} is the credential of
                HTTP Basic (RFC 7617)

Filters work on bytes, so that values that are not UTF-8 stay what they are:

    base64      RFC 4648 section 4, padded, without line ends
    json        escaped for the inside of a JSON string (RFC 8259 section 7), without quotes
    url         all but unreserved characters as %XX (RFC 3986 section 2.3)

A `{` that begins nothing of this form is an ordinary character.
"""

from __future__ import annotations

import binascii

from authsome_env.model import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz")
_REST = _FIRST | frozenset("0123456789_")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_JSON_ESCAPES = {**{code: b"\\u%04x" % code for code in range(32)}, 0x22: b'\\"', 0x5C: b"\\\\"}


def _base64(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False)


def _json(raw: bytes) -> bytes:
    return b"".join(_JSON_ESCAPES.get(code, b"%c" % code) for code in raw)


def _url(raw: bytes) -> bytes:
    return b"".join(b"%c" % code if code in _UNRESERVED else b"%%%02X" % code for code in raw)


FILTERS = {"base64": _base64, "json": _json, "url": _url}


class _Placeholder:
    __slots__ = ("fields", "filter")

    def __init__(self, parts: list[str]) -> None:
        self.filter = parts.pop() if len(parts) > 1 else None
        self.fields = parts


def is_field_name(name: str) -> bool:
    return name[:1] in _FIRST and _REST.issuperset(name)


def fields_of(template: str) -> tuple[str, ...]:
    """The fields that `template` needs, each once, in order."""
    found: dict[str, None] = {}
    for part in _split(template):
        if isinstance(part, _Placeholder):
            found.update(dict.fromkeys(part.fields))
    return tuple(found)


def check_template(template: str, known_fields: Collection[str]) -> None:
    """Raises ValueError, saying which field or filter is unknown and which there are."""
    if "\0" in template:
        raise ValueError("a variable cannot hold the character NUL")
    for part in _split(template):
        if not isinstance(part, _Placeholder):
            continue
        if part.filter is not None and part.filter not in FILTERS:
            raise ValueError(f"there is no filter {part.filter!r}; the filters are {', '.join(FILTERS)}")
        for field in part.fields:
            if field not in known_fields:
                raise ValueError(f"there is no field {field!r}; the fields are {', '.join(known_fields)}")


def render(template: str, values: Mapping[str, Secret]) -> Secret | None:
    """The value of the variable; None, which leaves it out, if a field it names is absent or empty.

    `template` has passed `check_template`.
    """
    done: list[bytes] = []
    for part in _split(template):
        if not isinstance(part, _Placeholder):
            done.append(part.encode("utf-8", "surrogateescape"))
            continue
        raw: list[bytes] = []
        for field in part.fields:
            value = values.get(field)
            if not value:
                return None
            raw.append(value.reveal_bytes())
        joined = b":".join(raw)
        done.append(joined if part.filter is None else FILTERS[part.filter](joined))
    return Secret.from_bytes(b"".join(done))


def _split(template: str) -> list[str | _Placeholder]:
    parts: list[str | _Placeholder] = []
    literal = position = 0
    while (start := template.find("{", position)) >= 0:
        end = template.find("}", start)
        if end < 0:
            break
        names = template[start + 1 : end].split(":")
        if all(map(is_field_name, names)):
            parts += (template[literal:start], _Placeholder(names))
            literal = position = end + 1
        else:
            position = start + 1
    parts.append(template[literal:])
    return parts
