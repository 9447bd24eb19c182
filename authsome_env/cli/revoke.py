"""`authsome revoke`."""

from __future__ import annotations

import json

from authsome_env.app import revoke as use_case
from authsome_env.errors import CredentialUnusable, LoginCancelled, Unreachable

from . import arguments
from .invocation import Invocation
from .logout import departed
from .setting import confirm, workspace_of


def revoke(
    invocation: Invocation,
    provider: arguments.Provider,
    connection: arguments.Connection = None,
    yes: arguments.Yes = False,
) -> int:
    """Tokens are revoked at the provider, then deleted here. Without -c: all connections of the provider, and
    its client. What the provider refuses is told, and deleted here all the same; the exit code is 5 then, or
    8 if it could not be reached or did not decide.

    Example: authsome revoke github -c work
    """
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        names = use_case.names_to_revoke(workspace, vault, provider, connection)
        if connection is None and not yes:
            listed = ", ".join(f"{provider}:{name}" for name in names)
            if not confirm(f"Revoke and delete {listed} and the client of {provider}?", invocation):
                raise LoginCancelled("cancelled; nothing was revoked")
        done, departure = use_case.revoke(workspace, vault, provider, connection)
    for each in done:
        for problem in each.problems:
            invocation.warn(f"{provider}:{each.name}: {problem}")
    if invocation.json:
        rows = [
            {"connection": each.name, "revoked": each.revoked, "problems": each.problems} for each in done
        ]
        result = {
            "provider": provider,
            "connections": rows,
            "left": departure.left,
            "new_default": departure.new_default,
        }
        invocation.data(json.dumps(result) + "\n")
    told = [f"{provider}:{each.name}" for each in done if each.revoked]
    invocation.say((f"revoked {', '.join(told)}; " if told else "") + departed(provider, departure))
    if any(each.unreachable for each in done):
        return Unreachable.exit_code
    return CredentialUnusable.exit_code if any(each.refused for each in done) else 0
