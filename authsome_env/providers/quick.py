"""Definitions on the hot path: the variables that a provider fills, read by SQLite's JSON functions.

Python's `json` imports `re` and `enum`, which cost more than half of a Python start; the vault has SQLite
loaded anyway. What it reads goes through the same function as the full parser's document.
"""

from __future__ import annotations

from authsome_env.model import check_provider_name

from . import source
from .environment import KEYS, QuickDefinition, quick_definition
from .problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container, Iterator
    from typing import Any
else:
    import _sqlite3 as sqlite3  # all of sqlite3 but its date converters, which load datetime

__all__ = ["QuickDefinition", "hot_path", "read"]

# json_valid is what keeps out the JSON5 that json_each takes since SQLite 3.42.
_MEMBERS = "SELECT key, type, value FROM json_each(?1) WHERE json_valid(?1)"

_NOT_AN_OBJECT = "is not a JSON object"
_HINT = "`authsome provider test` names the line"

_DEPTH = 16
"""Nothing that is looked at here lies deeper than 4."""


def hot_path(name: str, folder: str, db: sqlite3.Connection) -> QuickDefinition:
    """The definition of `name`, registered in `folder` or bundled, of which only the named files are opened.

    `db` may be any connection; nothing is read from its tables. Raises UsageError, ProviderNotFound,
    InvalidDefinition.
    """
    check_provider_name(name)
    found = source.find(name, folder)
    if found is None:
        from .registry import Registry  # knows all names

        raise Registry(folder).not_found(name)
    quick = read(found.raw, found.path, db, bundled=found.bundled)
    source.check_name(quick.name, name, found.path)
    return quick


def read(raw: bytes, origin: str, db: sqlite3.Connection, *, bundled: bool = False) -> QuickDefinition:
    """Raises InvalidDefinition; `origin` is what it calls the file."""
    text = source.decode(raw, origin)
    try:
        return quick_definition(members(db, text, KEYS), bundled=bundled)
    except Problem as problem:
        raise problem.located(origin) from None


def members(db: sqlite3.Connection, text: str, keys: Container[str]) -> dict[str, Any]:
    """Those members of the JSON object in `text`, as plain values. Raises Problem."""
    try:
        found = list(_members(db, text))
        if not found:  # or not JSON at all
            raise Problem((), _NOT_AN_OBJECT, _HINT)
        return {key: _value(db, kind, value, 1) for key, kind, value in found if key in keys}
    except sqlite3.Error:  # a text that is half of a surrogate pair cannot come out of SQLite
        raise Problem((), _NOT_AN_OBJECT, _HINT) from None


def _members(db: sqlite3.Connection, text: str) -> Iterator[tuple[str, str, Any]]:
    """The members of the object in `text`: key, SQLite's name of the type, value."""
    seen = set()
    for key, kind, value in db.execute(_MEMBERS, (text,)).fetchall():
        if not isinstance(key, str):  # a list has positions, a lone value has nothing
            raise Problem((), _NOT_AN_OBJECT, _HINT)
        if key in seen:
            raise Problem((), f"the key {key[:64]!a} is there twice", "leave one of them")
        seen.add(key)
        yield key, kind, value


def _value(db: sqlite3.Connection, kind: str, value: Any, depth: int) -> Any:
    """A JSON value of SQLite's `kind` as Python's; `value` is text for objects and lists."""
    if kind in ("true", "false"):
        return kind == "true"
    if kind not in ("object", "array"):
        return value
    if depth > _DEPTH:
        raise Problem((), "is nested too deeply", "a definition needs no more than four levels")
    if kind == "array":
        rows = db.execute(_MEMBERS, (value,)).fetchall()
        return [_value(db, entry_kind, entry, depth + 1) for _, entry_kind, entry in rows]
    return {key: _value(db, member, entry, depth + 1) for key, member, entry in _members(db, value)}
