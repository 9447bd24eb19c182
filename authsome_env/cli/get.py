"""`authsome get`: what is known of one connection; one field alone for scripts."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from authsome_env.app.find import find_connection, pick_field
from authsome_env.app.fresh import use_fresh
from authsome_env.app.resolve import known_fields
from authsome_env.deliver.text import utf8
from authsome_env.printable import printable

from . import arguments
from .describe import as_json, as_lines
from .invocation import Invocation
from .setting import workspace_of

_REDACTED = "***"


def get(
    invocation: Invocation,
    provider: arguments.Provider,
    connection: arguments.Connection = None,
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="F", help="print this alone: status, account, …, or a secret's name"),
    ] = None,
    show_secret: arguments.ShowSecret = False,
) -> None:
    """Secrets are shown as *** unless --show-secret asks for them.

    Example: authsome get openai -c work --field status
    """
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        credential = find_connection(workspace, vault, provider, connection)
        if show_secret:  # then it is about to be handed out
            credential, warnings = use_fresh(workspace, vault, credential)
            for warning in warnings:
                invocation.warn(warning)
        known, public = known_fields(workspace, vault, provider)
    shown = {name for name in credential.fields if show_secret or name in public}
    now = invocation.now()
    metadata = as_json(credential.connection, now)
    if field is not None and field in metadata:
        value = metadata[field]
        invocation.data((json.dumps(value) if invocation.json else _plain(value)) + "\n")
        return
    if field is not None:
        secret = pick_field(workspace, credential, field, [*known, *metadata])
        if field not in shown:
            invocation.say(f"{field} is hidden; --show-secret prints it")
        text = secret.reveal_bytes() if field in shown else _REDACTED.encode()
        if invocation.json:
            text = json.dumps(utf8(field, text, "JSON")).encode()
        invocation.data(text + b"\n")
        return
    fields = {
        name: secret.reveal() if name in shown else _REDACTED for name, secret in credential.fields.items()
    }
    if invocation.json:
        for name in shown:
            utf8(name, credential.fields[name].reveal_bytes(), "JSON")
        invocation.data(json.dumps({**metadata, "fields": fields}) + "\n")
        return
    lines = [*as_lines(credential.connection, now), *fields.items()]
    width = max(len(label) for label, _ in lines)
    invocation.data("".join(f"{label:<{width}}  {printable(value)}\n" for label, value in lines))


def _plain(value: object) -> str:
    """A metadata value for a script: nothing for null, blanks between scopes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, list) else printable(str(value))
