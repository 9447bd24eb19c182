"""A supervisor's `main`: what it says, and its end. For all else see `app.supervising`."""

from __future__ import annotations

from authsome_env.app.supervising import attend
from authsome_env.supervise.ends import end_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from authsome_env.errors import AuthsomeError


def main(descriptor: int) -> None:
    end_as(attend(descriptor, _report))


def _report(error: AuthsomeError, said_as: str) -> None:
    import os

    from authsome_env.clock import system

    from .invocation import Invocation
    from .report import report

    environ = {} if said_as == "color" else {"NO_COLOR": "1"}
    invocation = Invocation(environ=environ, now=system, random=os.urandom, stdin=0, stdout=1, stderr=2)
    invocation.json = said_as == "json"
    report(error, invocation)
