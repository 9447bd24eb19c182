"""Where everything of ours lies.

<home>/config.toml            default vault, key source, durations
<home>/vaults/<name>.db       one vault (SQLite; -wal and -shm beside it while it is open)
<home>/keys/<key id>          a master key, where the key source is `file`
<home>/providers/<name>.json  registered definitions
<home>/lock                   held while vaults or keys are made, changed or removed
"""

from __future__ import annotations

import os

from authsome_env.durable import private_folder
from authsome_env.errors import VaultNotFound, nearest
from authsome_env.model import check_connection_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Home:
    """The folder of `AUTHSOME_HOME`, else `$XDG_DATA_HOME/authsome`, else `~/.local/share/authsome`."""

    __slots__ = ("keys", "path", "providers", "vaults")

    def __init__(self, environ: Mapping[str, str]) -> None:
        data = environ.get("XDG_DATA_HOME", "")
        if not data.startswith("/"):  # the XDG base directory specification: ignore relative ones
            user = environ.get("HOME") or os.path.expanduser("~")
            data = os.path.join(user, ".local", "share")
        self.path = os.path.abspath(environ.get("AUTHSOME_HOME") or os.path.join(data, "authsome"))
        self.keys = os.path.join(self.path, "keys")
        self.vaults = os.path.join(self.path, "vaults")
        self.providers = os.path.join(self.path, "providers")

    @property
    def config(self) -> str:
        return os.path.join(self.path, "config.toml")

    def vault_path(self, name: str) -> str:
        """Raises UsageError for a name that is not allowed."""
        return os.path.join(self.vaults, check_connection_name(name) + ".db")

    def vault_names(self) -> list[str]:
        try:
            found = os.listdir(self.vaults)
        except OSError:
            return []
        return sorted(name.removesuffix(".db") for name in found if name.endswith(".db"))

    def vault_missing(self, name: str) -> VaultNotFound:
        names = self.vault_names()
        if not names:
            return VaultNotFound(
                "there is no vault yet", "make it with your first login: authsome login PROVIDER"
            )
        return VaultNotFound(
            f"there is no vault {name}{nearest(name, names)}",
            f"choose one of {', '.join(names)}, or make it: authsome vault create {name}",
        )

    def prepare(self) -> None:
        """Make the folders. Raises StorageError."""
        for folder in (self.path, self.vaults):
            private_folder(folder)
