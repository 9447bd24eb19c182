"""What every login ends with: a connection in the vault, and who is the default now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authsome_env.clock import describe_duration
from authsome_env.errors import ConnectionExists, VaultDamaged
from authsome_env.model import Connection, check_connection_name
from authsome_env.vault.store import new_id

from .clients import put_client
from .connections import make_default

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.model import Secret
    from authsome_env.vault.clients import StoredClient
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace


class Login:
    """What a login did."""

    def __init__(self, connection: Connection, *, former_default: str | None, repaired: bool) -> None:
        self.connection = connection
        self.former_default = former_default
        """The name that lost the default mark to this connection."""
        self.repaired = repaired
        self.former_account: str | None = None
        """Whose account it was before, if it was another's."""
        self.same_account: list[str] = []
        """The provider's other connections that are for this account, too."""
        self.new_vault_key: str | None = None
        """The key source, if this login made the vault."""
        self.warnings: list[str] = []


def login_api_key(
    workspace: Workspace,
    provider: str,
    name: str,
    collect: Callable[[], Mapping[str, Secret]],
    *,
    force: bool,
) -> Login:
    """Save an API key as the connection `name`; `collect` obtains its checked fields.

    Raises UsageError, ConnectionExists (before anything is asked for), LoginFailed.
    """
    check_login(workspace, provider, name, force=force)
    return save_login(workspace, provider, name, collect(), auth_type="api_key", force=force)


def check_login(
    workspace: Workspace, provider: str, name: str, *, force: bool
) -> tuple[Connection, bytes | None] | None:
    """Before anything is asked for: the connection that is going to be repaired, and its renew part.

    Raises UsageError, ConnectionExists, and what keeps a vault shut or from being written.
    """
    check_connection_name(name)
    vault = workspace.open_if_any()
    if vault is None:
        return None
    with vault:
        if vault.database.obstacle is not None:
            raise vault.database.obstacle
        old = _check_free(workspace, vault, provider, name, force=force)
        return None if old is None else (old.connection, vault.renew_part(old))


def save_login(
    workspace: Workspace,
    provider: str,
    name: str,
    fields: Mapping[str, Secret],
    *,
    force: bool,
    renew: bytes | None = None,
    client: StoredClient | None = None,
    **metadata: Any,
) -> Login:
    """Write the connection, and the client that it was logged in by, in one change.

    `metadata`: what a Connection is made of besides its names, times and generation. Raises ConnectionExists
    if another login was faster, StorageError.
    """
    vault, key_source = workspace.open_or_create()
    with vault, vault.transaction():
        now = workspace.now()
        old = _check_free(workspace, vault, provider, name, force=force)
        predecessor = old or _readable(vault, provider, name)
        names = vault.names(provider)
        # A login is the same connection again, also over one that cannot be read any more.
        connection_id, generation = vault.identity(provider, name) or (new_id(), 0)
        connection = Connection(
            id=connection_id,
            provider=provider,
            name=name,
            created_at=old.connection.created_at if old else now,
            logged_in_at=now,
            is_default=force or not names or (old is not None and old.connection.is_default),
            generation=generation + 1,
            **metadata,
        )
        former = None
        if force:
            vault.delete(provider, name)
            former = make_default(vault, provider, connection.id)
        kept = _keys_kept(predecessor, connection, force=force)
        vault.put(connection, fields, renew=renew, keep_keys_of=kept)
        orphans = put_client(vault, client) if client is not None else []
        result = Login(connection, former_default=former, repaired=old is not None)
        if orphans:
            which = ", ".join(orphans)
            result.warnings.append(
                f"the former client logged in {which}: no refresh any more, so log in again"
            )
        if connection.account_id is not None:
            result.same_account = vault.names_of_account(connection)
        if old is not None and old.connection.account_id not in (None, connection.account_id):
            result.former_account = old.connection.account
    result.new_vault_key = key_source
    return result


def _readable(vault: Vault, provider: str, name: str) -> Credential | None:
    """The connection that is overwritten, unless it is damaged."""
    try:
        return vault.find(provider, name)
    except VaultDamaged:
        return None


def _keys_kept(old: Credential | None, new: Connection, *, force: bool) -> Credential | None:
    """The same account's new tokens are sealed with the keys of the old ones: who was given those (the keeper
    of a run) gets these, too. Another account's are not. Where nobody tells whose they are, a repair and a
    new API key are of the same one; somebody else may have answered a new login in the browser.
    """
    if old is None or (force and new.auth_type == "oauth2" and new.account_id is None):
        return None
    same = (old.connection.account_id, old.connection.base_url) == (new.account_id, new.base_url)
    return old if same else None


def _check_free(
    workspace: Workspace, vault: Vault, provider: str, name: str, *, force: bool
) -> Credential | None:
    """The connection that a login may replace, if there is one. Raises ConnectionExists."""
    if force:
        # Overwriting is also the way out of a damaged record, so that is not read.
        return None
    old = vault.find(provider, name)
    now = workspace.now()
    if old is not None and old.connection.status(now) not in ("expired", "invalid"):
        age = describe_duration(now - old.connection.logged_in_at)
        whom = f" for {old.connection.account}" if old.connection.account else ""
        raise ConnectionExists(
            f"{provider} is connected as {name} already, logged in {age} ago{whom}",
            f"authsome login {provider} -c OTHER-NAME{workspace.vault_option} for a second account,"
            f" or authsome login {provider} -c {name}{workspace.vault_option} --force to replace it",
        )
    return old
