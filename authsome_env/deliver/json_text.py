"""JSON without `json`, which takes half of a Python start, and would make a keeper an eighth larger."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Value = str | int | float | None | Sequence["Value"] | Mapping[str, "Value"]


def write(value: Value) -> str:
    """As `json.dumps`. Surrogate escapes become those of JSON, so that any bytes survive."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return repr(value)
    if hasattr(value, "items"):
        return "{" + ", ".join(f"{_text(name)}: {write(each)}" for name, each in value.items()) + "}"
    return "[" + ", ".join(map(write, value)) + "]"


def _text(text: str) -> str:
    try:
        from _json import encode_basestring_ascii
    except ImportError:  # it only makes `json` faster
        from json.encoder import encode_basestring_ascii
    return str(encode_basestring_ascii(text))


class _Strict:
    """What the scanner in C asks for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = None
    memo: dict[str, str] = {}  # noqa: RUF012


def read(raw: bytes) -> Any:
    """As `json.loads`. Raises ValueError; RecursionError for what no program writes."""
    text = raw.decode().strip()
    try:
        from _json import make_scanner

        scan = make_scanner(_Strict)  # type: ignore[arg-type]  # it takes whatever has these attributes
    except (ImportError, AttributeError, TypeError):
        import json

        return json.loads(text)
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError from None
    if end != len(text):
        raise ValueError
    return value
