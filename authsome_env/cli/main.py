"""Where the process begins, and the only place that ends it.

Exit codes: the error's own; for `run` 125, because all others belong to its command (env(1), timeout(1)),
but 126 and 127 when that could not be started. This module imports nothing before `sys.path` is ours.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence

    from authsome_env.errors import AuthsomeError

    from .flags import HotOptions
    from .invocation import Invocation
    from .light import Glance, Reading
    from .program import Row
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_OWN_FAILURE = 125
_COMMAND_NOT_STARTED = (126, 127)
_PROGRAMS = ("git-credential", "docker-credential", "aws-credentials")
"""Verbs for programs, not for people; see `credentials`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: `sys.argv[1:]`); the exit code. May end the process by a signal."""
    _drop_foreign_paths(sys.path, os.environ)
    try:
        from authsome_env.clock import system
        from authsome_env.supervise.inherited import hold_stdio

        from .invocation import Invocation

        invocation = Invocation(
            environ=os.environ,
            now=system,
            random=os.urandom,
            stdin=None if sys.stdin is None else 0,  # None: it was closed when the process began
            stdout=None if sys.stdout is None else 1,
            stderr=None if sys.stderr is None else 2,
        )
        hold_stdio()
        code = perform(list(sys.argv[1:] if argv is None else argv), invocation)
        if argv is None and "typer" not in sys.modules:
            # Nothing is buffered or registered here, and to take an interpreter down costs 0.2 x of a start.
            os._exit(code)
        return code
    except KeyboardInterrupt:
        return _die_by(signal.SIGINT)


def perform(arguments: list[str], invocation: Invocation, commands: tuple[Row, ...] | None = None) -> int:
    """As `main`, but all outside the process comes by `invocation`; `commands`: other than the real ones.

    Lets KeyboardInterrupt out, except from `login`.
    """
    from authsome_env.errors import AuthsomeError, LoginCancelled

    from . import light
    from .flags import HOT
    from .invocation import OutputClosed

    reading = light.parse(arguments)
    seen = reading or light.glance(arguments)
    verb = seen.verb
    if verb in HOT and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing here needs to be undone, so ^C just ends it
    try:
        return _perform(arguments, invocation, reading, seen, commands)
    except OutputClosed:
        return _die_by(signal.SIGPIPE)
    except AuthsomeError as error:
        return _failed(error, verb, invocation)
    except KeyboardInterrupt:
        if verb != "login":
            raise
        return _failed(LoginCancelled("login was cancelled; nothing was saved"), verb, invocation)
    except Exception as error:  # noqa: BLE001 - a traceback would show values
        from .report import report_unexpected

        report_unexpected(error, invocation)
        return _OWN_FAILURE if verb == "run" else 1


def _perform(
    arguments: list[str],
    invocation: Invocation,
    reading: Reading | None,
    seen: Reading | Glance,
    commands: tuple[Row, ...] | None,
) -> int:
    if seen.verb in _PROGRAMS:
        from .credentials import perform as answer

        return answer(arguments, invocation)
    from authsome_env.supervise.runs import sweep

    invocation.apply(seen.globals)
    runs = sweep(invocation.environ)
    if runs and not invocation.quiet and seen.verb not in ("", "ps"):
        from .notices import say as say_notices

        say_notices(runs, invocation)
    if reading:
        return carry(reading.options, invocation)
    if seen.verb == "token" and "AUTHSOME_RUN" in invocation.environ:
        from .token_inside import perform as tell

        if tell(arguments, invocation):
            return 0
    from .program import perform as perform_by_typer

    return perform_by_typer(arguments, invocation, carry, commands)


def carry(options: HotOptions, invocation: Invocation) -> int:
    """Carry out `run` or `env`, whichever parser read it."""
    from .flags import RunOptions

    if isinstance(options, RunOptions):
        from .run import run

        return run(options, invocation)
    from .env import env

    return env(options, invocation)


def _failed(error: AuthsomeError, verb: str, invocation: Invocation) -> int:
    from .report import report

    report(error, invocation)
    if verb == "run" and error.exit_code not in _COMMAND_NOT_STARTED:
        return _OWN_FAILURE
    return error.exit_code


def _die_by(number: int) -> int:
    """End as the signal would have ended us, so that the caller can tell; 128+n if it is blocked."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def _drop_foreign_paths(path: list[str], environ: Mapping[str, str]) -> None:
    """Take out of `path` (sys.path) what the caller's folder and environment put there.

    A module there would be loaded into the process that holds the keys. What Python loaded before us (a
    sitecustomize) is out of reach. Kept are the folders that Python has by itself, and this package's.
    """
    site = sys.modules.get("site")
    library = os.path.dirname(os.path.abspath(os.__file__))
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    kept = {package, library, os.path.join(library, "lib-dynload"), *(site.getsitepackages() if site else ())}
    if path and not sys.flags.safe_path and path[0] not in kept:
        del path[0]  # the script's folder, or with -m and -c the current one
    if listed := environ.get("PYTHONPATH"):
        named = listed.split(os.pathsep)
        foreign = {*named, *(os.path.abspath(entry) for entry in named)} - kept
        path[:] = [entry for entry in path if entry not in foreign]
