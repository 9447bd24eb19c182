"""Where everything of ours lies.

<home>/config.toml            default vault, key source, durations
<home>/vaults/<name>.db       one vault (SQLite; -wal and -shm beside it while it is open)
<home>/keys/<key id>          a master key, where the key source is `file`
<home>/providers/<name>.json  registered definitions
<home>/locks/<vault>.<id>     held while that connection is renewed
<home>/lock                   held while vaults or keys are made, changed or removed

One file lies beside it, which is no secret: deliver/node_preload.py tells why.
"""

from __future__ import annotations

import os

from authsome_env.durable import private_folder
from authsome_env.errors import UsageError, VaultNotFound, nearest
from authsome_env.model import check_connection_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Home:
    """The folder of `AUTHSOME_HOME`, else `$XDG_DATA_HOME/authsome`, else `~/.local/share/authsome`."""

    __slots__ = ("keys", "locks", "path", "providers", "vaults")

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Raises UsageError where none of these says a folder."""
        try:
            self.path = os.path.abspath(environ.get("AUTHSOME_HOME") or _usual(environ))
        except FileNotFoundError:  # a relative one, and the current folder was deleted
            raise UsageError("AUTHSOME_HOME is relative to a folder that is gone", _ABSOLUTE) from None
        self.keys = os.path.join(self.path, "keys")
        self.locks = os.path.join(self.path, "locks")
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

    def is_fresh(self, vault: str) -> bool:
        """Whether that missing vault is just the first one, not made yet; another name may be a slip.

        It may exist by now: somebody else's first login at this moment is no surprise.
        """
        return vault == "default" and set(self.vault_names()) <= {vault}

    def vault_missing(self, name: str) -> VaultNotFound:
        names = self.vault_names()
        if self.is_fresh(name):
            return VaultNotFound(
                "there is no vault yet", "make it with your first login: authsome login PROVIDER"
            )
        make = f"make it: authsome vault create {name}"
        return VaultNotFound(
            f"there is no vault {name}{nearest(name, names)}",
            f"choose one with --vault ({', '.join(names)}), or {make}" if names else make,
        )

    def prepare(self) -> None:
        """Make the folders. Raises StorageError."""
        for folder in (self.path, self.vaults):
            private_folder(folder)


_ABSOLUTE = "set AUTHSOME_HOME to a folder's whole path, as in AUTHSOME_HOME=/srv/app/authsome"


def _usual(environ: Mapping[str, str]) -> str:
    data = environ.get("XDG_DATA_HOME", "")
    if data.startswith("/"):  # the XDG base directory specification: ignore relative ones
        return os.path.join(data, "authsome")
    user = environ.get("HOME")
    if not user:
        import pwd

        try:
            user = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:  # a container's user need not have an entry
            user = ""
    if not user.startswith("/"):
        raise UsageError("this user has no home folder (HOME)", _ABSOLUTE)
    return os.path.join(user, ".local", "share", "authsome")
