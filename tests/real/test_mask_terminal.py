"""Job control, hang-ups and faults of a masked command at a terminal, under an interactive bash."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import time

import pexpect
import pytest
from real.masked import MASK_RUN, TIMEOUT_S, made_up, until
from real.supervised import lives

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the session's leader needs Linux")

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
def secret():
    return made_up()


@pytest.fixture
def bash(need, masking, secret, tmp_path):
    """An interactive bash that has job control; it must still be there at the end."""
    environ = {**masking(secret), "HOME": str(tmp_path), "TERM": "dumb", "PS1": PROMPT}
    words = ["--norc", "--noprofile", "--noediting", "-i"]
    shell = pexpect.spawn(need("bash"), words, env=environ, timeout=TIMEOUT_S, encoding="utf-8")
    shell.expect_exact(PROMPT)
    shell.sendline("stty -echo")  # by a job that ends well, so that bash keeps it
    shell.expect_exact(PROMPT)
    yield shell
    shell.sendline("echo still $((40 + 2))")
    shell.expect_exact("still 42")
    shell.sendline("kill -KILL $(jobs -p) 2>/dev/null; exit")
    shell.expect(pexpect.EOF)
    shell.close()


def masked(*words):
    return shlex.join([*MASK_RUN, *words])


def modes(bash):
    bash.sendline("echo modes=$(stty -g)=")
    bash.expect(r"modes=([0-9a-f:]+)=\r\n")
    found = bash.match[1]
    bash.expect_exact(PROMPT)
    return found


def test_one_interrupt_from_the_keyboard_is_one_interrupt(bash):
    bash.sendline(masked(sys.executable, "-c", COUNTER, "SIGINT", "SIGQUIT"))
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


def test_an_interrupt_breaks_the_loop_around_it(bash):
    bash.sendline(f"while true; do {masked('sh', '-c', 'echo begun; exec sleep 60')}; done; echo over")
    bash.expect_exact("begun")
    bash.sendcontrol("c")
    assert bash.expect_exact(["begun", PROMPT]) == 1


def test_it_stops_and_goes_on_in_the_foreground_and_the_background(bash):
    before = modes(bash)
    bash.sendline(masked(sys.executable, "-c", COUNTER, "SIGCONT"))
    bash.expect_exact("<ready>")
    bash.sendcontrol("z")
    bash.expect("Stopped")
    bash.expect_exact(PROMPT)
    assert modes(bash) == before
    bash.sendline("fg")
    bash.expect_exact("<SIGCONT>")
    assert bash.expect(["<SIG", pexpect.TIMEOUT], timeout=0.2) == 1
    bash.sendline("word")
    bash.expect_exact("<word>")
    bash.sendcontrol("z")
    bash.expect("Stopped")
    bash.expect_exact(PROMPT)
    bash.sendline("bg")
    bash.expect_exact("<SIGCONT>")
    bash.sendline("jobs")  # in the background, it stops as soon as it reads
    bash.expect("Stopped")
    bash.sendline("fg")
    bash.expect_exact("<SIGCONT>")
    bash.sendline("another")
    bash.expect_exact("<another>")
    bash.sendcontrol("d")
    bash.expect_exact("<end>")
    bash.expect_exact(PROMPT)
    assert modes(bash) == before


def test_in_the_background_it_writes_and_stops_when_it_reads(bash, secret):
    before = modes(bash)
    bash.sendline(masked("sh", "-c", 'echo "begun $S0 done"; read a; echo "got $a"') + " &")
    bash.expect_exact("begun *** done")
    until(lambda: bash.sendline("jobs") and bash.expect(["Stopped", "Running"]) == 0, "a stop")
    assert modes(bash) == before
    bash.sendline("fg")
    bash.expect_exact("read a")
    bash.sendline("word")
    bash.expect_exact("got word")
    bash.expect_exact(PROMPT)
    assert modes(bash) == before


def test_a_script_around_it_stops_and_is_interrupted_with_it(bash):
    """They are one process group, to which the keys of its terminal are sent."""
    program = shlex.quote(masked("sh", "-c", "echo begun; exec cat") + "; echo next")
    bash.sendline(f"sh -c {program}")
    bash.expect_exact("begun")
    bash.sendcontrol("z")
    bash.expect_exact("Stopped")
    bash.expect_exact(PROMPT)
    bash.sendline("fg")
    bash.expect_exact("begun")
    bash.sendline("word")
    bash.expect_exact("word")
    bash.sendcontrol("c")
    assert bash.expect_exact(["next", PROMPT]) == 1
    bash.sendline("echo rc=$?")
    bash.expect_exact("rc=130")


def test_a_job_in_it_is_interrupted_alone(bash):
    """One of a shell that is masked: it has a process group of its own."""
    inner = shlex.join(["env", "PS1=inner> ", "bash", "--norc", "--noprofile", "--noediting", "-i"])
    bash.sendline(f"sh -c {shlex.quote(f'{shlex.join(MASK_RUN)} {inner}; echo next')}")
    bash.expect_exact("inner> ")
    # Said by the job, which is in front by then; a key before that would be the shell's.
    bash.sendline("sh -c \"echo be''gun; exec sleep 1000\"")
    bash.expect_exact("begun")
    bash.sendcontrol("c")
    bash.expect_exact("inner> ")
    bash.sendline("exit")
    bash.expect_exact("next")
    bash.expect_exact(PROMPT)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="setarch has another name for it")
def test_a_machine_by_its_older_name(bash, need):
    bash.sendline(f"{need('setarch')} i686 {masked('uname', '-m')}")
    bash.expect_exact("i686")
    bash.expect_exact(PROMPT)


def test_begun_in_the_background_it_has_the_modes_of_the_foreground(bash):
    """Not those that the line editor of a shell has set while it began."""
    bash.sendline("stty -icanon -icrnl")
    bash.expect_exact(PROMPT)
    bash.sendline(masked("sh", "-c", 'echo begun; read a; echo "got $a"') + " &")
    bash.expect_exact("begun")
    bash.sendline("stty icanon icrnl")
    bash.expect_exact(PROMPT)
    bash.sendline("fg")
    bash.expect_exact("read a")
    bash.send("word\r")
    bash.expect_exact("got word\r\n")
    bash.expect_exact(PROMPT)


def test_nothing_is_kept_while_it_is_stopped(bash, secret):
    """The beginning of a secret, and no pause before the stop."""
    bash.sendline(masked("sh", "-c", 'printf "%.5s" "$S0"; kill -STOP $$; echo over'))
    bash.expect_exact(secret[:5])
    bash.expect_exact("Stopped")
    bash.expect_exact(PROMPT)
    bash.sendline("fg")
    bash.expect_exact("over")
    bash.expect_exact(PROMPT)


def test_brought_to_the_foreground_though_it_never_stopped(bash):
    """bash tells it nothing, so it looks."""
    bash.sendline(masked("sleep", "1000") + " &")
    bash.expect_exact(PROMPT)
    bash.sendline("fg")
    bash.expect_exact("mask_run")
    until(lambda: not termios.tcgetattr(bash.child_fd)[3] & termios.ICANON, "keys as bytes")
    bash.sendcontrol("c")
    bash.expect_exact(PROMPT)
    bash.sendline("echo rc=$?")
    bash.expect_exact("rc=130")


def test_one_change_of_the_size_is_one(bash):
    bash.sendline(masked(sys.executable, "-c", COUNTER, "SIGWINCH"))
    bash.expect_exact("<ready>")
    for width in (50, 60, 70):
        bash.setwinsize(20, width)
        bash.expect_exact("<SIGWINCH>")
        assert bash.expect(["<SIG", pexpect.TIMEOUT], timeout=0.1) == 1
    bash.sendcontrol("c")
    bash.expect_exact(PROMPT)


def test_it_reads_as_soon_as_it_is_in_the_foreground(bash, tmp_path):
    """Before it could look: its command is stopped within, which must not show."""
    os.mkfifo(tmp_path / "go")
    bash.sendline(masked("sh", "-c", f'read a < {tmp_path}/go; read b; echo "got $b"') + " &")
    bash.expect_exact(PROMPT)
    with open(tmp_path / "go", "w", encoding="ascii") as go:  # once it has got so far
        bash.sendline("fg")
        bash.expect_exact("mask_run")
        until(lambda: os.tcgetpgrp(bash.child_fd) != bash.pid, "the foreground")
        go.write("\n")
    bash.sendline("word")
    assert bash.expect_exact(["got word", "Stopped"]) == 0
    bash.expect_exact(PROMPT)


def test_no_process_of_ours_is_left(bash):
    bash.sendline(masked("sh", "-c", "ps -o pid= --ppid $PPID | wc -l; echo wrapper=$PPID=; sleep 0.1"))
    bash.expect(r"wrapper=\d+=")
    bash.expect_exact(PROMPT)
    pattern = f"{MASK_RUN[-1]} sh -c ps.*wrapper"  # their command line is still the wrapper's
    until(
        lambda: subprocess.run(["pgrep", "-f", pattern], capture_output=True, check=False).returncode,
        "the end",
    )


PARENT = """
import os, signal, sys, termios
before = termios.tcgetattr(0)
pid = os.fork()
if not pid:
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    os.tcsetpgrp(0, os.getpgrp())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTTOU])
    os.execvp(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(pid, os.WUNTRACED)
same = termios.tcgetattr(0) == before
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
os.tcsetpgrp(0, os.getpgrp())
os.write(1, b"<%s %d>" % (b"same" if same else b"other", status))
if os.WIFSTOPPED(status):
    os.kill(pid, signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("exit 3", 3 << 8), ("kill -KILL $$", 9), ("kill -STOP $$", signal.SIGSTOP << 8 | 0x7F)],
)
def test_the_modes_are_as_before_whatever_its_parent_does(masking, end, status):
    """A shell sets them by itself, so that it cannot tell."""
    pid, master = pty.fork()
    if not pid:
        code = f"stty raw -echo; {end}" if "exit" not in end else end
        os.execvpe(sys.executable, [sys.executable, "-c", PARENT, *MASK_RUN, "sh", "-c", code], masking())
    seen = b""
    while b">" not in seen:
        seen += os.read(master, 4096)
    assert seen == b"<same %d>" % status
    os.waitpid(pid, 0)
    os.close(master)


def test_keys_are_read_by_whoever_is_in_the_foreground(bash):
    bash.sendline(masked("sleep", "1000") + " &")
    bash.expect_exact(PROMPT)
    for number in range(5):
        bash.sendline(f"echo n$(({number} + 10))")
        bash.expect_exact(f"n{number + 10}\r\n")
        bash.expect_exact(PROMPT)
    bash.sendline("kill %1")


def test_the_streams_that_are_terminals(bash, tmp_path):
    tells = shlex.quote("import os,sys; os.write(2, b'<%d%d%d>' % tuple(map(os.isatty, (0, 1, 2))))")
    command = f"{masked(sys.executable, '-c')} {tells}"
    for redirected, expected in (
        ("", "<111>"),
        (" | cat", "<101>"),
        (" < /dev/null", "<011>"),
        (" > /dev/null", "<101>"),
        (" < /dev/null | cat", "<001>"),
    ):
        bash.sendline(command + redirected)
        bash.expect_exact(expected)
        bash.expect_exact(PROMPT)
    bash.sendline(f"{command} 2> {tmp_path}/err; cat {tmp_path}/err")
    bash.expect_exact("<110>")
    bash.sendline(f"{command} > {tmp_path}/err 2>&1; cat {tmp_path}/err")
    bash.expect_exact("<100>")


@pytest.mark.parametrize("behind", ["", " < /dev/null", " | cat >&2", " 2>&1 | cat"])
def test_lines_end_as_they_do_without_us(bash, secret, behind):
    bash.sendline(masked("sh", "-c", r"printf 'begin\nmiddle\r\nend\n' >&2") + behind)
    bash.expect_exact("begin\r\nmiddle\r\r\nend\r\n")


def test_the_whole_pipeline_is_interrupted(bash):
    bash.sendline(f"sh -c 'echo first >&2; exec sleep 1000' | {masked('sh', '-c', 'echo second >&2; cat')}")
    bash.expect("(first|second)")
    bash.expect("(first|second)")
    time.sleep(0.2)
    bash.sendcontrol("c")
    bash.expect_exact(PROMPT)
    bash.sendline("echo rc=${PIPESTATUS[*]}")
    bash.expect_exact("rc=130 130")


def test_what_it_leaves_behind_writes_on(bash, secret, tmp_path):
    before = modes(bash)
    os.mkfifo(tmp_path / "go")
    code = f'(read a < {tmp_path}/go; echo "late $S0"; exec sleep 0.1) & echo now'
    bash.sendline(masked("sh", "-c", code))
    bash.expect_exact("now\r\n")
    bash.expect_exact(PROMPT)
    (tmp_path / "go").write_text("\n")
    bash.expect_exact("late ***\r")
    assert modes(bash) == before


def test_killed_at_once_it_takes_nothing_along(bash):
    """The wrapper: its command sees its terminal hang up; the shell has the outer one."""
    bash.sendline(masked("sh", "-c", "stty -echo; echo $PPID $$ ready; exec sleep 1000"))
    bash.expect(r"(\d+) (\d+) ready")
    wrapper, command = (int(each) for each in bash.match.groups())
    os.kill(wrapper, signal.SIGKILL)
    bash.expect_exact("Killed")
    until(lambda: not lives(command), "the end of the command")
    until(lambda: not _of_session(wrapper), "the end of the leader")
    bash.sendline("stty sane -echo")


def _of_session(pid):
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False)
    return done.stdout.split()


@pytest.mark.parametrize("leads", [True, False])
def test_the_terminal_hangs_up(masking, tmp_path, leads):
    """`leads`: we are the session's leader, as under ssh and xterm; else a shell is."""
    told = tmp_path / "told"
    code = (
        "import os, signal, sys, time\n"
        f"def tell(text): open({str(told)!r}, 'a').write(text)\n"
        "signal.signal(signal.SIGHUP, lambda *_: tell('HUP '))\n"
        "print('<ready>', flush=True)\n"
        "try:\n tell('end ' if not os.read(0, 100) else 'data ')\nexcept OSError: tell('end ')\n"
        "time.sleep(0.2)\ntell('over ')"
    )
    words = [*MASK_RUN, sys.executable, "-c", code]
    if not leads:
        words = ["bash", "--norc", "-ic", shlex.join(words) + "; true"]
    pid, master = pty.fork()
    if not pid:
        os.execvpe(words[0], words, masking())
    seen = b""
    while b"<ready>" not in seen:
        seen += os.read(master, 4096)
    os.close(master)
    until(lambda: told.exists() and "over" in told.read_text(), "its end")
    os.waitpid(pid, 0)
    hangups = 1 if leads else told.read_text().count("HUP")  # the shell passes its own on to its jobs
    assert sorted(told.read_text().split()) == [*["HUP"] * hangups, "end", "over"]


def test_as_the_leader_of_a_session_it_is_not_stopped_from_the_keyboard(masking):
    """Nobody could continue it; the same without us."""
    pid, master = pty.fork()
    if not pid:
        os.execvpe(MASK_RUN[0], [*MASK_RUN, sys.executable, "-c", COUNTER, "SIGINT"], masking())
    seen = b""
    while b"<ready>" not in seen:
        seen += os.read(master, 4096)
    os.write(master, b"\x1a")
    os.write(master, b"\x03")
    while b"<SIGINT>" not in seen:
        seen += os.read(master, 4096)
    os.write(master, b"\x04")
    while b"<end>" not in seen:
        seen += os.read(master, 4096)
    assert os.waitpid(pid, 0)[1] == 0
    os.close(master)


def test_a_reader_of_the_terminal_that_is_slow_holds_the_command_up(masking, tmp_path):
    progress = tmp_path / "progress"
    code = (
        "import os\nat = 0\n"
        f"f = os.open({str(progress)!r}, os.O_CREAT | os.O_WRONLY)\n"
        "for _ in range(3000): at += os.write(1, b'x' * 999 + b'\\n'); os.pwrite(f, b'%9d' % at, 0)"
    )
    pid, master = pty.fork()
    if not pid:
        os.execvpe(MASK_RUN[0], [*MASK_RUN, sys.executable, "-c", code], masking())
    last = []

    def stands_still():
        last.append(progress.read_bytes() if progress.exists() else b"")
        return last[-1] and last[-10:] == [last[-1]] * 10

    until(stands_still)
    assert int(last[-1]) < 500_000
    got = 0
    try:
        while data := os.read(master, 65536):
            got += len(data)
    except OSError:
        pass
    assert got == 3000 * 1001
    assert os.waitpid(pid, 0)[1] == 0
    os.close(master)


def test_a_prompt_and_an_echo_come_at_once(masking, secret):
    """Though they are the beginning of a secret."""
    pid, master = pty.fork()
    if not pid:
        code = "import os, sys; os.write(1, b'ready ' + os.environb[b'S0'][:3]); input()"
        os.execvpe(MASK_RUN[0], [*MASK_RUN, sys.executable, "-c", code], masking(secret))
    seen = b""
    while not seen.endswith(b"ready " + secret[:3].encode()):
        seen += os.read(master, 4096)
    for letter in secret[:4]:
        os.write(master, letter.encode())
        while not seen.endswith(letter.encode()):
            seen += os.read(master, 4096)
    os.write(master, b"\n")
    os.waitpid(pid, 0)
    os.close(master)


def test_the_modes_of_the_outer_terminal_while_it_runs(bash):
    """Keys are bytes; and the inner one begins with what the outer one had."""
    bash.sendline("stty -echoctl intr ^X; " + masked("stty", "-a") + "; stty sane -echo")
    bash.expect_exact("intr = ^X")
    bash.expect_exact("-echoctl")
    bash.expect_exact(PROMPT)
    assert termios.tcgetattr(bash.child_fd)[3] & termios.ICANON
    bash.sendline(masked("sh", "-c", "echo begun; exec sleep 1000"))
    bash.expect_exact("begun")
    assert not termios.tcgetattr(bash.child_fd)[3] & (termios.ICANON | termios.ISIG | termios.ECHO)
    bash.sendcontrol("c")
    bash.expect_exact(PROMPT)
