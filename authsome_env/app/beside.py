"""A run with a keeper beside it: from what was resolved to a command that may be begun.

Where no keeper can be, the values are delivered once, and it is said that they will not be refreshed.
"""

from __future__ import annotations

import os

from authsome_env.deliver import ram
from authsome_env.errors import AuthsomeError, NotAllowed
from authsome_env.supervise import process, record
from authsome_env.supervise.keeper import Keeper, KeeperFailed, NotPossible

from .surroundings import built_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.deliver.deliveries import Choice
    from authsome_env.model import Variable

    from .plan import Bound, Plan
    from .resolve import Resolution
    from .workspace import Workspace

MODULE = "authsome_env.app.keeping"


class Beside:
    """One run and its keeper, in the order of the methods."""

    def __init__(self, choice: Choice, environ: Mapping[str, str], *, warn: Callable[[str], None]) -> None:
        """Starts the keeper's process, which waits for `begin`."""
        self.choice = choice
        self.environ = environ
        self.warn = warn
        self.keeper: Keeper | None = None
        self.impossible: NotPossible | None = None
        self.folder = ""
        try:
            self.keeper = Keeper(MODULE, built_environment(environ))
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
            self.folder = ram.run_folder(self.environ, record.new_name(), in_ram=self.choice.in_ram)
        except AuthsomeError as error:
            if self.choice.kind != "env":
                raise
            self.dismiss()
            self.keeper = None
            self._go_without(error.message)
            return None
        self.delivery = self.choice.delivery(self.folder)
        return None if self.delivery is None else self.delivery.environment(resolution.variables)

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
        self.warn(f"values will not be refreshed while it runs, since no keeper is possible: {why}{left}")

    def _plan(self, word: bytes, signal: int, terminal: str) -> Plan:
        from .plan import Place, Plan, State

        workspace = self.workspace
        by_connection: dict[str, list[Variable]] = {}
        for variable in self.resolution.variables.values():
            by_connection.setdefault(variable.connection.id, []).append(variable)
        bound = [_bind(each, self.resolution) for each in by_connection.values()]
        states = [
            State.of(each[0].connection, {v.name: v.value.reveal_bytes() for v in each})
            for each in by_connection.values()
        ]
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
        )


def _bind(variables: list[Variable], resolution: Resolution) -> Bound:
    from .plan import Bound

    connection = variables[0].connection
    return Bound(
        connection.id,
        connection.reference,
        account_id=connection.account_id,
        base_url=connection.base_url,
        provider_base_url=next((each.base_url for each in variables if each.base_url), None),
        templates={each.name: each.template for each in variables},
        keys=resolution.keys[connection.id],
    )


def _as_error(failed: KeeperFailed) -> AuthsomeError:
    """What the keeper has told, as if it had happened here."""
    told = {name: raw.decode("utf-8", "replace") for name, raw in failed.told.items()}
    message = told.get("message", "the keeper of the run could not be started")
    error = AuthsomeError(message, told.get("hint", "run it again; `authsome run --deliver env` needs less"))
    error.name = told.get("name", error.name)
    return error
