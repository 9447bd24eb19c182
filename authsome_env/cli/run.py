"""`authsome run`: put variables into a command's environment, or beside it, and become that command."""

from __future__ import annotations

import os

from authsome_env.clock import parse_duration
from authsome_env.deliver.deliveries import Choice
from authsome_env.deliver.environ import build
from authsome_env.errors import UsageError
from authsome_env.supervise import inherited
from authsome_env.supervise.exec import replace_process
from authsome_env.supervise.terminal import name_of as terminal_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from authsome_env.app.beside import Beside
    from authsome_env.app.resolve import Resolution
    from authsome_env.vault.store import Credential

    from .flags import RunOptions
    from .invocation import Invocation
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_SIGNAL = "signal:"
_SUPERVISED = ("restart", "stop")
_GRACE_S = 10.0
_RUN = b"AUTHSOME_RUN="
"""Whoever has it was started by a run."""


def run(options: RunOptions, invocation: Invocation) -> int:
    """Returns only for --explain."""
    if not (options.rest or options.explain):
        raise UsageError(
            "no command to run", "authsome run -- COMMAND, as in authsome run -- python agent.py"
        )
    choice = Choice.parse(deliver=options.deliver, path=options.path, dotenv_for=options.dotenv_for)
    if options.live and choice.kind != "env":
        raise UsageError(
            f"--live keeps the environment fresh, and --deliver {choice.kind} puts nothing into it",
            "leave out one of them",
        )
    number = _signal_of(options.on_expiry)
    min_ttl = None if options.min_ttl is None else parse_duration(options.min_ttl)
    grace = _GRACE_S if options.grace is None else parse_duration(options.grace)
    start = _Start(choice, invocation, options)
    if not options.explain and start.is_likely(options):
        start.begin()
    # After that, since a keeper gets ready while these are loaded.
    from authsome_env.app.resolve import resolve

    from .setting import selection_of, workspace_of

    selection = selection_of(options)
    workspace = workspace_of(invocation)
    if min_ttl is not None:
        workspace.config.min_ttl = min_ttl
    resolution = resolve(
        workspace,
        selection,
        min_ttl=min_ttl,
        keys=None if options.explain else start.is_kept,
        helpers=not options.no_helpers,
        public=options.mask,
        found=None if options.explain else start.expect,
    )
    masked = _warn(resolution, options, invocation)
    if options.explain:
        from .explain import Freshness, explain

        environment = _environment(resolution, options)
        freshness = Freshness(resolution, choice.kind, number, live=options.live, on_expiry=options.on_expiry)
        return explain(resolution, environment, invocation, freshness, masked)
    command = _command(options.rest)
    beside = start.beside(resolution)
    if beside is None:
        return replace_process(command, _environment(resolution, options))
    try:
        instead = beside.prepare(workspace, resolution)
        environment = beside.complete(
            _environment(resolution, options, delivered=instead is not None),
            instead,
            helpers=not options.no_helpers,
            keep_existing=options.keep_existing,
        )
        terminal = terminal_of(invocation.stderr)
        if beside.supervised:
            beside.supervise(
                command,
                environment,
                grace=grace,
                signal=number,
                terminal=terminal,
                said_as="json" if invocation.json else "color" if invocation.error_color else "",
            )
        beside.begin(command[0], signal=number, terminal=terminal)
        return replace_process(command, environment)
    finally:
        beside.dismiss()


def _warn(resolution: Resolution, options: RunOptions, invocation: Invocation) -> list[str]:
    """Of what is not as one may think. Returns the names of what is masked."""
    if not invocation.quiet:
        for warning in resolution.warnings:
            invocation.warn(warning)
    if not options.mask:
        return []
    from authsome_env.app.masking import masked_and_not

    masked, shown = masked_and_not(resolution)
    for name in shown:
        invocation.warn(f"--mask does not hide {name}, which has less than 8 characters")
    return masked


class _Start:
    """Whether a keeper or supervisor is wanted; a keeper is started as soon as it looks like it."""

    def __init__(self, choice: Choice, invocation: Invocation, options: RunOptions) -> None:
        self.choice = choice
        self.live = options.live
        self.masked = options.mask
        self.on_expiry = options.on_expiry or "refresh"
        self.invocation = invocation
        self._begun: Beside | None = None

    def is_kept(self, resolution: Resolution) -> bool:
        """Whether there is anything to do while the command runs, or after it."""
        if self.masked or self.choice.kind != "env" or resolution.expires or resolution.is_served:
            return True
        return self.live and bool(resolution.variables)  # a new login is to reach it

    def is_likely(self, options: RunOptions) -> bool:
        """Before anything is known of the connections: some of this home have been refreshed before."""
        if self.choice.kind != "env" or self.live:
            return True
        if options.none or options.provider:
            return False
        from authsome_env.vault.home import Home

        try:
            return bool(os.listdir(Home(self.invocation.environ).locks))
        except (OSError, UsageError):
            return False

    def expect(self, found: Sequence[Credential]) -> None:
        """`found`: connections that the command will get, as far as is known by now."""
        if any(each.connection.expires_at is not None for each in found):
            self.begin()

    def beside(self, resolution: Resolution) -> Beside | None:
        if self.is_kept(resolution):
            return self.begin()
        if self._begun is not None:
            self._begun.dismiss()
        return None

    def begin(self) -> Beside:
        if self._begun is None:
            from authsome_env.app.beside import Beside

            self._begun = Beside(
                self.choice,
                self.invocation.environ,
                live=self.live,
                warn=self.invocation.warn,
                supervised=self.masked or self.on_expiry in _SUPERVISED,
                masked=self.masked,
                on_expiry=self.on_expiry,
            )
        return self._begun


def _environment(resolution: Resolution, options: RunOptions, *, delivered: bool = False) -> list[bytes]:
    """The command's, without what is beside it.

    `delivered`: the variables reach it in another way; they are in no case the inherited ones then.
    """
    entries = inherited.environment()
    if any(entry.startswith(_RUN) for entry in entries):
        from authsome_env.app.outer import take_back

        entries = take_back(entries)
    return build(
        entries,
        {} if delivered else resolution.values(),
        resolution.removed | (set(resolution.variables) if delivered else set()),
        clean=options.clean,
        passed=options.pass_,
        dropped=options.drop,
        keep_existing=options.keep_existing,
    )


def _signal_of(text: str | None) -> int:
    """0 for none. Raises UsageError."""
    if text is None or text in {"refresh", *_SUPERVISED}:
        return 0
    name = text.removeprefix(_SIGNAL).upper().removeprefix("SIG")
    number = getattr(signal, f"SIG{name}", None)
    if not text.startswith(_SIGNAL) or not isinstance(number, int) or name.startswith("_"):
        raise UsageError(
            f"--on-expiry {text}: unknown", "write refresh, restart, stop, or signal:NAME as in signal:HUP"
        )
    if number in (signal.SIGKILL, signal.SIGSTOP):
        raise UsageError(
            f"--on-expiry {text}: no command can act on that signal",
            "write one that it can catch, as in signal:HUP",
        )
    return number


def _command(words: list[str]) -> list[bytes]:
    """The words as the bytes that our caller gave, which a locale need not give back."""
    given = inherited.arguments(len(words))
    if [os.fsdecode(each) for each in given] == words:
        return given
    return [os.fsencode(word) for word in words]
