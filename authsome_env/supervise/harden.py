"""What every process of ours that handles secrets for others does first: no core file, no debugger."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable
else:
    import _signal as signal

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """No core file; on Linux not dumpable: only root's processes read our memory and /proc/PID/environ."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _prctl(_PR_SET_DUMPABLE, 0)


def ignore(numbers: Iterable[int]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _prctl(option: int, value: int) -> None:
    # `ctypes` takes as long to import as all else that the keeper loads; its core is enough for one call.
    import _ctypes

    function = type("function", (_ctypes.CFuncPtr,), {"_flags_": 1, "_restype_": _c_int()})  # FUNCFLAG_CDECL
    libc = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
    function(_ctypes.dlsym(libc, "prctl"))(option, value, 0, 0, 0)


def _c_int() -> type:
    import _ctypes

    return type("c_int", (_ctypes._SimpleCData,), {"_type_": "i"})  # noqa: SLF001 - the name that it has
