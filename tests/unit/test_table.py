"""Tables for people."""

from __future__ import annotations

from authsome_env.cli.table import layout

HEADER = ("NAME", "ACCOUNT", "SCOPES")
ROWS = [("a", "日本", "repo read:user"), ("work", "e\u0301", ""), ("x\x1b[2J", "", "s")]


def test_columns_are_aligned_by_what_a_terminal_shows_and_have_no_blanks_at_the_end():
    assert layout(HEADER, ROWS, bold=False, width=None).splitlines() == [
        "NAME      ACCOUNT  SCOPES",
        "a         日本     repo read:user",
        "work      e\u0301",
        "x\\x1b[2J           s",
    ]


def test_the_last_column_is_cut_to_fit_a_terminal():
    assert layout(HEADER, ROWS[:1], bold=False, width=24).splitlines() == [
        "NAME  ACCOUNT  SCOPES",
        "a     日本     repo rea…",
    ]


def test_a_wide_character_is_never_cut_in_two():
    assert layout(("A", "B"), [("a", "日本日")], bold=False, width=7).splitlines()[1] == "a  日…"


def test_a_terminal_that_is_far_too_narrow_still_shows_the_other_columns():
    assert layout(HEADER, ROWS[:1], bold=False, width=5).splitlines()[1] == "a     日本     …"


def test_only_the_header_is_bold():
    assert layout(("A",), [("b",)], bold=True, width=None) == "\x1b[1mA\x1b[0m\nb\n"


def test_a_table_without_rows_is_its_header():
    assert layout(("A", "B"), [], bold=False, width=None) == "A  B\n"
