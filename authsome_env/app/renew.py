"""Have connections renewed, each by a helper process of its own, each once for all who ask.

    take the connection's lock (flock) → read again → unchanged? → start the helper, which inherits the lock
    → it alone sends, commits and ends, which frees the lock → read the result

Killing us, at any moment, loses nothing: before the helper has its keys it does nothing, and from then on it
needs nobody. Who finds the lock taken waits for its holder's end, loads no HTTP and never writes; it accepts
any generation higher than the one that it came for.
"""

from __future__ import annotations

import time

from authsome_env.errors import AuthsomeError, CredentialUnusable, LoginFailed, StorageError, Unreachable
from authsome_env.oauth.grant import REFUSED, Grant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace

    class Carrying(Protocol):
        """One connection being renewed by somebody."""

        def wait(self, patience_s: float, start_s: float) -> tuple[str, str, str] | None: ...

    Carry = Callable[[Workspace, Vault, Credential, int], Carrying]
    """(workspace, vault, what to renew, the descriptor of its lock) -> the one who does it."""

PATIENCE_S = 10.0
"""How long the foreground waits for an answer, from the request."""

START_S = 30.0
"""How long a helper may take from its start to its request, on a machine that is busy with others."""

_KINDS = {
    kind.name: kind for kind in (AuthsomeError, CredentialUnusable, LoginFailed, StorageError, Unreachable)
}


def renew(
    workspace: Workspace,
    vault: Vault,
    credentials: Sequence[Credential],
    *,
    asked: bool = False,
    forced: bool = False,
    carry: Carry | None = None,
) -> dict[str, AuthsomeError]:
    """Renew all of them at the same time; the failures by connection id.

    `asked`: by somebody, so also right after a failure. `forced`: also a refresh token whose last use got no
    answer, and within a pause that the server asked for. `carry`: who does it; None: a helper process each.
    """
    jobs = [
        _Job(workspace, vault, credential, asked=asked, forced=forced, carry=carry)
        for credential in credentials
    ]
    failures: dict[str, AuthsomeError] = {}
    for step in (_Job.begin, _Job.finish):
        for job in jobs:
            if job.id not in failures:
                try:
                    step(job)
                except AuthsomeError as error:
                    failures[job.id] = error
    return failures


class _Job:
    def __init__(
        self,
        workspace: Workspace,
        vault: Vault,
        credential: Credential,
        *,
        asked: bool,
        forced: bool,
        carry: Carry | None,
    ) -> None:
        self.workspace = workspace
        self.vault = vault
        self.credential = credential
        self.asked = asked
        self.forced = forced
        self.id = credential.connection.id
        self.began = self.queued = workspace.now()
        self.lock = workspace.lock_of(vault, self.id)
        self.carry = carry
        self.helper: Carrying | None = None

    def begin(self) -> None:
        """Start the helper, unless another process is at it already."""
        self.queued = self.workspace.now()
        if not self.lock.take(self.queued + START_S):
            return
        try:
            current = self._changed()
            if current is not None:
                self._check_wait(current)
                if self.carry is None:
                    from .helper import Helper

                    self.carry = Helper
                self.helper = self.carry(self.workspace, self.vault, current, self.lock.descriptor)
        finally:
            self.lock.release()  # the helper has it too, by its inherited descriptor

    def finish(self) -> None:
        while True:
            if self.helper is not None:
                self._hear(self.helper)
                return
            in_time = self.lock.wait(self.workspace.now, time.sleep, since=self.queued)
            current = self._changed()
            if current is None:
                return
            if not in_time:
                raise self._late()
            self._check_shared_failure(current)
            self.begin()

    def _changed(self) -> Credential | None:
        """The connection as it is in the vault; None if there is nothing left to do."""
        current = self.vault.get(self.id)
        if current is None or self._is_newer(current):
            return None
        if current.connection.refused:
            raise self._refused(current)
        return current

    def _is_newer(self, current: Credential) -> bool:
        return current.connection.generation > self.credential.connection.generation

    def _check_wait(self, current: Credential) -> None:
        if self.forced:
            return
        connection = current.connection
        grant = self._grant(current)
        now = self.workspace.now()
        why = grant and grant.wait(now, connection.expires_at, connection.lifetime, asked=self.asked)
        if why:
            again = (
                f"authsome refresh {connection.provider} -c {connection.name}{self.workspace.vault_option}"
            )
            raise Unreachable(f"{connection.reference}: {why}", f"{again} --force tries it all the same")

    def _check_shared_failure(self, current: Credential) -> None:
        """If whoever we waited for has tried since we came, its failure is ours, too."""
        grant = self._grant(current)
        if grant is not None and (grant.tried_at or 0) >= self.began:
            connection = current.connection
            why = connection.last_error or "the provider did not refresh"
            if why.startswith(REFUSED):
                raise CredentialUnusable(f"{connection.reference}: {why}", self._login())
            raise Unreachable(f"{connection.reference}: {why}", "try again later")

    def _grant(self, current: Credential) -> Grant | None:
        packed = self.vault.renew_part(current)
        return Grant.unpack(packed) if packed else None

    def _hear(self, helper: Carrying) -> None:
        from .helper import HelperDied

        try:
            told = helper.wait(PATIENCE_S, START_S)
        except HelperDied as error:
            self._note(error.message)
            raise
        current = self.vault.get(self.id)
        if current is None or self._is_newer(current):
            return  # renewed; or logged in again meanwhile, and what became of the old tokens is no matter
        if told is None:
            raise self._late()
        name, message, hint = told
        raise _KINDS.get(name, AuthsomeError)(message, hint)

    def _note(self, why: str) -> None:
        """Put down what became of a helper that could not do so itself."""
        with self.vault.transaction():
            current = self.vault.get(self.id)
            if current is not None and not self._is_newer(current):
                self.vault.update(current, last_error=why)

    def _late(self) -> Unreachable:
        connection = self.credential.connection
        return Unreachable(
            f"{connection.reference}: no answer from the provider within {PATIENCE_S:.0f} s",
            "try again later",
        )

    def _refused(self, current: Credential) -> CredentialUnusable:
        connection = current.connection
        return CredentialUnusable(
            f"{connection.reference} is invalid"
            + (f": {connection.last_error}" if connection.last_error else ""),
            self._login(),
        )

    def _login(self) -> str:
        connection = self.credential.connection
        return f"authsome login {connection.provider} -c {connection.name}{self.workspace.vault_option}"
