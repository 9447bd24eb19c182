"""`authsome rename`."""

from __future__ import annotations

import json

from authsome_env.app import connections

from . import arguments
from .invocation import Invocation
from .setting import workspace_of


def rename(
    invocation: Invocation, provider: arguments.Provider, old: arguments.Name, new: arguments.NewName
) -> None:
    """Example: authsome rename github default personal"""
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        renamed = connections.rename(workspace, vault, provider, old, new)
    if invocation.json:
        result = {"provider": provider, "connection": new, "was": old, "default": renamed.is_default}
        invocation.data(json.dumps(result) + "\n")
    invocation.say(f"{provider}:{old} is {provider}:{new} now")
