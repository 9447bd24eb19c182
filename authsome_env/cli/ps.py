"""`authsome ps`: the live runs that have a process beside their command."""

from __future__ import annotations

import json
import os
from typing import Any

from authsome_env.clock import describe_duration, describe_time
from authsome_env.deliver import ram
from authsome_env.supervise import process, runs

from .invocation import Invocation
from .table import table

_SHOWN = (
    *("pid", "command", "vault", "connections", "delivery", "path", "started_at", "next_refresh"),
    *("notice", "noticed_at"),
)


def ps(invocation: Invocation) -> None:
    """The connections that each is bound to, how it gets their variables, when the next one is refreshed, and
    what there was to notice last.

    Example: authsome ps --json
    """
    found = [record for folder in runs.sweep(invocation.environ) if (record := _read(folder))]
    if invocation.json:
        rows = [
            {
                **{name: record[name] for name in _SHOWN},
                **_switches(record),
                "on_expiry": record.get("on_expiry"),
                "keeper": _keeper(record),
            }
            for record in found
        ]
        invocation.data(json.dumps({"runs": rows}) + "\n")
        return
    if not found:
        invocation.say("no command is running with a keeper or supervisor")
        return
    now = invocation.now()
    cells = [
        [
            str(record["pid"]),
            record["command"],
            ", ".join(record["connections"]) or "-",
            ", ".join(_how(record)),
            _next(record, now),
            _notice(record),
        ]
        for record in found
    ]
    heads = ("PID", "COMMAND", "CONNECTIONS", "DELIVERY", "NEXT REFRESH", "LAST NOTICE")
    invocation.data(table(heads, cells, invocation))


def _read(folder: str) -> dict[str, Any] | None:
    """None for a run that is just beginning or ending."""
    try:
        with open(os.path.join(folder, ram.RECORD), encoding="ascii") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.keys() >= {*_SHOWN, "keeper_pid", "shown"} else None


def _switches(record: dict[str, Any]) -> dict[str, bool]:
    """None of them in the record of an older version."""
    return {name: record.get(name) is True for name in ("live", "helpers", "masked")}


def _how(record: dict[str, Any]) -> list[str]:
    expiry = record.get("on_expiry") or "refresh"
    switches = [name for name, on in _switches(record).items() if on]
    return [record["delivery"], *switches, *([] if expiry == "refresh" else [expiry])]


def _keeper(record: dict[str, Any]) -> int | None:
    """Its process id; None if it was killed."""
    pid = int(record["keeper_pid"])
    return pid if process.start_of(pid) == record["keeper_start"] else None


def _next(record: dict[str, Any], now: float) -> str:
    if _keeper(record) is None:
        return "never (killed)"
    at = record["next_refresh"]
    return "-" if at is None else f"in {describe_duration(at - now)}" if at > now else "now"


def _notice(record: dict[str, Any]) -> str:
    if record["notice"] is None:
        return "-"
    return f"{describe_time(record['noticed_at'])} {record['notice']}"
