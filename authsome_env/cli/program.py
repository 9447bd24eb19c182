"""The commands, and how Typer reads their lines.

A command is a function in a module of this package:

    def rename(invocation: Invocation, provider: arguments.Provider, old: …, new: …) -> int | None:

Its first parameter is the Invocation, the others are Typer's (annotations are evaluated, so what they name
must be imported for real). It returns the exit code, None for 0. Its docstring is what `--help` says below
the summary. A new command is one such function and one row here; it is imported when it is called.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import Abort, Exit, TyperException

import authsome_env
from authsome_env.errors import UsageError, nearest

from .flags import HOT, SWITCH, Flag, GlobalOptions
from .light import glance
from .pages import Page, eager, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typer._click import Context
    from typer._click.core import Command as ClickCommand
    from typer._click.formatting import HelpFormatter

    from .flags import HotOptions
    from .invocation import Invocation

    Carry = Callable[[HotOptions, Invocation], int]
    Function = Callable[..., int | None]


class Row:
    """One command. `words`: as typed; `load` gives its function, and is None for a noun and for `run`, `env`.

    `panel`: where the root's help lists it; empty for the commands of a noun.
    """

    __slots__ = ("load", "panel", "summary", "words")

    def __init__(
        self, words: str, summary: str, load: Callable[[], Function] | None = None, *, panel: str = ""
    ) -> None:
        self.words = words
        self.summary = summary
        self.load = load
        self.panel = panel


def _in(module: str, function: str = "") -> Callable[[], Function]:
    """Load `function` (default: the one named like it) of a module of this package."""

    def load() -> Function:
        loaded: Function = getattr(import_module(f"{__package__}.{module}"), function or module)
        return loaded

    return load


_USE, _KEEP, _SET_UP = "Use credentials", "Connections", "Set up"

COMMANDS = (
    Row("run", "run a command with its variables", panel=_USE),
    Row("env", "print the variables for a shell, a file or a CI system", panel=_USE),
    Row("token", "print one fresh token or field", _in("token"), panel=_USE),
    Row("export", "print the variables of one connection", _in("export"), panel=_USE),
    Row("ps", "list the commands that run with fresh variables", _in("ps"), panel=_USE),
    Row("login", "log in, and save the connection", _in("login"), panel=_KEEP),
    Row("list", "list the connections of all providers", _in("list_connections"), panel=_KEEP),
    Row("inspect", "show a provider and its connections", _in("inspect"), panel=_KEEP),
    Row("get", "show what is known of one connection", _in("get"), panel=_KEEP),
    Row("check", "fail if a connection is not usable for some time", _in("check"), panel=_KEEP),
    Row("refresh", "refresh a token now", _in("refresh"), panel=_KEEP),
    Row("set-default", "choose a provider's default connection", _in("set_default"), panel=_KEEP),
    Row("rename", "rename a connection", _in("rename"), panel=_KEEP),
    Row("logout", "delete a connection here; the provider is not told", _in("logout"), panel=_KEEP),
    Row("revoke", "revoke at the provider, and delete here", _in("revoke"), panel=_KEEP),
    Row("init", "choose where the master key is kept", _in("init"), panel=_SET_UP),
    Row("whoami", "show the vault, its owner and its key source", _in("whoami"), panel=_SET_UP),
    Row("provider", "list, show, add, remove and test definitions", panel=_SET_UP),
    Row("provider list", "list the definitions", _in("provider_list", "list_providers")),
    Row("provider show", "tell how to log in there, and what it fills", _in("provider", "show")),
    Row("provider add", "register a definition from a file", _in("provider", "add")),
    Row("provider remove", "remove a registered definition", _in("provider", "remove")),
    Row("provider test", "look for mistakes in a definition", _in("provider_check", "check_provider")),
    Row("client", "set, show and remove a provider's OAuth client", panel=_SET_UP),
    Row("client set", "keep a provider's OAuth client", _in("client", "set_client")),
    Row("client show", "show a provider's OAuth client", _in("client", "show")),
    Row("client remove", "remove a provider's OAuth client", _in("client", "remove")),
    Row("vault", "list, create, use, remove, lock, unlock and rekey vaults", panel=_SET_UP),
    Row("vault list", "list the vaults", _in("vault", "list_vaults")),
    Row("vault create", "create a vault", _in("vault", "create")),
    Row("vault use", "make a vault the default one", _in("vault", "use")),
    Row("vault remove", "delete a vault and all that is in it", _in("vault", "remove")),
    Row("vault lock", "forget the key until the next unlock", _in("vault", "lock")),
    Row("vault unlock", "lift the lock", _in("vault", "unlock")),
    Row("vault rekey", "seal a vault under a new master key", _in("vault", "rekey")),
    Row("demo", "take a tour that needs no account", _in("demo"), panel=_SET_UP),
)

_ABOUT = "Log in once per account; hand programs short-lived credentials as environment variables."

_DETAILS = {
    "run": "Without -p: the default connection of every connected provider. Flags stand before CMD; what "
    "follows it belongs to it. The exit code is CMD's own; 125 if authsome failed before CMD started, 126 "
    "if CMD cannot be executed, 127 if it is not found.\n\n"
    "Example: authsome run -p openai:work -- python agent.py",
    "env": 'On a terminal the values are not shown.\n\nExample: eval "$(authsome env)"',
}
"""The help of the verbs that no Typer function describes."""


def perform(
    argv: Sequence[str],
    invocation: Invocation,
    carry: Carry,
    commands: Sequence[Row] | None = None,
) -> int:
    """Read `argv` and run its command; the exit code. `carry(options, invocation)` does `run` and `env`.

    Raises UsageError for a line that is wrong, and what the command raises. A wrong line that was meant for
    `env` leaves its caller's shell a failure to evaluate.
    """
    root = Group("", COMMANDS if commands is None else commands, _Frame(invocation, carry))
    try:
        with root.make_context("authsome", list(argv), obj=root.frame) as ctx:
            return int(root.invoke(ctx) or 0)
    except Exit as end:
        return end.exit_code
    except Abort:  # Typer's prompts turn ^C and ^D into it
        raise KeyboardInterrupt from None
    except TyperException as error:
        wrong = _as_ours(error)
        seen = glance(argv)
        if seen.verb == "env":
            from .env import failed

            failed(seen.env.format, invocation, wrong.exit_code)
        raise wrong from None


class _Frame:
    """What every context of one line shares (Typer's `ctx.obj`); `given` grows as flags are read."""

    __slots__ = ("carry", "given", "invocation")

    def __init__(self, invocation: Invocation, carry: Carry) -> None:
        self.invocation = invocation
        self.carry = carry
        self.given = GlobalOptions()


class Command(Page, TyperCommand):
    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True  # Typer's own message repeats them, and one may be a secret
        if super().parse_args(ctx, args):
            ctx.fail("too many arguments")
        return []

    def invoke(self, ctx: Context) -> Any:
        ctx.obj.invocation.apply(ctx.obj.given)
        return super().invoke(ctx)


class Run(Command):
    allow_interspersed_args = False

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # noqa: ARG002 - the name is fixed
        return ["[flags]", "[--]", "CMD..."]


class Group(Page, TyperGroup):
    """The root (`noun` is empty) or a noun. Its commands are made when asked for."""

    def __init__(self, noun: str, rows: Sequence[Row], frame: _Frame) -> None:
        mine = [row for row in rows if row.words.rpartition(" ")[0] == noun]
        summary = _ABOUT if not noun else next(r.summary for r in rows if r.words == noun)
        super().__init__(name=noun or "authsome", help=summary, rich_markup_mode=None)
        self.noun = noun
        self.rows = rows
        self.mine = {row.words.rpartition(" ")[2]: row for row in mine}
        self.frame = frame
        if not noun:
            version = Flag("--version", SWITCH, "print the version")
            line = f"authsome {authsome_env.__version__}\n"
            self.params.append(eager(version, lambda ctx: ctx.obj.invocation.data(line)))

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002
        return list(self.mine)

    def get_command(self, ctx: Context, cmd_name: str) -> ClickCommand | None:  # noqa: ARG002
        row = self.mine.get(cmd_name)
        if row is None:
            return None
        if row.load is not None:
            return _command(cmd_name, row, row.load(), self.frame)
        if row.words in HOT:
            return _hot_command(row, self.frame)
        return Group(row.words, self.rows, self.frame)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, ClickCommand | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None:
            ctx.fail(f"no such command '{args[0]}'{nearest(args[0], self.mine)}")
        return args[0], command, args[1:]

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        if not args and not self.frame.invocation.json:
            self.frame.invocation.tell_lines(ctx.get_help() + "\n")
            ctx.exit(UsageError.exit_code)
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # noqa: ARG002
        return ["[flags]", "COMMAND"]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for word, row in self.mine.items():
            panels.setdefault(row.panel or "Commands", []).append((word, row.summary))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


def _command(name: str, row: Row, function: Function, frame: _Frame) -> ClickCommand:
    invocation_first, *others = inspect.signature(function, eval_str=True).parameters.values()
    del invocation_first

    def bound(**given: Any) -> int | None:
        return function(frame.invocation, **given)

    text = "\n\n".join(filter(None, (row.summary, inspect.getdoc(function))))
    return _typer_command(name, text, bound, others, Command)


def _hot_command(row: Row, frame: _Frame) -> ClickCommand:
    verb = row.words
    options = HOT[verb]
    parameters = parameters_of(options.flags)
    if verb == "run":
        command_words = typer.Argument(metavar="CMD", show_default=False)
        parameters.append(
            inspect.Parameter(
                "rest",
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[list[str] | None, command_words],
            )
        )

    def bound(rest: list[str] | None = None, **given: Any) -> int:
        read = options(given)
        read.rest = rest or []
        return frame.carry(read, frame.invocation)

    text = f"{row.summary}\n\n{_DETAILS[verb]}"
    return _typer_command(verb, text, bound, parameters, Run if verb == "run" else Command)


def _typer_command(
    name: str, text: str, bound: Function, parameters: Sequence[inspect.Parameter], cls: type[Command]
) -> ClickCommand:
    bound.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    bound.__annotations__ = {}  # Typer reads these as well; the signature says it all
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=cls, help=text)(bound)
    return typer.main.get_command(app)


def _as_ours(error: TyperException) -> UsageError:
    """Typer's words for a wrong line in our form: lower-case, one line, no stop."""
    possible = getattr(error, "possibilities", None)
    text = error.message if possible else error.format_message()
    text = text.replace("\n\t", " ").rstrip(".")  # so does it list choices
    if possible:
        text += f" (did you mean {possible[0]}?)"
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "authsome"
    return UsageError(text[:1].lower() + text[1:], f"see `{path} --help`")
