"""Where a run has its folder: in memory, and nobody else's."""

from __future__ import annotations

import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from authsome_env.deliver import ram
from authsome_env.errors import NotAllowed

TIMEOUT_S = 120
NOBODY = 65534


@pytest.fixture
def place():
    """A folder of ours in memory, for XDG_RUNTIME_DIR."""
    with tempfile.TemporaryDirectory(prefix="authsome-test-", dir="/dev/shm") as folder:
        yield folder


@pytest.fixture
def as_root():
    if os.geteuid() != 0:
        message = "only root can give a folder to somebody else"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


def modes(*paths):
    return {stat.S_IMODE(os.lstat(path).st_mode) for path in paths}


def test_the_folder_and_its_base_are_ours_alone_whatever_the_umask(place):
    for run, mask in (("a", 0o000), ("b", 0o777), ("c", 0o022)):
        before = os.umask(mask)
        try:
            folder = ram.run_folder({"XDG_RUNTIME_DIR": place}, run)
            ram.replace_file(f"{folder}/record", b"{}")
        finally:
            os.umask(before)
        assert folder == f"{place}/authsome/{run}"
        assert modes(folder, os.path.dirname(folder)) == {0o700}
        assert modes(f"{folder}/record") == {0o600}
        ram.clear(folder)
        assert os.listdir(place) == []


def test_without_a_folder_for_runtime_files_it_lies_in_shared_memory():
    bases = ram.base_folders({})
    assert bases == [f"/dev/shm/authsome-{os.geteuid()}", f"/tmp/authsome-{os.geteuid()}"]
    assert ram.base_folders({"XDG_RUNTIME_DIR": "relative", "TMPDIR": ""}) == bases
    assert ram.base_folders({"XDG_RUNTIME_DIR": "/a", "TMPDIR": "/b"}) == [
        "/a/authsome",
        bases[0],
        f"/b/authsome-{os.geteuid()}",
    ]


def squat(kind, path):
    if kind == "file":
        pathlib.Path(path).touch(mode=0o600)
    elif kind == "symlink":
        os.mkdir(path + ".target", 0o700)
        os.symlink(path + ".target", path)
    elif kind == "dangling symlink":
        os.symlink(path + ".target", path)
    else:
        os.mkdir(path, 0o700)
        os.chmod(path, 0o750 if kind == "open" else 0o700)
        if kind == "somebody else's":
            os.chown(path, NOBODY, NOBODY)


SQUATTERS = {
    "file": "is no folder",
    "symlink": "is no folder",
    "dangling symlink": "is no folder",
    "open": "is open to others",
    "somebody else's": "belongs to another user",
}


@pytest.mark.parametrize("kind", SQUATTERS)
@pytest.mark.parametrize("where", ["base", "folder"])
def test_who_took_the_place_before_us_gets_nothing(kind, where, place, request):
    if kind == "somebody else's":
        request.getfixturevalue("as_root")
    folder = f"{place}/authsome/run"
    if where == "folder":
        os.mkdir(f"{place}/authsome", 0o700)
    squat(kind, folder if where == "folder" else f"{place}/authsome")
    with pytest.raises(NotAllowed, match=SQUATTERS[kind]):
        ram.make_folder(folder)
    elsewhere = ram.run_folder({"XDG_RUNTIME_DIR": place}, f"test-{os.getpid()}")
    try:
        assert where == "folder" or elsewhere.startswith("/dev/shm/authsome-")
    finally:
        ram.clear(elsewhere)


@pytest.mark.parametrize(("mode", "owner"), [(0o777, 0), (0o770, 0), (0o700, NOBODY), (0o1777, NOBODY)])
def test_a_place_where_others_could_replace_the_base_is_refused(mode, owner, place, as_root):
    os.chmod(place, mode)
    os.chown(place, owner, -1)
    with pytest.raises(NotAllowed, match=r"belongs to another user|others may write"):
        ram.make_folder(f"{place}/authsome/run")
    assert os.listdir(place) == []


def test_a_place_that_all_may_write_to_is_good_enough_with_the_sticky_bit(place):
    os.chmod(place, 0o1777)
    ram.make_folder(f"{place}/authsome/run")


def test_what_is_cleared_is_a_folder_of_ours_and_nothing_that_its_links_lead_to(place):
    outside = pathlib.Path(place, "outside")
    outside.mkdir()
    (outside / "kept").touch()
    folder = ram.run_folder({"XDG_RUNTIME_DIR": place}, "run")
    os.symlink(outside, f"{folder}/link to a folder")
    os.makedirs(f"{folder}/set.1/deeper")
    pathlib.Path(folder, "set.1", "NAME").touch()
    other = pathlib.Path(place, "authsome", "other")
    other.symlink_to(outside)
    ram.clear(str(other))
    ram.clear(folder)
    ram.clear(folder)
    assert (outside / "kept").exists()
    assert os.listdir(f"{place}/authsome") == ["other"]


def test_runs_that_begin_while_others_end_find_their_base(place):
    """Whoever ends takes an empty base along."""

    def live(run):
        for _ in range(200):
            ram.clear(ram.run_folder({"XDG_RUNTIME_DIR": place}, str(run)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(live, range(4)))
    assert os.listdir(place) == []


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
def test_a_file_system_in_memory_is_known_by_its_type_wherever_it_lies(kind, mount):
    place = mount(kind)
    folder = ram.run_folder({"XDG_RUNTIME_DIR": place}, "run")
    assert folder == f"{place}/authsome/run"
    ram.clear(folder)


def test_what_was_begun_in_a_session_is_found_without_one():
    """By cron, say. In a mount namespace of its own, where /run is empty at first."""
    script = (
        "import os; from authsome_env.deliver import ram; from authsome_env.supervise import record, runs\n"
        "session = f'/run/user/{os.geteuid()}'; os.makedirs(session, 0o700)\n"
        "inside = {'XDG_RUNTIME_DIR': session}\n"
        "live, over = (ram.run_folder(inside, record.new_name()) for _ in range(2))\n"
        "os.rename(over, os.path.join(os.path.dirname(over), '999999999-1-' + over.split('-', 2)[2]))\n"
        "print(live in runs.sweep({}), os.listdir(session + '/authsome') == [os.path.basename(live)])\n"
    )
    enter = 'mount -t tmpfs none /run && exec "$1" -c "$2"'
    words = ["unshare", "--mount", "sh", "-c", enter, "sh", sys.executable, script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    if done.returncode and "Operation not permitted" in done.stderr and not os.environ.get("CI"):
        pytest.skip(f"no namespace can be made here: {done.stderr.strip()}")
    assert (done.stdout, done.stderr) == ("True True\n", "")


@pytest.fixture
def disk(tmp_path):
    """A folder of ours that is on a disk."""
    for folder in (tmp_path, pathlib.Path(__file__).parent):
        kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True)
        if kind.stdout.strip() not in ("tmpfs", "ramfs"):
            with tempfile.TemporaryDirectory(dir=folder) as made:
                yield made
            return
    pytest.skip("there is no disk here")


def test_a_shared_memory_that_is_on_a_disk_is_refused_and_nothing_is_left_on_it(disk):
    """In a mount namespace of its own, where /dev/shm is that folder."""
    script = (
        "import os, sys; from authsome_env.deliver import ram\n"
        "try: ram.run_folder(os.environ, 'run')\n"
        "except ram.NotAllowed as error: print(error.message, error.hint, sep='\\n')\n"
        "print(os.path.dirname(ram.run_folder(os.environ, 'run', in_ram=False)))"
    )
    enter = 'mount --bind "$1" /dev/shm && exec "$2" -c "$3"'
    words = ["unshare", "--mount", "sh", "-c", enter, "sh", disk, sys.executable, script]
    environ = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": disk, "TMPDIR": disk}
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    if done.returncode and "Operation not permitted" in done.stderr and not os.environ.get("CI"):
        pytest.skip(f"no namespace can be made here: {done.stderr.strip()}")
    assert done.stderr == ""
    message, hint, base = done.stdout.splitlines()
    assert message.startswith("there is no place for the files of this run: ")
    for place in (disk, "/dev/shm"):
        assert re.search(f"{place} is on [a-z0-9]+, not in memory", message)
    assert "--deliver fifo" in hint
    assert base == f"{disk}/authsome"
    assert os.listdir(disk) == ["authsome"]
