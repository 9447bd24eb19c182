"""Help pages: plain text in the same sections for every command. None of it is markup (`REF[#field]`)."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperArgument, TyperOption

from .flags import GLOBAL, LIST, SWITCH, Flag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typer._click import Context
    from typer._click.core import Command as ClickCommand
    from typer._click.core import Parameter
    from typer._click.formatting import HelpFormatter
else:
    ClickCommand = object

_GLOBAL_PREFIX = "global_"
"""Keeps the global flags apart from a command's own parameters."""


class Page(ClickCommand):
    """What our commands and groups share: `-h`, the global flags behind every verb, and the layout."""

    _own_help: TyperOption | None = None
    _globals: list[TyperOption] | None = None

    def get_params(self, ctx: Context) -> list[Parameter]:
        return [*self.params, *self.global_options(), cast("TyperOption", self.get_help_option(ctx))]

    def global_options(self) -> list[TyperOption]:
        if self._globals is None:
            self._globals = options_of(GLOBAL, _GLOBAL_PREFIX)
            for option in self._globals:
                option.expose_value = False
                option.callback = _store
        return self._globals

    def get_help_option(self, ctx: Context) -> TyperOption | None:  # noqa: ARG002 - the name is fixed
        if self._own_help is None:
            help_flag = Flag("--help", SWITCH, "show this help", short="-h")
            self._own_help = eager(help_flag, lambda ctx: ctx.obj.invocation.data(ctx.get_help() + "\n"))
        return self._own_help

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # noqa: ARG002
        return ["[flags]", *(_usage_piece(p) for p in self.params if isinstance(p, TyperArgument))]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        arguments = [
            (_argument_name(p), p.help or "") for p in self.params if isinstance(p, TyperArgument) and p.help
        ]
        own = [p for p in self.params if isinstance(p, TyperOption)]
        own.append(cast("TyperOption", self.get_help_option(ctx)))
        for title, rows in (
            ("Arguments", arguments),
            ("Flags", [_option_row(p) for p in own]),
            ("Global flags", [_option_row(p) for p in self.global_options()]),
        ):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def options_of(flags: Sequence[Flag], prefix: str = "") -> list[TyperOption]:
    """Typer's options for `flags`; each is named `prefix` and the flag's attribute."""

    def nothing(**_given: object) -> None:
        pass

    nothing.__signature__ = inspect.Signature(parameters_of(flags, prefix))  # type: ignore[attr-defined]
    nothing.__annotations__ = {}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(nothing)
    return [p for p in typer.main.get_command(app).params if isinstance(p, TyperOption)]


def parameters_of(flags: Sequence[Flag], prefix: str = "") -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            prefix + flag.attribute,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if flag.kind == SWITCH else None,
            annotation=_annotation(flag),
        )
        for flag in flags
    ]


def eager(flag: Flag, act: Callable[[Context], object]) -> TyperOption:
    """A switch that does `act` and ends the program, whatever else is on the line."""
    [option] = options_of([flag])
    option.expose_value = False
    option.is_eager = True

    def callback(ctx: Context, _parameter: Parameter, value: bool) -> None:
        if value:
            act(ctx)
            ctx.exit()

    option.callback = callback
    return option


def _annotation(flag: Flag) -> Any:
    from typing import Annotated

    spelled = (flag.long, flag.short) if flag.short else (flag.long,)
    option = typer.Option(*spelled, metavar=flag.metavar or None, help=flag.help, show_default=False)
    if flag.kind == SWITCH:
        return Annotated[bool, option]
    return Annotated[list[str] | None if flag.kind == LIST else str | None, option]


def _store(ctx: Context, parameter: Parameter, value: object) -> None:
    if value is not None and value is not False:
        setattr(ctx.obj.given, parameter.name.removeprefix(_GLOBAL_PREFIX), value)


def _argument_name(argument: TyperArgument) -> str:
    return (argument.metavar or argument.name.upper()) + ("..." if argument.nargs != 1 else "")


def _usage_piece(argument: TyperArgument) -> str:
    name = _argument_name(argument)
    return name if argument.required else f"[{name}]"


def _option_row(option: TyperOption) -> tuple[str, str]:
    spelled = ", ".join(sorted(option.opts, key=len))
    if not option.is_flag:
        spelled += f" {option.metavar or option.name.upper()}" + ("..." if option.multiple else "")
    return spelled, option.help or ""
