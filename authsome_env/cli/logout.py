"""`authsome logout`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from authsome_env.app import connections
from authsome_env.errors import UsageError

from . import arguments
from .invocation import Invocation
from .setting import workspace_of


def logout(
    invocation: Invocation,
    provider: arguments.Provider,
    connection: arguments.Connection = None,
    all: Annotated[bool, typer.Option("--all", help="all connections of the provider")] = False,  # noqa: A002
) -> None:
    """The credential stays valid at the provider: `authsome revoke` ends it there, too.

    Example: authsome logout openai -c work
    """
    if all and connection is not None:
        raise UsageError("--all excludes --connection", "leave one of them out")
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        done = connections.logout(workspace, vault, provider, connection, everything=all)
    if invocation.json:
        result = {
            "provider": provider,
            "deleted": done.deleted,
            "left": done.left,
            "new_default": done.new_default,
        }
        invocation.data(json.dumps(result) + "\n")
    invocation.say(departed(provider, done))


def departed(provider: str, done: connections.Departure) -> str:
    """What was deleted, and who is the default now."""
    text = f"deleted {', '.join(f'{provider}:{name}' for name in done.deleted)}"
    if done.new_default:
        text += f"; {done.new_default} is the default now"
    elif done.was_default and done.left:
        text += f"; no default until authsome set-default {provider} NAME ({', '.join(done.left)})"
    return text
