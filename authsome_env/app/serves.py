"""The hosts that one connection of the vault may be used for, and by which user name."""

from __future__ import annotations

from authsome_env.errors import InvalidDefinition, ProviderNotFound
from authsome_env.providers.quick import hot_path
from authsome_env.providers.serving import Serving, of_provider, server_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace


def serves(workspace: Workspace, vault: Vault, credential: Credential) -> tuple[Serving, frozenset[str]]:
    """And the names of its fields that are no secret.

    A connection whose definition is gone or broken serves no host until that is mended.
    """
    connection = credential.connection
    folder, db = workspace.home.providers, vault.database.raw
    try:
        definition = hot_path(connection.provider, folder, db)
        serving = of_provider(connection.provider, folder, db)
    except (ProviderNotFound, InvalidDefinition):
        return Serving(), frozenset()
    fields = {name: secret.reveal() for name, secret in credential.fields.items()}
    server = server_of(connection.base_url, fields, definition.public)
    return serving.at(server, definition.base_url), definition.public


def is_served(workspace: Workspace, vault: Vault, provider: str) -> bool:
    """Whether any connection of that provider may be used for some host."""
    try:
        found = of_provider(provider, workspace.home.providers, vault.database.raw)
    except InvalidDefinition:
        return False
    return bool(found.git_hosts or found.docker_hosts)
