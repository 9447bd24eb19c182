"""A supervised command whose output is masked: restarts, slow readers, ends."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys

import pytest
from real.masked import made_up
from real.supervised import PYTHON, TELL, Run, lives, python, wait_for, words

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the supervisor's Linux half")

MUCH = 3_000_000
"""More than all the pipes in between hold."""


@pytest.fixture
def fifo(tmp_path):
    return tmp_path / "fifo"


def test_each_start_is_masked_with_the_values_of_all_starts(fifo):
    values = [made_up() for _ in range(3)]
    code = f"say(os.environ['VALUE'][:2], os.environ['VALUE'], {values[0]!r}); forever()"
    with Run(python(code), on_expiry="restart,mask", fifo=fifo) as run:
        assert run.line().startswith("fi first ")  # too short to be masked
        for value in values:
            run.tell(f"renew {value}")
            run.expect(f"{value[:2]} *** ***")


@pytest.mark.parametrize("word", ["renew", "stumble"])
def test_what_is_renewed_is_masked_in_the_command_that_has_it_from_elsewhere(fifo, tmp_path, word):
    """Without a restart, and though the work has met something unexpected right after it."""
    value = made_up()
    os.mkfifo(tmp_path / "said")
    code = f"\nfor line in open({str(tmp_path / 'said')!r}): say(line.strip())\nforever()"
    with Run(python(code), on_expiry="none,mask", fifo=fifo) as run:
        run.tell(f"{word} {value}")
        wait_for(lambda: not select.select([os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)], [], [], 0)[0])
        (tmp_path / "said").write_text(f"{value} and more\n")
        run.expect("*** and more")


def test_all_output_of_one_comes_before_that_of_the_next(fifo):
    """However slowly it is read: the first one fills what is between, and ends."""
    code = f"""
def end(*_):
    os.write(1, b'e' * {MUCH}); say(''); os._exit(0)
signal.signal(signal.SIGTERM, end); say(os.environ['VALUE']); forever()
"""
    with Run(python(code), on_expiry="restart,mask", fifo=fifo) as run:
        run.expect("first")
        run.tell("renew second")
        wait_for(lambda: select.select([run.process.stdout], [], [], 0)[0])
        assert len(run.line()) == MUCH
        run.expect("second")


def test_term_ends_one_whose_reader_does_not_read(fifo):
    """It has ended, and its output waits, as it would in a pipe."""
    code = "say(os.getpid()); os.write(1, b'e' * 900_000); os._exit(7)"
    with Run(python(code), on_expiry="none,mask", fifo=fifo) as run:
        command = int(run.line())
        wait_for(lambda: command not in run.children())
        assert run.process.poll() is None
        run.process.terminate()
        assert run.end() == 7
        assert len(run.rest()) == 900_000


def test_a_group_that_is_ended_loses_no_output():
    """The signal may come to us after the news of the command's end."""
    code = "trap 'head -c 200000 /dev/zero; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    with Run(["sh", "-c", code], on_expiry="none,mask") as run:
        run.expect("ready")
        os.killpg(run.pid, signal.SIGTERM)
        assert len(run.rest()) == 200_000
        assert run.end() == 3


PASSES_ON = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from authsome_env.supervise import signals
from authsome_env.supervise.last_words import pass_on
from authsome_env.supervise.streams import Streams
signals.block()
streams = Streams([], now=time.time)
pid = streams.fork()
if not pid:
    os.write(1, b"e" * 900_000)
    os._exit(0)
os.waitpid(pid, 0)
pass_on(streams, signals.Signals(), is_asked=True, now=time.time)
"""


def test_what_is_read_is_passed_on_though_somebody_wants_the_end():
    package = os.path.abspath(f"{__file__}/../../..")
    words = [*PYTHON, "-c", PASSES_ON, package]
    assert subprocess.run(words, capture_output=True, check=True, timeout=60).stdout == b"e" * 900_000


def test_term_during_a_slow_end_of_the_old_one_ends_all(fifo):
    code = """
def end(*_):
    os.write(1, b'e' * 900_000); os._exit(0)
signal.signal(signal.SIGTERM, end); say(os.getpid()); forever()
"""
    with Run(python(code), on_expiry="restart,mask", fifo=fifo) as run:
        command = int(run.line())
        run.tell("renew second")
        wait_for(lambda: command not in run.children())
        run.process.terminate()
        assert run.end() == 0
        assert run.rest() == b"e" * 900_000


def test_what_cannot_be_started_is_said_at_a_sane_terminal():
    pid, master = pty.fork()
    if not pid:
        code = f"stty -g; {' '.join(words('none,mask'))} no-such-command; echo rc=$?; stty -g"
        os.execvp("sh", ["sh", "-c", code])
    seen = _read_all(master)
    os.waitpid(pid, 0)
    before, *said, after = seen.split()
    assert before == after
    assert b"rc=127" in said


def test_between_two_tries_the_terminal_is_the_callers(fifo, tmp_path):
    """A command that fails at once after a restart: meanwhile ^C is not a byte, but ends all."""
    os.mkfifo(fifo)
    code = TELL + "say('up', os.environ['VALUE']); os.environ['VALUE'] == 'first' or os._exit(9); forever()"
    command = [*words("restart,mask", 10.0, fifo), *PYTHON, "-c", code]
    pid, master = pty.fork()
    if not pid:
        os.execvp(command[0], command)
    assert b"up first" in _read_until(master, b"first")
    fifo.write_text("renew second\n")
    _read_until(master, b"up second")
    wait_for(lambda: b"isig" in _modes(pid).split())
    os.write(master, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGINT
    os.close(master)


def _modes(pid):
    with open(f"/proc/{pid}/fd/0") as terminal:
        return subprocess.run(["stty", "-a"], stdin=terminal, capture_output=True, check=True).stdout


def _read_until(master, text):
    seen = b""
    while text not in seen:
        seen += os.read(master, 4096)
    return seen


def _read_all(master):
    seen = b""
    try:
        while chunk := os.read(master, 4096):
            seen += chunk
    except OSError:
        pass
    return re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen)


@pytest.mark.parametrize("on_expiry", ["none,mask", "restart,mask"])
def test_it_dies_with_its_wrapper(on_expiry, fifo):
    with Run(python("say(os.getpid()); forever()"), on_expiry=on_expiry, fifo=fifo) as run:
        command = int(run.line())
        run.process.kill()
        run.end()
        wait_for(lambda: not lives(command))


def test_a_tree_is_ended_and_none_of_ours_with_it(fifo):
    """At a terminal: the session has a leader of ours below us, and a grandchild a session of its own."""
    os.mkfifo(fifo)
    code = TELL + (
        "\nimport subprocess; child = subprocess.Popen(['setsid', 'sleep', '600'])\n"
        "say('up', os.getppid(), child.pid, os.environ['VALUE']); forever()"
    )
    command = [*words("restart,mask", 0.2, fifo), *PYTHON, "-c", code]
    shell = f"set -m; {' '.join(map(_quoted, command))}; :"  # a job, so that its group is no orphaned one
    pid, master = pty.fork()
    if not pid:
        os.execvp("bash", ["bash", "--norc", "-c", shell])
    found = [_read_until(master, b" first")]
    for _ in range(3):
        fifo.write_text(f"renew {made_up()}\n")
        found.append(_read_until(master, b" ***"))
    (wrapper, *_), *_ = told = [tuple(map(int, each.split()[-3:-1])) for each in found]
    *others, last = [child for _, child in told]
    assert not any(map(lives, others))
    leader, command = _children(wrapper)
    assert (len(_children(leader)), _children(command)) == (1, [last])
    os.kill(last, signal.SIGKILL)
    os.write(master, b"\x03")
    os.waitpid(pid, 0)
    os.close(master)


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(each) for each in file.read().split()]


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"
