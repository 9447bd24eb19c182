"""Become the command, as if the caller had started it: nothing of this process is left but its pid.

exec(2) keeps what must be kept by itself (descriptors, mask, ignored signals, timers, limits, working
directory, PDEATHSIG). This module undoes what CPython changed at its start, and searches as execvp(3) does,
which `os.execvpe` does not: no /bin/sh for files without `#!`, another default path, other errors.
"""

from __future__ import annotations

import errno
import os

from authsome_env.errors import AuthsomeError
from authsome_env.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    Execute = Callable[[bytes, Sequence[bytes]], int]
    """(path, argv) -> errno. It returns only when it failed."""
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_SHELL = b"/bin/sh"
_IGNORED_BY_CPYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_SEARCH_GOES_ON = frozenset(
    (errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT)
)
"""As in glibc's execvpe: the file is not there, or is on a file system that cannot be reached."""


class CommandFailed(AuthsomeError):
    """The command was not started: exit code 127 if it was not found, else 126 (POSIX sh 2.8.2, env(1))."""

    def __init__(self, word: bytes, number: int, hint: str) -> None:
        reason = os.strerror(number)
        shown = printable(word.decode("utf-8", "surrogateescape")) or "''"
        super().__init__(f"cannot run {shown}: {reason[:1].lower()}{reason[1:]}", hint)
        self.number = number
        missing = number == errno.ENOENT
        self.exit_code = 127 if missing else 126
        self.name = "command_not_found" if missing else "command_not_executable"


def replace_process(argv: Sequence[bytes], environment: Sequence[bytes]) -> NoReturn:
    """Become `argv`, with exactly the entries of `environment`, found on the PATH that is among them.

    To be called in the main thread, with no other one. Raises CommandFailed; signals are then as before.
    A handler's exception (KeyboardInterrupt) may come out too: for a signal that had arrived already.
    """
    paths = _candidates(argv[0], environment)
    execute = _execute_with(environment)
    previous = {}
    try:
        for number in range(1, signal.NSIG):
            handler = signal.getsignal(number)
            # exec resets handlers as well, but it would drop a signal that CPython has noted and not yet
            # served. signal() serves those first; what comes later meets the default action, as it should.
            # What CPython ignores may have been ignored by the caller already; that cannot be known here.
            if callable(handler) or (handler == signal.SIG_IGN and number in _IGNORED_BY_CPYTHON):
                previous[number] = handler
                signal.signal(number, signal.SIG_DFL)
        failure = _first_that_starts(paths, argv, execute)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    raise CommandFailed(argv[0], failure, _hint(failure, paths))


def _candidates(word: bytes, environment: Sequence[bytes]) -> list[bytes]:
    """The paths that execvp(3) tries for `word`, in order; none for the empty word."""
    if not word:
        return []
    if b"/" in word:
        return [word]
    for entry in environment:
        if entry.startswith(b"PATH="):
            folders = entry[5:].split(b":")
            break
    else:
        folders = os.fsencode(os.confstr("CS_PATH") or "/bin:/usr/bin").split(b":")
    return [folder + b"/" + word if folder else word for folder in folders]


def _first_that_starts(paths: Sequence[bytes], argv: Sequence[bytes], execute: Execute) -> int:
    """Does not return if one could be started; else the errno that execvp(3) would give."""
    denied = False
    number = errno.ENOENT
    for path in paths:
        number = execute(path, argv)
        if number == errno.ENOEXEC:
            number = execute(_SHELL, [_SHELL, path, *argv[1:]])
        if number not in _SEARCH_GOES_ON:
            return number
        denied = denied or number == errno.EACCES
    return errno.EACCES if denied else number


def _execute_with(environment: Sequence[bytes]) -> Execute:
    mapping = {}
    for entry in environment:
        name, mark, value = entry.partition(b"=")
        if not name or not mark:
            return _execute_raw(environment)
        mapping[name] = value
    if len(mapping) != len(environment):
        return _execute_raw(environment)

    def execute(path: bytes, argv: Sequence[bytes]) -> int:
        try:
            os.execve(path, list(argv), mapping)
        except OSError as error:
            return error.errno or errno.EINVAL

    return execute


def _execute_raw(environment: Sequence[bytes]) -> Execute:
    """execve(2) itself, for what no mapping can hold: entries without a name or `=`, and duplicates."""
    import ctypes  # costs as much as everything else here together, and is hardly ever needed

    libc = ctypes.CDLL(None, use_errno=True)
    entries = (ctypes.c_char_p * (len(environment) + 1))(*environment)  # the last stays NULL

    def execute(path: bytes, argv: Sequence[bytes]) -> int:
        libc.execve(path, (ctypes.c_char_p * (len(argv) + 1))(*argv), entries)
        return ctypes.get_errno()

    return execute


def _hint(number: int, paths: Sequence[bytes]) -> str:
    if number == errno.ENOENT:
        if any(os.path.lexists(path) for path in paths):
            return "the file is there, but what its first line (#!), its loader or its link names is not"
        return "check its spelling, and the PATH in the environment that the command gets"
    if number == errno.EACCES:
        if any(os.path.isdir(path) for path in paths):
            return "it is a directory; name a program"
        return "make it executable with chmod +x, or run it by its interpreter"
    if number == errno.E2BIG:
        return "arguments and environment are too large together; pass fewer variables with --clean or --drop"
    return "check that it can be started without authsome"
