"""The vault file: SQLite, format version 1.

    header       application_id 0x41757468 ("Auth"), user_version = format version, looked at before any
                 table; WAL
    meta         name · value: format_version, vault_id, name, owner, created_at, key_source, key_id,
                 key_parameters, wrapped_key, locked (1 after `vault lock`),
                 stale_keys (master keys to delete, `source:id`)
    clients      provider · client id · wrapped key · sealed secret
    connections  metadata in clear · wrapped keys and sealed use and renew parts

    master key → vault key → use key → use part      (access token, or the API key's fields)
                           → renew key → renew part  (refresh token, endpoints, client binding)
                           → client key → client secret

What each seal is bound to (see envelope.bind):

    wrapped vault key   "vault key", version, vault id, name, owner, created at, key source, key id, key
                        parameters
    wrapped part key    "part key", vault id, table, row id, column
    use part            "use", vault id, vault name, then every metadata column of METADATA in that order
    renew part          "renew", vault id, row id, provider, generation
    client part         "client", vault id, provider, client id

Nothing binds `locked` and `stale_keys`: whoever may write the file could as well delete it. A stale key is
believed only if it is named as one of this vault's, and is not the one in use.

The use part is opened whenever a connection is read, which proves the metadata too. A change of metadata
alone (rename, default) seals just the use part again.
"""

from __future__ import annotations

from .envelope import bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from authsome_env.model import Connection

APPLICATION_ID = 0x41757468
VERSION = 1

METADATA = (
    "id",
    "provider",
    "name",
    "is_default",
    "generation",
    "auth_type",
    "refused",
    "renewable",
    "scopes",
    "account_id",
    "account",
    "base_url",
    "expires_at",
    "lifetime",
    "created_at",
    "logged_in_at",
    "refreshed_at",
    "last_error",
)
_REAL = frozenset(("expires_at", "lifetime", "created_at", "logged_in_at", "refreshed_at"))
SEALED = ("use_key", "use_part", "renew_key", "renew_part")

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES ('format_version', {VERSION});
CREATE TABLE clients (
    provider TEXT PRIMARY KEY, client_id TEXT NOT NULL, client_key BLOB, client_part BLOB
);
CREATE TABLE connections (
    id TEXT PRIMARY KEY, provider TEXT NOT NULL, name TEXT NOT NULL, is_default INTEGER NOT NULL,
    generation INTEGER NOT NULL, auth_type TEXT NOT NULL,
    refused INTEGER NOT NULL, renewable INTEGER NOT NULL,
    scopes TEXT, account_id TEXT, account TEXT, base_url TEXT, expires_at REAL, lifetime REAL,
    created_at REAL NOT NULL, logged_in_at REAL NOT NULL, refreshed_at REAL, last_error TEXT,
    use_key BLOB NOT NULL, use_part BLOB NOT NULL, renew_key BLOB, renew_part BLOB,
    UNIQUE (provider, name)
);
CREATE UNIQUE INDEX defaults ON connections (provider) WHERE is_default = 1;
"""  # noqa: S608 - our own number


_HEX = frozenset("0123456789abcdef")


def is_key_id(key_id: object, vault_id: object) -> bool:
    """Whether `key_id` can be the name of a master key of that vault: `<vault id>.<32 hex digits>`.

    It becomes a file's name, and keys are deleted by it, before any seal has proved it.
    """
    if not (isinstance(key_id, str) and isinstance(vault_id, str)):
        return False
    vault, _, key = key_id.partition(".")
    return vault == vault_id and all(len(part) == 32 and _HEX.issuperset(part) for part in (vault, key))


def vault_key_binding(meta: Mapping[str, Any]) -> bytes:
    return bind(
        "vault key",
        VERSION,
        *(
            str(meta.get(name, ""))
            for name in ("vault_id", "name", "owner", "created_at", "key_source", "key_id", "key_parameters")
        ),
    )


def part_key_binding(vault_id: str, table: str, row: str, column: str) -> bytes:
    return bind("part key", vault_id, table, row, column)


def metadata_row(connection: Connection) -> list[str | int | float | None]:
    """The clear metadata as SQLite gives it back: the binding needs the very same kinds."""
    row: list[str | int | float | None] = []
    for name in METADATA:
        value = getattr(connection, name)
        if value is not None and name in _REAL:
            value = float(value)
        row.append(int(value) if isinstance(value, bool) else value)
    return row


def use_binding(vault_id: str, vault_name: str, metadata: Sequence[str | float | None]) -> bytes:
    return bind("use", vault_id, vault_name, *metadata)


def renew_binding(vault_id: str, connection: Connection) -> bytes:
    return bind("renew", vault_id, connection.id, connection.provider, connection.generation)


def client_binding(vault_id: str, provider: str, client_id: str) -> bytes:
    return bind("client", vault_id, provider, client_id)
