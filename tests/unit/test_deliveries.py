"""What `--deliver`, `--path` and `--dotenv-for` mean, and what happens to what lies at `--path` already."""

from __future__ import annotations

import os
import stat
import tempfile

import pytest

from authsome_env.deliver import deliveries, link, ram
from authsome_env.deliver.deliveries import Choice
from authsome_env.errors import CannotExpress, NotAllowed, StorageError, UsageError


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="authsome-test-", dir="/dev/shm") as place:
        yield f"{place}/authsome/run"


def content(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize(
    ("given", "kind", "in_ram"),
    [
        ({}, "env", False),
        ({"deliver": "env"}, "env", False),
        ({"deliver": "dotenv"}, "dotenv", True),
        ({"deliver": "files"}, "files", True),
        ({"deliver": "fifo"}, "fifo", False),
    ],
)
def test_a_choice_is_of_a_kind_and_most_files_must_be_in_memory(given, kind, in_ram, folder):
    choice = Choice.parse(**given)
    assert (choice.kind, choice.in_ram) == (kind, in_ram)
    delivery = choice.delivery(folder)
    assert (delivery is None) == (kind == "env")
    assert delivery is None or choice.in_ram == delivery.IN_RAM


def test_every_name_is_a_choice(folder):
    made = [Choice.parse(deliver=name).delivery(folder) for name in deliveries.NAMES]
    assert len({type(each) for each in made}) == len(deliveries.NAMES)
    assert {each.FILE for each in made if each} == set(link.TARGETS)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"deliver": "dotnev"}, "--deliver dotnev: .*did you mean dotenv"),
        ({"deliver": ""}, "--deliver : "),
        ({"deliver": "dotenv", "dotenv_for": "dokcer"}, "did you mean docker"),
        ({"path": ".env"}, "--path needs a delivery by file"),
        ({"path": ".env", "deliver": "env"}, "--path needs a delivery by file"),
        ({"path": "", "deliver": "dotenv"}, "--path is to name a file"),
        ({"path": "folder/", "deliver": "files"}, "--path is to name a file"),
        ({"dotenv_for": "docker"}, "--dotenv-for needs one file"),
        ({"dotenv_for": "systemd", "deliver": "files"}, "--dotenv-for needs one file"),
    ],
)
def test_what_does_not_go_together_is_said(given, told):
    with pytest.raises(UsageError, match=told) as raised:
        Choice.parse(**given)
    assert raised.value.hint


def test_a_path_is_taken_from_where_the_command_line_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Choice.parse(deliver="dotenv", path="a/../.env").path == f"{tmp_path}/.env"
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="working directory is gone"):
        Choice.parse(deliver="dotenv", path=".env")


def test_the_environment_names_files_and_holds_no_value(folder):
    names = ("A_TOKEN", "B_KEY")
    for kind, expected in {
        "dotenv": {"AUTHSOME_ENV_FILE": f"{folder}/variables.env"},
        "fifo": {"AUTHSOME_ENV_FILE": f"{folder}/variables.fifo"},
        "files": {"A_TOKEN_FILE": f"{folder}/set/A_TOKEN", "B_KEY_FILE": f"{folder}/set/B_KEY"},
    }.items():
        environment = Choice.parse(deliver=kind).delivery(folder).environment(names)
        assert environment == {name: path.encode() for name, path in expected.items()}


NOTATIONS = {None: b"A='x'\n", "docker": b"A=x\n", "systemd": b'A="x"\n'}


@pytest.mark.parametrize("reader", NOTATIONS)
def test_the_first_line_counts_the_sets_in_every_notation(reader, folder):
    delivery = Choice.parse(deliver="dotenv", dotenv_for=reader).delivery(folder)
    for generation in (1, 2):
        delivery.write({"A": b"x"}, generation)
        assert content(delivery.file) == b"# authsome: generation %d\n" % generation + NOTATIONS[reader]
    delivery.remove()
    assert not os.path.lexists(folder)


@pytest.mark.parametrize("kind", ["dotenv", "fifo"])
def test_a_value_that_the_file_cannot_hold_changes_nothing(kind, folder):
    delivery = Choice.parse(deliver=kind).delivery(folder)
    with pytest.raises(CannotExpress, match="A_TOKEN"):
        delivery.write({"A_TOKEN": b"\xff"}, 1)
    assert not os.path.lexists(folder)
    delivery.write({"A_TOKEN": b"x"}, 1)
    before = sorted(os.listdir(folder))
    with pytest.raises(CannotExpress):
        delivery.write({"A_TOKEN": b"\xff"}, 2)
    assert sorted(os.listdir(folder)) == before


def test_a_file_holds_any_bytes_and_nothing_else(folder):
    values = {"A": bytes(range(1, 256)) + b"\n\n", "B": b""}
    delivery = Choice.parse(deliver="files").delivery(folder)
    delivery.write(values, 1)
    paths = delivery.environment(values)
    assert {name: content(paths[f"{name}_FILE"]) for name in values} == values
    for at, _, names in os.walk(folder):
        assert stat.S_IMODE(os.lstat(at).st_mode) == 0o700
        assert {stat.S_IMODE(os.lstat(f"{at}/{name}").st_mode) for name in names} <= {0o600}


def test_files_of_the_set_before_stay_for_who_is_at_them_and_no_older_ones(folder):
    delivery = Choice.parse(deliver="files").delivery(folder)
    for generation in range(1, 5):
        delivery.write({"A": b"%d" % generation}, generation)
        delivery.write({"A": b"%d" % generation}, generation)  # the same one again: a caller may not know
        kept = [name for name in os.listdir(folder) if name != "set"]
        assert len(kept) == 2
        assert content(f"{folder}/set/A") == b"%d" % generation


def test_a_variable_that_is_no_longer_delivered_has_no_file(folder):
    delivery = Choice.parse(deliver="files").delivery(folder)
    delivery.write({"A": b"1", "B": b"1"}, 1)
    delivery.write({"A": b"2"}, 2)
    assert os.listdir(f"{folder}/set") == ["A"]
    os.unlink(f"{folder}/set/A")
    assert delivery.lost()


def at_path(kind, path):
    if kind == "file":
        path.write_text("MINE=1\n")
    elif kind == "folder":
        path.mkdir()
    elif kind == "symlink":
        path.symlink_to("/dev/null")
    else:
        path.symlink_to(
            path.parent
            / {
                "dangling symlink": "nowhere",
                "dangling symlink that looks like ours": "authsome/project/.env",
            }[kind]
        )


@pytest.mark.parametrize(
    "kind", ["file", "folder", "symlink", "dangling symlink", "dangling symlink that looks like ours"]
)
def test_what_lies_at_the_path_and_is_not_ours_is_refused_and_stays(kind, folder, tmp_path):
    path = tmp_path / ".env"
    at_path(kind, path)
    before = os.lstat(path)
    with pytest.raises(NotAllowed, match="exists, and is not ours") as raised:
        Choice.parse(deliver="dotenv", path=str(path)).delivery(folder)
    assert "--path" in raised.value.hint
    assert os.path.samestat(before, os.lstat(path))
    assert not os.path.lexists(folder)


@pytest.mark.parametrize("kind", ["dotenv", "files", "fifo"])
def test_the_path_is_a_symlink_to_what_is_delivered_until_the_end(kind, folder, tmp_path):
    path = tmp_path / ".env"
    delivery = Choice.parse(deliver=kind, path=str(path)).delivery(folder)
    assert not path.is_symlink()
    for generation in (1, 2):
        delivery.write({"A": b"x"}, generation)
        assert os.readlink(path) == delivery.file
        assert os.path.exists(path)
    delivery.remove()
    assert os.listdir(tmp_path) == []
    assert not os.path.lexists(folder)


def test_a_symlink_that_a_dead_run_has_left_is_replaced_and_that_of_a_live_one_is_not(folder, tmp_path):
    path = tmp_path / ".env"
    first = Choice.parse(deliver="dotenv", path=str(path)).delivery(folder)
    first.write({"A": b"x"}, 1)
    choice = Choice.parse(deliver="dotenv", path=str(path))
    with pytest.raises(NotAllowed, match="belongs to a run that is not over"):
        choice.delivery(f"{folder}2")
    os.unlink(f"{folder}/{ram.LINK}")  # a sweep that knows of no symlink
    ram.clear(folder)
    assert path.is_symlink()
    second = choice.delivery(f"{folder}2")
    second.write({"A": b"y"}, 1)
    assert os.readlink(path) == second.file
    first.remove()  # as if it were not dead after all
    assert os.readlink(path) == second.file
    second.remove()
    assert os.listdir(tmp_path) == []


def test_a_sweep_takes_the_symlink_along_if_it_still_is_the_run_s(folder, tmp_path):
    for put_there in (None, "MINE=1\n"):
        path = tmp_path / ".env"
        Choice.parse(deliver="dotenv", path=str(path)).delivery(folder).write({"A": b"x"}, 1)
        if put_there:
            path.unlink()
            path.write_text(put_there)
        ram.clear(folder)
        assert os.listdir(tmp_path) == ([".env"] if put_there else [])


def test_the_same_choice_and_folder_give_the_same_delivery_in_another_process(folder, tmp_path):
    choice = Choice.parse(deliver="dotenv", path=str(tmp_path / ".env"))
    choice.delivery(folder).write({"A": b"x"}, 1)
    again = choice.delivery(folder)
    assert not again.lost()
    again.write({"A": b"y"}, 2)
    assert b"A='y'" in content(choice.path)
    again.remove()
    assert os.listdir(tmp_path) == []


def test_what_the_user_puts_in_the_place_of_the_symlink_stays(folder, tmp_path):
    path = tmp_path / ".env"
    delivery = Choice.parse(deliver="dotenv", path=str(path)).delivery(folder)
    delivery.write({"A": b"x"}, 1)
    path.unlink()
    delivery.write({"A": b"y"}, 2)
    assert path.is_symlink()
    path.unlink()
    path.write_text("MINE=1\n")
    delivery.write({"A": b"z"}, 3)
    delivery.remove()
    assert path.read_text() == "MINE=1\n"


def test_a_path_in_a_folder_that_is_not_there_is_refused_at_once(folder, tmp_path):
    choice = Choice.parse(deliver="dotenv", path=str(tmp_path / "missing" / ".env"))
    with pytest.raises(NotAllowed, match=r"there is no folder .*/missing"):
        choice.delivery(folder)


def test_a_path_that_cannot_be_written_to_is_an_error_that_names_it(folder, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    delivery = Choice.parse(deliver="dotenv", path=str(place / ".env")).delivery(folder)
    place.rmdir()
    with pytest.raises(StorageError, match=r"place/\.env: no such file"):
        delivery.write({"A": b"x"}, 1)
    delivery.remove()
    assert not os.path.lexists(folder)
