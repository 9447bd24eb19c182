from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsome_env.deliver import environ
from authsome_env.deliver.environ import build
from authsome_env.errors import NotAllowed

ODD = [
    b"B=2",
    b"A=1",
    b"",
    b"NOEQUALS",
    b"=x",
    b"A=3",
    b"\xff=\xfe",
    b"caf\xc3\xa9=\n",
    b"E=",
    b"Q=a=b",
    b"A=1",
]


def test_without_wishes_every_entry_is_kept_in_order():
    assert build(ODD, {}) == ODD
    assert build([], {}) == []


def test_a_value_replaces_all_of_its_name_at_the_place_of_the_first():
    found = build([b"X=1", b"A=1", b"Y=1", b"A=2", b"Z=1"], {"A": b"new"})
    assert found == [b"X=1", b"A=new", b"Y=1", b"Z=1"]


def test_new_names_are_appended_in_their_order():
    assert build([b"X=1"], {"B": b"2", "A": b"", "C": b"\xff\n="}) == [b"X=1", b"B=2", b"A=", b"C=\xff\n="]


def test_a_value_leaves_entries_that_only_look_like_its_name():
    kept = [b"A", b"AB=1", b"=A=1", b"a=1"]
    assert build(kept, {"A": b"new"}) == [*kept, b"A=new"]


def test_names_to_remove_go_with_all_duplicates():
    assert build([b"A=1", b"X=1", b"A=2", b"A"], {}, ["A", "NEVER"]) == [b"X=1", b"A"]


def test_a_value_wins_over_removal():
    assert build([b"A=1", b"X=1"], {"A": b"new"}, ["A"]) == [b"A=new", b"X=1"]


def test_keep_existing_keeps_what_is_inherited_against_values_and_removal():
    inherited = [b"A=1", b"EMPTY=", b"GONE=1", b"A=2"]
    values = {"A": b"new", "EMPTY": b"new", "FRESH": b"new"}
    assert build(inherited, values, ["GONE"], keep_existing=True) == [*inherited, b"FRESH=new"]


@pytest.mark.parametrize("keep_existing", [False, True])
def test_what_an_outer_run_has_delivered_goes_and_nothing_that_looks_like_it(keep_existing):
    outer = [
        b"AUTHSOME_ENV_FILE=/run/user/7/authsome/1-2-3-a/variables.env",
        b"A_FILE=/run/user/7/authsome/1-2-3-a/set/A",
        b"B_FILE=/dev/shm/authsome-7/1-2-3-a/set/B",
    ]
    users = [
        b"C_FILE=/run/secrets/C",
        b"D_FILE=/srv/set/D",
        b"E_FILE=/x/authsome/y/set/A",
        b"F_FILE=",
        b"G_FILE",
    ]
    inner = {"AUTHSOME_ENV_FILE": b"/new"}
    assert build([*outer, *users], {}, keep_existing=keep_existing) == users
    assert build([*outer, *users], inner, keep_existing=keep_existing) == [*users, b"AUTHSOME_ENV_FILE=/new"]


def test_keep_existing_does_not_keep_what_is_filtered():
    assert build([b"A=1", b"B=1"], {"A": b"new"}, clean=True, keep_existing=True) == [b"A=new"]
    assert build([b"A=1", b"B=1"], {"A": b"new"}, dropped=["A"], keep_existing=True) == [b"B=1", b"A=new"]


ESSENTIALS = [
    b"PATH=p",
    b"HOME=h",
    b"USER=u",
    b"SHELL=s",
    b"TERM=t",
    b"LANG=l",
    b"LC_ALL=C",
    b"LC_=",
    b"TZ=z",
]


@pytest.mark.parametrize("filters", [{"clean": True}, {"passed": ["NOTHING"]}])
def test_clean_and_pass_start_from_the_essentials(filters):
    inherited = [b"A=1", *ESSENTIALS, b"TMPDIR=/t", b"PATHS=1", b"HOME", b"LC_ALL", b"=x", b"", b"lc_all=1"]
    assert build(inherited, {}, **filters) == [*ESSENTIALS, b"TMPDIR=/t"]


def test_pass_adds_what_its_globs_match():
    inherited = [
        b"AWS_A=1",
        b"AWS_B=2",
        b"AWS=3",
        b"CI=1",
        b"HOME=h",
        b"X1=1",
        b"X12=1",
        b"\xff\xfe=1",
        b"NOEQUALS",
    ]
    assert build(inherited, {}, passed=["AWS_*"]) == [b"AWS_A=1", b"AWS_B=2", b"HOME=h"]
    assert build(inherited, {}, passed=["CI", "X?"]) == [b"CI=1", b"HOME=h", b"X1=1"]
    assert build(inherited, {}, passed=["\udcff*"]) == [b"HOME=h", b"\xff\xfe=1"]
    assert build(inherited, {}, passed=["NO*"]) == [b"HOME=h", b"NOEQUALS"]
    assert build([*inherited, *ODD], {}, passed=["*"], clean=True) == [*inherited, *ODD]


def test_drop_wins_over_pass_and_essentials_but_not_over_values():
    inherited = [b"HOME=h", b"AWS_A=1", b"AWS_B=2", b"NOEQUALS"]
    assert build(inherited, {}, dropped=["AWS_*", "NOEQUALS"]) == [b"HOME=h"]
    assert build(inherited, {}, passed=["AWS_*"], dropped=["*_B", "HOME"]) == [b"AWS_A=1"]
    assert build(inherited, {"AWS_A": b"new"}, dropped=["*"]) == [b"AWS_A=new"]


def test_globs_know_upper_from_lower_case():
    assert build([b"Ab=1", b"AB=1"], {}, dropped=["A[b]"]) == [b"AB=1"]
    assert build([b"Ab=1", b"AB=1"], {}, dropped=["Ab"]) == [b"AB=1"]


@pytest.mark.parametrize("name", ["AUTHSOME_MASTER_KEY", "AUTHSOME_MASTER_KEY_FILE", "AUTHSOME_PASSPHRASE"])
def test_our_own_keys_never_reach_the_command(name):
    inherited = [os.fsencode(name) + b"=secret", b"AUTHSOME_HOME=/h", os.fsencode(name)]
    for filters in ({}, {"passed": ["*"]}, {"passed": [name, "AUTHSOME_HOME"]}, {"keep_existing": True}):
        assert build(inherited, {}, **filters) == [b"AUTHSOME_HOME=/h"]
    with pytest.raises(NotAllowed, match=name) as caught:
        build(inherited, {name: b"secret"}, keep_existing=True)
    assert caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_value_is_refused_exactly_when_the_kernel_would_refuse_it():
    limit = 32 * os.sysconf("SC_PAGE_SIZE")
    longest = b"x" * (limit - len(b"LONG=\0"))
    entries = build([], {"LONG": longest})
    assert entries == [b"LONG=" + longest]
    subprocess.run(["/bin/true"], env={"LONG": longest.decode()}, check=True)

    with pytest.raises(NotAllowed, match="LONG") as caught:
        build([], {"LONG": longest + b"x"})
    assert "xx" not in str(caught.value)
    assert "file" in caught.value.hint
    with pytest.raises(OSError, match="too long"):
        subprocess.run(["/bin/true"], env={"LONG": longest.decode() + "x"}, check=True)


def test_a_value_with_nul_is_refused():
    with pytest.raises(NotAllowed, match="KEY") as caught:
        build([], {"KEY": b"sec\0ret"})
    assert "sec" not in str(caught.value)


def test_long_inherited_entries_are_not_our_business():
    entry = b"OTHER=" + b"x" * 200_000
    assert build([entry], {}) == [entry]


NAME = st.binary(max_size=6).map(lambda raw: raw.replace(b"\0", b""))
GLOB = st.text(st.sampled_from("AB_*?[]!-\n\udcff"), max_size=5)


@given(st.lists(NAME, max_size=6), st.lists(GLOB, max_size=4))
def test_globs_are_those_of_fnmatchcase(extra, globs):
    names = [*extra, b"A", b"AB", b"A_B", b"\xffA", b"A\nB", b"*", b"A*", b"[A]", b""]
    matches = environ._matcher(globs)
    for name in names:
        assert matches(name) == any(fnmatchcase(os.fsdecode(name), glob) for glob in globs)


@given(
    st.lists(st.sampled_from([*ODD, b"PATH=x", b"LC_ALL=C", b"AB=1", b"AUTHSOME_PASSPHRASE=x"]), max_size=12),
    st.dictionaries(
        st.sampled_from(["A", "B", "C"]), st.binary(max_size=3).map(lambda raw: raw.replace(b"\0", b""))
    ),
    st.sets(st.sampled_from(["A", "AB", "Z"])),
    st.booleans(),
)
def test_the_command_sees_each_value_once_and_all_else_as_inherited(inherited, values, remove, clean):
    found = build(inherited, values, remove, clean=clean)
    for name, value in values.items():
        key = name.encode() + b"="
        assert [entry for entry in found if entry.startswith(key)] == [key + value]
    rest = [
        entry
        for entry in found
        if entry.partition(b"=")[0].decode("latin-1") not in values or b"=" not in entry
    ]
    position = iter(inherited)
    assert all(entry in position for entry in rest)  # a subsequence, byte for byte
    assert not any(entry.startswith(b"AUTHSOME_") for entry in found)


def test_common_filters_load_no_regular_expressions():
    code = (
        "import sys; from authsome_env.deliver.environ import build\n"
        "build([b'AWS_A=1', b'X=1'], {'B': b'1'}, ['X'], passed=['AWS_*', 'CI'], dropped=['X', '*'])\n"
        "print(*{'re', 'fnmatch', 'functools', 'enum', 'typing', 'ctypes'} & set(sys.modules))"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    argv = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {root!r})\n{code}"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "\n"
