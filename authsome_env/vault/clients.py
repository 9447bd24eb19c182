"""The OAuth clients of a vault: one a provider, and beside it the one that we registered there, if we did.

The id is in clear, all else sealed. The registered one lies under the provider's name with `#registered`.

client part   fields: client_secret, private_key (PEM or JWK), auth_method, server (the origin that it has
              logged in at, and that alone hears the secret); for a client that we registered (RFC 7591)
              also registered_at (the endpoint), redirect_uri, expires_at (Unix seconds),
              registration_uri and registration_token (RFC 7592)
"""

from __future__ import annotations

from authsome_env.errors import VaultDamaged
from authsome_env.model import Secret
from authsome_env.packed import pack, unpack

from .envelope import Unsealable, seal, unseal
from .format import client_binding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .database import Database
    from .part_keys import PartKeys

REGISTERED = "#registered"

_TABLE = "clients"
_COLUMN = "client_key"


class StoredClient:
    __slots__ = ("fields", "id", "provider")

    def __init__(self, provider: str, client_id: str, fields: Mapping[str, Secret]) -> None:
        self.provider = provider
        self.id = client_id
        self.fields = dict(fields)

    def text(self, name: str) -> str | None:
        """A field that is no secret."""
        value = self.fields.get(name)
        return value.reveal() if value else None


class Clients:
    """Reading raises VaultDamaged for a client that its seal does not prove."""

    __slots__ = ("_database", "_keys", "_vault_id")

    def __init__(self, database: Database, keys: PartKeys, vault_id: str) -> None:
        self._database = database
        self._keys = keys
        self._vault_id = vault_id

    def find(self, provider: str) -> StoredClient | None:
        row = self._row(provider)
        if row is None:
            return None
        client_id, wrapped, part = row
        try:
            key = self._keys.open(_TABLE, provider, _COLUMN, wrapped)
            packed = unseal(key, part or b"", client_binding(self._vault_id, provider, client_id))
        except Unsealable:
            raise VaultDamaged(
                f"the client of {provider} is damaged or was altered",
                f"authsome client remove {provider} --yes, then authsome client set {provider}",
            ) from None
        fields = {name: Secret.from_bytes(value) for name, value in unpack(packed).items()}
        return StoredClient(provider, client_id, fields)

    def names(self) -> list[str]:
        """Providers that have a client, read without proof."""
        return [name for (name,) in self._database.rows("SELECT provider FROM clients ORDER BY provider")]

    def put(self, client: StoredClient) -> None:
        """In the place of the provider's former one; inside a transaction.

        Sealed with the former one's key if that can be had, so that a helper under way keeps access.
        """
        row = self._row(client.provider)
        try:
            wrapped = row[1] if row else None
            key = self._keys.open(_TABLE, client.provider, _COLUMN, wrapped)
        except Unsealable:
            wrapped = self._keys.make(_TABLE, client.provider, _COLUMN)
            key = self._keys.open(_TABLE, client.provider, _COLUMN, wrapped)
        plain = pack({name: value.reveal_bytes() for name, value in client.fields.items()})
        part = seal(key, plain, client_binding(self._vault_id, client.provider, client.id))
        self._database.rows(
            "REPLACE INTO clients (provider, client_id, client_key, client_part) VALUES (?, ?, ?, ?)",
            (client.provider, client.id, wrapped, part),
        )

    def delete(self, provider: str) -> bool:
        """Whether there was one, damaged or not; inside a transaction."""
        found = self._row(provider) is not None
        self._database.rows("DELETE FROM clients WHERE provider = ?", (provider,))
        return found

    def part_keys(self, provider: str) -> dict[str, bytes]:
        """What a helper process needs to open the clients of one provider."""
        keys = {}
        for name in (provider, provider + REGISTERED):
            row = self._row(name)
            if row is not None:
                try:
                    keys[self._keys.name(_TABLE, name, _COLUMN)] = self._keys.open(
                        _TABLE, name, _COLUMN, row[1]
                    )
                except Unsealable:
                    pass  # the helper reports that the client is damaged
        return keys

    def _row(self, provider: str) -> tuple[str, bytes | None, bytes | None] | None:
        query = "SELECT client_id, client_key, client_part FROM clients WHERE provider = ?"
        found: tuple[str, bytes | None, bytes | None] | None = self._database.row(query, (provider,))
        return found
