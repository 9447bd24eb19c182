"""Tell the provider that credentials are no longer wanted, then delete them here, whatever it says."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from authsome_env.errors import AuthsomeError, Unreachable, VaultDamaged
from authsome_env.model import check_connection_name
from authsome_env.oauth.grant import Grant
from authsome_env.vault.clients import REGISTERED

from .clients import client_of_grant
from .connections import logout
from .find import missing
from .renew import PATIENCE_S, START_S

if TYPE_CHECKING:
    from authsome_env.model import Connection, Secret
    from authsome_env.oauth.messages import Send
    from authsome_env.providers.schema import Definition
    from authsome_env.vault.lock import ConnectionLock
    from authsome_env.vault.store import Credential, Vault

    from .connections import Departure
    from .workspace import Workspace


class Revocation:
    """What became of one connection at the provider."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.revoked: list[str] = []
        """`refresh_token`, `access_token`, as far as the provider agreed."""
        self.problems: list[str] = []
        """In words; none if all is done."""
        self.unreachable = False
        self.refused = False


def names_to_revoke(workspace: Workspace, vault: Vault, provider: str, name: str | None) -> list[str]:
    """The named connection, or all of the provider's. Raises ConnectionNotFound, ProviderNotFound."""
    if name is not None:
        check_connection_name(name)
    names = vault.names(provider)
    if not names or (name is not None and name not in names):
        raise missing(workspace, vault, provider, name or "default")
    return [name] if name is not None else names


def revoke(
    workspace: Workspace, vault: Vault, provider: str, name: str | None
) -> tuple[list[Revocation], Departure]:
    """Revoke and delete one connection, or with None all of them and the client."""
    from authsome_env.oauth.wire import Wire

    names = names_to_revoke(workspace, vault, provider, name)
    # The locks are held until the rows are gone, or who waits would spend what was just revoked.
    with ExitStack() as locks, Wire(workspace.environ, total_s=PATIENCE_S) as send:
        done = [_revoke_one(workspace, vault, provider, each, send, locks=locks) for each in names]
        if name is None:
            _forget_client(vault, provider, send)
        departure = logout(workspace, vault, provider, name, everything=name is None)
    return done, departure


def _revoke_one(
    workspace: Workspace, vault: Vault, provider: str, name: str, send: Send, *, locks: ExitStack
) -> Revocation:
    result = Revocation(name)
    try:
        credential = vault.find(provider, name)
    except VaultDamaged as error:
        result.problems.append(f"{error.message}, so nothing could be revoked")
        result.refused = True
        return result
    if credential is None:
        return result
    lock = workspace.lock_of(vault, credential.connection.id)
    locks.callback(lock.release)
    try:
        _take(lock, workspace)
        # A refresh that was under way may have rotated the tokens.
        credential = vault.get(credential.connection.id) or credential
        _ask_provider(workspace, vault, credential, send, result)
    except AuthsomeError as error:
        result.problems.append(error.message)
        result.unreachable = isinstance(error, Unreachable)
        result.refused = not result.unreachable
    return result


def _take(lock: ConnectionLock, workspace: Workspace) -> None:
    while not lock.take((now := workspace.now()) + START_S):
        if not lock.wait(workspace.now, time.sleep, since=now):
            raise Unreachable("a refresh that is under way does not end")


def _ask_provider(
    workspace: Workspace, vault: Vault, credential: Credential, send: Send, result: Revocation
) -> None:
    connection = credential.connection
    definition = workspace.registry().load(connection.provider)
    packed = vault.renew_part(credential)
    if packed is None or definition.oauth is None or definition.oauth.revocation is None:
        result.problems.append(_by_hand(definition, connection))
        return
    from authsome_env.oauth.renewal import check_origin
    from authsome_env.oauth.revoke import revoke as ask
    from authsome_env.oauth.token_request import TokenEndpoint

    grant = Grant.unpack(packed)
    check_origin(definition, grant, connection.base_url, reference=str(connection.reference))
    provider = connection.provider
    tokens: dict[str, Secret | None] = {
        "refresh_token": grant.refresh_token,
        "access_token": credential.fields.get("access_token"),
    }
    client = client_of_grant(vault.clients, grant, provider=provider)
    endpoint = TokenEndpoint(
        grant.token_url, definition.oauth, client, send=send, now=workspace.now, random=os.urandom
    )
    answers = ask(endpoint, grant.revocation_url or None, tokens, sleep=time.sleep)
    for answer in answers:
        if answer.ok:
            result.revoked.append(answer.kind)
        else:
            result.problems.append(f"{answer.kind.replace('_', ' ')}: {answer.reason}")
            result.unreachable |= answer.unreachable
            result.refused |= not answer.unreachable
    if not answers:
        result.problems.append(_by_hand(definition, connection))


def _by_hand(definition: Definition, connection: Connection) -> str:
    what = "a key" if connection.auth_type == "api_key" else "a token"
    where = f": {definition.docs}" if definition.docs else ""
    return f"{definition.display_name} has no way to revoke {what} from here; do it there{where}"


def _forget_client(vault: Vault, provider: str, send: Send) -> None:
    """Also at the server, if we registered it there (RFC 7592 section 2.3). Nothing depends on its answer."""
    from authsome_env.oauth.messages import Request

    try:
        client = vault.clients.find(provider + REGISTERED)
    except VaultDamaged:
        client = None
    uri = client.text("registration_uri") if client else None
    token = client.fields.get("registration_token") if client else None
    if uri and token:
        try:
            send(Request("DELETE", uri, {"Authorization": f"Bearer {token.reveal()}"}))
        except AuthsomeError:
            pass
    with vault.transaction():
        for row in (provider, provider + REGISTERED):
            vault.clients.delete(row)
