"""`authsome set-default`."""

from __future__ import annotations

import json

from authsome_env.app import connections

from . import arguments
from .invocation import Invocation
from .setting import workspace_of


def set_default(invocation: Invocation, provider: arguments.Provider, name: arguments.Name) -> None:
    """Runs that are alive keep the connection that they began with.

    Example: authsome set-default github work
    """
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        former = connections.set_default(workspace, vault, provider, name)
    if invocation.json:
        invocation.data(json.dumps({"provider": provider, "default": name, "was": former}) + "\n")
    invocation.say(f"{provider}: default: {name}{f' (was {former})' if former else ''}")
