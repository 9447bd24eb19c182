"""The completions say what the program says: its commands, flags, choices and help, and nothing else."""

from __future__ import annotations

import os
import re
import shlex
import time
import tomllib

import pytest
from typer._click import Context
from typer.core import TyperOption

from authsome_env.cli import program
from authsome_env.cli.invocation import Invocation
from authsome_env.deliver import deliveries, formats
from authsome_env.providers import source
from authsome_env.vault.keys import places

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
GLOBAL = "*"
"""Stands for the command of the flags that every command takes."""


class Table:
    """What one side knows, by command ("provider add"; "" is the root)."""

    def __init__(self):
        self.words = {}
        """command -> {sub-command: summary}"""
        self.flags = {}
        """command -> {flag in one spelling: help}"""
        self.valued = set()
        """Flags that take a value."""
        self.first = {}
        """command -> "provider" or "file", if that is its first argument."""

    def flag(self, command, spellings, help, *, valued):  # noqa: A002
        self.flags.setdefault(command, {}).update(dict.fromkeys(spellings, help))
        if valued:
            self.valued.update(spellings)


def read(name):
    with open(os.path.join(ROOT, "completions", name), encoding="utf-8") as file:
        return file.read()


def of_program():
    """The real commands, as Typer has them."""
    invocation = Invocation(environ={}, now=time.time, random=bytes, stdin=None, stdout=None, stderr=None)
    frame = program._Frame(invocation, None)
    table = Table()

    def walk(command, path):
        table.flags[path] = {}
        context = Context(command, info_name=path, obj=frame)
        common = [*command.global_options(), command.get_help_option(context)]
        for option in command.get_params(context):
            if isinstance(option, TyperOption):
                where = GLOBAL if option in common else path
                table.flag(where, option.opts, option.help, valued=not option.is_flag)
        arguments = [p for p in command.params if not isinstance(p, TyperOption)]
        if arguments and arguments[0].metavar in ("PROVIDER", "REF", "[REF]...", "FILE"):
            table.first[path] = "file" if arguments[0].metavar == "FILE" else "provider"
        if isinstance(command, program.Group):
            table.words[path] = {word: row.summary for word, row in command.mine.items()}
            for word in command.list_commands(context):
                walk(command.get_command(context, word), f"{path} {word}".strip())

    walk(program.Group("", program.COMMANDS, frame), "")
    del table.first["provider remove"]  # what is bundled cannot be removed
    return table


def of_bash():
    functions = dict(re.findall(r"(?ms)^(\w+)\(\) \{.*?\n(.*?)^\}", read("authsome.bash")))
    values = {
        flag
        for labels, kind in re.findall(r"(?m)^    (-.+)\) expected=(\w+)", functions["_authsome_expect"])
        for flag in labels.split(" | ")
    }
    table = Table()
    branches, common = functions["_authsome_table"].split("    esac\n")
    for labels, body in re.findall(r"(?ms)^    ([^\s*][^\n)]*)\)(.*?);;", branches):
        assigned = {"words": [], "flags": []}
        for name, text in re.findall(r'(words|flags)\+?="(.*?)"', body):
            assigned[name] += text.split()
        for command in shlex.split(labels.replace(" | ", " ")):
            table.flags[command] = {}
            if assigned["words"]:
                table.words[command] = dict.fromkeys(assigned["words"])
            for flag in assigned["flags"]:
                table.flag(command, [flag], None, valued=flag in values)
    for flag in re.search(r'flags\+="(.*)"', common).group(1).split():
        table.flag(GLOBAL, [flag], None, valued=flag in values)
    assert values == table.valued
    for labels, kind in re.findall(r'(?m)^    (.+?)\).*expected="?(\w+)', functions["_authsome_argument"]):
        for command in shlex.split(labels.replace(" | ", " ")):
            table.first[command] = {"reference": "provider"}.get(kind, kind)
    return table


ZSH_FLAG = re.compile(r"(?:\(.*?\))?\*?(?:\{(.+?)\}|(--[\w-]+=?))\[((?:\\.|[^\]])*)\](.*)")


def of_zsh():
    table = Table()
    functions = re.findall(r"(?ms)^_authsome(\S*)\(\) \{.*?\n(.*?)^\}", read("_authsome"))
    nested = [row.words for row in program.COMMANDS if " " in row.words]
    for name, body in functions:
        if name.startswith("_"):
            continue
        command = name.removeprefix("-")
        command = next((words for words in nested if words.replace(" ", "-") == command), command)
        table.flags[command] = {}
        if verbs := re.search(r"(?s)local -a verbs=\(\n(.*?)\n    \)", body):
            table.words[command] = dict(each.split(":", 1) for each in shlex.split(verbs.group(1)))
        common = re.search(r"(?s)everywhere=\((.*?)\n    \)", body)
        parts = [(GLOBAL, common.group(1)), (command, body[common.end() :])] if common else [(command, body)]
        for where, text in parts:
            for spec in shlex.split(text.replace("\\\n", " "), comments=True):
                if found := ZSH_FLAG.fullmatch(spec):
                    several, one, help, rest = found.groups()  # noqa: A001
                    spellings = several.split(",") if several else [one]
                    valued = bool(rest)
                    assert all((each[-1] in "=+") == valued for each in spellings), spec
                    help = re.sub(r"\\(.)", r"\1", help)  # noqa: A001
                    table.flag(where, [each.rstrip("=+") for each in spellings], help, valued=valued)
                elif re.search(r"(^|[*:])[:\w ]+:_authsome_providers$", spec):
                    table.first[where] = "provider"
                elif spec.endswith(":_files"):
                    table.first[where] = "file"
    return table


def of_fish():
    table = Table()
    for line in read("authsome.fish").splitlines():
        if not line.startswith("complete ") or line == "complete -c authsome -f":
            continue
        given = {}
        words = iter(shlex.split(line.replace("\\'", "\N{RIGHT SINGLE QUOTATION MARK}")))
        assert next(words) == "complete"
        for word in words:
            given[word] = True if word in ("-x", "-r", "-F") else next(words)
        assert given.pop("-c") == "authsome"
        function, _, command = given.pop("-n").partition(" ")
        help = given.pop("-d", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")  # noqa: A001
        if "-l" in given:
            spellings = ["--" + given["-l"]] + (["-" + given["-s"]] if "-s" in given else [])
            where = GLOBAL if function == "__authsome_everywhere" else command
            table.flag(where, spellings, help, valued=bool({"-x", "-r"} & set(given)))
        elif help:
            table.words.setdefault(command, {})[given["-a"]] = help
            table.flags.setdefault(f"{command} {given['-a']}".strip(), {})
        elif "-F" in given:
            table.first[command] = "file"
        elif given["-a"] == "(__authsome_providers)":
            table.first[command] = "provider"
    skipped = re.search(r"(?s)contains -- \$token (.*?)\n +and", read("authsome.fish")).group(1)
    assert set(skipped.replace("\\\n", " ").split()) == table.valued
    return table


SIDES = {"authsome.bash": of_bash, "_authsome": of_zsh, "authsome.fish": of_fish}
PROGRAM = of_program()


@pytest.fixture(params=SIDES)
def side(request):
    return SIDES[request.param]()


def names(by_command):
    return {command: set(inner) for command, inner in by_command.items()}


def test_the_program_has_commands_to_compare():
    assert {"run", "provider", "vault"} <= set(PROGRAM.words[""])
    assert "--replace" in PROGRAM.flags["provider add"]
    assert "-p" in PROGRAM.valued


def test_a_file_has_every_command_and_no_other(side):
    assert names(side.words) == names(PROGRAM.words)


def test_a_file_has_every_flag_at_its_command_and_no_other(side):
    assert names(side.flags) == names(PROGRAM.flags)


def test_a_file_knows_which_flags_take_a_value(side):
    assert side.valued == PROGRAM.valued


def test_a_flag_takes_a_value_at_every_command_or_at_none():
    """So that a file may skip the value of a flag without knowing the command."""
    switches = set()
    for command in PROGRAM.flags:
        switches |= set(PROGRAM.flags[command]) - PROGRAM.valued
    assert not switches & PROGRAM.valued


@pytest.mark.parametrize("name", ["_authsome", "authsome.fish"])
def test_what_a_file_tells_of_commands_and_flags_is_their_help(name):
    side = SIDES[name]()
    assert side.words == PROGRAM.words
    assert side.flags == PROGRAM.flags


def test_a_file_knows_which_commands_begin_with_a_provider_or_a_file(side):
    assert side.first == PROGRAM.first


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize(
    "choices",
    [
        sorted(each.removesuffix(".json") for each in os.listdir(source.BUNDLED)),
        formats.NAMES,
        places.NAMES,
        deliveries.NAMES,
        deliveries.READERS,
    ],
    ids=["providers", "formats", "key sources", "deliveries", "readers"],
)
def test_the_choices_are_those_of_the_program(name, choices):
    text = re.sub(r"\\\n *", "", read(name))
    between = " +" if name == "authsome.fish" else r"\s+"  # elsewhere a bracket or quote ends the list
    listed = re.findall(rf"(?<![\w-]){choices[0]}((?:{between}[\w-]+)+)", text)
    listed = [each.split() for each in listed if each.split()[0] == choices[1]]
    assert listed
    assert all(each == list(choices[1:]) for each in listed)


def test_the_wheel_puts_each_file_where_its_shell_looks():
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        shared = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {
        "completions/authsome.bash": "share/bash-completion/completions/authsome",
        "completions/_authsome": "share/zsh/site-functions/_authsome",
        "completions/authsome.fish": "share/fish/vendor_completions.d/authsome.fish",
    }
    assert set(shared) == {f"completions/{name}" for name in os.listdir(os.path.join(ROOT, "completions"))}
