"""Where a master key can be kept, by name. A new place is one file in this folder and one line here.

Each is imported only when asked for: keyring and scrypt cost more than all the rest of a run.
"""

from __future__ import annotations

from authsome_env.errors import UsageError, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from authsome_env.model import Secret

    Ask = Callable[[str], Secret]
    """Shows a prompt and returns what was typed, unseen. Raises if the person gives up."""

    class Place(Protocol):
        """Keeps 32-byte master keys. `key_id` is safe as a file name: hex digits and dots."""

        @property
        def name(self) -> str: ...

        def create(self, key_id: str) -> tuple[bytes, dict[str, str]]:
            """Make or derive a key and keep it durably. Returns it and what the vault must record for `load`.

            Raises KeyUnavailable, StorageError.
            """

        def load(self, key_id: str, parameters: Mapping[str, str]) -> bytes:
            """The key that `create` returned. Raises KeyUnavailable; VaultDamaged for bad parameters."""

        def delete(self, key_id: str) -> None:
            """Forget the key; one that is absent is fine. Raises KeyUnavailable, StorageError."""


NAMES = ("keyring", "file", "passphrase", "variable")


def place(name: str, *, home: str, environ: Mapping[str, str], ask: Ask | None, no_input: bool) -> Place:
    """The place of that name. `ask` is None without a terminal; `no_input` also forbids desktop prompts.

    Raises UsageError for an unknown name.
    """
    if name == "file":
        from .file import File

        return File(home)
    if name == "variable":
        from .variable import Variable

        return Variable(environ)
    if name == "keyring":
        from .keyring import Keyring

        return Keyring(environ, no_input=no_input)
    if name == "passphrase":
        from .passphrase import Passphrase

        return Passphrase(environ, None if no_input else ask)
    raise UsageError(
        f"{name!r} is no place for a master key{nearest(name, NAMES)}", f"use one of {', '.join(NAMES)}"
    )
