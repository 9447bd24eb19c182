"""The light parser reads exactly what it is sure of, and the declaration of the flags is consistent."""

from __future__ import annotations

import pytest

from authsome_env.cli import flags, light
from authsome_env.deliver import formats


def read(*argv):
    return light.parse(argv)


@pytest.mark.parametrize(
    ("line", "provider", "rest"),
    [
        (["run", "true"], [], ["true"]),
        (["run", "--", "true"], [], ["true"]),
        (["run"], [], []),
        (["run", "--"], [], []),
        (["run", "--", "--", "x"], [], ["--", "x"]),
        (["run", "x", "--", "y"], [], ["x", "--", "y"]),
        (["run", "-", "-p", "x"], [], ["-", "-p", "x"]),
        (["run", "", "x"], [], ["", "x"]),
        (["run", "-p", "a", "x", "-p", "b"], ["a"], ["x", "-p", "b"]),
        (["run", "-pa", "--provider=b", "--provider", "c", "x"], ["a", "b", "c"], ["x"]),
        (["run", "-p", "--", "x"], ["--"], ["x"]),
        (["run", "-p", "--all", "x"], ["--all"], ["x"]),
        (["run", "--provider=", "-p", "", "x"], ["", ""], ["x"]),
        (["run", "-pa=b", "x"], ["a=b"], ["x"]),
        (["run", "-p\udcff", "\udcfe"], ["\udcff"], ["\udcfe"]),
    ],
)
def test_the_command_begins_at_the_first_word_that_is_no_flag(line, provider, rest):
    reading = read(*line)
    assert (reading.verb, reading.options.provider, reading.options.rest) == ("run", provider, rest)


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["--json"],
        ["list"],
        ["--", "run", "x"],
        ["--version"],
        ["--help"],
        ["-h"],
        ["-"],
        ["--bogus", "run", "x"],
        ["--vault"],
        ["--vault", "run"],
        ["--vault=run"],
        ["run", "--help"],
        ["run", "-h"],
        ["run", "--version", "x"],
        ["run", "--bogus", "x"],
        ["run", "--expl", "x"],
        ["run", "--strict=1", "x"],
        ["run", "--strict=", "x"],
        ["run", "-p"],
        ["run", "-p=a", "x"],
        ["run", "--map"],
        ["run", "---", "x"],
        ["run", "-px", "--quoted", "x"],
        ["env", "x"],
        ["env", "--", "x"],
        ["env", "--clean"],
        ["env", "--format"],
    ],
)
def test_what_it_is_not_sure_of_is_left_to_typer(line):
    assert light.parse(line) is None


def test_global_flags_stand_before_and_after_the_verb_and_the_later_one_wins():
    reading = read("--json", "--vault", "a", "run", "--vault=b", "--no-input", "x", "--quiet")
    given = reading.globals
    assert (given.vault, given.json, given.no_input, given.quiet) == ("b", True, True, False)


def test_the_last_value_wins_and_lists_keep_their_order():
    options = read("env", "--format", "sh", "--map=A=b", "--format=zsh", "--map", "C=d:e#f", "--").options
    assert (options.format, options.map, options.rest) == ("zsh", ["A=b", "C=d:e#f"], [])


def test_a_flag_that_is_not_given_is_false_none_or_empty():
    options = read("run", "--pass", "A*", "x").options
    assert (options.all, options.prefix, options.drop, options.pass_) == (False, None, [], ["A*"])


@pytest.mark.parametrize(
    ("line", "verb", "json"),
    [
        (["run", "--bogus", "--json", "x"], "run", True),
        (["run", "--bogus", "x", "--json"], "run", False),
        (["run", "--bogus", "--", "--json"], "run", False),
        (["--bogus", "--json", "env"], "env", True),
        (["login", "p", "--json"], "login", True),
        (["login", "p", "--", "--json"], "login", False),
        (["--vault", "run", "env", "--map", "--json"], "env", False),
        (["--", "env"], "env", False),
        (["--json"], "", True),
        ([], "", False),
        (["-", "--json"], "-", True),
    ],
)
def test_a_wrong_line_still_tells_how_to_report_it(line, verb, json):
    seen = light.glance(line)
    assert (seen.verb, seen.globals.json) == (verb, json)


def test_a_wrong_line_for_env_still_tells_its_format():
    assert light.glance(["env", "--bogus", "--format=fish", "x"]).env.format == "fish"


@pytest.mark.parametrize("options", [flags.GlobalOptions, flags.RunOptions, flags.EnvOptions])
def test_the_types_told_to_mypy_are_those_of_the_declaration(options):
    told = {}
    for each in options.__mro__:
        told |= getattr(each, "__annotations__", {})
    del told["flags"], told["rest"]
    types = {flags.SWITCH: "bool", flags.VALUE: "str | None", flags.LIST: "list[str]"}
    assert told == {flag.attribute: types[flag.kind] for flag in options.flags}


@pytest.mark.parametrize("own", [flags.RUN, flags.ENV])
def test_no_spelling_is_taken_twice(own):
    spelled = [name for flag in (*flags.GLOBAL, *own) for name in (flag.long, flag.short) if name]
    assert len(spelled) == len(set(spelled))
    assert not {"--help", "-h", "--version"} & set(spelled)


@pytest.mark.parametrize("flag", [*flags.GLOBAL, *flags.RUN, *flags.ENV], ids=lambda flag: flag.long)
def test_help_is_one_short_line_and_values_have_a_name(flag):
    assert 0 < len(flag.help) <= 110
    assert not flag.help.endswith(".")
    assert bool(flag.metavar) == (flag.kind != flags.SWITCH)


def test_the_help_of_format_names_every_format():
    [text] = [flag.help for flag in flags.ENV if flag.long == "--format"]
    assert text.partition(";")[0].split() == list(formats.NAMES)
