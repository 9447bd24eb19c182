"""Pipes, locks, job servers and statuses: what a caller sees of a command that we run, as if it were bare."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the keeper's Linux half")

PATH = {"PATH": os.environ["PATH"]}
RUNS = int(os.environ.get("TRANSPARENCY_RUNS", "256"))
TIMEOUT_S = float(os.environ.get("TRANSPARENCY_TIMEOUT_S", "60"))


def wait_for(what, timeout=TIMEOUT_S):
    deadline = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return found


def read_line(process):
    """What the process writes next; it is ended if that takes too long."""
    if not select.select([process.stdout], [], [], TIMEOUT_S)[0]:
        process.kill()
    return process.stdout.readline()


def shell(wrapper, script, **how):
    """`script` in sh, with the wrapper's words as "$@"."""
    how = {"capture_output": True, "timeout": TIMEOUT_S, "env": PATH, **how}
    return subprocess.run(["sh", "-c", script, "sh", *wrapper], check=False, **how)


def test_a_reader_sees_the_end_when_the_command_closes_its_output(wrapper):
    script = '"$@" sh -c "echo word; exec >&- 2>&-; sleep 60" | { cat; echo end; kill 0; }'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *wrapper],
        stdout=subprocess.PIPE,
        bufsize=0,
        env=PATH,
        check=False,
        timeout=TIMEOUT_S,
        start_new_session=True,
    )
    assert done.stdout == b"word\nend\n"


def test_a_writer_sees_that_the_command_closed_its_input(wrapper):
    process = subprocess.Popen(
        [*wrapper, "sh", "-c", "exec <&-; echo closed; exec sleep 60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=PATH,
    )
    assert read_line(process) == b"closed\n"
    with pytest.raises(BrokenPipeError):
        os.write(process.stdin.fileno(), b"x")
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def test_a_lock_is_free_when_the_command_lets_go(wrapper, need, tmp_path):
    need("flock")
    script = (
        '( exec 9>lock; flock 9; exec "$@" sh -c "exec 9>&-; echo gone; exec sleep 60" )'
        " | { read word; flock -n lock echo $word; kill 0; }"
    )
    done = shell(wrapper, script, cwd=tmp_path, start_new_session=True)
    assert done.stdout == b"gone\n"


def test_makes_job_server_is_at_hand(wrapper, need, tmp_path):
    (tmp_path / "Makefile").write_text("all: a b\na b:\n\t+@$(WRAP) $(MAKE) -s -f sub $@-one $@-two\n")
    (tmp_path / "sub").write_text("%:\n\t@echo $@\n")
    done = subprocess.run(
        [need("make"), "-j2", "-s", f"WRAP={' '.join(wrapper)}"],
        cwd=tmp_path,
        env=PATH,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == ["a-one", "a-two", "b-one", "b-two"]


def test_a_background_job_outlives_the_command(wrapper):
    done = shell(wrapper, '"$@" sh -c "sleep 60 >/dev/null 2>&1 & echo \\$!"')
    child = int(done.stdout)
    time.sleep(0.2)
    os.kill(child, 0)
    os.kill(child, signal.SIGKILL)


def test_a_gigabyte_passes(wrapper):
    done = shell(wrapper, 'head -c 1073741824 /dev/zero | "$@" cat | wc -c')
    assert done.stdout.split() == [b"1073741824"]


def test_the_command_gets_every_signal_once(wrapper):
    code = (
        "import os, signal, sys\n"
        "numbers = [n for n in signal.valid_signals() if n not in (9, 17, 19, 32, 33)]\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n"
        "print('ready', flush=True)\n"
        "while True: print(signal.sigwait(numbers), flush=True)"
    )
    process = subprocess.Popen(
        [*wrapper, sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, bufsize=0, env=PATH
    )
    assert read_line(process) == b"ready\n"
    numbers = [int(n) for n in signal.valid_signals() if n not in (9, 17, 19, 32, 33)]
    for number in numbers:
        process.send_signal(number)
        assert read_line(process) == b"%d\n" % number
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ('echo x | xargs "$@" sh -c "exit 255"', 124),
        ('echo x | xargs "$@" sh -c "kill -9 \\$\\$"', 125),
        ('timeout 0.5 "$@" sleep 60', 124),
        ('timeout -s KILL 0.5 "$@" sleep 60', 137),
        ('"$@" sh -c "kill -TERM \\$\\$"', 143),
        ('"$@" no-such-command 2>/dev/null', 127),
        ('"$@" /etc/passwd 2>/dev/null', 126),
    ],
)
def test_callers_understand_how_it_ended(wrapper, script, code):
    if not wrapper and "2>" in script:
        script = script.replace('"$@"', "env")
    assert shell(wrapper, script).returncode == code


def test_the_working_directory_is_not_pinned_and_nobody_is_left_in_it(wrapper, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    process = subprocess.Popen(
        [*wrapper, "sh", "-c", "cd /; echo moved; exec sleep 60"],
        cwd=folder,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=PATH,
    )
    assert read_line(process) == b"moved\n"
    users = [pid for pid in os.listdir("/proc") if pid.isdigit() and cwd(pid) == str(folder)]
    assert users == []
    process.kill()
    process.wait()
    process.stdout.close()


def cwd(pid):
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


# Many runs


@pytest.fixture
def memory():
    """A runtime folder in memory, to see what is left there."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield {**PATH, "XDG_RUNTIME_DIR": folder, "HOME": folder}
        assert os.listdir(folder) == []


def keepers(home):
    """The process ids of those that were started with that HOME, which they keep."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if b"HOME=" + os.fsencode(home) in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            continue
    return found


def test_hundreds_of_runs_one_after_another_and_fifty_at_once(wrapper, memory):
    """Each exit code there is, in turn; afterwards no process and no file."""

    def run(number):
        return subprocess.run(
            [*wrapper, "sh", "-c", f"exit {number % 256}"], env=memory, check=False
        ).returncode

    stays = any(word.endswith("supervised.py") for word in wrapper)  # it leaves nothing beside
    for number in range(RUNS // 8 if stays else RUNS):
        assert run(number) == number % 256
    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(run, range(50))) == list(range(50))
    wait_for(lambda: not os.listdir(memory["XDG_RUNTIME_DIR"]))
    wait_for(lambda: not keepers(memory["HOME"]))
