"""The Python API: the same resolver as the command line, as calls. Never prompts, never opens a browser."""

from __future__ import annotations

import os
import time
import warnings
from typing import TYPE_CHECKING, Self

from .app import inside
from .app.carried import REFUSED_ANEW_S, Carried, InRun
from .app.find import find_connection, pick_field
from .app.fresh import use_fresh
from .app.resolve import known_fields, resolve
from .app.run_folder import VARIABLE
from .app.selection import Selection
from .app.workspace import Workspace
from .model import Connection, Reference, check_provider_name
from .providers.registry import Registry
from .vault.home import Home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx2

    from .clock import Clock
    from .vault.store import Credential


def open_vault(
    name: str | None = None, *, environ: Mapping[str, str] | None = None, now: Clock = time.time
) -> Vault:
    """The vault `name`; None: the one that the command line would use.

    `environ`: where AUTHSOME_HOME, AUTHSOME_VAULT and the key variables are looked up (default: os.environ).
    Raises VaultNotFound, VaultLocked, KeyUnavailable, WrongKey, VaultDamaged, VaultFormat, UsageError.
    """
    vault = Vault(Workspace(os.environ if environ is None else environ, now=now, vault=name, no_input=True))
    vault.connections()
    return vault


def get_access_token(
    provider: str, *, connection: str | None = None, field: str | None = None, vault: str | None = None
) -> str:
    """A fresh token: `open_vault(vault).get_access_token(…)`; inside a run, without `vault`, that of the run.

    The latter needs no key. Raises ConnectionNotFound for what is not the run's, and as the former.
    """
    if vault is None and os.environ.get(VARIABLE):
        inside.check_not_over(os.environ)
        told = inside.find(os.environ, Reference(check_provider_name(provider), connection))
        return inside.fresh(os.environ, told, now=time.time, sleep=time.sleep).field(field).reveal()
    return Vault(Workspace(os.environ, now=time.time, vault=vault, no_input=True)).get_access_token(
        provider, connection=connection, field=field
    )


def httpx_auth(provider: str, *, connection: str | None = None, vault: str | None = None) -> httpx2.Auth:
    """Authentication for httpx2: `httpx2.Client(auth=httpx_auth("github", connection="work"))`.

    Every request gets the token of that moment, refreshed if it is due; after a 401, one more try with a new
    one. Without `connection` it is the default of the first request, also later. Inside a run, without
    `vault`, it is a connection of the run, from the start, and its keeper is asked for a new token. Raises,
    and requests raise, as `get_access_token`.
    """
    if vault is None and os.environ.get(VARIABLE):
        from .vault_auth import VaultAuth

        reference = Reference(check_provider_name(provider), connection)
        registry = Registry(Home(os.environ).providers)
        mine = InRun(os.environ, reference, registry, now=time.time, sleep=time.sleep)
        return VaultAuth(mine.header, mine.replace)
    opened = Vault(Workspace(os.environ, now=time.time, vault=vault, no_input=True))
    return opened.httpx_auth(provider, connection=connection)


class Vault:
    """An opened vault. Each call reads it anew, so it may be shared by threads and kept for long."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open between calls; the block is for the reader."""

    def connections(self, provider: str | None = None) -> list[Connection]:
        """All connections, or those of one provider, default first. Metadata only; times in Unix seconds."""
        with self._workspace.open() as vault:
            found = vault.all() if provider is None else vault.of_provider(check_provider_name(provider))
            return [credential.connection for credential in found]

    def get_access_token(
        self, provider: str, *, connection: str | None = None, field: str | None = None
    ) -> str:
        """The access token or API key of a connection (None: the provider's default), or one field of it.

        Bytes that are not UTF-8 are surrogate escapes. Raises ProviderNotFound, ConnectionNotFound,
        NoDefault, CredentialUnusable, UsageError, and whatever keeps the vault from opening.
        """
        credential, known = self._fresh(provider, connection)
        return pick_field(self._workspace, credential, field, known).reveal()

    def httpx_auth(self, provider: str, *, connection: str | None = None) -> httpx2.Auth:
        """See the function of that name."""
        from .vault_auth import VaultAuth

        carried = Carried(self._workspace.registry(), provider)
        bound = connection

        def written(credential: Credential, known: Sequence[str]) -> str:
            return carried.value(
                credential.fields, lambda: pick_field(self._workspace, credential, None, known)
            )

        def header() -> tuple[str, str]:
            nonlocal bound  # another default later on must not make this client another account's
            credential, known = self._fresh(provider, bound)
            bound = credential.connection.name
            return carried.name, written(credential, known)

        def replace(refused: str) -> bool:
            with self._workspace.open() as vault:
                # The very credential that is compared is renewed, and nobody renews one that changed since.
                credential = find_connection(self._workspace, vault, provider, bound)
                known, _ = known_fields(self._workspace, vault, provider)
                if written(credential, known) != refused:
                    return True
                found = credential.connection
                age = self._workspace.now() - (found.refreshed_at or 0.0)
                if not found.renewable or found.refused or 0 <= age < REFUSED_ANEW_S:
                    return False
                from .app.renew import renew

                return not renew(self._workspace, vault, [credential])

        return VaultAuth(header, replace)

    def _fresh(self, provider: str, connection: str | None) -> tuple[Credential, Sequence[str]]:
        """The credential, and the fields that its definition knows. Raises as `get_access_token`."""
        with self._workspace.open() as vault:
            found = find_connection(self._workspace, vault, provider, connection)
            credential, warned = use_fresh(self._workspace, vault, found)
            known, _ = known_fields(self._workspace, vault, provider)
        for warning in warned:
            warnings.warn(warning, stacklevel=3)
        return credential, known

    def environment(
        self,
        *references: str,
        maps: Mapping[str, str] | None = None,
        prefix: str = "",
        strict: bool = False,
    ) -> dict[str, str]:
        """The variables of the named connections (`openai`, `github:work`); without any, of every default.

        `maps`: variable to reference, as `--map`. What is left out is told by `warnings.warn`; with `strict`
        it is an error. Raises as `get_access_token`, and UsageError where two named connections collide.
        """
        selection = Selection.parse(
            references=references,
            maps=[f"{name}={text}" for name, text in (maps or {}).items()],
            prefix=prefix,
            strict=strict,
        )
        resolution = resolve(self._workspace, selection)
        for warning in resolution.warnings:
            warnings.warn(warning, stacklevel=2)
        return {name: variable.value.reveal() for name, variable in resolution.variables.items()}
