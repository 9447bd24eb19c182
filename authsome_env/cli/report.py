"""How an error looks.

For people, on stderr:                          With --json, exactly one line there:

    authsome: <message> [<name>]                    {"error": NAME, "message": …, "hint": …}
    hint: <what to type>
"""

from __future__ import annotations

import os

from authsome_env.errors import AuthsomeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from .invocation import Invocation

_PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def report(error: AuthsomeError, invocation: Invocation) -> None:
    if invocation.json:
        import json

        invocation.tell(json.dumps({"error": error.name, "message": error.message, "hint": error.hint}))
        return
    invocation.tell(f"authsome: {error.message} [{error.name}]", bold=len("authsome:"))
    if error.hint:
        invocation.tell(f"hint: {error.hint}", bold=len("hint:"))


def report_unexpected(error: BaseException, invocation: Invocation) -> None:
    """A mistake of ours. Its text is not shown, not even with --verbose: it may hold a secret."""
    report(
        AuthsomeError(
            f"unexpected {_kind(error)} at {_place(error.__traceback__)}",
            "please report it with what --verbose prints"
            if invocation.verbose
            else "repeat the command with --verbose to see where it came from; values are not shown",
        ),
        invocation,
    )
    if invocation.verbose and not invocation.json:
        _show_traceback(error, invocation)


def _kind(error: BaseException) -> str:
    reason = f" ({os.strerror(error.errno)})" if isinstance(error, OSError) and error.errno else ""
    return type(error).__name__ + reason


def _place(traceback: TracebackType | None) -> str:
    """File and line of the innermost frame that is ours."""
    place = "an unknown place"
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if path.startswith(_PACKAGE_FOLDER):
            place = f"{os.path.relpath(path, _PACKAGE_FOLDER)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _show_traceback(error: BaseException, invocation: Invocation) -> None:
    """Frames and types, innermost cause first, with neither messages nor locals."""
    import traceback

    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for each in reversed(chain):
        invocation.tell_lines("".join(traceback.format_tb(each.__traceback__)) + _kind(each) + "\n")
