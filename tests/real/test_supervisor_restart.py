"""`--on-expiry restart` and `stop`: all of the tree goes; the next command differs in its values alone."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios

import pytest

from .supervised import Run, lives, python, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the supervisor's Linux half")

OBEYS = "say('ready', os.getpid(), os.environ['VALUE']); forever()"
IGNORES = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" + OBEYS


@pytest.fixture
def fifo(tmp_path):
    return str(tmp_path / "fifo")


def ready(run, value):
    """The command's pid."""
    word, pid, found = run.line().split(" ", 2)
    assert (word, found) == ("ready", value)
    return int(pid)


def test_it_is_started_again_with_the_new_value(fifo):
    with Run(python(OBEYS), on_expiry="restart", fifo=fifo) as run:
        pids = [ready(run, "first")]
        for value in ("second", "third", "fourth"):
            run.tell(f"renew {value}")
            pids.append(ready(run, value))
            assert not lives(pids[-2])
        assert len(set(pids)) == 4
        os.kill(run.pid, signal.SIGTERM)
        assert run.end() == -signal.SIGTERM


def test_all_but_the_value_is_as_it_was(fifo, tmp_path):
    code = """
import fcntl, resource
libc = __import__('ctypes').CDLL(None)
def fds():
    found = []
    for n in range(20):
        try: found.append((n, os.fstat(n).st_ino, fcntl.fcntl(n, fcntl.F_GETFD)))
        except OSError: pass
    return found
names = ('SigBlk', 'SigIgn', 'SigCgt', 'ShdPnd', 'Umask')
status = [line for line in open('/proc/self/status') if line.split(':')[0] in names]
environ = {n: v for n, v in os.environ.items() if n not in ('VALUE', 'LISTEN_PID')}
listen = os.environ['LISTEN_PID'] == str(os.getpid())
ids = os.getpgrp(), os.getsid(0), os.getppid()
say(repr((sys.argv, os.getcwd(), ids, status, fds(), environ, listen)))
signal.signal(15, lambda *_: (say('got', 15), os._exit(0)))
say('ready', os.getpid(), os.environ['VALUE'])
forever()
"""
    setup = (
        "import os, signal, sys; os.umask(0o037); signal.signal(10, signal.SIG_IGN);"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [12]); os.dup2(1, 9);"
        "os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    before = [sys.executable, "-I", "-S", "-c", setup]
    with Run(
        [*python(code), "", "a b", "\n"], on_expiry="restart", fifo=fifo, before=before, cwd=folder
    ) as run:
        first = run.line()
        assert r"Umask:\t0037" in first
        assert first.endswith(", True)")
        ready(run, "first")
        folder.rename(tmp_path / "elsewhere")
        run.tell("renew second")
        run.expect("got 15")
        assert run.line() == first.replace(str(folder), str(tmp_path / "elsewhere"))
        ready(run, "second")


def test_a_command_that_ignores_term_is_killed_after_the_grace(fifo):
    with Run(python(IGNORES), on_expiry="restart", grace=0.3, fifo=fifo) as run:
        pid = ready(run, "first")
        run.tell("renew second")
        ready(run, "second")
        assert not lives(pid)


def test_a_stopped_command_can_be_restarted(fifo):
    """Stopped by somebody else's hand, while we run on: as by a debugger."""
    how = {"start_new_session": True, "process_group": None}
    code = "def term(*_): say('term'); os._exit(0)\nsignal.signal(15, term); os.setpgid(0, 0);" + OBEYS
    with Run(python(code), on_expiry="restart", fifo=fifo, **how) as run:
        pid = ready(run, "first")
        os.kill(pid, signal.SIGTTIN)  # which cannot stop us, whose group is an orphaned one
        wait_for(lambda: state(pid) == "T")
        run.tell("renew second")
        run.expect("term")
        ready(run, "second")


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(") ")[2][0]


FAMILY = """
ours, theirs = os.pipe()
if os.fork() == 0:
    os.setsid()
    signal.signal(15, {handler})
    if os.fork() == 0:
        say('grandchild', os.getpid())
        os.write(theirs, b'x')
        forever()
    os._exit(0)
os.wait()
os.read(ours, 1)
"""


@pytest.mark.parametrize("handler", ["signal.SIG_DFL", "signal.SIG_IGN"], ids=["obeying", "ignoring"])
@pytest.mark.parametrize("main", [OBEYS, IGNORES], ids=["obeys", "ignores"])
def test_grandchildren_in_sessions_of_their_own_go_too(fifo, handler, main):
    code = FAMILY.format(handler=handler) + main
    with Run(python(code), on_expiry="restart", grace=0.5, fifo=fifo) as run:
        grandchild = int(run.line().split()[1])
        ready(run, "first")
        run.tell("renew second")
        second = int(run.line().split()[1])
        ready(run, "second")
        assert not lives(grandchild)
        os.kill(run.pid, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)


def test_who_is_killed_is_killed_with_all_below(fifo):
    """They are not asked again, who have had the grace, too."""
    code = """
if os.fork() == 0:
    signal.signal(15, lambda *_: say('asked'))
    say('child', os.getpid())
    while True: signal.pause()
time.sleep(0.3)
"""
    with Run(python(code + IGNORES), on_expiry="restart", grace=0.3, fifo=fifo) as run:
        child = int(run.line().split()[1])
        ready(run, "first")
        run.tell("renew second")
        second = int(run.line().split()[1])
        ready(run, "second")
        assert not lives(child)
        assert lives(second)
        os.kill(run.pid, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)


def test_grandchildren_stay_when_it_ends_by_itself(fifo):
    code = FAMILY.format(handler="signal.SIG_DFL") + "os._exit(4)"
    with Run(python(code), on_expiry="restart", fifo=fifo) as run:
        grandchild = int(run.line().split()[1])
        assert run.end() == 4
        assert lives(grandchild)
        os.kill(grandchild, signal.SIGKILL)


def test_children_of_our_caller_are_none_of_the_command(fifo):
    """Whoever execs us may have some; they come with the pid."""
    setup = (
        "import os, signal, sys, time; pid = os.fork()\n"
        "if pid == 0: time.sleep(60); os._exit(0)\n"
        "os.write(1, b'%d\\n' % pid); os.execv(sys.argv[1], sys.argv[1:])"
    )
    before = [sys.executable, "-I", "-S", "-c", setup]
    with Run(python(IGNORES), on_expiry="restart", grace=0.2, fifo=fifo, before=before) as run:
        other = int(run.line())
        ready(run, "first")
        run.tell("renew second")
        ready(run, "second")
        assert lives(other)
        os.kill(other, signal.SIGKILL)


def test_several_tokens_at_once_are_one_restart(fifo):
    with Run(python(OBEYS), on_expiry="restart", fifo=fifo) as run:
        ready(run, "first")
        run.tell("more 1")
        for number in range(10):
            run.tell(f"renew {number}")
        ready(run, "9")
        run.is_silent()


@pytest.mark.parametrize("code", [0, 1, 143])
def test_a_command_that_ended_by_itself_is_not_started_again(fifo, code):
    with Run(python(f"say('once'); os._exit({code})"), on_expiry="restart", fifo=fifo) as run:
        assert run.end() == code
        run.expect("once")
        assert run.line() is None


def test_one_that_fails_at_once_after_a_restart_is_tried_again_with_pauses(fifo, tmp_path):
    """Until it stays; `TERM` in between ends all."""
    tries = tmp_path / "tries"
    code = f"""
with open({str(tries)!r}, 'a+') as file:
    file.write('x'); file.seek(0)
    n = len(file.read())
say('ready', os.getpid(), os.environ['VALUE'])
if os.environ['VALUE'] == 'second' and n < 4: os._exit(1)
if os.environ['VALUE'] == 'third': os._exit(1)
forever()
"""
    with Run(python(code), on_expiry="restart", fifo=fifo) as run:
        ready(run, "first")
        run.tell("renew second")
        for _ in range(3):
            ready(run, "second")
        assert run.process.poll() is None
        run.tell("renew third")
        ready(run, "third")
        wait_for(lambda: len(run.children()) == 1)
        os.kill(run.pid, signal.SIGTERM)
        assert run.end() == -signal.SIGTERM
    with open(f"{fifo}.said", encoding="utf-8") as file:
        said = file.read().splitlines()
    assert said[:2] == [
        f"started again, the command ended at once with 1; tried again in {pause}s" for pause in (1, 2)
    ]
    assert len(said) == 3


def test_term_while_it_is_being_replaced_ends_all(fifo):
    code = "signal.signal(15, lambda *_: say('term'));" + OBEYS
    with Run(python(code), on_expiry="restart", grace=1.0, fifo=fifo) as run:
        ready(run, "first")
        run.tell("renew second")
        run.expect("term")
        os.kill(run.pid, signal.SIGTERM)
        run.expect("term")
        assert run.end() == -signal.SIGKILL
        assert run.line() is None


def test_term_ends_it_though_there_is_a_new_value_while_it_ends(fifo):
    code = """
def late(*_): say('term'); time.sleep(1); os._exit(7)
signal.signal(15, late); say('ready', os.getpid(), os.environ['VALUE']); forever()
"""
    with Run(python(code), on_expiry="restart", grace=0.2, fifo=fifo) as run:
        ready(run, "first")
        os.kill(run.pid, signal.SIGTERM)
        run.expect("term")
        run.tell("renew second")
        assert run.end() == 7
        assert run.line() is None


def test_a_new_value_while_it_is_being_replaced_is_no_second_restart(fifo):
    code = """
def late(*_): say('term'); time.sleep(0.5); os._exit(0)
signal.signal(15, late); say('ready', os.getpid(), os.environ['VALUE']); forever()
"""
    with Run(python(code), on_expiry="restart", fifo=fifo) as run:
        ready(run, "first")
        run.tell("renew second")
        run.expect("term")
        run.tell("renew third")
        ready(run, "third")
        run.is_silent()


def test_one_that_cannot_be_started_again_is_said_and_tried_again(fifo, tmp_path):
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho ready $$ "$VALUE"\nexec sleep 600\n')
    program.chmod(0o700)
    with Run([str(program)], on_expiry="restart", fifo=fifo) as run:
        ready(run, "first")
        program.rename(tmp_path / "away")
        run.tell("renew second")
        wait_for(lambda: "cannot run" in run.said())
        (tmp_path / "away").rename(program)
        ready(run, "second")


def test_one_that_cannot_be_started_at_all_ends_as_without_us(fifo):
    for command, code in (["no-such-command"], 127), (["/etc/passwd"], 126):
        with Run(command, on_expiry="restart", fifo=fifo, stderr=subprocess.PIPE) as run:
            assert run.end() == code
            assert b"cannot run" in run.process.stderr.read()


def test_the_terminal_is_sane_after_a_command_that_was_killed_in_raw_mode(fifo):
    """And in the foreground of a group of its own, as a shell would be."""
    code = """
import termios, tty
if os.environ['VALUE'] == 'first':
    signal.signal(15, signal.SIG_IGN); signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setpgid(0, 0); os.tcsetpgrp(0, os.getpgrp()); tty.setraw(0)
else:
    say(bool(termios.tcgetattr(0)[3] & termios.ICANON), os.tcgetpgrp(0) == os.getpgrp())
say('ready', os.getpid(), os.environ['VALUE']); forever()
"""
    lead = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        " os.execv(sys.argv[1], sys.argv[1:])"
    )
    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    how = {"stdin": theirs, "start_new_session": True, "process_group": None}
    before = [sys.executable, "-I", "-S", "-c", lead]
    with Run(python(code), on_expiry="restart", grace=0.2, fifo=fifo, before=before, **how) as run:
        ready(run, "first")
        assert termios.tcgetattr(theirs) != modes
        run.tell("renew second")
        run.expect("True True")
        ready(run, "second")
        assert termios.tcgetattr(theirs) == modes
    os.close(ours)
    os.close(theirs)


def test_when_its_token_is_dead_it_is_ended(fifo):
    code = "def late(*_): say('term'); os._exit(9)\nsignal.signal(15, late);" + OBEYS
    with Run(python(code), on_expiry="stop", fifo=fifo) as run:
        ready(run, "first")
        run.tell("renew second")
        run.is_silent()
        run.tell("die")
        run.expect("term")
        assert run.end() == 9


def test_when_its_token_is_dead_and_it_does_not_listen_all_of_it_is_killed(fifo):
    code = FAMILY.format(handler="signal.SIG_IGN") + IGNORES
    with Run(python(code), on_expiry="stop", grace=0.3, fifo=fifo) as run:
        grandchild = int(run.line().split()[1])
        ready(run, "first")
        run.tell("die")
        assert run.end() == -signal.SIGKILL
        assert not lives(grandchild)


def test_it_is_small_though_it_had_to_kill(fifo):
    with Run(python(IGNORES), on_expiry="restart", grace=0.2, fifo=fifo) as run:
        ready(run, "first")
        for number in range(5):
            run.tell(f"renew {number}")
            ready(run, str(number))
        assert run.told("VmHWM") <= 24 << 10


def test_a_mistake_of_ours_ends_nothing(fifo):
    """It is said; after a rest all goes on as before."""
    with Run(python(OBEYS), on_expiry="restart", fifo=fifo) as run:
        ready(run, "first")
        run.tell("stumble second")
        wait_for(lambda: "RuntimeError" in run.said())
        ready(run, "second")
        run.tell("renew third")
        ready(run, "third")
