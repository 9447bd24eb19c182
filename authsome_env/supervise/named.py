"""What we use of `typing.NamedTuple`, without `typing`, whose import takes longer than all else that we load.

    TYPE_CHECKING = False
    if TYPE_CHECKING:
        from typing import NamedTuple
    else:
        from .named import NamedTuple

What it makes is no tuple: it is neither unpacked nor indexed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class NamedTuple:
    """Fields are the annotated names of a class body, with what it assigns to them for defaults."""

    _fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        cls.__match_args__ = cls._fields  # type: ignore[attr-defined, misc]

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self._fields, values, strict=False)) | named
        if len(given) != len(values) + len(named) or not given.keys() <= {*self._fields}:
            raise TypeError(f"{type(self).__name__}: one field twice, or one that it does not have")
        for name in self._fields:
            if name not in given and not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__}: {name} is missing")
        self.__dict__.update(given)

    def _replace(self, **named: Any) -> Self:
        return type(self)(**(self.__dict__ | named))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({', '.join(shown)})"

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)
