"""Reads the command lines of `run` and `env` without Typer, whose import costs more than all else here.

    [global flags] (run|env) [flags and global flags] [--] [CMD…]

What it is not sure to read as Typer does (unknown flags, --help, grouped shorts, a missing value, other
verbs) it leaves to Typer, so that there is one voice for mistakes.
"""

from __future__ import annotations

from .flags import HOT, SWITCH, VALUE, EnvOptions, GlobalOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .flags import Flag, HotOptions, Options

    Spellings = dict[str, tuple[Flag, Options]]


class Reading:
    """A command line that was understood: the verb, its options, and the flags of every command."""

    __slots__ = ("globals", "options", "verb")

    def __init__(self, verb: str, options: HotOptions, globals: GlobalOptions) -> None:  # noqa: A002
        self.verb = verb
        self.options = options
        self.globals = globals


def parse(argv: Sequence[str]) -> Reading | None:
    """`argv` without the program's name; None: let Typer read it."""
    given = GlobalOptions()
    at = _flags(argv, 0, _spellings(given))
    if at < 0 or at == len(argv) or argv[at] not in HOT:
        return None
    verb = argv[at]
    options = HOT[verb]()
    at = _flags(argv, at + 1, _spellings(given, options))
    if at < 0:
        return None
    if at < len(argv) and argv[at] == "--":
        at += 1
    options.rest = list(argv[at:])
    if verb == "env" and options.rest:
        return None
    return Reading(verb, options, given)


class Glance:
    """What can be told of a command line that may be wrong; for reporting what is wrong with it."""

    __slots__ = ("env", "globals", "verb")

    def __init__(self) -> None:
        self.verb = ""
        """Empty if there is none."""
        self.globals = GlobalOptions()
        self.env = EnvOptions()
        """What was given to `env`, if it is that."""


def glance(argv: Sequence[str]) -> Glance:
    """Skips what it does not know, and looks at nothing that belongs to the command of `run`."""
    seen = Glance()
    spelled = _spellings(seen.globals)
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--" and seen.verb:
            break
        if len(word) > 1 and word[0] == "-":
            at = max(_flag(argv, at, spelled), at + 1)
            continue
        if seen.verb == "run":
            break
        if not seen.verb:
            seen.verb = word
            if word in HOT:
                spelled = _spellings(seen.globals, seen.env if word == "env" else HOT[word]())
        at += 1
    return seen


def words(argv: Sequence[str], *readers: Options) -> list[str] | None:
    """The words of a line whose flags may stand anywhere among them; None for a flag of none of `readers`."""
    spelled = _spellings(*readers)
    found = []
    at = _flags(argv, 0, spelled)
    while 0 <= at < len(argv):
        found.append(argv[at])
        at = _flags(argv, at + 1, spelled)
    return None if at < 0 else found


def _spellings(*readers: Options) -> Spellings:
    spelled: Spellings = {}
    for options in readers:
        for flag in options.flags:
            spelled[flag.long] = (flag, options)
            if flag.short:
                spelled[flag.short] = (flag, options)
    return spelled


def _flags(argv: Sequence[str], at: int, spelled: Spellings) -> int:
    """Read flags from `at` on; the index of the first word that is none, or -1."""
    while 0 <= at < len(argv):
        word = argv[at]
        if word in ("--", "-") or word[:1] != "-":
            break
        at = _flag(argv, at, spelled)
    return at


def _flag(argv: Sequence[str], at: int, spelled: Spellings) -> int:
    """Read the flag at `at` into its options; the index behind it and its value, or -1."""
    word = argv[at]
    if word[1] == "-":
        name, attached, value = word.partition("=")
    else:
        name, attached = word[:2], word[2:]
        value = attached
        if value[:1] == "=":  # `-p=REF`: meant as `-p REF`, but by POSIX the value is `=REF`
            return -1
    if name not in spelled:
        return -1
    flag, options = spelled[name]
    if flag.kind == SWITCH:
        if attached:
            return -1
        setattr(options, flag.attribute, True)
        return at + 1
    if not attached:
        at += 1
        if at == len(argv):
            return -1
        value = argv[at]
    if flag.kind == VALUE:
        setattr(options, flag.attribute, value)
    else:
        getattr(options, flag.attribute).append(value)
    return at + 1
