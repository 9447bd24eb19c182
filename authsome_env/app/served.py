"""What a helper may serve: inside a run the run's connections, outside those of the vault.

`only`: ids of connections; those alone, so that what a run has configured serves no other once it has ended.
"""

from __future__ import annotations

from authsome_env.errors import ConnectionNotFound

from . import inside
from .told import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Protocol

    from authsome_env.clock import Clock
    from authsome_env.model import Reference
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace

    class Served(Protocol):
        """Where connections come from."""

        def connections(self) -> list[Told]:
            """All that may be served to git or Docker."""

        def find(self, reference: Reference) -> Told:
            """Raises what says that there is no such one."""

        def fresh(self, told: Told) -> Told:
            """As it can be used now. Raises CredentialUnusable, Unreachable."""

        def renew(self, told: Told) -> None:
            """Its token was refused: have another one, unless there is another one already."""


def served(
    environ: Mapping[str, str],
    *,
    now: Clock,
    sleep: Callable[[float], None],
    vault: str | None = None,
    only: Collection[str] = (),
) -> Served:
    """Raises ConnectionNotFound after the run, unless `only` says whose: the vault may mean somebody else."""
    if inside.folder_of(environ) is not None:
        return Inside(environ, now=now, sleep=sleep, only=only)
    if not only:
        inside.check_not_over(environ)
    from .workspace import Workspace

    return Outside(Workspace(environ, now=now, vault=vault, no_input=True), only=only)


class Inside:
    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        now: Clock,
        sleep: Callable[[float], None],
        only: Collection[str] = (),
    ) -> None:
        self._environ = environ
        self._now = now
        self._sleep = sleep
        self._only = only

    def connections(self) -> list[Told]:
        told = inside.connections(self._environ)
        if told is None:
            raise ConnectionNotFound("the run that this belonged to has ended")
        return [each for each in told if not self._only or each.id in self._only]

    def find(self, reference: Reference) -> Told:
        return inside.find(self._environ, reference)

    def fresh(self, told: Told) -> Told:
        return inside.fresh(self._environ, told, now=self._now, sleep=self._sleep)

    def renew(self, told: Told) -> None:
        inside.renew(self._environ, told, now=self._now, sleep=self._sleep)


class Outside:
    def __init__(self, workspace: Workspace, *, only: Collection[str] = ()) -> None:
        self._workspace = workspace
        self._only = only

    def connections(self) -> list[Told]:
        with self._workspace.open() as vault:
            return [self._told(vault, each) for each in self._credentials(vault)]

    def find(self, reference: Reference) -> Told:
        from .find import find_connection

        with self._workspace.open() as vault:
            found = find_connection(self._workspace, vault, reference.provider, reference.connection)
            return self._told(vault, found)

    def fresh(self, told: Told) -> Told:
        from .fresh import use_fresh

        with self._workspace.open() as vault:
            credential, _ = use_fresh(self._workspace, vault, _again(vault, told))
            return self._told(vault, credential)

    def renew(self, told: Told) -> None:
        from .renew import renew

        with self._workspace.open() as vault:
            credential = _again(vault, told)
            connection = credential.connection
            if connection.generation == told.generation and connection.renewable and not connection.refused:
                for failure in renew(self._workspace, vault, [credential], asked=True).values():
                    raise failure

    def _credentials(self, vault: Vault) -> Iterator[Credential]:
        from .serves import is_served

        if self._only:
            yield from filter(None, map(vault.get, self._only))
            return
        for provider in vault.providers():
            if is_served(self._workspace, vault, provider):  # the others need not be unsealed
                yield from vault.of_provider(provider)

    def _told(self, vault: Vault, credential: Credential) -> Told:
        from .serves import serves

        connection = credential.connection
        hosts, public = serves(self._workspace, vault, credential)
        return Told(
            id=connection.id,
            provider=connection.provider,
            name=connection.name,
            implied=connection.is_default or bool(self._only),
            fields=credential.fields,
            public=public,
            account_id=connection.account_id,
            account=connection.account,
            status=connection.status(self._workspace.now()),
            expires_at=connection.expires_at,
            generation=connection.generation,
            renewable=connection.renewable,
            git_hosts=hosts.git_hosts,
            git_user=hosts.git_user,
            docker_hosts=hosts.docker_hosts,
        )


def _again(vault: Vault, told: Told) -> Credential:
    credential = vault.get(told.id)
    if credential is None:
        raise ConnectionNotFound(f"{told.reference} was deleted meanwhile")
    return credential
