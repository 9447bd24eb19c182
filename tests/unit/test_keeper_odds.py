"""What seldom befalls a keeper or a sweep: no descriptor is free, half a word, a clock that was put back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from authsome_env.app.plan import Bound, Place, Plan, State
from authsome_env.app.tending import Tending
from authsome_env.model import Reference
from authsome_env.packed import pack, unpack
from authsome_env.supervise import process, record, runs
from authsome_env.supervise.record import Run

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

FULL = """
import os, resource
from authsome_env.supervise import process, record, runs
from authsome_env.supervise.record import Run
own = Run(os.getpid(), process.start_of(os.getpid()), process.namespace())
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    while True:
        os.dup(0)
except OSError:
    print(own.is_over)
"""


@linux
def test_a_run_is_not_over_only_because_no_file_can_be_opened():
    told = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=True).stdout
    assert told == "False\n"


@linux
@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"pid": 1, "boot": "0b", "command": 'a"boot": "'}, False),
        ({"pid": 1, "boot": process.boot_id(), "command": "a"}, True),
        ({"pid": 1, "boot": "", "command": "a"}, True),
        (None, True),
    ],
)
def test_a_folder_on_a_disk_from_before_a_boot_is_swept_whoever_has_its_number(fields, kept, tmp_path):
    base = tmp_path / "authsome"
    folder = base / record.new_name()
    folder.mkdir(parents=True)
    base.chmod(0o700)
    if fields:
        record.write(str(folder), fields)
    assert (str(folder) in runs.sweep({"XDG_RUNTIME_DIR": str(tmp_path)})) == kept
    assert folder.exists() == kept


@linux
def test_a_run_of_a_number_that_no_process_has_is_over():
    assert Run(int("9" * 30), 1, process.namespace()).is_over
    assert not Run(os.getpid(), process.start_of(os.getpid()), process.namespace()).is_over


def test_what_was_cut_short_is_not_taken_for_a_value():
    whole = {"name": b"value", "token": b"secret"}
    packed = pack(whole)
    for length in range(len(packed)):
        try:
            found = unpack(packed[:length])
        except ValueError:
            continue
        assert found.items() < whole.items()


@linux
@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="there is no /dev/shm")
def test_a_delivery_that_somebody_else_has_mended_is_not_waited_for():
    """A deadline that stays in the past would keep the loop from sleeping."""
    now = 1_700_000_000.0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        folder = os.path.join(place, "authsome", "run")
        texts = dict.fromkeys(Plan.TEXTS, "") | {"folder": folder, "delivery": "dotenv"}
        plan = Plan(Place(place, "v", "1", ""), [], [], pid=1, min_ttl=60, signal=0, environ={}, **texts)
        tending = Tending(plan, None, now=lambda: now)
        tending.begin()
        file = os.path.join(folder, "variables.env")
        os.rename(file, file + ".away")
        os.chmod(folder, 0o755)
        tending.step([])
        assert tending.deadline() > now
        os.chmod(folder, 0o700)
        os.rename(file + ".away", file)
        tending.step([])
        assert tending.deadline() is None
        tending.end()


@linux
@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="there is no /dev/shm")
def test_a_renewal_that_was_lost_on_the_way_is_begun_again():
    """The keeper goes on, says so without what the error may hold, and does not wait for ever."""
    now = 1_700_000_000.0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        folder = os.path.join(place, "authsome", "run")
        texts = dict.fromkeys(Plan.TEXTS, "") | {"folder": folder, "delivery": "env"}
        owner = dict.fromkeys(("account_id", "base_url", "provider_base_url"))
        bound = Bound("1", Reference("acme", "work"), **owner, templates={}, keys={})
        state = State(generation=1, expires_at=now + 9, lifetime=10, renewable=True, refused=False, values={})
        plan = Plan(
            Place(place, "v", "1", ""), [bound], [state], pid=1, min_ttl=60, signal=0, environ={}, **texts
        )
        tending = Tending(plan, None, now=lambda: now)
        tending.begin()
        [held] = tending.held
        held.busy = True
        tending.stumble(KeyError("a secret"))
        assert held.renew_at(60) > now
        with open(os.path.join(folder, "record"), encoding="ascii") as file:
            record = file.read()
        assert "something unexpected (KeyError)" in record
        assert "a secret" not in record
        tending.end()


@linux
@pytest.mark.parametrize("later", [10.0, -7200.0])
def test_a_command_that_never_catches_its_signal_gets_it_all_the_same(later, tmp_path):
    """After a while, in which one that has just begun would have come to it; or if the clock is put back."""
    times = [1_700_000_000.3]
    texts = dict.fromkeys(Plan.TEXTS, "") | {"folder": str(tmp_path / "authsome" / "run"), "delivery": "env"}
    command = subprocess.Popen(["sleep", "600"])
    where = Place(str(tmp_path), "v", "1", "")
    plan = Plan(where, [], [], pid=command.pid, min_ttl=60, signal=signal.SIGUSR1, environ={}, **texts)
    watch = process.Watch(command.pid, os.pidfd_open(command.pid))
    tending = Tending(plan, watch, now=lambda: times[0])
    tending.begin()
    tending.news = True
    for _ in range(5):
        tending.step([])
        assert times[0] < tending.deadline() < times[0] + 1
        times[0] += 1
    assert tending.news
    assert command.poll() is None
    times[0] += later
    tending.step([])
    assert command.wait(60) == -signal.SIGUSR1
    assert tending.deadline() is None
    tending.end()


@linux
def test_what_a_process_heeds():
    script = (
        "import sys; from signal import *; signal(SIGHUP, print); signal(SIGUSR1, SIG_IGN)\n"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as one:
        one.stdout.readline()
        numbers = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        assert [process.heeds(one.pid, number) for number in numbers] == [True, True, False]
        one.stdin.close()
