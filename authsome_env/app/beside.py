"""A run with a keeper or a supervisor: from what was resolved to a command that may begin.

Where neither can be, the values are delivered once, and it is said that they will not be refreshed.
"""

from __future__ import annotations

import os
import sys

from authsome_env.deliver import ram
from authsome_env.deliver.additions import Additions
from authsome_env.errors import AuthsomeError, NotAllowed
from authsome_env.supervise import process, record
from authsome_env.supervise.keeper import Keeper, KeeperFailed, NotPossible, OrphansComeHere

from .run_folder import VARIABLE
from .surroundings import built_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from authsome_env.deliver.deliveries import Choice
    from authsome_env.deliver.json_text import Value
    from authsome_env.model import Variable
    from authsome_env.vault.store import Credential

    from .plan import Bound, Plan, State
    from .resolve import Resolution
    from .workspace import Workspace

MODULE = "authsome_env.app.keeping"
SUPERVISOR = "authsome_env.cli.supervising"


class Beside:
    """One run and its keeper, in the order of the methods."""

    def __init__(
        self,
        choice: Choice,
        environ: Mapping[str, str],
        *,
        live: bool,
        warn: Callable[[str], None],
        supervised: bool = False,
        masked: bool = False,
        on_expiry: str = "refresh",
    ) -> None:
        """Starts the keeper's process, which waits for `begin`. `live`: as --live says.

        `supervised`: by us, who stay; then, and where orphans come to us, `supervise` is the end instead.
        `masked`: so is the output, and that needs it.
        """
        self.choice = choice
        self.live = live
        self.masked = masked
        self.on_expiry = on_expiry
        self.environ = environ
        self.warn = warn
        self.keeper: Keeper | None = None
        self.impossible: NotPossible | None = None
        self.folder = ""
        self.in_ram = False
        self.helpers = False
        self.additions = b""
        self.files: Mapping[str, bytes] = {}
        self.supervised = self.must_be_supervised = supervised
        if supervised:
            return
        try:
            self.keeper = Keeper(MODULE, built_environment(environ))
        except OrphansComeHere:
            self.supervised = True
        except NotPossible as error:
            self.impossible = error

    def prepare(self, workspace: Workspace, resolution: Resolution) -> dict[str, bytes] | None:
        """Make the run's folder. Returns what the command gets instead of the variables; None: themselves.

        Raises NotAllowed, StorageError.
        """
        self.workspace = workspace
        self.resolution = resolution
        self.delivery = None
        if self.impossible is not None:
            self._go_without(self.impossible.args[0])
            if self.choice.kind == "env":
                return None
        try:
            self._make_folder()
        except AuthsomeError as error:
            if self.choice.kind != "env" or self.must_be_supervised:
                raise
            self.dismiss()
            self.keeper = None
            self.supervised = False
            self.folder = ""
            self._go_without(error.message)
            return None
        self.delivery = self.choice.delivery(self.folder)
        return None if self.delivery is None else self.delivery.environment(resolution.variables)

    def _make_folder(self) -> None:
        """In memory if that can be had. Raises NotAllowed, StorageError."""
        name = record.new_name()
        try:
            self.folder = ram.run_folder(self.environ, name, in_ram=True)
            self.in_ram = self.supervised or self.keeper is not None
        except NotAllowed as error:
            if self.choice.in_ram:
                raise
            self.folder = ram.run_folder(self.environ, name, in_ram=False)
            if self.live:
                self.warn(f"--live has no effect: {error.message}")

    def complete(
        self, entries: list[bytes], instead: Mapping[str, bytes] | None, *, helpers: bool, keep_existing: bool
    ) -> list[bytes]:
        """The command's environment: `entries`, and what the run adds. `instead`: what `prepare` gave."""
        made = Additions(entries)
        present = made.present() if keep_existing else {}
        made.add({name: value for name, value in (instead or {}).items() if name.encode() not in present})
        if not self.in_ram:
            return made.entries
        made.add({VARIABLE: os.fsencode(self.folder)})
        if self.live:
            self._add_live(made)
        if helpers and self.resolution.is_served:
            from authsome_env.deliver import helpers as asking

            vault = self.workspace.vault_name
            found = asking.additions(made.present(), self._named(), self.folder, vault)
            made.add(found.environ)
            for warning in found.warnings:
                self.warn(warning)
            self.files = found.files
            self.helpers = True
        self.additions = made.content()
        return made.entries

    def _add_live(self, made: Additions) -> None:
        from authsome_env.deliver import live_environment

        folder = live_environment.shims()
        if folder:
            made.add(live_environment.additions(made.present(), folder))
        else:
            self.live = False
            self.warn("--live has no effect: its shims are not installed")

    def _named(self) -> list[dict[str, Value]]:
        from .telling import entry

        now = self.workspace.now()
        return [
            entry(bound, state, credential.connection.status(now))
            for credential, bound, state in zip(self.resolution.bound, *self._bound(), strict=True)
            if bound.named
        ]

    def begin(self, word: bytes, *, signal: int, terminal: str) -> None:
        """All is delivered, and the keeper is ready, or there is none. `word`: the command's first.

        Raises CannotExpress, NotAllowed, StorageError.
        """
        try:
            if self.keeper is not None:
                self.keeper.brief(self._plan(word, signal, terminal).pack())
                return
        except KeeperFailed as failed:
            raise _as_error(failed) from None
        if self.delivery is not None:
            try:
                self.delivery.write(self.resolution.values(), 1)
            except AuthsomeError:
                self.delivery.remove()
                raise

    def supervise(
        self,
        command: Sequence[bytes],
        environment: Sequence[bytes],
        *,
        grace: float,
        signal: int,
        terminal: str,
        said_as: str,
    ) -> NoReturn:
        """Be the command's supervisor, in the place of `begin` and all that comes after. Raises OSError."""
        from authsome_env.supervise.brief import Brief
        from authsome_env.supervise.supervisor import become_supervisor

        brief = Brief(
            command,
            environment,
            delivered=self.resolution.values(),
            on_expiry=self.on_expiry,
            grace=grace,
            masked=self.masked,
            said_as=said_as,
            folders=[folder for folder in sys.path if folder],
            work=self._plan(command[0], signal, terminal).pack(),
        )
        become_supervisor(SUPERVISOR, brief, built_environment(self.environ))

    def dismiss(self) -> None:
        """There will be no command: leave nothing."""
        if self.keeper is not None:
            self.keeper.dismiss()
        if self.folder:
            ram.clear(self.folder)

    def _go_without(self, why: str) -> None:
        nobody_removes = not process.namespace()
        if self.choice.kind == "fifo" or (self.choice.kind != "env" and nobody_removes):
            what = f"--deliver {self.choice.kind} needs a process beside the command"
            raise NotAllowed(f"{what}, which is not possible: {why}", "use --deliver env")
        left = ""
        if self.choice.kind != "env":
            left = "; what was delivered stays until an authsome of the same pid namespace removes it"
        if self.resolution.expires or self.live or left:
            live = ", --live has no effect" if self.live else ""
            self.warn(
                f"values will not be refreshed while it runs{live}, since no keeper is possible: {why}{left}"
            )

    def _plan(self, word: bytes, signal: int, terminal: str) -> Plan:
        from .plan import Place, Plan

        workspace = self.workspace
        bound, states = self._bound()
        return Plan(
            Place(
                workspace.home.path, workspace.vault_name, self.resolution.vault_id, workspace.vault_option
            ),
            bound,
            states,
            pid=os.getpid(),
            min_ttl=workspace.config.min_ttl,
            signal=signal,
            environ=built_environment(self.environ),
            folder=self.folder,
            command=os.fsdecode(word),
            delivery=self.choice.kind,
            path=self.choice.path or "",
            reader=self.choice.reader or "",
            terminal=terminal,
            additions=self.additions,
            files=self.files,
            in_ram=self.in_ram,
            live=self.live and self.in_ram,
            helpers=self.helpers,
            masked=self.masked,
            on_expiry=self.on_expiry,
        )

    def _bound(self) -> tuple[list[Bound], list[State]]:
        from .plan import State

        filled: dict[str, list[Variable]] = {}
        for variable in self.resolution.variables.values():
            filled.setdefault(variable.connection.id, []).append(variable)
        bound, states = [], []
        for credential in self.resolution.bound:
            variables = filled.get(credential.connection.id, [])
            values = {each.name: each.value.reveal_bytes() for each in variables}
            bound.append(_bind(credential, variables, self.resolution))
            states.append(State.of(credential.connection, values, credential.fields))
        return bound, states


def _bind(credential: Credential, variables: list[Variable], resolution: Resolution) -> Bound:
    from .plan import Bound

    connection = credential.connection
    serving, public = resolution.serving[connection.id]
    return Bound(
        connection.id,
        connection.reference,
        account_id=connection.account_id,
        base_url=connection.base_url,
        provider_base_url=next((each.base_url for each in variables if each.base_url), None),
        templates={each.name: each.template for each in variables},
        keys=resolution.keys[connection.id],
        named=connection.id in resolution.named,
        account=connection.account,
        public=sorted(public),
        git_hosts=serving.git_hosts,
        git_user=serving.git_user,
        docker_hosts=serving.docker_hosts,
    )


def _as_error(failed: KeeperFailed) -> AuthsomeError:
    """What the keeper has told, as if it had happened here."""
    told = {name: raw.decode("utf-8", "replace") for name, raw in failed.told.items()}
    message = told.get("message", "the keeper of the run could not be started")
    error = AuthsomeError(message, told.get("hint", "run it again; `authsome run --deliver env` needs less"))
    error.name = told.get("name", error.name)
    return error
