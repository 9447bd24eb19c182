"""`authsome list`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from authsome_env.errors import VaultNotFound

from .describe import as_json, expires_in
from .invocation import Invocation
from .setting import workspace_of
from .table import table

_HEADS = ("PROVIDER", "CONNECTION", "DEFAULT", "ACCOUNT", "STATUS", "EXPIRES IN", "SCOPES")


def list_connections(
    invocation: Invocation,
    all: Annotated[bool, typer.Option("--all", help="also providers without a connection")] = False,  # noqa: A002
) -> None:
    """Example: authsome list --json"""
    workspace = workspace_of(invocation)
    now = invocation.now()
    try:
        with workspace.open() as vault:
            connections = [credential.connection for credential in vault.all()]
    except VaultNotFound:
        if not workspace.home.is_fresh(workspace.vault_name):
            raise
        connections = []  # a newcomer has no vault yet, and no connection
    connected = {connection.provider for connection in connections}
    idle = [name for name in workspace.registry().names() if name not in connected] if all else []
    if invocation.json:
        listed = {"connections": [as_json(connection, now) for connection in connections]}
        invocation.data(json.dumps({**listed, "not_connected": idle} if all else listed) + "\n")
        return
    rows = [
        [
            each.provider,
            each.name,
            "yes" if each.is_default else "",
            each.account or "-",
            each.status(now),
            expires_in(each, now),
            each.scopes or "-",
        ]
        for each in connections
    ]
    rows += [[name, "-", "", "-", "-", "-", "-"] for name in idle]
    if rows:
        invocation.data(table(_HEADS, sorted(rows, key=lambda row: row[0]), invocation))
    else:
        invocation.say(
            "no connections yet; authsome login PROVIDER makes the first (authsome provider list shows which)"
        )
