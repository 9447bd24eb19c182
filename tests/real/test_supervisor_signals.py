"""Every signal arrives once, stops are seen by the caller, and neither of the two outlives the other."""

from __future__ import annotations

import ctypes
import os
import pty
import signal
import subprocess
import sys
import threading
import time

import pytest

from .supervised import PYTHON, Run, lives, python, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the supervisor's Linux half")

WAITS = python("tell(*map(int, sys.argv[1:])); say('ready', os.getpid()); forever()")
FOR_ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGRTMIN + 3]


def command(*numbers):
    return [*WAITS, *(str(int(number)) for number in numbers)]


def having(setup):
    """What runs `setup` before it becomes the rest; it says that it has."""
    code = f"import ctypes, fcntl, os, signal, sys, termios; {setup}; os.write(1, b'begun\\n')"
    return [*PYTHON, "-c", f"{code}; os.execv(sys.argv[1], sys.argv[1:])"]


def ready(run):
    """The command's pid."""
    word, _, pid = run.line().partition(" ")
    assert word == "ready"
    return int(pid)


def test_a_signal_to_the_group_arrives_once_and_so_does_the_next_one_to_us():
    with Run(command(*FOR_ALL)) as run:
        ready(run)
        for number in FOR_ALL * 3:
            os.killpg(run.pid, number)
            run.expect(f"got {int(number)}")
            run.is_silent(0.05)
            os.kill(run.pid, number)
            run.expect(f"got {int(number)}")
            run.is_silent(0.05)


def test_timeout_ends_it_as_it_ends_a_bare_one(need):
    """It signals its child, and then its group: twice, so that some are merged; never thrice."""
    for _ in range(3):
        with Run(command(signal.SIGTERM), before=[need("timeout"), "-k", "9", "0.5"]) as run:
            pid = ready(run)
            run.expect("got 15")
            more = []
            while line := run.line(0.2):
                more.append(line)
            assert more in ([], ["got 15"])
            os.kill(pid, signal.SIGKILL)
            run.end()


def test_one_that_was_killed_in_the_group_of_others_takes_the_terminals_signals_for_shared():
    """Whoever kills the third process loses what it knows; nothing arrives twice by the terminal."""
    ours, theirs = pty.openpty()
    with Run(command(signal.SIGINT), stdin=theirs, start_new_session=True, process_group=None) as run:
        pid = ready(run)
        (third,) = set(run.children()) - {pid}
        os.kill(third, signal.SIGKILL)
        wait_for(lambda: run.children() == [pid])
        os.kill(run.pid, signal.SIGINT)
        run.expect("got 2")
        run.is_silent(0.1)
    os.close(ours)
    os.close(theirs)


def test_a_value_that_was_queued_arrives_with_its_signal():
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
number = signal.SIGRTMIN + 5
signal.pthread_sigmask(signal.SIG_BLOCK, [number]); say('ready', os.getpid())
wanted = (1 << (number - 1)).to_bytes(128, sys.byteorder)
for _ in range(3):
    info = ctypes.create_string_buffer(128)
    libc.sigwaitinfo(wanted, info)
    number = lambda first, last: int.from_bytes(info.raw[first:last], sys.byteorder, signed=True)
    say(number(8, 12), number(24, 32))
"""
    values = [1, 12345678901234567, 0]
    with Run(python(code)) as run:
        ready(run)
        for value in values:
            ctypes.CDLL(None).sigqueue(run.pid, int(signal.SIGRTMIN + 5), ctypes.c_void_p(value))
        run.expect(*(f"-1 {value}" for value in values))
        assert run.end() == 0


def test_what_queues_arrives_as_often_as_it_was_sent():
    number = signal.SIGRTMIN + 2
    code = f"""
signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number)}]); say('ready', os.getpid())
for _ in range(300): signal.sigwait([{int(number)}])
say('all', signal.sigtimedwait([{int(number)}], 0.3))
"""
    with Run(python(code)) as run:
        ready(run)
        for _ in range(100):
            os.kill(run.pid, number)
            os.killpg(run.pid, number)
            os.kill(run.pid, number)
        run.expect("all None")


def test_a_signal_of_the_command_to_its_parent_goes_to_ours():
    got = threading.Event()
    previous = signal.signal(signal.SIGUSR2, lambda *_: got.set())
    try:
        with Run([*python("os.kill(os.getppid(), signal.SIGUSR2); say('sent'); forever()")]) as run:
            run.expect("sent")
            wait_for(got.is_set)
            assert run.process.poll() is None
    finally:
        signal.signal(signal.SIGUSR2, previous)


@pytest.mark.parametrize("delay", [n / 500 for n in range(30)])
def test_an_early_signal_is_not_lost(delay):
    """At any moment of the start: it ends by that, and nothing of it is left."""
    with Run(python("say('ready', os.getpid()); forever()")) as run:
        time.sleep(delay)
        os.kill(run.pid, signal.SIGTERM)
        assert run.end() == -signal.SIGTERM
        line = run.line()
        assert line is None or not lives(int(line.split()[1]))


@pytest.mark.parametrize("delay", [n / 500 for n in range(0, 30, 3)])
def test_an_early_signal_to_the_group_arrives_once(delay):
    """Seen by a command that has it blocked from the start, as its caller had."""
    code = """
time.sleep(0.3)
said = 0
while signal.sigtimedwait([40], 0.3): said += 1
say('got', said)
"""
    with Run(python(code), before=having("signal.pthread_sigmask(signal.SIG_BLOCK, [40])")) as run:
        run.expect("begun")
        time.sleep(delay)
        os.killpg(run.pid, 40)  # one that queues, so that twice is seen
        run.expect("got 1")


STOPS = [(signal.SIGSTOP, "command")]  # nobody can pass that one on
STOPS += [
    (number, to)
    for to in ("command", "us", "group")
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
]


@pytest.mark.parametrize(("number", "to"), STOPS, ids=[f"{to}-{number.name}" for number, to in STOPS])
def test_it_stops_as_the_command_stops_and_goes_on_with_it(number, to):
    with Run(command(signal.SIGCONT)) as run:
        pid = ready(run)
        for _ in range(3):
            if to == "group":
                os.killpg(run.pid, number)
            else:
                os.kill(pid if to == "command" else run.pid, number)
            _, status = os.waitpid(run.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            assert os.WSTOPSIG(status) == number
            if to == "group":
                os.killpg(run.pid, signal.SIGCONT)
            else:
                os.kill(run.pid, signal.SIGCONT)
            _, status = os.waitpid(run.pid, os.WCONTINUED)
            assert os.WIFCONTINUED(status)
            run.expect(f"got {int(signal.SIGCONT)}")
            run.is_silent(0.1)
            assert os.waitpid(run.pid, os.WNOHANG | os.WUNTRACED)[0] == 0


def test_we_are_stopped_and_continued_and_meanwhile_nothing_is_lost():
    with Run(command(signal.SIGUSR1, signal.SIGCONT)) as run:
        ready(run)
        os.kill(run.pid, signal.SIGSTOP)
        os.waitpid(run.pid, os.WUNTRACED)
        os.kill(run.pid, signal.SIGUSR1)
        run.is_silent(0.1)
        os.kill(run.pid, signal.SIGCONT)
        assert sorted([run.line(), run.line()]) == ["got 10", "got 18"]
        os.kill(run.pid, signal.SIGTERM)
        assert run.end() == -signal.SIGTERM


def test_the_command_is_gone_when_we_are_killed():
    with Run(command()) as run:
        pid = ready(run)
        others = run.children()
        assert pid in others
        run.process.kill()
        run.end()
        for each in others:
            wait_for(lambda each=each: not lives(each))


def test_a_hang_up_reaches_it_when_we_lead_the_session():
    """As under `xterm -e`, `ssh -t host`, `docker -it`: the kernel tells the leader alone."""
    ours, theirs = pty.openpty()
    how = {"stdin": theirs, "start_new_session": True, "process_group": None}
    with Run(command(signal.SIGHUP), before=having("fcntl.ioctl(0, termios.TIOCSCTTY, 0)"), **how) as run:
        run.expect("begun")
        ready(run)
        os.close(theirs)
        os.close(ours)
        run.expect("got 1")
        run.is_silent(0.1)
        os.kill(run.pid, signal.SIGTERM)
        assert run.end() == -signal.SIGTERM


def test_a_hang_up_ends_both_when_a_shell_leads_the_session():
    ours, theirs = pty.openpty()
    lead = (
        "import fcntl, os, subprocess, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        " print(process := subprocess.Popen(sys.argv[1:]).pid, flush=True); os.waitpid(process, 0)"
    )
    how = {"stdin": theirs, "start_new_session": True, "process_group": None}
    with Run(python("say('ready', os.getpid()); forever()"), before=[*PYTHON, "-c", lead], **how) as run:
        us = int(run.line())
        pid = ready(run)
        os.close(theirs)
        os.close(ours)
        assert run.end() == -signal.SIGHUP
        wait_for(lambda: not lives(pid) and not lives(us))


IGNORED, BLOCKED = "signal.signal(17, signal.SIG_IGN)", "signal.pthread_sigmask(signal.SIG_BLOCK, [17])"


@pytest.mark.parametrize("setup", [IGNORED, BLOCKED], ids=["ignored", "blocked"])
@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", -9)])
def test_the_end_is_seen_whatever_our_caller_does_about_children(setup, script, code):
    with Run(["sh", "-c", script], before=having(setup)) as run:
        assert run.end() == code


def test_of_several_children_that_end_at_once_the_command_is_one():
    """CHLD does not count. The command's end is seen among those of a hundred orphans that come to us."""
    code = """
for _ in range(100):
    if os.fork() == 0:
        if os.fork() == 0: time.sleep(0.3)
        os._exit(0)
    os.wait()
time.sleep(0.3); os._exit(9)
"""
    with Run(python(code), before=having("ctypes.CDLL(None).prctl(36, 1)")) as run:
        assert run.end() == 9


# Process 1


@pytest.fixture
def first(need):
    """The words before a command that make it process 1."""
    before = [need("unshare"), "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*before, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces here")
    return before


ORPHANS = int(os.environ.get("SUPERVISOR_ORPHANS", "2000"))
"""10,000 were tried; that takes ten seconds and more."""


def test_as_process_1_it_reaps_thousands_of_orphans(first):
    code = """
pids = lambda: [pid for pid in os.listdir('/proc') if pid.isdigit()]
state = lambda pid: open(f'/proc/{pid}/stat').read().rpartition(') ')[2][0]
assert os.getppid() == 1
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        os.fork()
        os._exit(0)
    os.waitpid(pid, 0)
for _ in range(1000):
    if len(pids()) <= 3: break
    time.sleep(0.01)
say(*sorted(map(state, pids())))
"""
    with Run([*python(code), str(ORPHANS)], before=first) as run:
        run.expect("R S S")  # itself, us, and the third
        assert run.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_as_process_1_it_ends_by_what_the_kernel_would_not_deliver(first, number):
    """And with the exit code that says so, since process 1 cannot die of its own signal."""
    with Run(python("say('ready', 0); forever()"), before=first) as run:
        ready(run)
        (us,) = run.children()
        os.kill(us, number)
        assert run.end() == 128 + number


def test_as_process_1_it_ends_with_the_command_whoever_is_left(first):
    with Run(["sh", "-c", "sleep 600 & setsid sleep 600 & echo begun; exit 5"], before=first) as run:
        run.expect("begun")
        assert run.end() == 5


# What is left of our caller's


def test_nothing_of_our_callers_is_held():
    reading, writing = os.pipe()
    with Run(command(), stdin=subprocess.DEVNULL, stderr=writing, pass_fds=[writing]) as run:
        os.close(writing)
        pid = ready(run)
        others = [run.pid, *(set(run.children()) - {pid})]
        assert len(others) == 2
        for other in others:
            wait_for(lambda other=other: not any(name.startswith("pipe:") for name in files(other)))
        assert sum(name.startswith("pipe:") for name in files(pid)) == 3
    os.close(reading)


def files(pid):
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]


def test_it_is_small_and_sleeps():
    with Run(command()) as run:
        ready(run)
        time.sleep(0.3)
        before = run.told("voluntary_ctxt_switches")
        time.sleep(2)
        assert run.told("voluntary_ctxt_switches") == before
        assert run.told("VmRSS") <= 24 << 10
