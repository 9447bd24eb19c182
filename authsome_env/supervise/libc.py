"""Functions of the C library that Python has no name for. Linux only.

`ctypes` takes as long to import as all else that our small processes load; its core is enough.
"""

from __future__ import annotations

import _ctypes
import os


def _simple(code: str) -> type:
    return type("simple", (_ctypes._SimpleCData,), {"_type_": code})  # noqa: SLF001 - the name that it has


_INT, _LONG, _TEXT = _simple("i"), _simple("l"), _simple("z")
_FUNCFLAG_CDECL, _FUNCFLAG_USE_ERRNO = 1, 8
_FUNCTION = type(
    "function",
    (_ctypes.CFuncPtr,),
    {"_flags_": _FUNCFLAG_CDECL | _FUNCFLAG_USE_ERRNO, "_restype_": _INT},
)
_WORD = 1 << 64


def call(name: str, *arguments: int | bytes) -> int:
    """Numbers go as `long`, which all that is called here can take. Raises OSError for -1."""
    function = _FUNCTION(_ctypes.dlsym(_ctypes.dlopen(None, 0), name))  # type: ignore[arg-type]
    _ctypes.set_errno(0)
    result = function(*map(_argument, arguments))
    if result == -1:
        number = _ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return int(result)


def _argument(given: int | bytes) -> object:
    if isinstance(given, bytes):
        return _TEXT(given)
    return _LONG((given + _WORD // 2) % _WORD - _WORD // 2)
