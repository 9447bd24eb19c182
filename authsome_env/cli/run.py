"""`authsome run`: put variables into a command's environment and become that command."""

from __future__ import annotations

import os

from authsome_env.app.resolve import resolve
from authsome_env.deliver.environ import build
from authsome_env.errors import UsageError
from authsome_env.supervise import inherited
from authsome_env.supervise.exec import replace_process

from .setting import selection_of, workspace_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .flags import RunOptions
    from .invocation import Invocation


def run(options: RunOptions, invocation: Invocation) -> int:
    """Returns only for --explain."""
    if not (options.rest or options.explain):
        raise UsageError(
            "no command to run", "authsome run -- COMMAND, as in authsome run -- python agent.py"
        )
    selection = selection_of(options)
    resolution = resolve(workspace_of(invocation), selection)
    if not invocation.quiet:
        for warning in resolution.warnings:
            invocation.warn(warning)
    environment = build(
        inherited.environment(),
        resolution.values(),
        resolution.removed,
        clean=options.clean,
        passed=options.pass_,
        dropped=options.drop,
        keep_existing=options.keep_existing,
    )
    if options.explain:
        from .explain import explain

        return explain(resolution, environment, invocation)
    return replace_process(_command(options.rest), environment)


def _command(words: list[str]) -> list[bytes]:
    """The words as the bytes that our caller gave, which a locale need not give back."""
    given = inherited.arguments(len(words))
    if [os.fsdecode(each) for each in given] == words:
        return given
    return [os.fsencode(word) for word in words]
