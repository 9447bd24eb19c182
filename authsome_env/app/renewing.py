"""Renew one connection: what the helper process does, from its order to the commit.

    look again → reserve room on the disk → mark the refresh token as sent → send → commit

Whatever ends it after the mark leaves a connection that says of itself that its refresh token may have been
rotated (`Grant.wait`). The tokens of an answer are committed before anybody hears of them.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from authsome_env.clock import system
from authsome_env.errors import (
    AuthsomeError,
    CredentialUnusable,
    StorageError,
    Unreachable,
)
from authsome_env.oauth.answer import TOKEN_FIELD
from authsome_env.oauth.grant import REFUSED, Grant
from authsome_env.oauth.messages import Garbled, Later, NoAnswer, NotSent, Refused, TokenSet
from authsome_env.oauth.renewal import check_origin, is_clients_fault, is_dead, next_grant, renew
from authsome_env.oauth.token_request import TokenEndpoint
from authsome_env.packed import unpack
from authsome_env.providers.registry import Registry
from authsome_env.vault.config import read as read_config
from authsome_env.vault.database import Database
from authsome_env.vault.home import Home
from authsome_env.vault.lock import ConnectionLock
from authsome_env.vault.part_keys import PartKeys
from authsome_env.vault.store import Vault

from .clients import client_of_grant
from .workspace import option_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.oauth.messages import Outcome
    from authsome_env.providers.schema import Definition
    from authsome_env.vault.store import Credential

TOTAL_S = 30.0
"""For one request, from its beginning to the whole answer."""

_KEY = "key."
_TRIES = 3
_FIRST_PAUSE_S = 0.5
_STORE_S = 60.0
_LONGEST_ERROR = 300


class Order:
    """Which connection, at which generation, and the keys of its parts."""

    def __init__(self, home: str, vault: str, vault_id: str, connection: str, generation: int) -> None:
        self.home = home
        self.vault = vault
        self.vault_id = vault_id
        self.connection = connection
        self.generation = generation
        self.keys: dict[str, bytes] = {}


def order_of(packed: bytes) -> Order:
    fields = unpack(packed)
    order = Order(
        home=fields["home"].decode("utf-8", "surrogateescape"),
        vault=fields["vault"].decode(),
        vault_id=fields["vault_id"].decode(),
        connection=fields["connection"].decode(),
        generation=int(fields["generation"]),
    )
    order.keys = {name.removeprefix(_KEY): key for name, key in fields.items() if name.startswith(_KEY)}
    return order


class Renewing:
    def __init__(self, order: Order, *, lock: int, environ: Mapping[str, str]) -> None:
        self.order = order
        self.lock = ConnectionLock.inherited(lock)
        self.environ = environ
        self.home = Home({"AUTHSOME_HOME": order.home})
        database = Database(self.home.vault_path(order.vault))
        self.vault = Vault(database, order.vault, order.vault_id, PartKeys(order.vault_id, None, order.keys))

    def carry_out(self, *, sent: Callable[[], None]) -> None:
        """Raises what keeps the connection from being renewed; all of it is on the record by then."""
        with self.vault.transaction():
            found = self._ours()
        if found is not None:
            try:
                self._carry_out(found, sent)
            finally:
                self.lock.give_back()

    def _carry_out(self, found: Credential, sent: Callable[[], None]) -> None:
        grant = Grant.unpack(self.vault.renew_part(found) or b"")
        reference = str(found.connection.reference)
        try:
            definition = Registry(self.home.providers).load(found.connection.provider)
            check_origin(definition, grant, found.connection.base_url, reference=reference)
            self.lock.reserve()
            if grant.refresh_token is not None and not self._record(grant.replace(sent_at=system())):
                return  # a login was faster
            self.lock.promise(system() + TOTAL_S / 3)
            sent()
            outcome = self._ask(definition, grant, found)
        except (NotSent, NoAnswer) as error:
            in_doubt = isinstance(error, NoAnswer) and grant.refresh_token is not None
            self._failed(grant, error.message, in_doubt=in_doubt)
            raise Unreachable(f"{reference}: {error.message}", error.hint) from None
        except StorageError:
            raise
        except AuthsomeError as error:
            self._failed(grant, error.message, in_doubt=False)
            raise
        if isinstance(outcome, TokenSet):
            self._store(outcome, grant)
        else:
            self._settle(outcome, grant, found)

    def _ours(self) -> Credential | None:
        """The connection, if no login has written it since the order; inside a transaction.

        The generation comes first: whatever is of a later one may be sealed with keys that we were not given.
        """
        if self.vault.generation(self.order.connection) != self.order.generation:
            return None
        return self.vault.get(self.order.connection)

    def _ask(self, definition: Definition, grant: Grant, found: Credential) -> Outcome:
        """Tried again at once only what no server has seen or begun, and only if nothing else is left."""
        from authsome_env.oauth.wire import Wire

        assert definition.oauth is not None  # noqa: S101 - check_origin has seen to it
        provider = found.connection.provider
        client = client_of_grant(self.vault.clients, grant, provider=provider)
        connection = found.connection
        tries = 1 if connection.expires_at and connection.expires_at > system() else _TRIES
        with Wire(self.environ, total_s=TOTAL_S) as send:
            endpoint = TokenEndpoint(
                grant.token_url, definition.oauth, client, send=send, now=system, random=os.urandom
            )
            for left in reversed(range(tries)):
                pause = _FIRST_PAUSE_S * (tries - left)
                try:
                    outcome = renew(grant, endpoint)
                except NotSent:
                    if not left:
                        raise
                else:
                    asked = outcome.retry_after if isinstance(outcome, Later) else None
                    if not left or not isinstance(outcome, Later) or outcome.doubtful or (asked or 0) > 1:
                        return outcome
                    pause = max(pause, asked or 0)
                time.sleep(pause)
        raise AssertionError

    def _settle(self, outcome: Refused | Later | Garbled, grant: Grant, found: Credential) -> None:
        """Put down what the provider said, and raise it."""
        connection = found.connection
        reference = connection.reference
        option = option_of(self.order.vault, read_config(self.home.config), self.environ)
        login = f"authsome login {connection.provider} -c {connection.name}{option}"
        if isinstance(outcome, Refused):
            dead = is_dead(outcome)
            self._failed(grant, f"{REFUSED}{outcome}", in_doubt=False, refused=dead)
            if dead:
                raise CredentialUnusable(f"{reference}: the provider refused to refresh ({outcome})", login)
            if is_clients_fault(outcome):
                mend = f"authsome client set {connection.provider}{option}, then {login}"
                raise CredentialUnusable(f"{reference}: it refuses our client ({outcome})", mend)
            raise CredentialUnusable(f"{reference}: the provider did not refresh ({outcome})", login)
        in_doubt = grant.refresh_token is not None and (isinstance(outcome, Garbled) or outcome.doubtful)
        if isinstance(outcome, Later) and outcome.retry_after:
            grant = grant.replace(retry_at=system() + outcome.retry_after)
        self._failed(grant, outcome.reason, in_doubt=in_doubt)
        raise Unreachable(f"{reference}: the provider did not refresh: {outcome.reason}", "try again later")

    def _store(self, tokens: TokenSet, grant: Grant) -> None:
        """Commit the new tokens; on a full disk in the room that was reserved, and trying for a while."""
        deadline = time.monotonic() + _STORE_S
        while True:
            try:
                self._commit(tokens, grant)
                return
            except StorageError:
                if time.monotonic() > deadline:
                    raise
                if self.lock.give_back():
                    continue  # at once, before somebody else takes the room
                time.sleep(_FIRST_PAUSE_S)

    def _commit(self, tokens: TokenSet, grant: Grant) -> None:
        with self.vault.transaction():
            found = self._ours()
            if found is None:
                return  # a login has put other tokens in the place of those that we renewed
            old = found.connection
            now = system()
            expires_at, lifetime = tokens.expires_at, tokens.lifetime
            if expires_at is None and old.lifetime is not None:  # as long as the one before it
                expires_at, lifetime = now + old.lifetime, old.lifetime
            connection = old.replace(
                generation=old.generation + 1,
                refused=False,
                scopes=tokens.scopes or old.scopes,
                expires_at=expires_at,
                lifetime=lifetime,
                refreshed_at=now,
                last_error=None,
            )
            fields = {**found.fields, TOKEN_FIELD: tokens.access_token, **tokens.fields}
            renew_part = next_grant(grant, tokens).pack()
            self.vault.put(connection, fields, renew=renew_part, keep_keys_of=found)

    def _record(self, grant: Grant, **changes: Any) -> bool:
        """Whether the connection is still ours to write. Raises StorageError."""
        with self.vault.transaction():
            found = self._ours()
            if found is not None:
                self.vault.update(found, renew=grant.pack(), **changes)
        return found is not None

    def _failed(self, grant: Grant, why: str, *, in_doubt: bool, refused: bool = False) -> None:
        now = system()
        after = grant.replace(
            # An older doubt stays: this request has not told what became of that one.
            tried_at=now,
            failures=grant.failures + 1,
            sent_at=now if in_doubt else grant.sent_at,
        )
        try:
            self._record(after, last_error=why[:_LONGEST_ERROR], refused=refused)
        except StorageError:
            pass  # what is reported is the failure itself
