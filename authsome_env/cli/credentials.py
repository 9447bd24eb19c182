"""The programs that git, Docker and AWS's tools start to ask for a login: light, and without Typer.

    authsome git-credential    [--only ID,…] get|store|erase           see git-credential(1)
    authsome docker-credential [--only ID,…] get|store|erase|list      also as docker-credential-authsome
    authsome aws-credentials   [--only ID,…] [REF]                     for credential_process

They are for programs, so no completion names them, and no help but their own. Each prints one line if it
fails, and asks nobody. `main` is what a run's own configuration starts, see `begin`.
"""

from __future__ import annotations

import os
import sys

from authsome_env.app import inside
from authsome_env.clock import system
from authsome_env.errors import AuthsomeError, UsageError

from . import light
from .flags import LIST, PROGRAMS, Flag, GlobalOptions, Options
from .invocation import Invocation, OutputClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from authsome_env.app.served import Served


class _Options(Options):
    flags = (Flag("--only", LIST, "serve these connections alone", "ID"),)

    only: list[str]


class Asked:
    """One question: the words behind the verb, stdin, and where the answer may come from."""

    __slots__ = ("invocation", "only", "words")

    def __init__(self, invocation: Invocation, words: Sequence[str], only: Sequence[str]) -> None:
        self.invocation = invocation
        self.words = words
        self.only = frozenset(each for text in only for each in text.split(",") if each)

    def read(self, most: int) -> bytes:
        """What there is on stdin, to its end, to an empty line, or to a little more than `most` bytes."""
        if self.invocation.stdin is None:
            return b""
        received = b""
        while len(received) <= most and not received.startswith(b"\n") and b"\n\n" not in received:
            chunk = os.read(self.invocation.stdin, 65536)
            if not chunk:
                break
            received += chunk
        return received

    def served(self) -> Served:
        import time

        from authsome_env.app.served import served

        invocation = self.invocation
        return served(
            invocation.environ, now=invocation.now, sleep=time.sleep, vault=invocation.vault, only=self.only
        )


def perform(arguments: Sequence[str], invocation: Invocation) -> int:
    """`arguments`: a line whose verb is one of PROGRAMS; the exit code. Raises OutputClosed."""
    given, options = GlobalOptions(), _Options()
    try:
        words = light.words(arguments, given, options)
        if not words or words[0] not in PROGRAMS:
            verb = next((each for each in arguments if each in PROGRAMS), None)
            if verb is None:
                raise UsageError(f"not a line of {', '.join(PROGRAMS)}")
            if not {"--help", "-h"}.isdisjoint(arguments):
                from .program_help import PAGES

                invocation.data(PAGES[verb])
                return 0
            raise UsageError(f"not a line of {verb}", f"authsome {verb} --help")
        invocation.apply(given)
        answer: Callable[[Asked], int] = _load(words[0])
        return answer(Asked(invocation, words[1:], options.only))
    except AuthsomeError as error:
        invocation.tell(f"authsome: {one_line(error)}")
        return error.exit_code


def _load(verb: str) -> Any:
    if verb == "git-credential":
        from .git_credential import answer
    elif verb == "docker-credential":
        from .docker_credential import answer
    else:
        from .aws_credentials import answer
    return answer


def one_line(error: AuthsomeError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")


def main() -> None:
    """The line is in `sys.argv`; ends the process."""
    arguments = sys.argv[1:]
    if sys.flags.no_site and inside.folder_of(os.environ) is None:
        # The run has ended, so it is the vault's turn, which needs what is installed.
        os.execv(sys.executable, [sys.executable, "-E", "-P", *sys.argv])
    invocation = Invocation(
        environ=os.environ,
        now=system,
        random=os.urandom,
        stdin=None if sys.stdin is None else 0,
        stdout=None if sys.stdout is None else 1,
        stderr=None if sys.stderr is None else 2,
    )
    try:
        code = perform(arguments, invocation)
    except OutputClosed:
        code = 1  # git has heard enough
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # noqa: BLE001 - a traceback would show values
        from .report import report_unexpected

        report_unexpected(error, invocation)
        code = 1
    os._exit(code)
