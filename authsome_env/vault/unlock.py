"""From a vault's name to an open vault: find the master key, open the vault key with it."""

from __future__ import annotations

from authsome_env.errors import KeyUnavailable, VaultDamaged, VaultLocked, VaultNotFound, WrongKey

from .database import Database, check_version
from .envelope import Unsealable, unseal
from .format import is_key_id, vault_key_binding
from .keys.places import NAMES, place
from .keys.variable import from_environment
from .part_keys import PartKeys
from .store import Vault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from authsome_env.model import Secret

    from .home import Home

    Ask = Callable[[str], Secret]

# The key file and the variable are as quick to read as the cache, and a cached key would outlive them.
_CACHED_SOURCES = ("keyring", "passphrase")


class KeyAccess:
    """How a master key may be reached: the environment, a way to ask for a passphrase, how long to cache."""

    __slots__ = ("ask", "environ", "home", "no_input", "unlock_ttl")

    def __init__(
        self,
        home: Home,
        environ: Mapping[str, str],
        *,
        ask: Ask | None = None,
        no_input: bool = False,
        unlock_ttl: float = 0.0,
    ) -> None:
        self.home = home
        self.environ = environ
        self.ask = ask
        """Asks for a passphrase at the terminal; None where nobody can be asked."""
        self.no_input = no_input
        self.unlock_ttl = unlock_ttl
        """Seconds that the kernel may keep a vault key; 0 never."""

    def place(self, source: str) -> Any:
        return place(source, home=self.home.path, environ=self.environ, ask=self.ask, no_input=self.no_input)


def read_meta(database: Database) -> dict[str, Any]:
    """Raises VaultFormat; VaultDamaged when an entry that every vault has is missing, or of another kind."""
    meta = dict(database.rows("SELECT name, value FROM meta"))
    version = meta.get("format_version")
    if isinstance(version, int):
        check_version(version, database.path)
    if not (
        isinstance(version, int)
        and isinstance(meta.get("owner"), str)
        and meta.get("key_source") in NAMES
        and is_key_id(meta.get("key_id"), meta.get("vault_id"))
        and isinstance(meta.get("wrapped_key"), bytes)
    ):
        raise VaultDamaged(
            f"{database.path} lacks a part that every vault has, or it was altered",
            "put back a copy of it, or move it away and log in again",
        )
    return meta


def open_vault(name: str, access: KeyAccess) -> Vault:
    """Open the vault `name`.

    Raises VaultNotFound, VaultLocked, KeyUnavailable, WrongKey, VaultDamaged, VaultFormat, StorageError.
    """
    database = open_database(name, access.home)
    try:
        while True:
            meta = read_meta(database)
            _check_name(name, meta)
            check_unlocked(name, meta)
            try:
                key = vault_key(name, meta, access)
            except (KeyUnavailable, WrongKey):
                # Not if a rekey between those two lines put another key in the place of the one we sought.
                if read_meta(database)["key_id"] == meta["key_id"]:
                    raise
                continue
            if meta["key_source"] in _CACHED_SOURCES:
                _check_still_unlocked(name, database)
            return Vault(database, name, meta["vault_id"], PartKeys(meta["vault_id"], key))
    except BaseException:
        database.close()
        raise


def _check_name(name: str, meta: dict[str, Any]) -> None:
    """A vault under another's name would give another account. The seals bind the name, too."""
    if meta.get("name") != name:
        raise VaultDamaged(
            f"the file of vault {name} is that of the vault {meta.get('name')}",
            f"give the file its own name back: {meta.get('name')}.db",
        )


def _check_still_unlocked(name: str, database: Database) -> None:
    """A lock while we sought the key found nothing in the cache yet to drop."""
    meta = read_meta(database)
    try:
        check_unlocked(name, meta)
    except VaultLocked:
        from . import cache

        cache.drop(meta["vault_id"])
        raise


def check_unlocked(name: str, meta: dict[str, Any]) -> None:
    if meta.get("locked"):
        raise VaultLocked(f"vault {name} is locked", f"authsome vault unlock {name}")


def open_database(name: str, home: Home) -> Database:
    """The vault's file, without its key."""
    try:
        return Database(home.vault_path(name))
    except VaultNotFound:
        raise home.vault_missing(name) from None


def vault_key(name: str, meta: dict[str, Any], access: KeyAccess, *, recorded: bool = False) -> bytes:
    """The key of the vault that `meta` describes. `recorded`: from its recorded source only.

    A variable wins over the recorded source. If it does not fit, that is an error: a source is never
    switched silently.
    """
    source = meta["key_source"]
    master = None if recorded else from_environment(access.environ)
    if master is not None:
        return _unwrap(name, meta, master, "variable")
    cached = source in _CACHED_SOURCES and access.unlock_ttl > 0
    if cached:
        from . import cache

        key = cache.fetch(meta["vault_id"])
        if key is not None:
            return key
    key = _unwrap(name, meta, access.place(source).load(meta["key_id"], parameters(meta)), source)
    if cached:
        cache.store(meta["vault_id"], key, int(access.unlock_ttl))
    return key


def parameters(meta: dict[str, Any]) -> dict[str, str]:
    """What the key's place recorded: `name=value` a line."""
    lines = str(meta.get("key_parameters", "")).split("\n")
    return dict(line.split("=", 1) for line in lines if "=" in line)


_MENDS = {
    "variable": "set AUTHSOME_MASTER_KEY to this vault's key, or unset it to use the recorded key source",
    "passphrase": "type the passphrase that `authsome init` was given",
    "file": "put back the key file that belongs to this vault",
    "keyring": "unlock the keyring of the user who made this vault",
}


def _unwrap(name: str, meta: dict[str, Any], master: bytes, source: str) -> bytes:
    try:
        return unseal(master, meta["wrapped_key"], vault_key_binding(meta))
    except Unsealable:
        what = {"passphrase": "wrong passphrase for", "variable": "AUTHSOME_MASTER_KEY does not open"}
        raise WrongKey(
            f"{what.get(source, f'the master key ({source}) does not open')} vault {name}"
            " (or its header was altered)",
            _MENDS.get(source, ""),
        ) from None
