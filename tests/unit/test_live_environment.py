"""What is added to the environment of live programs, and taken out of it again by a run inside."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsome_env.app.outer import changes, take_back
from authsome_env.deliver import live_environment
from authsome_env.deliver.additions import FILE, Additions, read
from authsome_env.deliver.live import Live, parse

NAMES = st.sampled_from(["A", "B", "PYTHONPATH"])
ENTRIES = st.lists(
    st.builds(
        lambda name, value: name.encode() + b"=" + value,
        NAMES,
        st.binary(max_size=4).map(lambda b: b.replace(b"\0", b"")),
    ),
    unique_by=lambda entry: entry.partition(b"=")[0],
) | st.just([b"NOEQUALS", b"A=1"])


# Adding


@pytest.fixture
def shims(tmp_path):
    """A folder of shims, as far as it matters here."""
    folder = tmp_path / "shims"
    (folder / "node").mkdir(parents=True)
    (folder / "node" / "live.cjs").write_text("console.log('loaded')")
    return str(folder)


def test_python_and_node_keep_what_the_user_has(shims):
    present = {b"PYTHONPATH": b"/x:", b"NODE_OPTIONS": b"--no-warnings", b"BASH_ENV": b"$HOME/mine"}
    assert live_environment.additions(present, shims) == {
        "PYTHONPATH": f"{shims}/python:/x:".encode(),
        "NODE_OPTIONS": f"--no-warnings --require {shims}/node/live.cjs".encode(),
        "BASH_ENV": f"{shims}/bash/live.bash".encode(),
        "AUTHSOME_BASH_ENV": b"$HOME/mine",
    }


@pytest.mark.parametrize("present", [{}, {b"PYTHONPATH": b"", b"NODE_OPTIONS": b"", b"BASH_ENV": b""}])
def test_nothing_is_kept_of_nothing(present, shims):
    """An empty entry of PYTHONPATH would be the current folder."""
    assert live_environment.additions(present, shims) == {
        "PYTHONPATH": f"{shims}/python".encode(),
        "NODE_OPTIONS": f"--require {shims}/node/live.cjs".encode(),
        "BASH_ENV": f"{shims}/bash/live.bash".encode(),
    }


def test_a_folder_that_pythonpath_cannot_hold_is_left_out_of_it():
    assert "PYTHONPATH" not in live_environment.additions({}, "/opt/a:b")


def test_the_shims_are_found_beside_the_package():
    folder = live_environment.shims()
    for name in ("python/sitecustomize.py", "node/live.cjs", "bash/live.bash"):
        assert os.path.isfile(os.path.join(folder, name))


@given(st.lists(st.dictionaries(NAMES, st.binary(max_size=4)), max_size=3))
def test_what_was_added_can_be_read(added):
    made = Additions([b"A=\xff", b"NOEQUALS"])
    for values in added:
        made.add(values)
    found = read(made.content())
    assert set(found) == {name.encode() for values in added for name in values}
    assert all(was == (b"\xff" if name == b"A" else None) for name, (was, _) in found.items())


# Taking back


@pytest.fixture
def run(tmp_path):
    """`run(entries, values, added)`: the environment of a command under a run of that; its folder."""
    count = iter(range(9))

    def run(entries, values=(), added=(), *, live=True):
        folder = tmp_path / f"run{next(count)}"
        folder.mkdir(mode=0o700)
        file = Live(str(folder))
        for each in values:
            file.write(each)
        newest = {name: value for each in values for name, value in each.items()}
        made = Additions([entry for entry in entries if entry.partition(b"=")[0].decode() not in newest])
        made.entries += [name.encode() + b"=" + value for name, value in newest.items()]
        made.add({"AUTHSOME_RUN": os.fsencode(folder)})
        if live:
            made.add(live_environment.additions(made.present(), live_environment.shims()))
        made.add(dict(added))
        (folder / FILE).write_bytes(made.content())
        return made.entries, folder

    return run


USER = [b"PATH=/bin", b"PYTHONPATH=/mine:", b"B=\xff", b"NOEQUALS", b"BASH_ENV=~/mine"]


def test_a_run_inside_gets_what_there_was_before(run):
    entries, _ = run(USER, [{"TOKEN": b"1"}], {"GIT_CONFIG_COUNT": b"1"})
    assert take_back(entries) == USER


def test_three_deep_with_the_users_own_between(run):
    """Each takes out what the one around it put in; what the user has set in between stays."""
    outer, _ = run(USER, [{"TOKEN": b"1", "OTHER": b"x"}])
    outer = [b"NODE_OPTIONS=--mine" if entry.startswith(b"NODE_OPTIONS=") else entry for entry in outer]
    outer = [b"OTHER=mine" if entry == b"OTHER=x" else entry for entry in outer]
    inner, _ = run(take_back(outer), [{"TOKEN": b"2"}])
    assert set(take_back(inner)) == {*USER, b"NODE_OPTIONS=--mine", b"OTHER=mine"}
    innermost, _ = run(take_back(inner), [{"THIRD": b"3"}], live=False)
    assert b"NODE_OPTIONS=--mine" in innermost
    assert set(take_back(innermost)) == {*USER, b"NODE_OPTIONS=--mine", b"OTHER=mine"}


def test_a_former_value_is_taken_out_too_and_the_users_is_not(run):
    entries, _ = run([], [{"TOKEN": b"old\nand\\long"}, {"TOKEN": b"new"}], live=False)
    assert take_back(entries) == []
    for value, stays in ((b"old\nand\\long", False), (b"new", False), (b"mine", True), (b"", True)):
        changed = [b"TOKEN=" + value if entry.startswith(b"TOKEN=") else entry for entry in entries]
        assert take_back(changed) == [b"TOKEN=" + value] * stays


def test_a_value_of_one_variable_is_the_users_own_in_another(run):
    entries, _ = run([], [{"TOKEN": b"1"}], live=False)
    assert take_back([*entries, b"MINE=1"]) == [b"MINE=1"]


@pytest.mark.parametrize("damage", ["gone", "empty", "garbage", "others", "link"])
def test_a_run_that_cannot_be_read_is_forgotten(run, damage):
    entries, folder = run(USER, [{"TOKEN": b"1"}])
    if damage in ("gone", "link"):
        os.rename(folder, f"{folder}.away")
    if damage == "link":
        os.symlink(f"{folder}.away", folder)
    if damage == "others":
        os.chmod(folder, 0o755)
    if damage == "empty":
        for name in os.listdir(folder):
            os.unlink(folder / name)
    if damage == "garbage":
        for name in (FILE, "live"):
            (folder / name).write_bytes(b'{"TOKEN": [}\xff')
    left = take_back(entries)
    assert not [entry for entry in left if entry.startswith(b"AUTHSOME_RUN=")]
    assert {b"PATH=/bin", b"B=\xff", b"NOEQUALS", b"TOKEN=1"} <= set(left)  # nobody knows whose it is
    if damage in ("gone", "others", "link"):  # how the shims are loaded is known all the same
        assert left == [*USER, b"TOKEN=1"] or sorted(left) == sorted([*USER, b"TOKEN=1"])


def test_half_a_live_file_is_none():
    whole = b"authsome-live 1 1\n=A=1\n.\n"
    assert parse(whole).holds(b"A", b"1")
    for content in (whole[:-1], whole[:-3], b"", b"authsome-live 2 1\n=A=1\n.\n"):
        assert not parse(content).holds(b"A", b"1")


def test_a_shell_is_told_what_to_set_and_what_to_unset(run):
    entries, _ = run(USER, [{"TOKEN": b"1"}])
    environ = {os.fsdecode(name): os.fsdecode(value) for name, value in Additions(entries).present().items()}
    back, gone = changes(environ)
    assert back == {"PYTHONPATH": b"/mine:", "BASH_ENV": b"~/mine"}
    assert gone == {"AUTHSOME_RUN", "TOKEN", "NODE_OPTIONS", "AUTHSOME_BASH_ENV"}


@given(ENTRIES)
def test_without_a_run_nothing_is_touched(entries):
    assert take_back(entries) == entries
