"""`run --explain`: what each variable holds, how it stays fresh, and until when."""

from __future__ import annotations

import json

from authsome_env.clock import describe_time

from .describe import expires_in
from .table import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsome_env.app.resolve import Resolution
    from authsome_env.model import Variable

    from .invocation import Invocation


def explain(resolution: Resolution, environment: Sequence[bytes], invocation: Invocation) -> int:
    """`environment`: the entries that the command would get."""
    now = invocation.now()
    kept = {
        name
        for name, variable in resolution.variables.items()
        if name.encode() + b"=" + variable.value.reveal_bytes() not in environment
    }
    chosen = sorted(resolution.variables.items())
    names = {entry.partition(b"=")[0] for entry in environment}
    removed = sorted(name for name in resolution.removed if name.encode() not in names)
    if invocation.json:
        rows = [
            {
                "variable": name,
                "connection": str(variable.connection.reference),
                "expires_at": variable.connection.expires_at,
                "freshness": _freshness(variable),
                "until": variable.connection.expires_at,
                "inherited": name in kept,
            }
            for name, variable in chosen
        ]
        invocation.data(json.dumps({"variables": rows, "removed": removed}) + "\n")
        return 0
    cells = [
        [
            name,
            "inherited (kept)" if name in kept else str(variable.connection.reference),
            expires_in(variable.connection, now),
            _freshness(variable),
            "-" if variable.connection.expires_at is None else describe_time(variable.connection.expires_at),
        ]
        for name, variable in chosen
    ]
    cells += [[name, "(taken out)", "-", "-", "-"] for name in removed]
    heads = ("VARIABLE", "CONNECTION", "EXPIRES IN", "STAYS FRESH", "UNTIL")
    invocation.data(table(heads, cells, invocation))
    return 0


def _freshness(variable: Variable) -> str:
    return "does not expire" if variable.connection.expires_at is None else "fixed at the start"
