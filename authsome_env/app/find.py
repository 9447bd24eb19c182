"""From what the user named to one connection or field, or an error that says which names there are."""

from __future__ import annotations

from authsome_env.errors import (
    AuthsomeError,
    ConnectionNotFound,
    CredentialUnusable,
    NoDefault,
    UsageError,
    nearest,
)
from authsome_env.model import check_connection_name, check_provider_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from authsome_env.model import Connection, Reference, Secret
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace


def find_connection(workspace: Workspace, vault: Vault, provider: str, name: str | None) -> Credential:
    """The named connection, or with None the provider's default.

    Raises UsageError for what cannot be a name (an empty one is no default: it comes from a variable that is
    not set), ProviderNotFound, ConnectionNotFound, NoDefault; VaultDamaged.
    """
    check_provider_name(provider)
    found = vault.default(provider) if name is None else vault.find(provider, check_connection_name(name))
    if found is not None:
        return found
    raise missing(workspace, vault, provider, name)


def missing(workspace: Workspace, vault: Vault, provider: str, name: str | None) -> AuthsomeError:
    """Why there is no such connection, with the names that there are."""
    names = vault.names(provider)
    if not names:
        workspace.registry().load(provider)  # ProviderNotFound is the better answer where it is true
        return ConnectionNotFound(
            f"{provider} is not connected",
            f"authsome login {provider}" + (f" -c {name}" if name else "") + workspace.vault_option,
        )
    if name is None:
        return NoDefault(
            f"{provider} has no default connection; it has {', '.join(names)}",
            f"authsome set-default {provider} {names[0]}{workspace.vault_option}",
        )
    return ConnectionNotFound(
        f"{provider} has no connection {name}{nearest(name, names)}; it has {', '.join(names)}",
        f"authsome login {provider} -c {name}{workspace.vault_option}",
    )


def deleted_meanwhile(workspace: Workspace, connection: Connection) -> ConnectionNotFound:
    """What is said of a connection that went while it was refreshed."""
    return ConnectionNotFound(
        f"{connection.reference} was deleted meanwhile",
        f"authsome login {connection.provider} -c {connection.name}{workspace.vault_option}",
    )


def check_usable(workspace: Workspace, credential: Credential, now: float) -> None:
    """Raises CredentialUnusable for an expired token or one that the provider refused."""
    connection = credential.connection
    status = connection.status(now)
    if status in ("expired", "invalid"):
        raise CredentialUnusable(
            f"{connection.reference} is {status}",
            f"authsome login {connection.provider} -c {connection.name}{workspace.vault_option}",
        )


def pick_field(
    workspace: Workspace, credential: Credential, name: str | None, known: Sequence[str]
) -> Secret:
    """One field of a credential; see `field_name`."""
    return credential.fields[field_name(workspace, credential, name, known)]


def field_name(workspace: Workspace, credential: Credential, name: str | None, known: Sequence[str]) -> str:
    """The name of one field of a credential: the given one, the access token's, or that of the only one.

    `known`: the fields that the provider's definition has, in its order; none if it is gone.
    Raises UsageError for an unknown name or a choice that must be made, CredentialUnusable for an empty one.
    """
    login = f"authsome login {credential.connection.provider} -c {credential.connection.name}"
    return choose_field(
        credential.fields,
        name,
        known,
        reference=credential.connection.reference,
        login=login + workspace.vault_option,
    )


def choose_field(
    fields: Collection[str], name: str | None, known: Sequence[str], *, reference: Reference, login: str
) -> str:
    """As `field_name`, of `fields`. `login`: what to type for one that was left out."""
    names = list(known or fields)
    if name is None:
        if "access_token" in fields:
            return "access_token"
        if len(names) > 1:
            raise UsageError(
                f"{reference} has several fields: {', '.join(names)}",
                f"name one, as in {reference}#{names[0]}",
            )
        name = names[0] if names else "api_key"
    if name in fields:
        return name
    if name in known:
        raise CredentialUnusable(
            f"{reference} was logged in without {name}",
            f"{login} --force",
        )
    raise UsageError(
        f"{reference} has no field {name}{nearest(name, names)}",
        f"its fields: {', '.join(names)}",
    )
