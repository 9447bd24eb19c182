"""Use cases on the connections that exist: make default, rename, delete."""

from __future__ import annotations

from authsome_env.errors import ConnectionExists
from authsome_env.model import check_connection_name

from .find import find_connection, missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from authsome_env.model import Connection
    from authsome_env.vault.store import Vault

    from .workspace import Workspace


def make_default(vault: Vault, provider: str, connection_id: str | None) -> str | None:
    """Move the default mark to `connection_id` (None: nobody); inside a transaction.

    Returns the name that had it, if that was another connection.
    """
    old = vault.default(provider)
    if old is None or old.connection.id == connection_id:
        return None
    vault.update(old, is_default=False)
    return old.connection.name


def set_default(workspace: Workspace, vault: Vault, provider: str, name: str) -> str | None:
    """Returns the name of the former default, None if there was none or it is the same."""
    with vault.transaction():
        credential = find_connection(workspace, vault, provider, name)
        former = make_default(vault, provider, credential.connection.id)
        if not credential.connection.is_default:
            vault.update(credential, is_default=True)
    return former


def rename(workspace: Workspace, vault: Vault, provider: str, old: str, new: str) -> Connection:
    """Raises UsageError for a name that is not allowed, ConnectionExists if it is taken."""
    check_connection_name(new)
    with vault.transaction():
        credential = find_connection(workspace, vault, provider, old)
        if new != old and new in vault.names(provider):
            raise ConnectionExists(
                f"{provider} has a connection {new} already",
                f"choose another name, or delete it first: authsome logout {provider} -c {new}",
            )
        return vault.update(credential, name=new)


class Departure:
    """What a logout did: the names deleted, and who is the default now."""

    __slots__ = ("deleted", "left", "new_default", "was_default")

    def __init__(
        self, deleted: list[str], left: list[str], new_default: str | None, *, was_default: bool
    ) -> None:
        self.deleted = deleted
        self.left = left
        self.new_default = new_default
        """Set only when the deletion made this one the default."""
        self.was_default = was_default


def logout(
    workspace: Workspace, vault: Vault, provider: str, name: str | None, *, everything: bool = False
) -> Departure:
    """Delete one connection (None: the default) or all of the provider's from this machine.

    If the default goes and one is left, that one becomes the default. A damaged record can be deleted too.
    Raises ConnectionNotFound, NoDefault, ProviderNotFound.
    """
    if name is not None:
        check_connection_name(name)
    with vault.transaction():
        names = vault.names(provider)
        default = vault.default_name(provider)
        wanted = name or default
        if everything and names:
            doomed = names
        elif wanted in names:
            doomed = [str(wanted)]
        else:
            raise missing(workspace, vault, provider, name)
        for each in doomed:
            identity = vault.identity(provider, each)
            vault.delete(provider, each)
            if identity is not None:
                workspace.lock_of(vault, identity[0]).remove()
        left = [each for each in names if each not in doomed]
        new_default = None
        if default in doomed and len(left) == 1:
            heir = find_connection(workspace, vault, provider, left[0])
            vault.update(heir, is_default=True)
            new_default = left[0]
        return Departure(doomed, left, new_default, was_default=default in doomed)
