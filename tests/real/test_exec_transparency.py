"""A command that we become is, to itself and to its caller, as if it had been started bare.

Every test runs under each row of conftest's WRAPPERS; `bare` shows that the test itself is right. Left out,
since no program that starts in CPython can do better: SIGPIPE and SIGXFSZ that the caller ignored (nobody can
tell that from CPython's own SIG_IGN, so they become default), and ^C before our first line runs.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from authsome_env.supervise import inherited

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

TIMEOUT_S = float(os.environ.get("TRANSPARENCY_TIMEOUT_S", "60"))
PROBES = Path(__file__).parent / "probes"
PYTHON = [sys.executable, "-I", "-S"]
PATH = b"PATH=/usr/bin:/bin"
NO_CORE = "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"


def command(argv, environment, setup):
    return [*PYTHON, str(PROBES / "start.py"), setup, str(len(environment)), *environment, *argv]


def run(argv, *, environment=(PATH,), setup="", **options):
    """The end of `argv`, started with exactly these entries after `setup` (see start.py)."""
    options = {
        "stdin": subprocess.DEVNULL,
        "capture_output": True,
        "timeout": TIMEOUT_S,
        "env": {},
        **options,
    }
    return subprocess.run(command(argv, environment, setup), check=False, **options)


def output(argv, **options):
    done = run(argv, **options)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def status(argv, **options):
    """/proc/PID/status of the command; without the two signals that are glibc's, and that its posix_spawn
    (CPython's subprocess from 3.13 on) leaves ignored."""
    text = output([*argv, "cat", "/proc/self/status"], **options).decode()
    found = {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    return {**found, "SigIgn": f"{int(found['SigIgn'], 16) & ~(0b11 << 31):016x}"}


def bits(*signals):
    return f"{sum(1 << (number - 1) for number in signals):016x}"


# Arguments and environment


@pytest.mark.parametrize(
    "arguments",
    [
        [b""],
        [b"", b"a", b""],
        [b"a\nb", b"\n", b" ", b"\t*?[$`'\"\\"],
        [b"\xff\xfe", b"caf\xc3\xa9", bytes(range(1, 256))],
        [b"--", b"-h", b"--version", b"--help", b"-p", b"x", b"--"],
        [b"%d" % number for number in range(1000)],
        [b"x" * 131071],
    ],
    ids=["empty", "empties", "blanks", "no-utf8", "options", "thousand", "longest"],
)
def test_arguments_arrive_byte_for_byte(wrapper, arguments):
    argv = [b"sh", b"-c", b"cat /proc/$$/cmdline; exit 0", *arguments]
    assert output([*wrapper, *argv]) == b"\0".join(argv) + b"\0"


ENVIRONMENTS = {
    "plain": [PATH, b"B=2", b"A=1", b"EMPTY=", b"EQUALS==a=b", b"LINES=a\nb"],
    "no-utf8": [PATH, b"\xff=\xfe", b"V=" + bytes(range(1, 256)), b"caf\xc3\xa9=1", b"A.B=1", b"a b=1"],
    "no-equals": [PATH, b"NOEQUALS", b"A=1"],
    "twice": [b"A=1", PATH, b"A=2", b"B=1", b"A=1"],
    "nameless": [PATH, b"=x", b"=y=z", b"=", b""],
    "nameless only": [PATH, b"=x=1"],
    "void": [b""],
    "none": [],
    "C": [PATH, b"LANG=C"],
    "LC_ALL": [PATH, b"LC_ALL=C"],
    "latin1": [PATH, b"LANG=de_DE.ISO-8859-1", b"X=\xe4"],
    "POSIX": [PATH, b"LC_CTYPE=POSIX", b"X=\xe4"],
    "python": [PATH, b"PYTHONHOME=/nowhere", b"PYTHONPATH=/nowhere", b"LD_BIND_NOW=1"],
    "thousand": [PATH, *(b"V%d=%d" % (number, number) for number in range(1000)), b"LONG=" + b"x" * 100_000],
}


@pytest.mark.parametrize("entries", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_the_environment_arrives_byte_for_byte_and_in_order(wrapper, entries):
    if any(
        "authsome" in word for word in wrapper
    ):  # no CPython can start with it, and we are one until the exec
        entries = [entry for entry in entries if not entry.startswith(b"PYTHONHOME=")]
    found = output([*wrapper, "/usr/bin/cat", "/proc/self/environ"], environment=entries)
    run = {
        entry for entry in found.split(b"\0") if entry.startswith(b"AUTHSOME_RUN=")
    }  # a keeper's, as injected
    assert [entry for entry in found.split(b"\0") if entry not in run] == [*entries, b""]


@pytest.mark.parametrize("entries", [[PATH], [PATH, b"NOEQUALS"]], ids=["mapping", "raw"])
def test_both_ways_to_exec_pass_odd_arguments_and_report_errors(wrapper, entries):
    argv = [b"sh", b"-c", b"cat /proc/$$/cmdline; exit 0", b"", b"\xff"]
    assert output([*wrapper, *argv], environment=entries) == b"\0".join(argv) + b"\0"
    wrapper = wrapper or ["env"]
    assert run([*wrapper, "no-such-command"], environment=entries).returncode == 127
    assert run([*wrapper, "/etc/passwd"], environment=entries).returncode == 126


def test_listen_pid_still_names_the_process(wrapper):
    setup = "environment += [b'LISTEN_PID=%d' % os.getpid(), b'LISTEN_FDS=1']"
    assert (
        output([*wrapper, "sh", "-c", 'test "$LISTEN_PID" = $$ && echo "$LISTEN_FDS"'], setup=setup) == b"1\n"
    )


def test_without_proc_the_interpreters_own_view_is_used():
    assert b"PATH=" + os.environb[b"PATH"] in inherited._environment("/nonexistent")
    assert inherited._arguments("/nonexistent", len(sys.argv)) == [os.fsencode(text) for text in sys.argv]


def test_no_arguments_are_an_empty_list():
    assert inherited.arguments(0) == []


# Signals


@pytest.mark.parametrize(
    "ignored",
    [
        [],
        [signal.SIGINT],
        [signal.SIGINT, signal.SIGQUIT],
        [signal.SIGCHLD],
        [signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGTSTP, signal.SIGTTOU, signal.SIGRTMIN + 6],
    ],
    ids=lambda numbers: "+".join(signal.Signals(n).name if n < 32 else str(n) for n in numbers) or "none",
)
def test_ignored_signals_stay_ignored_and_no_other_is(wrapper, ignored):
    setup = f"for number in {[int(n) for n in ignored]}: signal.signal(number, signal.SIG_IGN)"
    found = status(wrapper, setup=setup)
    assert (found["SigIgn"], found["SigCgt"], found["SigBlk"]) == (bits(*ignored), bits(), bits())


def test_blocked_and_pending_signals_stay_so(wrapper):
    blocked = [
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGCHLD,
        signal.SIGPIPE,
        signal.SIGRTMIN + 1,
    ]
    setup = (
        f"signal.pthread_sigmask(signal.SIG_BLOCK, {[int(n) for n in blocked]})\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "if os.fork() == 0: os._exit(0)\n"
        "os.waitpid(-1, 0)"
    )
    found = status(wrapper, setup=setup)
    assert found["SigBlk"] == bits(*blocked)
    assert found["ShdPnd"] == bits(signal.SIGUSR1, signal.SIGCHLD)
    assert found["SigIgn"] == bits()


def test_no_signal_is_pending_that_the_caller_blocked(wrapper):
    """SIGCHLD: whoever has had children on the way must have taken it back."""
    blocked = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33})
    setup = f"signal.pthread_sigmask(signal.SIG_BLOCK, {[int(n) for n in blocked]})"
    found = status(wrapper, setup=setup)
    assert (found["ShdPnd"], found["SigPnd"], found["SigBlk"]) == (bits(), bits(), bits(*blocked))


def test_nohup_still_protects(wrapper, need):
    assert status([need("nohup"), *wrapper])["SigIgn"] == bits(signal.SIGHUP)


def test_a_background_command_of_a_script_ignores_int_and_quit(wrapper):
    found = status(["sh", "-c", '"$@" & wait $!', "sh", *wrapper])
    assert found["SigIgn"] == bits(signal.SIGINT, signal.SIGQUIT)


def test_a_command_whose_reader_is_gone_dies_of_sigpipe(wrapper):
    reading, writing = os.pipe()
    os.close(reading)
    done = run([*wrapper, "yes"], capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


def test_a_command_above_its_file_size_limit_dies_of_sigxfsz(wrapper, tmp_path):
    setup = "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n" + NO_CORE
    done = run([*wrapper, "dd", "if=/dev/zero", f"of={tmp_path}/file", "bs=4096", "count=1"], setup=setup)
    assert done.returncode == -signal.SIGXFSZ


def test_a_running_timer_keeps_running(wrapper):
    code = "import signal; print(0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000)"
    setup = "signal.setitimer(signal.ITIMER_REAL, 1000)"
    assert output([*wrapper, *PYTHON, "-c", code], setup=setup) == b"True\n"


def test_the_parent_death_signal_is_kept(wrapper):
    code = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)"
    assert output([*wrapper, *PYTHON, "-c", code], setup="libc.prctl(1, 9)") == b"9\n"


# Descriptors and stdio

OPEN = """
import os, sys
found = []
for number in range(256):
    try: os.fstat(number)
    except OSError: continue
    found.append(number)
with open(sys.argv[1], "w") as report: print(*found, file=report)
"""

HELD = """
import os, sys
sys.path.insert(0, sys.argv[1])
from authsome_env.supervise import inherited
inherited.hold_stdio()
found = [os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in range(3)]
found += [os.get_inheritable(n) for n in range(3)] + [os.open("/", os.O_RDONLY)]
with open(sys.argv[2], "w") as report: report.write(" ".join(map(str, found)))
"""


@pytest.mark.parametrize("entries", [[PATH], [PATH, b"NOEQUALS"]], ids=["mapping", "raw"])
@pytest.mark.parametrize("closed", [[n for n in range(3) if mask & 1 << n] for mask in range(8)], ids=str)
def test_the_command_has_the_callers_descriptors_and_no_other(wrapper, closed, entries, tmp_path):
    setup = (
        "for number in range(3, 10): os.dup2(0, number)\n"
        "os.dup2(0, 200)\n"
        f"for number in {closed}: os.close(number)"
    )
    done = run([*wrapper, *PYTHON, "-c", OPEN, tmp_path / "open"], environment=entries, setup=setup)
    assert done.returncode == 0
    expected = [number for number in (*range(10), 200) if number not in closed]
    assert (tmp_path / "open").read_text().split() == [str(number) for number in expected]


def test_closed_stdio_is_held_while_we_run_and_lost_by_exec(tmp_path):
    run([*PYTHON, "-c", HELD, PROBES.parents[2], tmp_path / "held"], setup="os.close(0); os.close(2)")
    assert (tmp_path / "held").read_text() == "/dev/null pipe /dev/null False True False 3"


def test_open_file_flags_and_offsets_are_untouched(wrapper, tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    setup = (
        f"os.dup2(os.open({str(tmp_path / 'file')!r}, os.O_RDWR | os.O_APPEND), 5); os.lseek(5, 3, 0)\n"
        "reading, writing = os.pipe(); os.dup2(reading, 6); os.set_blocking(6, False)\n"
        "os.dup2(writing, 7)"
    )
    argv = ["cat", "/proc/self/fdinfo/0", "/proc/self/fdinfo/5", "/proc/self/fdinfo/6", "/proc/self/fdinfo/7"]

    def flags(text):
        return [line for line in text.splitlines() if line.startswith((b"pos:", b"flags:"))]

    assert flags(output([*wrapper, *argv], setup=setup)) == flags(output(argv, setup=setup))


def test_stdin_is_not_read_ahead(wrapper):
    script = r'printf "a\nb\nc\n" | (read x; "$@"; echo end)'
    assert output(["sh", "-c", script, "sh", *wrapper, "cat"]) == b"b\nc\nend\n"


def test_record_locks_of_the_caller_are_kept(wrapper, tmp_path):
    path = tmp_path / "locked"
    # Closing any descriptor of the file would drop the lock, so the one that was opened goes along.
    setup = (
        f"locked = os.open({str(path)!r}, os.O_RDWR | os.O_CREAT)\n"
        "os.set_inheritable(locked, True); fcntl.lockf(locked, fcntl.LOCK_EX)"
    )
    argv = command([*wrapper, "sh", "-c", "echo ready; read x"], [PATH], setup)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as process:
        assert process.stdout.readline() == b"ready\n"
        with path.open("r+") as file, pytest.raises(OSError, match="unavailable"):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.stdin.write(b"\n")
    assert process.returncode == 0


def test_a_terminal_is_still_one(wrapper):
    ours, theirs = pty.openpty()
    script = "test -t 0 && test -t 1 && test -t 2"
    done = run(
        [*wrapper, "sh", "-c", script], capture_output=False, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0


# What else a process is


def test_it_is_the_same_process_in_the_same_group_and_session(wrapper):
    """A supervisor is one process more, and the only thing of it to be seen."""
    argv = command([*wrapper, "cat", "/proc/self/stat"], [PATH], "")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env={}) as process:
        fields = [int(field) if field.isdigit() else field for field in process.stdout.read().split()]
    if any(word.endswith("supervised.py") for word in wrapper):
        assert fields[3] == process.pid
    else:
        assert (fields[0], fields[3]) == (process.pid, os.getpid())
    assert fields[4:6] == [os.getpgrp(), os.getsid(0)]


def test_it_has_no_children(wrapper):
    assert output([*wrapper, "sh", "-c", "cat /proc/$$/task/$$/children; exit 0"]).split()[1:] == []


def test_limits_and_attributes_are_kept(wrapper):
    setup = """
os.umask(0o027); os.nice(5); os.sched_setaffinity(0, {0}); os.chdir("/usr")
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 50))
resource.setrlimit(resource.RLIMIT_CORE, (0, 4096))
libc.prctl(38, 1, 0, 0, 0); libc.prctl(29, 12345)  # no new privileges; timer slack
open("/proc/self/oom_score_adj", "w").write("500")
"""
    script = (
        "umask; ulimit -a; nice; pwd; cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup;"
        " grep -E 'Cpus_allowed|NoNewPrivs|Cap|Groups|Seccomp|Uid|Gid|Umask' /proc/self/status;"
        " cat /proc/$$/timerslack_ns"
    )
    found = output([*wrapper, "sh", "-c", script], setup=setup).splitlines()
    assert found == output(["sh", "-c", script], setup=setup).splitlines()
    assert found[0] == b"0027"
    assert b"500" in found
    assert found[-1] == b"12345"


def test_a_deleted_working_directory_does_not_matter(wrapper):
    setup = "folder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder)"
    assert run([*wrapper, "sh", "-c", "exit 7"], setup=setup).returncode == 7


# How it ends


@pytest.mark.parametrize(
    "code", [0, 1, 2, 3, 4, 5, 10, 11, 64, 77, 100, 125, 126, 127, 128, 129, 130, 143, 200, 254, 255]
)
def test_the_exit_code_is_the_commands(wrapper, code):
    assert run([*wrapper, "sh", "-c", f"exit {code}"]).returncode == code


@pytest.mark.parametrize("number", [2, 3, 15, 9, 11, 6, 1, 13, 10, 14, 34, 40, 64])
def test_death_by_a_signal_is_death_by_that_signal(wrapper, number):
    assert run([*wrapper, "sh", "-c", f"kill -{number} $$"], setup=NO_CORE).returncode == -number
