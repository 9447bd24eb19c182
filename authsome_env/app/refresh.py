"""Refresh one connection because somebody says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import CredentialUnusable, NotAllowed

from .find import deleted_meanwhile, find_connection
from .renew import renew

if TYPE_CHECKING:
    from authsome_env.model import Connection
    from authsome_env.vault.store import Vault

    from .workspace import Workspace


def refresh(
    workspace: Workspace, vault: Vault, provider: str, name: str | None, *, forced: bool
) -> Connection:
    """Renew the connection now, due or not. `forced`: see `renew`.

    Raises what finding it raises, NotAllowed for one that cannot be refreshed at all, CredentialUnusable if
    the provider refuses, Unreachable if it does not answer.
    """
    credential = find_connection(workspace, vault, provider, name)
    connection = credential.connection
    login = f"authsome login {provider} -c {connection.name}{workspace.vault_option}"
    if connection.auth_type != "oauth2":
        raise NotAllowed(
            f"{connection.reference} is an API key, which stays as it is", f"{login} --force replaces it"
        )
    if not connection.renewable:
        raise NotAllowed(
            f"{connection.reference} has no refresh token: the provider gave none", f"{login} --force"
        )
    failures = renew(workspace, vault, [credential], asked=True, forced=forced)
    if failures:
        raise failures[connection.id]
    current = vault.get(connection.id)
    if current is None:
        raise deleted_meanwhile(workspace, connection)
    if current.connection.refused:
        raise CredentialUnusable(f"{connection.reference} is invalid", login)
    return current.connection
