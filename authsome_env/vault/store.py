"""One open vault: its connections, read verified and written durably.

Whatever is read has been proved by its seal first; what cannot be proved is never shown or used.
"""

from __future__ import annotations

import os

from authsome_env.errors import VaultDamaged
from authsome_env.model import Connection, Secret
from authsome_env.packed import pack, unpack

from .envelope import Unsealable, seal, unseal
from .format import METADATA, SEALED, metadata_row, renew_binding, use_binding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Self

    from .clients import Clients
    from .database import Database, Transaction
    from .part_keys import PartKeys

_COLUMNS = ", ".join((*METADATA, *SEALED))
_TABLE = "connections"


class Credential:
    """A connection with its opened use part."""

    __slots__ = ("connection", "fields", "sealed")

    def __init__(
        self, connection: Connection, fields: dict[str, Secret], sealed: dict[str, bytes | None]
    ) -> None:
        self.connection = connection
        self.fields = fields
        """The access token as `access_token`, or the API key's fields by name."""
        self.sealed = sealed
        """The sealed columns, for the store alone."""


class Vault:
    """The connections of one vault. Reading raises VaultDamaged for a row that its seal does not prove."""

    __slots__ = ("_database", "_keys", "id", "name")

    def __init__(self, database: Database, name: str, vault_id: str, keys: PartKeys) -> None:
        self._database = database
        self._keys = keys
        self.name = name
        self.id = vault_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    @property
    def database(self) -> Database:
        return self._database

    @property
    def clients(self) -> Clients:
        from .clients import Clients  # the hot path needs none

        return Clients(self._database, self._keys, self.id)

    def transaction(self) -> Transaction:
        """A `with` block whose changes become durable together. Read in it what the change depends on."""
        return self._database.transaction()

    # Reading

    def find(self, provider: str, name: str) -> Credential | None:
        return next(self._select(provider=provider, name=name), None)

    def get(self, connection_id: str) -> Credential | None:
        return next(self._select(id=connection_id), None)

    def default(self, provider: str) -> Credential | None:
        return next(self._select(provider=provider, is_default=True), None)

    def defaults(self) -> list[Credential]:
        """Every provider's default connection, by provider."""
        return list(self._select("provider", is_default=True))

    def all(self) -> list[Credential]:
        return list(self._select("provider, is_default DESC, name"))

    def of_provider(self, provider: str) -> list[Credential]:
        """The default connection first, then by name."""
        return list(self._select("is_default DESC, name", provider=provider))

    def names(self, provider: str) -> list[str]:
        """Connection names, read without proof: for messages, and to delete what is damaged."""
        rows = self._database.rows(
            "SELECT name FROM connections WHERE provider = ? ORDER BY name", (provider,)
        )
        return [name for (name,) in rows]

    def names_of_account(self, connection: Connection) -> list[str]:
        """The provider's other connections for the same account, read without proof: for messages."""
        query = (
            "SELECT name FROM connections"
            " WHERE provider = ? AND account_id = ? AND base_url IS ? AND id <> ? ORDER BY name"
        )
        asked = (connection.provider, connection.account_id, connection.base_url, connection.id)
        return [name for (name,) in self._database.rows(query, asked)]

    def default_name(self, provider: str) -> str | None:
        """The default's name, read without proof: for messages, and to delete what is damaged."""
        query = "SELECT name FROM connections WHERE provider = ? AND is_default = 1"
        row = self._database.row(query, (provider,))
        return row[0] if row else None

    def owner(self, connection_id: str) -> tuple[str | None, str | None] | None:
        """A connection's account id and base URL, read without proof: for who may have no key to prove it."""
        query = "SELECT account_id, base_url FROM connections WHERE id = ?"
        row = self._database.row(query, (connection_id,))
        return (row[0], row[1]) if row else None

    def identity(self, provider: str, name: str) -> tuple[str, int] | None:
        """A connection's id and generation, read without proof: for a login that overwrites it."""
        query = "SELECT id, generation FROM connections WHERE provider = ? AND name = ?"
        row = self._database.row(query, (provider, name))
        return (str(row[0]), row[1] if isinstance(row[1], int) else 0) if row else None

    def generation(self, connection_id: str) -> int | None:
        """Read without proof: for who may lack the keys to prove it."""
        row = self._database.row("SELECT generation FROM connections WHERE id = ?", (connection_id,))
        return row[0] if row else None

    def providers(self) -> list[str]:
        """Providers that have connections, read without proof."""
        return [name for name, _ in self._providers()]

    def providers_without_default(self) -> list[str]:
        return [name for name, has_default in self._providers() if not has_default]

    def count(self) -> int:
        return int(self._database.row("SELECT count(*) FROM connections")[0])

    # Writing, inside a transaction

    def put(
        self,
        connection: Connection,
        fields: Mapping[str, Secret],
        *,
        renew: bytes | None = None,
        keep_keys_of: Credential | None = None,
    ) -> None:
        """Write a connection whole, in the place of any of the same id.

        `keep_keys_of`: seal with that credential's part keys, so that whoever was given them keeps access.
        """
        old = keep_keys_of.sealed if keep_keys_of else {}
        use_wrapped = old.get("use_key") or self._keys.make(_TABLE, connection.id, "use_key")
        use_key = self._unwrap(connection, "use_key", use_wrapped)
        sealed: dict[str, bytes | None] = {
            "use_key": use_wrapped,
            "use_part": self._seal_use(connection, fields, use_key),
            "renew_key": None,
            "renew_part": None,
        }
        if renew is not None:
            renew_wrapped = old.get("renew_key") or self._keys.make(_TABLE, connection.id, "renew_key")
            renew_key = self._unwrap(connection, "renew_key", renew_wrapped)
            sealed["renew_key"] = renew_wrapped
            sealed["renew_part"] = seal(renew_key, renew, renew_binding(self.id, connection))
        marks = ", ".join("?" * (len(METADATA) + len(SEALED)))
        # Not INSERT OR REPLACE: that would also delete whichever other row is the provider's default.
        self._database.rows("DELETE FROM connections WHERE id = ?", (connection.id,))
        self._database.rows(
            f"INSERT INTO connections ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - our own names
            [*metadata_row(connection), *(sealed[name] for name in SEALED)],
        )

    def update(self, credential: Credential, *, renew: bytes | None = None, **changes: Any) -> Connection:
        """Change metadata (name, default mark, status); the use part is sealed anew to it.

        `renew`: what the renew part holds from now on. The generation stays as it is.
        """
        connection = credential.connection.replace(**changes)
        use_key = self._unwrap(connection, "use_key", credential.sealed["use_key"])
        renew_part = credential.sealed["renew_part"]
        if renew is not None:
            renew_key = self._unwrap(connection, "renew_key", credential.sealed["renew_key"])
            renew_part = seal(renew_key, renew, renew_binding(self.id, connection))
        assignments = ", ".join(f"{name} = ?" for name in (*METADATA, "use_part", "renew_part"))
        self._database.rows(
            f"UPDATE connections SET {assignments} WHERE id = ?",  # noqa: S608 - our own names
            [
                *metadata_row(connection),
                self._seal_use(connection, credential.fields, use_key),
                renew_part,
                connection.id,
            ],
        )
        return connection

    def delete(self, provider: str, name: str) -> None:
        self._database.rows("DELETE FROM connections WHERE provider = ? AND name = ?", (provider, name))

    def renew_part(self, credential: Credential) -> bytes | None:
        """The opened renew part. Raises VaultDamaged."""
        sealed = credential.sealed
        if sealed["renew_part"] is None:
            return None
        connection = credential.connection
        key = self._unwrap(connection, "renew_key", sealed["renew_key"])
        return self._open(connection, key, sealed["renew_part"], renew_binding(self.id, connection))

    def part_keys(self, credential: Credential) -> dict[str, bytes]:
        """What a helper process needs to renew this one connection (see PartKeys)."""
        connection = credential.connection
        keys = self.clients.part_keys(connection.provider)
        for column in ("use_key", "renew_key"):
            if wrapped := credential.sealed[column]:
                keys[self._keys.name(_TABLE, connection.id, column)] = self._unwrap(
                    connection, column, wrapped
                )
        return keys

    # The seals

    def _seal_use(self, connection: Connection, fields: Mapping[str, Secret], key: bytes) -> bytes:
        plain = pack({name: value.reveal_bytes() for name, value in fields.items()})
        return seal(key, plain, use_binding(self.id, self.name, metadata_row(connection)))

    def _unwrap(self, connection: Connection, column: str, wrapped: bytes | None) -> bytes:
        try:
            return self._keys.open(_TABLE, connection.id, column, wrapped)
        except Unsealable:
            raise self._damaged(connection) from None

    def _open(self, connection: Connection, key: bytes, sealed: bytes, binding: bytes) -> bytes:
        try:
            return unseal(key, sealed, binding)
        except Unsealable:
            raise self._damaged(connection) from None

    def _damaged(self, connection: Connection) -> VaultDamaged:
        where = f"{connection.provider} -c {connection.name}"
        return VaultDamaged(
            f"connection {connection.reference} in vault {self.name} is damaged or was altered",
            f"delete it with `authsome logout {where}`, then `authsome login {where}`",
        )

    def _select(self, order: str = "provider", **asked: str | bool) -> Iterator[Credential]:
        """The connections that have the metadata `asked` for."""
        # The mark as a literal, or SQLite would not use the index of defaults.
        conditions = ("is_default = 1" if name == "is_default" else f"{name} = ?" for name in asked)
        where = " AND ".join(conditions) or "1"
        query = f"SELECT {_COLUMNS} FROM connections WHERE {where} ORDER BY {order}"  # noqa: S608 - our own
        for row in self._database.rows(query, [value for value in asked.values() if value is not True]):
            metadata = dict(zip(METADATA, row, strict=False))
            for name in ("is_default", "refused", "renewable"):
                metadata[name] = metadata[name] == 1
            connection = Connection(**metadata)
            sealed = dict(zip(SEALED, row[len(METADATA) :], strict=True))
            key = self._unwrap(connection, "use_key", sealed["use_key"])
            # Bound are the values as they lie in the row, not as we understand them.
            binding = use_binding(self.id, self.name, row[: len(METADATA)])
            packed = self._open(connection, key, sealed["use_part"], binding)
            # SQLite finds a row by an index, which no seal binds: it may lead to another account's.
            if any(getattr(connection, name) != value for name, value in asked.items()):
                raise VaultDamaged(
                    f"the index of vault {self.name} is damaged or was altered",
                    "put back a copy of the vault, or move it away and log in again",
                )
            fields = {name: Secret.from_bytes(value) for name, value in unpack(packed).items()}
            yield Credential(connection, fields, sealed)

    def _providers(self) -> list[tuple[str, bool]]:
        # Steps from name to name along the index: as fast with ten thousand connections as with three.
        return self._database.rows(
            "WITH RECURSIVE step(at) AS (SELECT min(provider) FROM connections UNION ALL"
            " SELECT (SELECT min(provider) FROM connections WHERE provider > at) FROM step WHERE at NOTNULL)"
            " SELECT at, EXISTS (SELECT 1 FROM connections WHERE provider = at AND is_default = 1)"
            " FROM step WHERE at NOTNULL"
        )


def new_id() -> str:
    return os.urandom(16).hex()
