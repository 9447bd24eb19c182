"""`authsome inspect`: a provider's definition and all its connections."""

from __future__ import annotations

import json

from authsome_env.errors import VaultNotFound
from authsome_env.printable import printable

from . import arguments
from .describe import as_json, as_lines
from .invocation import Invocation
from .provider import definition_as_json, definition_lines
from .setting import workspace_of


def inspect(
    invocation: Invocation, provider: arguments.Provider, connection: arguments.OnlyConnection = None
) -> None:
    """Example: authsome inspect openai"""
    workspace = workspace_of(invocation)
    registry = workspace.registry()
    definition = registry.load(provider)
    now = invocation.now()
    found = []
    try:
        with workspace.open() as vault:
            if connection is None:
                found = [credential.connection for credential in vault.of_provider(provider)]
            else:
                from authsome_env.app.find import find_connection

                found = [find_connection(workspace, vault, provider, connection).connection]
    except VaultNotFound:
        if connection is not None or not workspace.home.is_fresh(workspace.vault_name):
            raise
    if invocation.json:
        described = definition_as_json(definition, bundled=not registry.is_registered(provider))
        described["connections"] = [as_json(each, now) for each in found]
        invocation.data(json.dumps(described) + "\n")
        return
    blocks = [definition_lines(definition), *(as_lines(each, now) for each in found)]
    if not found:
        blocks.append([("connections", f"none; authsome login {provider}")])
    for number, block in enumerate(blocks):
        width = max(len(label) for label, _ in block)
        gap = "\n" if number else ""
        invocation.data(gap + "".join(f"{label:<{width}}  {printable(value)}\n" for label, value in block))
