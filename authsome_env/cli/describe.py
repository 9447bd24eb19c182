"""How a connection is shown: the fields of `--json`, and the cells of tables."""

from __future__ import annotations

from typing import Any

from authsome_env.clock import describe_duration, describe_time
from authsome_env.model import Connection


def as_json(connection: Connection, now: float) -> dict[str, Any]:
    """Metadata only; times are Unix seconds, null where there is none."""
    return {
        "provider": connection.provider,
        "connection": connection.name,
        "default": connection.is_default,
        "auth_type": connection.auth_type,
        "status": connection.status(now),
        "account": connection.account,
        "scopes": connection.scopes.split() if connection.scopes else [],
        "base_url": connection.base_url,
        "expires_at": connection.expires_at,
        "created_at": connection.created_at,
        "logged_in_at": connection.logged_in_at,
        "refreshed_at": connection.refreshed_at,
        "last_error": connection.last_error,
    }


def expires_in(connection: Connection, now: float) -> str:
    """In words; `on use`: it is past, and refreshed as soon as somebody wants it."""
    if connection.expires_at is None:
        return "-"
    left = connection.expires_at - now
    if left > 0:
        return describe_duration(left)
    return "on use" if connection.renewable and not connection.refused else "past"


def as_lines(connection: Connection, now: float) -> list[tuple[str, str]]:
    """Label and value for each thing that is known."""
    rows = [
        ("connection", f"{connection.reference}{' (default)' if connection.is_default else ''}"),
        ("type", connection.auth_type),
        ("status", connection.status(now)),
        ("account", connection.account),
        ("scopes", connection.scopes),
        ("base URL", connection.base_url),
        ("expires", connection.expires_at),
        ("created", connection.created_at),
        ("logged in", connection.logged_in_at),
        ("refreshed", connection.refreshed_at),
        ("last error", connection.last_error),
    ]
    return [
        (label, describe_time(value) if isinstance(value, float) else value)
        for label, value in rows
        if value is not None
    ]
