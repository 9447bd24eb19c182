"""Whatever the light parser reads, Typer reads the same.

Typer's reading is had by the real program: `program.perform` parses the line and calls what carries out
`run` and `env`, which is an argument, so that a test can hand in one that only takes notes.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from authsome_env.cli import flags, light, program
from authsome_env.cli.invocation import Invocation

WORDS = st.sampled_from(
    ["run", "env", "list", "--", "-", "", "true", "--help", "-h", "--version", "--bogus", "-x", "-p", "-p=a"]
) | st.text(st.sampled_from("-=paxé\udcff \n"), max_size=5)
VALUES = st.sampled_from(["", "--", "-", "a", "a:b#c", "A=b", "--json", "-p", "run", "é\udcff"]) | WORDS


@st.composite
def spelled(draw, some):
    """A flag of `some` with its value, in any spelling; now and then cut short, or with a value too many."""
    flag = draw(st.sampled_from(some))
    name = draw(st.sampled_from([flag.long, flag.short] if flag.short else [flag.long]))
    if draw(st.integers(0, 29)) == 7:
        name = name[: draw(st.integers(1, len(name)))]
    if (flag.kind == flags.SWITCH) != (draw(st.integers(0, 29)) == 7):
        return [name]
    value = draw(VALUES)
    joined = name + ("=" if name[:2] == "--" else "") + value
    return draw(st.sampled_from([[name, value], [joined]]))


@st.composite
def lines(draw):
    before = draw(st.lists(spelled(flags.GLOBAL), max_size=2))
    verb = draw(st.sampled_from([["run"], ["run"], ["env"], ["env"], ["--", "run"], ["lst"], []]))
    own = flags.HOT[verb[0]].flags if verb in (["run"], ["env"]) else flags.RUN
    after = draw(st.lists(spelled((*flags.GLOBAL, *own)), max_size=5))
    ends = [st.just([]), st.just(["--"])]
    if verb != ["env"]:
        ends.append(st.lists(WORDS, max_size=4))
    return [*flat(before), *verb, *flat(after), *draw(st.one_of(ends))]


def flat(parts):
    return [word for part in parts for word in part]


class Notes:
    """Typer's reading of a line that the light parser has read; an error of Typer's comes out as it is."""

    def __init__(self, argv):
        self.options = None
        invocation = Invocation(environ={}, now=time.time, random=bytes, stdin=None, stdout=None, stderr=None)
        program.perform(argv, invocation, self.carry)

    def carry(self, options, invocation):
        self.options = options
        self.globals = flags.GlobalOptions(
            {
                "vault": invocation.vault,
                "json": invocation.json,
                "quiet": invocation.quiet,
                "no_color": invocation._no_color,
                "verbose": invocation.verbose,
                "no_input": invocation.no_input,
            }
        )
        return 0


@settings(max_examples=500, deadline=None)
@given(lines())
@example(["run", "--", "--", "x"])
@example(["run", "-p", "--", "--", "x"])
@example(["run", "-p=a", "x"])
@example(["env", "--"])
@example(["--vault", "a", "run", "--vault", "", "x"])
@example(["run", "x", "--json"])
def test_what_the_light_parser_reads_typer_reads_the_same(argv):
    light_reading = light.parse(argv)
    assume(light_reading is not None)  # hypothesis fails the test if that were so for nearly all lines
    typer_reading = Notes(argv)
    assert typer_reading.options == light_reading.options
    assert typer_reading.globals == light_reading.globals


@settings(max_examples=300, deadline=None)
@given(lines())
def test_a_wrong_line_never_makes_the_glance_fail(argv):
    light.glance(argv)


@pytest.mark.parametrize("verb", ["run", "env"])
def test_a_flag_in_its_plain_spelling_never_needs_typer(verb):
    for flag in (*flags.GLOBAL, *flags.HOT[verb].flags):
        words = [flag.long] if flag.kind == flags.SWITCH else [flag.long, "v"]
        assert light.parse([verb, *words]) is not None
        assert flag not in flags.GLOBAL or light.parse([*words, verb]) is not None
