"""Become a supervisor: the process that starts the command as its child, and stays for as long as it lives.

    authsome (pid 7)    ── blocks all signals, leaves its brief in a memory file ── exec ──▶
    supervisor (pid 7), an interpreter that has the brief, and little else       ── fork ──▶ command (pid 8)

Why exec, and not fork alone: what authsome has loaded is far more than is needed, and it may hold keys of
the vault. Why before the command is started, and not after: then nothing of it has to be handed over
(streams, how it failed to start), deliveries are in their places before it begins, and a signal that comes in
between waits, blocked, for whoever begins the command. exec keeps what is pending, as it keeps pid,
descriptors, limits, the working directory and the signals that are ignored.
"""

from __future__ import annotations

import os
import sys

from . import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from .brief import Brief
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_BEGIN = "import sys; sys.path += sys.argv[2:]; from {0} import main; main(int(sys.argv[1]))"
"""As a keeper's: neither `site` nor its .pth files."""


def become_supervisor(
    module: str, brief: Brief, environ: Mapping[str, str], *, folders: Sequence[str] = ()
) -> NoReturn:
    """`module`: its `main` is what it runs, found in the folder of this package, or in `folders`.

    Raises OSError; signals are as before then. A handler's exception (KeyboardInterrupt) may come out too.
    """
    previous = signal.getsignal(signal.SIGINT)
    mask = signals.block()
    try:
        if callable(previous):
            # CPython's. What it has noted and not yet served would be lost by exec; signal() serves it first.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        brief.mask = mask
        descriptor = brief.leave()
        try:
            package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            words = ["-I", "-S", "-c", _BEGIN.format(module), str(descriptor), package, *folders]
            os.execve(sys.executable, [sys.executable, *words], dict(environ))
        finally:
            os.close(descriptor)
    finally:
        if callable(previous):
            signal.signal(signal.SIGINT, previous)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
