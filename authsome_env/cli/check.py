"""`authsome check`: for cron and monitors."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from authsome_env.app.find import find_connection
from authsome_env.clock import parse_duration
from authsome_env.errors import CredentialUnusable, UsageError
from authsome_env.model import Reference

from .describe import expires_in
from .invocation import Invocation
from .setting import workspace_of


def check(
    invocation: Invocation,
    references: Annotated[
        list[str] | None,
        typer.Argument(metavar="REF", help="these connections; without any: all of the vault"),
    ] = None,
    min_ttl: Annotated[
        str, typer.Option("--min-ttl", metavar="DURATION", help="good for at least this long, as in 1h")
    ] = "0",
) -> int:
    """Exit code 5 if one is not.

    Example: authsome check github:work --min-ttl 1h
    """
    needed = parse_duration(min_ttl)
    wanted = [_connection(text) for text in references or ()]
    workspace = workspace_of(invocation)
    now = invocation.now()
    with workspace.open() as vault:
        if wanted:
            found = [find_connection(workspace, vault, each.provider, each.connection) for each in wanted]
        else:
            found = vault.all()
    connections = [credential.connection for credential in found]
    bad = [
        each
        for each in connections
        if each.status(now) in ("expired", "invalid")
        or (each.expires_at is not None and each.expires_at - now < needed)
    ]
    if invocation.json:
        results = [
            {
                "provider": each.provider,
                "connection": each.name,
                "status": each.status(now),
                "expires_at": each.expires_at,
                "ok": each not in bad,
            }
            for each in connections
        ]
        invocation.data(json.dumps({"ok": not bad, "connections": results}) + "\n")
        return CredentialUnusable.exit_code if bad else 0
    for each in bad:
        state = each.status(now)
        if state not in ("expired", "invalid"):
            state = f"expires in {expires_in(each, now)}"
        login = f"authsome login {each.provider} -c {each.name}{workspace.vault_option}"
        invocation.tell(f"{each.reference}: {state}; mend it: {login}")
    if not bad:
        invocation.say(f"{len(connections)} good")
    return CredentialUnusable.exit_code if bad else 0


def _connection(text: str) -> Reference:
    reference = Reference.parse(text)
    if reference.field:
        raise UsageError(
            f"{text}: a field cannot be checked, only its connection",
            f"authsome check {text.partition('#')[0]}",
        )
    return reference
