"""Credentials as fresh as they have to be before they are handed out.

Light: a start with fresh tokens loads no more than this; what renews is loaded when something is due.
"""

from __future__ import annotations

from authsome_env.clock import describe_duration

from .find import check_usable, deleted_meanwhile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsome_env.errors import AuthsomeError
    from authsome_env.model import Connection
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace


class Fresh:
    """The outcome for several credentials. `use` gives one of them, or says why it is of no use."""

    __slots__ = ("_failures", "_renewed", "_workspace", "now", "warnings")

    def __init__(
        self,
        workspace: Workspace,
        renewed: Mapping[str, Credential],
        failures: Mapping[str, AuthsomeError],
        now: float,
    ) -> None:
        self._workspace = workspace
        self._renewed = renewed
        self._failures = failures
        self.now = now
        self.warnings: list[str] = []
        """One for each live token that could not be refreshed, once it was used."""

    def use(self, credential: Credential) -> Credential:
        """The credential as it is now.

        Raises CredentialUnusable for one that is expired or refused; Unreachable and its like if it expired
        and the refresh failed; ConnectionNotFound if it was deleted while it was refreshed.
        """
        connection_id = credential.connection.id
        current = self._renewed.get(connection_id, credential)
        failure = self._failures.get(connection_id)
        if failure is None:
            check_usable(self._workspace, current, self.now)
            return current
        connection = current.connection
        if connection_id not in self._renewed or connection.refused or connection.past(self.now):
            raise failure
        left = describe_duration((connection.expires_at or self.now) - self.now)
        warning = f"{connection.reference} could not be refreshed, its token is good for {left} more"
        if f"{warning}: {failure.message}" not in self.warnings:
            self.warnings.append(f"{warning}: {failure.message}")
        return current


def freshen(
    workspace: Workspace,
    vault: Vault,
    credentials: Iterable[Credential],
    *,
    wanted: float | None = None,
) -> Fresh:
    """Refresh those that are due, all at the same time; also any with less left than is `wanted` (seconds).

    Raises nothing for one that fails: `Fresh.use` tells who asks for it.
    """
    now = workspace.now()
    credentials = list(credentials)
    due = {
        credential.connection.id: credential
        for credential in credentials
        if is_due(credential, now, workspace.config.min_ttl, wanted)
    }
    if not due:
        fresh = Fresh(workspace, {}, {}, now)
        fresh.warnings += _fixed(workspace, credentials, now, wanted)
        return fresh
    from .renew import renew

    failures = renew(workspace, vault, list(due.values()))
    renewed = {}
    for connection_id, credential in due.items():
        current = vault.get(connection_id)
        if current is not None:
            renewed[connection_id] = current
        else:
            failures[connection_id] = deleted_meanwhile(workspace, credential.connection)
    fresh = Fresh(workspace, renewed, failures, workspace.now())
    fresh.warnings += _fixed(workspace, credentials, fresh.now, wanted)
    if wanted is not None:
        for connection_id, credential in renewed.items():
            if connection_id not in failures:
                fresh.warnings += _too_short(credential.connection, fresh.now, wanted)
    return fresh


def is_due(credential: Credential, now: float, min_ttl: float, wanted: float | None = None) -> bool:
    connection = credential.connection
    if not connection.renewable or connection.refused:
        return False
    return connection.due(now, min_ttl) or (wanted is not None and _left(connection, now) < wanted)


def _left(connection: Connection, now: float) -> float:
    return float("inf") if connection.expires_at is None else connection.expires_at - now


def _too_short(connection: Connection, now: float, wanted: float) -> list[str]:
    left = _left(connection, now)
    if left >= wanted:
        return []
    only = describe_duration(connection.lifetime or left)
    return [f"the tokens of {connection.reference} live for {only}, less than --min-ttl asks for"]


def _fixed(
    workspace: Workspace, credentials: Sequence[Credential], now: float, wanted: float | None
) -> list[str]:
    """One for each live token with less left than is `wanted` that only a login renews."""
    found = {}
    for connection in (each.connection for each in credentials):
        if connection.renewable or connection.refused or not 0 < _left(connection, now) < (wanted or 0):
            continue
        left = describe_duration(_left(connection, now))
        login = f"authsome login {connection.provider} -c {connection.name}{workspace.vault_option} --force"
        found[connection.id] = (
            f"the token of {connection.reference} is good for {left} more, less than --min-ttl asks for,"
            f" and only a login renews it: {login}"
        )
    return list(found.values())


def use_fresh(workspace: Workspace, vault: Vault, credential: Credential) -> tuple[Credential, list[str]]:
    """One credential, and the warnings to show. Raises as `Fresh.use`."""
    fresh = freshen(workspace, vault, (credential,))
    return fresh.use(credential), fresh.warnings
