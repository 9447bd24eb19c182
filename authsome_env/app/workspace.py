"""What every use case stands on: the home, its configuration, the vault that is meant, the definitions."""

from __future__ import annotations

from authsome_env.errors import VaultNotFound
from authsome_env.vault.config import read as read_config
from authsome_env.vault.home import Home
from authsome_env.vault.unlock import KeyAccess, open_vault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from authsome_env.clock import Clock
    from authsome_env.providers.registry import Registry
    from authsome_env.vault.config import Config
    from authsome_env.vault.lock import ConnectionLock
    from authsome_env.vault.store import Vault
    from authsome_env.vault.unlock import Ask


class Workspace:
    """One user's home as seen by one command. Nothing is made on disk before a login or `init`."""

    __slots__ = ("access", "config", "environ", "home", "now", "vault_name")

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        now: Clock,
        vault: str | None = None,
        ask: Ask | None = None,
        no_input: bool = False,
    ) -> None:
        self.environ = environ
        self.now = now
        self.home = Home(environ)
        self.config = read_config(self.home.config)
        self.vault_name = environ.get("AUTHSOME_VAULT") or self.config.vault if vault is None else vault
        self.access = KeyAccess(
            self.home, environ, ask=ask, no_input=no_input, unlock_ttl=self.config.unlock_ttl
        )

    @property
    def vault_option(self) -> str:
        """What a hint's command needs as well, with a space before it, to mean this vault; often empty."""
        return option_of(self.vault_name, self.config, self.environ)

    def open(self) -> Vault:
        """The vault that is meant. Raises VaultNotFound and whatever keeps a vault from opening."""
        return open_vault(self.vault_name, self.access)

    def open_if_any(self) -> Vault | None:
        """As `open`; None where the first login is going to make it."""
        try:
            return self.open()
        except VaultNotFound:
            if not self.home.is_fresh(self.vault_name):
                raise
            return None

    def open_or_create(self) -> tuple[Vault, str | None]:
        """The vault, made now if there is none; then also the key source that was chosen.

        Only the vault named `default` is made by the way; another name may be a slip of the pen.
        """
        vault = self.open_if_any()
        if vault is not None:
            return vault, None
        source = self.create(self.vault_name, self.config.key)
        return self.open(), source

    def create(self, name: str, source: str | None) -> str:
        """Make a vault owned by this user; return its key source."""
        import os
        import pwd

        from authsome_env.vault.manage import create_vault

        try:
            owner = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:  # a container's user need not have a name
            owner = str(os.getuid())
        return create_vault(name, self.access, source=source, owner=owner, now=self.now())

    def lock_of(self, vault: Vault, connection_id: str) -> ConnectionLock:
        from authsome_env.vault.lock import ConnectionLock

        return ConnectionLock(self.home.locks, vault.id, connection_id)

    def registry(self) -> Registry:
        from authsome_env.providers.registry import Registry

        return Registry(self.home.providers)


def option_of(vault: str, config: Config, environ: Mapping[str, str]) -> str:
    """As `Workspace.vault_option`. A hint may be typed where AUTHSOME_VAULT is not set."""
    plain = vault == config.vault == (environ.get("AUTHSOME_VAULT") or vault)
    return "" if plain else f" --vault {vault}"
