"""What is written for live programs, and what Python programs read in it, are the same."""

from __future__ import annotations

import os
import sys

from hypothesis import given
from hypothesis import strategies as st

from authsome_env.deliver import live

SHIM = os.path.join(os.path.dirname(__file__), "..", "..", "shims", "python")
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
VALUES = st.binary(max_size=40).filter(lambda value: b"\0" not in value) | st.text(
    "\\n=-.A", max_size=20
).map(str.encode)


def shim():
    sys.path.insert(0, SHIM)
    try:
        import _authsome_live  # type: ignore[import-not-found]
    finally:
        sys.path.remove(SHIM)
    return _authsome_live


@given(
    values=st.dictionaries(NAMES, VALUES),
    former=st.dictionaries(NAMES, st.lists(VALUES, max_size=3)),
    cut=st.integers(0),
)
def test_the_whole_file_is_read_exactly_and_a_cut_one_not_at_all(values, former, cut):
    prints = {name: [live._fingerprint(each) for each in former[name]] for name in former}
    file = live.text(values, prints, 7)
    assert shim().parse(file) == [(name.encode(), value) for name, value in values.items()]
    assert shim().parse(file[: cut % len(file)]) == []


@given(newest=VALUES, former=st.lists(VALUES, max_size=3), held=VALUES)
def test_a_value_stands_for_the_newest_only_if_it_was_delivered(newest, former, held):
    file = live.text({"A": newest, "AA": b"x"}, {"A": [live._fingerprint(each) for each in former]}, 7)
    variable = shim().Variable(b"A", newest, file)
    assert [variable[each] for each in former] == [newest] * len(former)
    assert variable[held] == (newest if held in former else held)


@given(file=st.binary())
def test_nothing_is_too_odd_to_be_read(file):
    shim().parse(file)
    shim().parse(b"authsome-live 1 " + file + b"\n.\n")
