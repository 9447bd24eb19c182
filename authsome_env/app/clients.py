"""The OAuth client of a provider in a vault: where it comes from, and what a flow logs in with."""

from __future__ import annotations

import os

from authsome_env.errors import CredentialUnusable, InvalidDefinition, NotAllowed, VaultDamaged
from authsome_env.model import Secret
from authsome_env.oauth.messages import OAuthClient
from authsome_env.providers.urls import origin
from authsome_env.vault.clients import REGISTERED, StoredClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from authsome_env.oauth.grant import Grant
    from authsome_env.providers.registry import Registry
    from authsome_env.providers.schema import Definition, Field
    from authsome_env.vault.clients import Clients
    from authsome_env.vault.store import Vault

    from .workspace import Workspace

PUBLIC = "none"
"""The authentication method of a client that has no secret."""

_VISIBLE = r"^[ -~]+$"
"""RFC 6749 appendix A.1 and A.2."""


def client_of_grant(clients: Clients, grant: Grant, *, provider: str) -> OAuthClient | None:
    """The client that a connection was logged in by; None if its flow needs none.

    Raises CredentialUnusable if the vault has another one by now: the provider knows the tokens of the old.
    """
    if not grant.client_id:
        return None
    for row in (provider, provider + REGISTERED):
        stored = clients.find(row)
        if stored is not None and stored.id == grant.client_id:
            return oauth_client(stored, grant.auth_method)
    if grant.auth_method == PUBLIC:
        return OAuthClient(grant.client_id, PUBLIC)
    raise CredentialUnusable(
        f"the client of {provider} that this connection was logged in by is not in the vault any more",
        f"put it back with `authsome client set {provider}`, or log in again",
    )


def oauth_client(stored: StoredClient, method: str) -> OAuthClient:
    fields = stored.fields
    return OAuthClient(stored.id, method, secret=fields.get("client_secret"), key=fields.get("private_key"))


def stored_client(workspace: Workspace, provider: str) -> StoredClient | None:
    """The vault's client (`provider` may end in REGISTERED); None if there is none, or no vault yet."""
    vault = workspace.open_if_any()
    if vault is None:
        return None
    with vault:
        return vault.clients.find(provider)


def client_fields(definition: Definition) -> tuple[Field, ...]:
    """What is asked for when a person is to give a provider's client."""
    from authsome_env.providers.schema import Field

    method = definition.oauth.token_endpoint_auth_method if definition.oauth else PUBLIC
    name = definition.display_name
    fields = (Field("client_id", f"{name} client id", secret=False, pattern=_VISIBLE, optional=False),)
    if method == "private_key_jwt":
        return (*fields, Field("private_key", f"{name} private key (PEM or JWK)", optional=False))
    return (*fields, Field("client_secret", f"{name} client secret", pattern=_VISIBLE, optional=True))


def made_client(provider: str, fields: Mapping[str, Secret]) -> StoredClient:
    """From the fields that a person gave."""
    kept = {name: value for name, value in fields.items() if name != "client_id" and value}
    return StoredClient(provider, fields["client_id"].reveal(), kept)


def method_of(definition: Definition, client: StoredClient) -> str:
    """How this client proves itself: as it was registered, else as the definition says.

    A client without a secret is a public one, whatever the definition says of others (RFC 8252 section 8.4).
    """
    registered = client.text("auth_method")
    method = registered or (definition.oauth.token_endpoint_auth_method if definition.oauth else PUBLIC)
    needed = "private_key" if method == "private_key_jwt" else "client_secret"
    return method if method == PUBLIC or client.fields.get(needed) else PUBLIC


def find_client(
    workspace: Workspace,
    definition: Definition,
    ask: Callable[[], Mapping[str, Secret]],
) -> StoredClient:
    """The client to log in with: the vault's, the definition's, the environment's, or what is asked.

    Raises what `ask` raises, and what keeps the vault shut.
    """
    stored = stored_client(workspace, definition.name)
    if stored is not None:
        return stored
    check_variables(workspace.registry(), definition)
    return known_client(definition, workspace.environ) or made_client(definition.name, ask())


def bound_client(client: StoredClient, token_url: str) -> StoredClient:
    """The client as a login at `token_url` keeps it: its secret is for that server from then on.

    Raises NotAllowed if it is for another one: neither a definition that changed nor another --base-url may
    have it sent elsewhere.
    """
    if not client.fields.keys() & {"client_secret", "private_key"}:
        return client
    server = origin(token_url)
    known = client.text("server")
    if known not in (None, server):
        provider = client.provider.removesuffix(REGISTERED)
        raise NotAllowed(
            f"the client of {provider} in this vault is for {known}, and this login is at {server}",
            f"use another vault (--vault) for that server, or authsome client remove {provider} first",
        )
    return StoredClient(client.provider, client.id, {**client.fields, "server": Secret(server)})


def check_variables(registry: Registry, definition: Definition) -> None:
    """Raises NotAllowed if a registered definition wants another provider's secret for its server."""
    if not registry.is_registered(definition.name):
        return
    read = {definition.client.client_id_env, definition.client.client_secret_env} - {None}
    for name in registry.names():
        if read and name != definition.name:
            try:
                other = registry.load(name)
            except InvalidDefinition:
                continue
            clash = read & {*other.env, other.client.client_secret_env}
            if clash:
                raise NotAllowed(
                    f"{definition.name} reads {min(filter(None, clash))}, which belongs to {name}",
                    f"name another variable in the definition, or authsome client set {definition.name}",
                )


def known_client(definition: Definition, environ: Mapping[str, str]) -> StoredClient | None:
    """The client that the definition gives, or that the variables hold which it names."""
    known = definition.client
    client_id = known.client_id or (environ.get(known.client_id_env) if known.client_id_env else None)
    if not client_id:
        return None
    secret = environ.get(known.client_secret_env) if known.client_secret_env else None
    fields = {"client_secret": Secret.from_bytes(os.fsencode(secret))} if secret else {}
    return StoredClient(definition.name, client_id, fields)


def save_client(workspace: Workspace, client: StoredClient) -> tuple[list[str], str | None]:
    """Put it into the vault, which is made if there is none.

    Returns the connections that another client logged in, and the key source of a new vault.
    """
    vault, key_source = workspace.open_or_create()
    with vault, vault.transaction():
        replaced = put_client(vault, client)
    return replaced, key_source


def put_client(vault: Vault, client: StoredClient) -> list[str]:
    """Inside a transaction. Returns the references of connections that the former client logged in, and that
    cannot be refreshed without it.
    """
    former = vault.clients.find(client.provider)
    vault.clients.put(client)
    if former is None or former.id == client.id:
        return []
    provider = client.provider.removesuffix(REGISTERED)
    return [f"{provider}:{name}" for name in vault.names(provider) if _needs(vault, provider, name, former)]


def _needs(vault: Vault, provider: str, name: str, client: StoredClient) -> bool:
    """Not if that one proves nothing at the server, for then its id alone, which is kept, is enough."""
    from authsome_env.oauth.grant import Grant

    try:
        credential = vault.find(provider, name)
        packed = vault.renew_part(credential) if credential is not None else None
    except VaultDamaged:
        return False  # that connection is of no use either way
    grant = Grant.unpack(packed) if packed else None
    return grant is not None and grant.client_id == client.id and grant.auth_method != PUBLIC


def describe_client(workspace: Workspace, definition: Definition) -> dict[str, Any]:
    """What may be shown of a provider's client. Raises NotAllowed for one that has none."""
    from authsome_env.oauth.redirect import to_register

    if definition.oauth is None:
        raise NotAllowed(
            f"{definition.name} logs in with an API key and has no client",
            f"authsome login {definition.name}",
        )
    stored, source = stored_client(workspace, definition.name), "vault"
    if stored is None:
        stored, source = known_client(definition, workspace.environ), "definition or environment"
    if stored is None:
        stored, source = stored_client(workspace, definition.name + REGISTERED), "registered by authsome"
    return {
        "provider": definition.name,
        "client_id": stored.id if stored else None,
        "source": source if stored else "none yet",
        "secret": bool(stored and (stored.fields.get("client_secret") or stored.fields.get("private_key"))),
        "auth_method": method_of(definition, stored) if stored else None,
        "redirect_uri": (stored and stored.text("redirect_uri"))
        or to_register(definition.oauth.redirect_uri),
        "connections": _names(workspace, definition.name),
    }


def _names(workspace: Workspace, provider: str) -> list[str]:
    vault = workspace.open_if_any()
    if vault is None:
        return []
    with vault:
        return vault.names(provider)
