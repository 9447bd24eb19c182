"""`run --explain`: what each variable holds, how it stays fresh, and until when."""

from __future__ import annotations

import json
import signal

from authsome_env.clock import describe_time

from .describe import expires_in
from .table import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsome_env.app.resolve import Resolution
    from authsome_env.model import Variable

    from .invocation import Invocation


class Freshness:
    """How variables stay fresh under a delivery, with a signal's number or 0."""

    def __init__(self, delivery: str, number: int) -> None:
        self._delivery = delivery
        self._signal = number

    def kept(self, variable: Variable) -> bool:
        """Whether the command can always have a live value."""
        connection = variable.connection
        return connection.expires_at is None or (self._delivery != "env" and connection.renewable)

    def words(self, variable: Variable) -> str:
        connection = variable.connection
        if connection.expires_at is None:
            return "does not expire"
        if not connection.renewable:
            return "cannot be refreshed"
        how = "fixed at the start" if self._delivery == "env" else _REREAD[self._delivery]
        return f"{how}, then {signal.Signals(self._signal).name}" if self._signal else how


_REREAD = {
    "dotenv": "file rewritten",
    "files": "files rewritten",
    "fifo": "at each read",
}


def explain(
    resolution: Resolution, environment: Sequence[bytes], invocation: Invocation, freshness: Freshness
) -> int:
    """`environment`: the entries that the command would get, all of them in its environment."""
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
                "freshness": freshness.words(variable),
                "until": None if freshness.kept(variable) else variable.connection.expires_at,
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
            *(
                ("-", "-", "-")
                if name in kept
                else (
                    expires_in(variable.connection, now),
                    freshness.words(variable),
                    _until(variable, freshness),
                )
            ),
        ]
        for name, variable in chosen
    ]
    cells += [[name, "(taken out)", "-", "-", "-"] for name in removed]
    heads = ("VARIABLE", "CONNECTION", "EXPIRES IN", "STAYS FRESH", "UNTIL")
    invocation.data(table(heads, cells, invocation))
    return 0


def _until(variable: Variable, freshness: Freshness) -> str:
    expires_at = variable.connection.expires_at
    if expires_at is None:
        return "-"
    return "it ends" if freshness.kept(variable) else describe_time(expires_at)
