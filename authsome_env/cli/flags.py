"""The flags that every command takes, and those of `run` and `env`: declared here, once.

The light parser reads them, Typer's commands are made from them, and the help is theirs. The class
attributes below only tell mypy the types; a test compares them with the declaration.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

SWITCH = "switch"
VALUE = "value"
LIST = "list"


class Flag:
    """One flag. `kind`: SWITCH (bool), VALUE (str; the last one wins; None: not given), LIST (list[str])."""

    __slots__ = ("attribute", "help", "kind", "long", "metavar", "short")

    def __init__(self, long: str, kind: str, help: str, metavar: str = "", short: str = "") -> None:  # noqa: A002
        self.long = long
        self.short = short
        self.kind = kind
        self.metavar = metavar
        self.help = help
        attribute = long[2:].replace("-", "_")
        self.attribute = "pass_" if attribute == "pass" else attribute  # the one keyword among them


GLOBAL = (
    Flag("--vault", VALUE, "use this vault instead of the default one", "NAME"),
    Flag("--json", SWITCH, "print JSON, errors too"),
    Flag("--quiet", SWITCH, "print no confirmations, and not what is left out"),
    Flag("--no-color", SWITCH, "print no colors"),
    Flag("--verbose", SWITCH, "show where an unexpected error arose"),
    Flag("--no-input", SWITCH, "never ask, never open a browser"),
)

_PROVIDER = Flag("--provider", LIST, "use this connection, provider[:connection]", "REF", "-p")
_ALL = Flag("--all", SWITCH, "use the default connection of every connected provider")
_NONE = Flag("--none", SWITCH, "use no connection but those of --map")
_MAP = Flag("--map", LIST, "fill this variable from that connection or field", "VAR=REF")
_PREFIX = Flag("--prefix", VALUE, "put this before the name of every variable", "X")
_STRICT = Flag("--strict", SWITCH, "fail where a connection would be left out with a warning")

RUN = (
    _PROVIDER,
    _ALL,
    _NONE,
    _MAP,
    _PREFIX,
    Flag("--pass", LIST, "inherit only the essentials and what matches", "GLOB"),
    Flag("--drop", LIST, "do not inherit what matches", "GLOB"),
    Flag("--clean", SWITCH, "inherit only the essentials (PATH, HOME, TERM, …)"),
    Flag("--keep-existing", SWITCH, "let inherited variables win over injected ones"),
    Flag("--deliver", VALUE, "give the variables by env (the default), dotenv, fifo or files", "HOW"),
    Flag("--path", VALUE, "make this a symlink to what is delivered", "FILE"),
    Flag("--dotenv-for", VALUE, "write the file for docker or systemd instead of most readers", "READER"),
    Flag("--live", SWITCH, "let Python, Node and bash -c see refreshed values in their environment"),
    Flag("--no-helpers", SWITCH, "let git, AWS and Docker not ask this run for credentials"),
    Flag("--on-expiry", VALUE, "refresh (the default), restart, stop, or signal:NAME", "WHAT"),
    Flag("--grace", VALUE, "from TERM to KILL at a restart or stop, 10s if unstated", "TIME"),
    Flag("--mask", SWITCH, "show *** in its output where a secret of this run would be"),
    Flag("--min-ttl", VALUE, "refresh first what has less left, as in 5m", "TIME"),
    _STRICT,
    Flag("--explain", SWITCH, "print what the command would get instead of running it"),
)

ENV = (
    Flag(
        "--format",
        VALUE,
        "sh bash zsh fish powershell dotenv json github gitlab docker systemd; else the calling shell's",
        "F",
    ),
    _PROVIDER,
    _ALL,
    _NONE,
    _MAP,
    _PREFIX,
    _STRICT,
    Flag("--quoted", SWITCH, 'print for eval "$(…)", which every value survives in sh too'),
    Flag("--unset", SWITCH, "print what removes the variables again"),
    Flag("--to-artifact", SWITCH, "agree that gitlab stores the report as a downloadable artifact"),
    Flag("--show-secret", SWITCH, "print the values on a terminal too"),
)


class Options:
    """What was read: one attribute a flag, and the words that are left (`run`'s command) in `rest`."""

    flags: ClassVar[tuple[Flag, ...]] = ()

    rest: list[str]

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        """`given`: values by attribute; what is missing or None is as if its flag had not been given."""
        given = given or {}
        self.rest = []
        for flag in self.flags:
            value = given.get(flag.attribute)
            if value is None and flag.kind != VALUE:
                value = False if flag.kind == SWITCH else []
            setattr(self, flag.attribute, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)})"


class GlobalOptions(Options):
    flags = GLOBAL

    vault: str | None
    json: bool
    quiet: bool
    no_color: bool
    verbose: bool
    no_input: bool


class _SelectOptions(Options):
    """What `run` and `env` choose variables by."""

    provider: list[str]
    all: bool
    none: bool
    map: list[str]
    prefix: str | None
    strict: bool


class RunOptions(_SelectOptions):
    flags = RUN

    pass_: list[str]
    drop: list[str]
    clean: bool
    keep_existing: bool
    deliver: str | None
    path: str | None
    dotenv_for: str | None
    live: bool
    no_helpers: bool
    on_expiry: str | None
    grace: str | None
    mask: bool
    min_ttl: str | None
    explain: bool


class EnvOptions(_SelectOptions):
    flags = ENV

    format: str | None
    quoted: bool
    unset: bool
    to_artifact: bool
    show_secret: bool


if TYPE_CHECKING:
    HotOptions = RunOptions | EnvOptions

PROGRAMS = ("git-credential", "docker-credential", "aws-credentials")
"""Verbs for programs, not for people; see `credentials`."""

HOT: dict[str, type[HotOptions]] = {"run": RunOptions, "env": EnvOptions}
"""The verbs that must start without Typer."""
