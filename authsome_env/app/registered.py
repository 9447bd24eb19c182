"""A client that we register with the server ourselves: once a vault, and used again (RFC 7591)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import LoginFailed, NotAllowed
from authsome_env.model import Secret
from authsome_env.oauth import registration
from authsome_env.oauth.redirect import to_register
from authsome_env.vault.clients import REGISTERED, StoredClient

from .clients import stored_client

if TYPE_CHECKING:
    from collections.abc import Collection

    from authsome_env.oauth.messages import Endpoints, Send

    from .oauth_login import OAuthLogin


def registered_client(
    login: OAuthLogin, endpoints: Endpoints, redirect_uri: str | None, send: Send
) -> StoredClient:
    """The vault's client if it was registered here for that redirect URI, else a new one.

    Raises LoginFailed, NotAllowed if the provider's connections belong to a client of another server.
    """
    provider = login.definition.name
    if endpoints.registration is None:
        raise LoginFailed(
            f"{provider} names no place to register a client at",
            f"register one by hand, then authsome client set {provider}, and log in with --flow pkce",
        )
    stored = stored_client(login.workspace, provider + REGISTERED)
    # One that has logged in from any port (RFC 8252 section 7.3) can do so from a chosen one, too. A second
    # registration would take the client away from the connections of the first.
    fitting = {redirect_uri, to_register(login.oauth.redirect_uri)}
    if stored is not None and _fits(stored, endpoints.registration, fitting, login.workspace.now()):
        return stored
    if stored is not None and stored.text("registered_at") != endpoints.registration:
        raise NotAllowed(
            f"the client of {provider} in this vault is registered at {stored.text('registered_at')}",
            f"use another vault (--vault), or authsome client remove {provider} first",
        )
    done = registration.register(
        endpoints.registration,
        redirect_uri=redirect_uri or "",
        scopes=login.scopes,
        send=send,
        initial_access_token=login.person.optional("initial_access_token"),
        flows=login.definition.flows,
        provider=provider,
    )
    texts = {
        "auth_method": done.method,
        "registered_at": endpoints.registration,
        "redirect_uri": redirect_uri,
        "registration_uri": done.registration_uri,
        "expires_at": None if done.expires_at is None else repr(done.expires_at),
    }
    fields = {name: Secret(text) for name, text in texts.items() if text}
    if done.secret is not None:
        fields["client_secret"] = done.secret
    if done.registration_token is not None:
        fields["registration_token"] = done.registration_token
    return StoredClient(provider + REGISTERED, done.client_id, fields)


def _fits(stored: StoredClient, endpoint: str, uris: Collection[str | None], now: float) -> bool:
    expires_at = stored.text("expires_at")
    return (
        stored.text("registered_at") == endpoint
        and stored.text("redirect_uri") in uris
        and (expires_at is None or float(expires_at) > now)
    )
