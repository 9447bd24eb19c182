"""`authsome refresh`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from authsome_env.app import refresh as use_case

from . import arguments
from .describe import as_json, expires_in
from .invocation import Invocation
from .setting import workspace_of


def refresh(
    invocation: Invocation,
    provider: arguments.Provider,
    connection: arguments.Connection = None,
    force: Annotated[
        bool, typer.Option("--force", help="also after a request without an answer, or when asked to wait")
    ] = False,
) -> None:
    """What is due is refreshed by itself whenever it is used; this does it now. Any number of processes that
    ask at the same time cause one request.

    Example: authsome refresh github -c work
    """
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        renewed = use_case.refresh(workspace, vault, provider, connection, forced=force)
    now = invocation.now()
    if invocation.json:
        invocation.data(json.dumps(as_json(renewed, now)) + "\n")
    good = f", good for {expires_in(renewed, now)}" if renewed.expires_at is not None else ""
    invocation.say(f"refreshed {renewed.reference}{good}")
