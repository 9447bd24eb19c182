"""The keys of single parts, as whoever has the vault's key gets at them, or who was given just a few.

A helper process that renews one connection is given that connection's part keys, never the vault's.
"""

from __future__ import annotations

from .envelope import Unsealable, new_key, seal, unseal
from .format import part_key_binding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class PartKeys:
    """Opens wrapped part keys with `vault_key`; with None, knows only those in `given` (see `name`)."""

    __slots__ = ("_given", "_vault_id", "_vault_key")

    def __init__(
        self, vault_id: str, vault_key: bytes | None, given: Mapping[str, bytes] | None = None
    ) -> None:
        self._vault_id = vault_id
        self._vault_key = vault_key
        self._given = given or {}

    @staticmethod
    def name(table: str, row: str, column: str) -> str:
        return f"{table}/{row}/{column}"

    def make(self, table: str, row: str, column: str) -> bytes:
        """A new key, wrapped. Raises Unsealable for who has no vault key."""
        if self._vault_key is None:
            raise Unsealable
        return seal(self._vault_key, new_key(), part_key_binding(self._vault_id, table, row, column))

    def open(self, table: str, row: str, column: str, wrapped: bytes | None) -> bytes:
        """Raises Unsealable."""
        if self._vault_key is None:
            found = self._given.get(self.name(table, row, column))
            if found is None:
                raise Unsealable
            return found
        return unseal(self._vault_key, wrapped or b"", part_key_binding(self._vault_id, table, row, column))
