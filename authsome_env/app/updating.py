"""What a keeper's helper does: renew one connection if it is told to, then look at all of the run."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from authsome_env.clock import system
from authsome_env.errors import AuthsomeError, VaultDamaged
from authsome_env.oauth.grant import Grant
from authsome_env.packed import pack
from authsome_env.vault.database import Database
from authsome_env.vault.part_keys import PartKeys
from authsome_env.vault.store import Vault

from .errand import Finding
from .plan import State
from .schedule import HEAD_START_S
from .workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.vault.store import Credential

    from .errand import Errand
    from .plan import Bound


class Updating:
    def __init__(self, errand: Errand, environ: Mapping[str, str], *, channel: int) -> None:
        """`channel`: the socket to the keeper, which hangs up when its run is over."""
        self.errand = errand
        self.channel = channel
        self.place = errand.place
        self.environ = {**environ, "AUTHSOME_HOME": self.place.home}
        self.failure: AuthsomeError | None = None

    def carry_out(self) -> bytes:
        """The packed findings, by connection id."""
        if self.errand.renew:
            from . import renew  # noqa: F401 - what takes long is done before it is time
            from .in_place import InPlace  # noqa: F401

            if not self._wait():
                return b""
            self.failure = _failure(self._renew)
        found: dict[str, Finding] = {}
        failure = _failure(lambda: self._look(found))
        if failure is not None:
            for bound in self.errand.bound:
                found.setdefault(bound.id, self._unusable(bound, failure))
        return pack({connection: finding.pack() for connection, finding in found.items()})

    def _wait(self) -> bool:
        """Until it is time; False: the run is over."""
        over = select.poll()
        over.register(self.channel, 0)  # reports POLLHUP all the same
        # It was started just before; if more is left than that, the clock was put back.
        while 0 < (left := self.errand.at - system()) <= 2 * HEAD_START_S:
            if over.poll(min(left, 1.0) * 1000):
                return False
        return True

    def _unusable(self, bound: Bound, failure: AuthsomeError) -> Finding:
        failed = bound.id == self.errand.renew
        return Finding(name=failure.name, error=failure.message, hint=failure.hint, failed=failed)

    def _open(self) -> Vault:
        """By the run's own keys: a lock of the vault does not stop what was begun before."""
        workspace = Workspace(self.environ, now=system, vault=self.place.vault)
        keys: dict[str, bytes] = {}
        for bound in self.errand.bound:
            keys |= bound.keys
        database = Database(workspace.home.vault_path(self.place.vault))
        return Vault(
            database, self.place.vault, self.place.vault_id, PartKeys(self.place.vault_id, None, keys)
        )

    def _renew(self) -> None:
        from .in_place import InPlace
        from .renew import renew

        workspace = Workspace(self.environ, now=system, vault=self.place.vault)
        bound = next(each for each in self.errand.bound if each.id == self.errand.renew)
        with self._open() as vault:
            found = vault.get(bound.id) if vault.owner(bound.id) == bound.owner else None
            # Somebody else may have renewed it meanwhile: then the look at it brings what there is.
            if found is None or found.connection.generation != self.errand.generation:
                return
            failures = renew(workspace, vault, [found], carry=InPlace)
        for failure in failures.values():
            raise failure

    def _look(self, found: dict[str, Finding]) -> None:
        with self._open() as vault:
            for bound in self.errand.bound:
                try:
                    found[bound.id] = self._finding(vault, bound)
                except VaultDamaged:  # by other keys than those that this run was given
                    found[bound.id] = _of_another_login(bound)
                except AuthsomeError as error:
                    found[bound.id] = self._unusable(bound, error)

    def _finding(self, vault: Vault, bound: Bound) -> Finding:
        owner = vault.owner(bound.id)
        reference = bound.reference
        if owner is None:
            login = f"authsome login {reference.provider} -c {reference.connection}{self.place.vault_option}"
            hint = f"{login}, and start it again"
            return Finding(error=f"{reference} was logged out", hint=hint, stranger=True)
        if owner != bound.owner:
            return _of_another_login(bound)
        found = vault.get(bound.id)
        if found is None:  # deleted between the two lines
            return Finding()
        state = State.of(found.connection, bound.render(found.fields), found.fields)
        if bound.id != self.errand.renew or self.failure is None:
            return Finding(state)
        failure = self.failure
        return Finding(
            state,
            name=failure.name,
            error=failure.message,
            hint=failure.hint,
            failed=True,
            not_before=_not_before(vault, found),
        )


def _of_another_login(bound: Bound) -> Finding:
    error = f"{bound.reference} is, or may be, another account's by now, which this run does not get"
    return Finding(error=error, hint="start it again for that one", stranger=True)


def _failure(do: Callable[[], None]) -> AuthsomeError | None:
    try:
        do()
    except AuthsomeError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a traceback would show values, and nobody would see it
        return AuthsomeError(f"the refresh failed unexpectedly ({type(error).__name__})")
    return None


def _not_before(vault: Vault, found: Credential) -> float:
    packed = vault.renew_part(found)
    connection = found.connection
    return Grant.unpack(packed).not_before(connection.expires_at, connection.lifetime) if packed else 0.0
