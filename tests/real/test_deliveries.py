"""What is delivered is read by the programs that it is for, while it is rewritten a hundred times a second.

Every value tells the set that it belongs to, so a reader that was given half a set, or halves of two, shows.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import runpy
import shutil
import stat
import subprocess
import sys
import tempfile
import time

import psutil
import pytest

from authsome_env.deliver import dotenv_file, ram

PROBE = os.path.join(os.path.dirname(__file__), "probes", "deliver.py")
names, values_of = (runpy.run_path(PROBE)[name] for name in ("NAMES", "values_of"))
TIMEOUT_S = 120

# Each reads the file $1 $2 times, and prints the values in the order of NAMES, each with a NUL behind it.
PYTHON_DOTENV = f"""
import sys
from dotenv import dotenv_values
for _ in range(int(sys.argv[2])):
    found = dotenv_values(sys.argv[1])
    sys.stdout.write("".join(found[name] + "\\0" for name in {names}))
"""
SH = f"""
set -eu
for i in $(seq $2); do
    unset {" ".join(names)}
    . "$1"
    printf '%s\\0' {" ".join(f'"${name}"' for name in names)}
done
"""
SHOW = f"""process.stdout.write({json.dumps(names)}.map(name => process.env[name] + "\\0").join(""))"""
NODE = f"""
set -eu
for i in $(seq $2); do
    node --env-file="$1" -e '{SHOW}'
done
"""
# See `read_files`.
FILES = f"""
import os, sys
for _ in range(int(sys.argv[2])):
    while True:
        folder = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
        try:
            found = [open(os.open(name, os.O_RDONLY, dir_fd=folder)).read() for name in {names}]
            break
        except FileNotFoundError:
            pass
        finally:
            os.close(folder)
    sys.stdout.write("".join(value + "\\0" for value in found))
"""
SH_FILES = f"""
read_all() {{
    cd "$1" && for name in {" ".join(names)}; do
        cat $name && printf '\\1' || exit
    done
}}
for i in $(seq $2); do
    until all=$(read_all "$1" 2>/dev/null); do :; done
    printf '%s' "$all" | tr '\\1' '\\0'
done
"""


@pytest.fixture
def folder():
    """Of a run, below a base that nobody else has. Nothing may be left of it."""
    place = tempfile.mkdtemp(prefix="authsome-test-", dir="/dev/shm")
    yield ram.run_folder({"XDG_RUNTIME_DIR": place}, "run")
    assert os.listdir(place) == []
    os.rmdir(place)


class Run:
    """The probe at work; see there."""

    def __init__(self, folder, seconds, kind, *path):
        self.process = subprocess.Popen(
            [sys.executable, PROBE, folder, str(seconds), kind, *path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.environment = json.loads(self.process.stdout.readline())
        self.file = self.environment.get("AUTHSOME_ENV_FILE")

    def ask(self, word="write"):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(TIMEOUT_S) == 0
        self.process.stdout.close()


@pytest.fixture
def start():
    started = []

    def run(*arguments):
        started.append(Run(*arguments))
        return started[-1]

    yield run
    for each in started:
        if not each.process.stdin.closed:
            each.end()


class Reader:
    """A program that reads a file a number of times."""

    def __init__(self, command, times, out):
        self.times = times
        self.out = out
        with open(out, "wb") as stdout:  # not a pipe, at which it would wait for us
            self.process = subprocess.Popen([*command, str(times)], stdout=stdout, stderr=subprocess.PIPE)

    def sets(self):
        """The generations that it saw, each of them whole."""
        _, err = self.process.communicate(timeout=TIMEOUT_S)
        assert (self.process.returncode, err) == (0, b"")
        with open(self.out, "rb") as file:
            found = file.read().split(b"\0")
        assert found.pop() == b""
        assert len(found) == self.times * len(names)
        seen = []
        for at in range(0, len(found), len(names)):
            generation = int(found[at])
            assert dict(zip(names, found[at : at + len(names)], strict=True)) == values_of(generation)
            seen.append(generation)
        assert seen == sorted(seen), "an older set came after a newer one"
        return seen


@pytest.fixture
def reader(need, tmp_path):
    """`reader("dash", file, 30)`: that program, begun, with thirty readings to do."""
    python = [sys.executable, "-c"]
    commands = {
        "python-dotenv": [*python, PYTHON_DOTENV],
        "bash": [need("bash"), "-c", SH, "bash"],
        "dash": [need("dash"), "-c", SH, "dash"],
        "node": [need("dash"), "-c", NODE, need("node")],
        "files": [*python, FILES],
        "files in sh": [need("dash"), "-c", SH_FILES, "dash"],
    }
    begun = []

    def begin(name, file, times):
        begun.append(Reader([*commands[name], file], times, tmp_path / f"{len(begun)}"))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.communicate()


@functools.cache
def generation_of(text):
    """Of a whole .env file of ours."""
    generation = int(text.partition(b"\n")[0].rpartition(b" ")[2])
    assert text == dotenv_file.text(values_of(generation), generation, "dotenv")
    return generation


def read_dotenv(file):
    """The generation of what is there, which is that whole set."""
    with open(file, "rb") as opened:
        return generation_of(opened.read())


def read_files(folder):
    """The same. Who was too slow for the set that it has opened sees that a file is gone; or, on a busy
    machine, that the set is, once it has followed the link.
    """
    while True:
        try:
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            assert os.path.islink(folder)
            continue
        found = {}
        try:
            for name in names:
                with open(os.open(name, os.O_RDONLY, dir_fd=opened), "rb") as file:
                    found[name] = file.read()
        except FileNotFoundError:
            continue
        finally:
            os.close(opened)
        generation = int(found["V_1"])
        assert found == values_of(generation)
        return generation


@pytest.mark.parametrize(
    ("kind", "readers", "read"),
    [
        ("dotenv", {"python-dotenv": 40, "bash": 60, "dash": 60, "node": 5}, read_dotenv),
        ("files", {"files": 100, "files in sh": 20}, read_files),
    ],
)
def test_twenty_readers_and_a_hasty_one_never_see_a_torn_or_mixed_set(
    kind, readers, read, folder, start, reader
):
    run = start(folder, 0.01, kind)
    file = run.file or os.path.dirname(run.environment["V_1_FILE"])
    crowd = [reader(name, file, times) for name, times in list(readers.items()) * (20 // len(readers))]
    assert len(crowd) == 20
    seen = set()
    while any(each.process.poll() is None for each in crowd):
        seen.add(read(file))
    for each in crowd:
        seen.update(each.sets())
    assert len(seen) > 10, "it was hardly rewritten meanwhile"
    run.end()


def test_one_reader_after_another_gets_the_whole_set_of_that_moment_from_a_fifo(folder, start, reader):
    run = start(folder, 0.01, "fifo")
    seen = []
    for name, times in {"python-dotenv": 60, "bash": 60, "dash": 60, "node": 4}.items():
        seen += reader(name, run.file, times).sets()
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    run.end()


def doorkeeper(run):
    [process] = psutil.Process(run.process.pid).children()
    return process


def switches(*processes):
    """How often they have gone to sleep."""
    return sum(each.num_ctx_switches().voluntary for each in processes)


def eventually(condition):
    for _ in range(TIMEOUT_S * 100):
        if found := condition():
            return found
        time.sleep(0.01)
    raise TimeoutError


def test_a_fifo_that_nobody_reads_wakes_nobody_and_holds_up_nothing(folder, start):
    run = start(folder, 0, "fifo")
    both = [psutil.Process(run.process.pid), doorkeeper(run)]
    eventually(lambda: all(each.status() == "sleeping" for each in both))

    def quiet():
        before = switches(*both)
        time.sleep(1.2)  # longer than the ticks that others poll by
        return switches(*both) == before

    assert quiet() or quiet()  # the first time they may have been on their way to sleep
    assert [run.ask() for _ in range(300)] == ["written"] * 300
    assert doorkeeper(run) == both[1]
    assert read_dotenv(run.file) == 301


def test_readers_who_open_a_fifo_and_do_not_read_hold_up_nobody(folder, start):
    run = start(folder, 0, "fifo")
    assert [run.ask() for _ in range(7)] == ["written"] * 7

    def let_in(file):
        eventually(lambda: not os.path.samestat(os.fstat(file.fileno()), os.stat(run.file)))
        return file

    with contextlib.ExitStack() as idle:
        first, second = (let_in(idle.enter_context(open(run.file, "rb"))) for _ in range(2))
        assert read_dotenv(run.file) == 8  # a set larger than a pipe
        assert run.ask() == "written"
        assert read_dotenv(run.file) == 9
        assert generation_of(second.read()) == generation_of(first.read()) == 8
    run.end()


def open_files(pid):
    """What its descriptors lead to; those that are closed meanwhile are left out."""
    found = []
    for each in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{each}"))
    return found


def test_a_doorkeeper_knows_no_value_and_ends_with_its_parent_however_that_ends(folder, start, tmp_path):
    link = tmp_path / ".env"
    run = start(folder, 0, "fifo", str(link))
    door = doorkeeper(run)
    assert door.uids() == psutil.Process(run.process.pid).uids()
    eventually(lambda: [each.partition(":")[0] for each in open_files(door.pid)] == ["socket"])
    run.process.kill()
    run.process.wait()
    eventually(lambda: not door.is_running() or door.status() == "zombie")
    assert link.is_symlink()
    ram.clear(folder)  # as whoever comes next does
    assert not link.is_symlink()
    run.process.communicate()


def test_a_doorkeeper_who_was_killed_is_replaced_at_the_next_set(folder, start):
    run = start(folder, 0, "fifo")
    door = doorkeeper(run)
    door.kill()
    eventually(lambda: run.ask("lost"))
    assert run.ask() == "written"
    assert run.ask("lost") is False
    assert doorkeeper(run) != door
    assert read_dotenv(run.file) == 2


@pytest.mark.parametrize(
    ("kind", "read"), [("dotenv", read_dotenv), ("files", read_files), ("fifo", read_dotenv)]
)
def test_what_somebody_removes_is_missed_and_made_again(kind, read, folder, start, tmp_path):
    link = tmp_path / "link"
    run = start(folder, 0, kind, str(link))
    assert run.ask("lost") is False
    shutil.rmtree(os.path.dirname(folder))
    link.unlink()
    assert run.ask("lost") is True
    assert run.ask() == "written"
    assert run.ask("lost") is False
    assert read(link) == read(link) == 2
    assert stat.S_IMODE(os.lstat(folder).st_mode) == 0o700
    run.end()
    assert not link.is_symlink()


@pytest.mark.parametrize(("kind", "read"), [("dotenv", read_dotenv), ("files", read_files)])
def test_a_full_file_system_leaves_the_set_from_before(kind, read, mount, start):
    place = mount("tmpfs", "size=256k")
    folder = ram.run_folder({"XDG_RUNTIME_DIR": place}, "run")
    assert folder == f"{place}/authsome/run"
    run = start(folder, 0, kind)
    file = run.file or os.path.dirname(run.environment["V_1_FILE"])
    ballast = os.path.join(place, "ballast")
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], stderr=subprocess.DEVNULL, check=False)
    before = sorted(os.listdir(folder))
    for _ in range(2):
        assert "no space left on device" in run.ask()
        assert read(file) == 1
        assert sorted(os.listdir(folder)) == before
    os.unlink(ballast)
    assert run.ask() == "written"
    assert read(file) == 4
    run.end()
    assert os.listdir(place) == []
