"""`run --explain`: what each variable holds, how it stays fresh, and until when."""

from __future__ import annotations

import json
import signal

from authsome_env.clock import describe_time

from .describe import expires_in
from .table import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from authsome_env.app.resolve import Resolution
    from authsome_env.model import Variable

    from .invocation import Invocation


class Freshness:
    """How variables stay fresh under a delivery, with a signal's number or 0, --live and helpers.

    `on_expiry`: `restart` or `stop` say more than the number.
    """

    def __init__(
        self, resolution: Resolution, delivery: str, number: int, *, live: bool, on_expiry: str | None
    ) -> None:
        self._on_expiry = on_expiry
        self._resolution = resolution
        self._delivery = delivery
        self._signal = number
        self._live = live

    def kept(self, variable: Variable) -> bool:
        """Whether the command can always have a live value."""
        connection = variable.connection
        changes = self._live or self._delivery != "env" or self._on_expiry == "restart"
        return connection.expires_at is None or (changes and connection.renewable)

    def words(self, variable: Variable) -> str:
        connection = variable.connection
        if connection.expires_at is None:
            return "does not expire"
        if not connection.renewable:
            return "cannot be refreshed" + (_STOPPED if self._on_expiry == "stop" else "")
        how = _LIVE if self._live else _WAYS[self._delivery]
        if self._on_expiry == "restart":
            how = "started again with it" if how == _WAYS["env"] else f"{how}; started again with it"
        elif self._on_expiry == "stop":
            how += _STOPPED
        asking = self._asking(variable)
        if asking:
            how += f"; asked by {' and '.join(asking)}"
        return f"{how}, then {signal.Signals(self._signal).name}" if self._signal else how

    def _asking(self, variable: Variable) -> list[str]:
        """Who has a helper for its connection; Docker once its user has named ours in `credHelpers`."""
        credential = self._resolution.used[variable.connection.id]
        if not self._resolution.serves(credential):
            return []
        hosts, _ = self._resolution.serving[variable.connection.id]
        asking = {"git": hosts.git_hosts, "Docker (by its credHelpers)": hosts.docker_hosts}
        found = [name for name, served in asking.items() if served]
        # AWS's tools ask nobody while the environment holds a key.
        return found or ([] if self._delivery == "env" else ["AWS"])

    def until(self, variable: Variable) -> str:
        expires_at = variable.connection.expires_at
        if expires_at is None:
            return "-"
        if not self.kept(variable):
            return describe_time(expires_at)
        elsewhere = self._live and self._on_expiry != "restart"
        return f"it ends; in other programs {describe_time(expires_at)}" if elsewhere else "it ends"

    def advice(self, variables: Iterable[Variable]) -> str | None:
        """Which flag would keep those fresh that go stale; None: there are none, or it is not for a flag."""
        stale = [each.name for each in variables if each.connection.renewable and not self.kept(each)]
        if not stale:
            return None
        return (
            f"to keep {', '.join(sorted(stale))} fresh: --live, for Python, Node and bash -c; "
            "--deliver dotenv, for what reads a file again; --on-expiry restart, for all else"
        )


_STOPPED = "; ended if it dies"
_LIVE = "live in Python, Node and bash -c"
_WAYS = {
    "env": "fixed at the start",
    "dotenv": "file rewritten",
    "files": "files rewritten",
    "fifo": "at each read",
}


def explain(
    resolution: Resolution,
    environment: Sequence[bytes],
    invocation: Invocation,
    freshness: Freshness,
    masked: Collection[str] = (),
) -> int:
    """`environment`: the entries that the command would get, all of them in its environment.

    `masked`: the names of what its output would not show.
    """
    now = invocation.now()
    kept = {
        name
        for name, variable in resolution.variables.items()
        if name.encode() + b"=" + variable.value.reveal_bytes() not in environment
    }
    chosen = sorted(resolution.variables.items())
    names = {entry.partition(b"=")[0] for entry in environment}
    removed = sorted(name for name in resolution.removed if name.encode() not in names)
    advice = freshness.advice(variable for name, variable in chosen if name not in kept)
    if invocation.json:
        rows = [
            {
                "variable": name,
                "connection": str(variable.connection.reference),
                "expires_at": variable.connection.expires_at,
                "freshness": freshness.words(variable),
                "until": None if freshness.kept(variable) else variable.connection.expires_at,
                "inherited": name in kept,
                "masked": name in masked,
            }
            for name, variable in chosen
        ]
        invocation.data(json.dumps({"variables": rows, "removed": removed, "advice": advice}) + "\n")
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
                    freshness.until(variable),
                )
            ),
        ]
        for name, variable in chosen
    ]
    cells += [[name, "(taken out)", "-", "-", "-"] for name in removed]
    heads = ("VARIABLE", "CONNECTION", "EXPIRES IN", "STAYS FRESH", "UNTIL")
    invocation.data(table(heads, cells, invocation))
    if masked:
        invocation.say(f"masked in its output: {', '.join(masked)}")
    if advice:
        invocation.say(advice)
    return 0
