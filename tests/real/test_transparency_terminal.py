"""At a terminal, under an interactive bash: a command that we run is a job like any other."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time

import pexpect
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the keeper's Linux half")

TIMEOUT_S = float(os.environ.get("TRANSPARENCY_TIMEOUT_S", "60"))
PROMPT = "at your service> "
COUNTER = """
import os, signal, sys
def say(number, frame): os.write(1, f"<{signal.Signals(number).name}>\\n".encode())
for name in sys.argv[1:]: signal.signal(getattr(signal, name), say)
print("<ready>", flush=True)
for line in sys.stdin: print(f"<{line.strip()}>", flush=True)
print("<end>", flush=True)
"""


@pytest.fixture
def bash(need, tmp_path):
    """An interactive bash that has job control; it must still be there at the end."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb", "PS1": PROMPT}
    shell = pexpect.spawn(
        need("bash"),
        ["--norc", "--noprofile", "--noediting", "-i"],
        env=environ,
        timeout=TIMEOUT_S,
        encoding="utf-8",
    )
    shell.setecho(False)
    shell.expect_exact(PROMPT)
    yield shell
    shell.sendline("echo still $((40 + 2))")
    shell.expect_exact("still 42")
    shell.sendline("kill -KILL $(jobs -p) 2>/dev/null; exit")
    shell.expect(pexpect.EOF)
    shell.close()


@pytest.fixture
def line(wrapper):
    """`line("cat")`: what to type to run that by the wrapper."""
    return lambda *words: shlex.join([*wrapper, *words])


def test_one_interrupt_from_the_keyboard_is_one_interrupt(bash, line):
    bash.sendline(line(sys.executable, "-c", COUNTER, "SIGINT", "SIGQUIT"))
    bash.expect_exact("<ready>")
    for name, key in (("SIGINT", "c"), ("SIGQUIT", "\\"), ("SIGINT", "c")):
        bash.sendcontrol(key)
        bash.expect_exact(f"<{name}>")
        assert bash.expect(["<SIG", pexpect.TIMEOUT], timeout=0.2) == 1
    bash.sendline("word")
    bash.expect_exact("<word>")
    bash.sendcontrol("d")
    bash.expect_exact("<end>")
    bash.expect_exact(PROMPT)


def test_an_interrupt_breaks_the_loop_around_it(bash, line):
    bash.sendline(f"while true; do {line('sh', '-c', 'echo begun; exec sleep 60')}; done; echo over")
    bash.expect_exact("begun")
    bash.sendcontrol("c")
    assert bash.expect_exact(["begun", PROMPT]) == 1


def test_it_stops_and_goes_on_in_the_foreground_and_the_background(bash, line):
    bash.sendline(line(sys.executable, "-c", COUNTER, "SIGCONT"))
    bash.expect_exact("<ready>")
    bash.sendcontrol("z")
    bash.expect("Stopped")
    bash.expect_exact(PROMPT)
    bash.sendline("fg")
    bash.expect_exact("<SIGCONT>")
    bash.sendline("word")
    bash.expect_exact("<word>")
    bash.sendcontrol("d")
    bash.expect_exact("<end>")
    bash.expect_exact(PROMPT)


def test_in_the_background_it_stops_for_input(bash, line):
    bash.sendline(f"{line('cat')} &")
    bash.expect_exact(PROMPT)
    for _ in range(100):
        bash.sendline("jobs")
        if bash.expect(["Stopped", "Running"]) == 0:
            break
        bash.expect_exact(PROMPT)
        time.sleep(0.1)
    bash.expect_exact(PROMPT)
    bash.sendline("fg")
    bash.sendline("typed")
    bash.expect_exact("typed")
    bash.sendcontrol("d")
    bash.expect_exact(PROMPT)


def test_the_window_has_its_size_and_tells_of_changes(bash, line):
    bash.setwinsize(33, 77)
    code = (
        "import os, signal, time\n"
        "size = lambda *_: os.write(1, b'<%d %d>\\n' % tuple(os.get_terminal_size(0)))\n"
        "signal.signal(signal.SIGWINCH, size); size(); input()"
    )
    bash.sendline(line(sys.executable, "-c", code))
    bash.expect_exact("<77 33>")
    bash.setwinsize(20, 50)
    bash.expect_exact("<50 20>")
    bash.sendline("")
    bash.expect_exact(PROMPT)


def test_its_terminal_is_its_controlling_one(bash, line):
    script = "test -t 0 && test -t 1 && test -t 2 && echo yes >/dev/tty; ps -o tpgid=,pgid= -p $$"
    bash.sendline(line("sh", "-c", script))
    bash.expect_exact("yes")
    bash.expect(r"(\d+)\s+(\d+)")
    assert bash.match[1] == bash.match[2]
    bash.expect_exact(PROMPT)


def test_a_pipeline_is_one_job(bash, line):
    bash.sendline(f"cat | {line('sed', '-u', 's/.*/<&>/')}")
    bash.sendline("word")
    bash.expect_exact("<word>")
    bash.sendcontrol("c")
    bash.expect_exact(PROMPT)


def test_a_shell_in_it_has_jobs_of_its_own_and_is_one(bash, line, need):
    bash.sendline(line("env", "PS1=inner> ", need("bash"), "--norc", "--noprofile", "--noediting", "-i"))
    bash.expect_exact("inner> ")
    bash.sendline("echo begun; sleep 600")
    bash.expect_exact("begun\r\n")
    time.sleep(0.2)
    bash.sendcontrol("z")
    bash.expect("Stopped")
    bash.expect_exact("inner> ")
    bash.sendline("fg")
    bash.expect_exact("sleep 600")
    time.sleep(0.2)
    bash.sendcontrol("c")
    bash.expect_exact("inner> ")
    for _ in range(2):
        bash.sendline("suspend")
        bash.expect("Stopped")
        bash.expect_exact(PROMPT)
        bash.sendline("fg")
        bash.expect_exact("-i")
        bash.sendline("echo back $((40 + 2))")
        bash.expect_exact("back 42")
        bash.expect_exact("inner> ")
    bash.sendline("exit 3")
    bash.expect_exact(PROMPT)
    bash.sendline("echo ended $?")
    bash.expect_exact("ended 3")
    bash.expect_exact(PROMPT)


def test_the_shell_says_what_it_died_of(bash, line):
    bash.sendline(line("sh", "-c", f"kill -{int(signal.SIGTERM)} $$"))
    bash.expect_exact("Terminated")
    bash.expect_exact(PROMPT)
