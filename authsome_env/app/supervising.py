"""The supervisor's process, from its brief to the end of its command; `supervise.supervisor` begins it."""

from __future__ import annotations

import time

from authsome_env.clock import system
from authsome_env.deliver import ram
from authsome_env.errors import AuthsomeError
from authsome_env.supervise.exec import CommandFailed
from authsome_env.supervise.supervising import Supervisor
from authsome_env.supervise.work import NoWork

from .plan import Plan
from .supervised import Supervised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_OWN_FAILURE = 125


def attend(descriptor: int, report: Callable[[AuthsomeError, str], None]) -> int:
    """How the run has ended, as os.waitstatus_to_exitcode gives it. `report(error, said_as)` says why."""
    supervisor = Supervisor(descriptor, now=system, ticks=time.monotonic)
    brief = supervisor.brief
    if not brief.work:
        return _run(lambda: supervisor.run(NoWork(brief.delivered)), brief.said_as, report)
    plan = Plan.unpack(brief.work)
    work: Supervised | None = None

    def run() -> int:
        nonlocal work
        work = Supervised(plan, supervisor, now=system)
        work.begin()
        return supervisor.run(work)

    try:
        return _run(run, brief.said_as, report)
    finally:
        if work is not None:
            work.end()
        ram.clear(plan.folder)  # of a run that has not begun


def _run(run: Callable[[], int], said_as: str, report: Callable[[AuthsomeError, str], None]) -> int:
    try:
        return run()
    except CommandFailed as error:
        report(error, said_as)
        return error.exit_code
    except AuthsomeError as error:
        report(error, said_as)
    except OSError as error:
        hint = "see `ulimit -a` for how many processes and files there may be, and run it again"
        report(AuthsomeError(f"the command cannot be supervised: {error.strerror or error}", hint), said_as)
    return _OWN_FAILURE
