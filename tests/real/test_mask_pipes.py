"""Masked output that goes to no terminal: pipes, files, sockets; faults of their other ends."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time

import pytest
from real.masked import MASK_RUN, TIMEOUT_S, made_up, until

TELLS = "import os, sys; print(*(os.isatty(each) for each in (0, 1, 2)))"


@pytest.fixture
def secret():
    return made_up()


@pytest.fixture
def run(masking):
    def run(*command, values=(), **options):
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        words = [*MASK_RUN, *command]
        return subprocess.run(words, env=masking(*values), timeout=TIMEOUT_S, check=False, **options)

    return run


@pytest.fixture
def start(masking):
    started = []

    def start(*command, values=(), environ=(), **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "bufsize": 0, **options}
        environ = masking(*values, **dict(environ))
        started.append(subprocess.Popen([*MASK_RUN, *command], env=environ, **options))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.stdout.close()
        each.wait(TIMEOUT_S)


def test_both_streams_and_the_end(run, secret):
    done = run("sh", "-c", 'echo "out $S0"; echo "err $S0" >&2; exit 7', values=[secret])
    assert (done.stdout, done.stderr, done.returncode) == (b"out ***\n", b"err ***\n", 7)


def test_its_death_by_a_signal(run):
    assert run("sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM


def test_stdin_is_not_touched(run, tmp_path):
    (tmp_path / "text").write_bytes(b"one\ntwo\nthree\n")
    with open(tmp_path / "text", "rb", buffering=0) as file:
        assert run("sh", "-c", "read a; echo $a", stdin=file).stdout == b"one\n"
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        assert run("dd", "bs=4", "count=1", stdin=file).stdout == b"one\n"
        assert file.read() == b"two\nthree\n"


def test_the_order_of_both_streams_in_one_pipe(run):
    code = "import os\nfor n in range(2000): os.write(1 + n % 2, b'%d\\n' % n)"
    done = run(sys.executable, "-c", code, stderr=subprocess.STDOUT)
    assert done.stdout.split() == [b"%d" % number for number in range(2000)]


@pytest.mark.parametrize("flags", [os.O_TRUNC, os.O_APPEND])
def test_a_file_is_written_where_the_caller_left_it(run, tmp_path, secret, flags):
    (tmp_path / "out").write_bytes(b"")
    opened = os.open(tmp_path / "out", os.O_WRONLY | flags)
    try:
        os.write(opened, b"before\n")
        run("sh", "-c", 'echo "$S0"; echo err >&2', values=[secret], stdout=opened, stderr=opened)
        os.write(opened, b"after\n")
    finally:
        os.close(opened)
    assert (tmp_path / "out").read_bytes() == b"before\n***\nerr\nafter\n"


def test_a_socket(run, secret):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        run("sh", "-c", 'echo "$S0"', values=[secret], stdout=theirs)
        assert os.get_blocking(theirs.fileno())
        theirs.close()
        assert ours.recv(100) == b"***\n"
        assert ours.recv(100) == b""


def test_what_is_no_terminal_does_not_become_one(run):
    assert run(sys.executable, "-c", TELLS).stdout == b"False False False\n"


def test_what_is_thrown_away_is_left_as_it_is(run):
    code = "import os, sys; sys.stderr.write(str(os.fstat(1).st_rdev == os.stat('/dev/null').st_rdev))"
    assert run(sys.executable, "-c", code, stdout=subprocess.DEVNULL).stderr == b"True"


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_what_is_closed_stays_closed(masking, tmp_path, closed):
    code = (
        "import os, sys\nfound = []\n"
        "for each in range(3):\n try: os.fstat(each)\n except OSError: found.append(each)\n"
        f"open({str(tmp_path / 'found')!r}, 'w').write(repr(tuple(found)))"
    )
    words = " ".join(f"{each}>&-" for each in closed)
    command = ["sh", "-c", f'exec "$@" {words}', "sh", *MASK_RUN, sys.executable, "-S", "-c", code]
    subprocess.run(command, env=masking(), check=True, timeout=TIMEOUT_S, capture_output=True)
    assert (tmp_path / "found").read_text() == repr(closed)


def test_no_descriptor_is_made_non_blocking(run, tmp_path):
    ours, theirs = os.pipe()
    run("sh", "-c", "echo a; echo b >&2", stdout=theirs, stderr=theirs)
    assert os.get_blocking(theirs)
    assert os.read(ours, 100) == b"a\nb\n"
    os.close(ours)
    os.close(theirs)


def test_binary_data_stays_as_it_is(run, tmp_path, secret):
    data = os.urandom(3_000_000) + bytes(100_000) + b"\x1b[31m" * 1000 + os.urandom(1_000_001)
    (tmp_path / "data").write_bytes(data)
    assert run("cat", str(tmp_path / "data"), values=[secret]).stdout == data


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_secret_that_is_written_with_pauses(run, secret, parts):
    code = (
        "import os, sys, time\ns = os.environ['S0'].encode()\n"
        f"for at in range(0, 40, 40 // {parts}):\n"
        f" os.write(1, s[at : at + 40 // {parts}]); time.sleep(0.05)\n"
    )
    out = run(sys.executable, "-c", code, values=[secret]).stdout
    assert b"***" in out
    assert not any(secret[at : at + 8].encode() in out for at in range(33))


def test_what_may_be_a_beginning_comes_after_a_pause(start, secret):
    child = start("sh", "-c", 'printf "password: %.3s" "$S0"; read a', values=[secret], stdin=subprocess.PIPE)
    found = b""
    while len(found) < 13:
        found += os.read(child.stdout.fileno(), 100)
    assert found == f"password: {secret[:3]}".encode()
    child.communicate(b"\n", timeout=TIMEOUT_S)


def test_the_reader_goes_away(start):
    child = start("yes")
    assert child.stdout.read(4) == b"y\ny\n"
    child.stdout.close()
    assert child.wait(TIMEOUT_S) == -signal.SIGPIPE


def test_the_reader_goes_away_from_a_command_that_writes_nothing(start, tmp_path):
    """Its first write after that fails, as it would without us."""
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    child = start("sh", "-c", f"trap '' PIPE; echo begun; read a < {fifo}; echo more || exit 9")
    assert child.stdout.readline() == b"begun\n"
    child.stdout.close()
    until(lambda: not _reads_from_its_command(child.pid))
    fifo.write_text("\n")
    assert child.wait(TIMEOUT_S) == 9


def _reads_from_its_command(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        child = file.read().split()[-1]  # the others are ours
    return os.readlink(f"/proc/{child}/fd/1") in {_link(pid, name) for name in os.listdir(f"/proc/{pid}/fd")}


def _link(pid, name):
    try:
        return os.readlink(f"/proc/{pid}/fd/{name}")
    except OSError:
        return ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_no_space_where_it_is_written(run):
    with open("/dev/full", "wb") as full:
        assert run("yes", stdout=full).returncode == -signal.SIGPIPE
        assert run("echo", "lost", stdout=full).returncode == 125  # echo has ended well by then
        assert run("sh", "-c", "echo lost; exit 3", stdout=full).returncode == 3


def test_a_slow_reader_holds_the_command_up(start, tmp_path):
    """What we take from it meanwhile is bounded."""
    progress = tmp_path / "progress"
    code = (
        "import os, sys\nat = 0\n"
        f"f = os.open({str(progress)!r}, os.O_CREAT | os.O_WRONLY)\n"
        "for _ in range(1000): at += os.write(1, b'x' * 100_000); os.pwrite(f, b'%9d' % at, 0)"
    )
    child = start(sys.executable, "-c", code)
    last = [b""]

    def stands_still():
        now = progress.read_bytes() if progress.exists() else b""
        last.append(now)
        return now and last[-5:] == [now] * 5

    until(stands_still)
    assert int(progress.read_bytes()) <= 4_000_000
    assert _rss(child.pid) < 40_000_000
    ticks = _ticks(child.pid)
    time.sleep(0.5)
    assert _ticks(child.pid) - ticks <= 5  # of a hundredth of a second: it waits
    out = child.stdout.read()
    assert len(out) == 100_000_000
    assert child.wait(TIMEOUT_S) == 0


def _ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _rss(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


GIGABYTES = int(os.environ.get("MASK_GIGABYTES", "1"))
"""10 were tried; that takes a minute or two."""


def test_any_amount_in_constant_memory(start, secret):
    size = GIGABYTES * 1_000_000_000
    child = start("head", "-c", str(size), "/dev/zero", values=[secret])
    got = most = at = 0
    while data := os.read(child.stdout.fileno(), 1 << 20):
        got += len(data)
        if got - at > 10_000_000:
            at, most = got, max(most, _rss(child.pid))
    assert got == size
    assert child.wait(TIMEOUT_S) == 0
    assert 0 < most < 40_000_000


def test_those_that_it_leaves_behind_go_on_to_write(start, tmp_path, secret):
    fifo = tmp_path / "late"
    os.mkfifo(fifo)
    child = start("sh", "-c", '(read a < "$0"; echo "late $S0"; echo) & echo now', str(fifo), values=[secret])
    assert child.wait(TIMEOUT_S) == 0
    fifo.write_text("\n")
    assert child.stdout.read() == b"now\nlate ***\n\n"


def test_one_is_the_beginning_of_another(run, secret):
    longer = secret + made_up()
    out = run("sh", "-c", 'echo "$S0"; echo "$S1"; printf %s "$S0"', values=[secret, longer]).stdout
    assert out == b"***\n***\n***"


@pytest.mark.parametrize("length", range(1, 8))
def test_too_short_to_be_masked(run, length):
    out = run("sh", "-c", 'echo "$S0"', values=["abcdefg"[:length]]).stdout
    assert out == b"abcdefg"[:length] + b"\n"


def test_a_hundred_kilobytes(tmp_path):
    long = made_up(100_000)
    code = (
        f"import os, time\ns = open({str(tmp_path / 'long')!r}).read()\n"
        "for at in range(0, 100_000, 999): os.write(1, s[at : at + 999].encode()); time.sleep(0.003)"
    )
    (tmp_path / "long").write_text(long)
    (tmp_path / "secrets").write_text(long.encode().hex())
    environ = {"PATH": os.environ["PATH"], "MASK_SECRETS": str(tmp_path / "secrets")}
    words = [*MASK_RUN, sys.executable, "-c", code]
    assert (
        subprocess.run(words, env=environ, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT_S).stdout
        == b"***"
    )


def test_ten_rotations_in_a_second(start, tmp_path, secret):
    """A new value is masked from the moment that it is told; the old ones too."""
    news, told = tmp_path / "news", tmp_path / "told"
    os.mkfifo(news)
    os.mkfifo(told)
    command = f'while read a; do echo "$S0 $a"; done < {told}'
    child = start("sh", "-c", command, values=[secret], environ={"MASK_ADD": str(news)})
    with open(news, "wb", buffering=0) as tell, open(told, "wb", buffering=0) as write:
        values = []
        for _ in range(10):
            values.append(made_up())
            tell.write(values[-1].encode().hex().encode() + b"\n")
            until(lambda: _unread(tell) == 0)
            write.write(" ".join(values).encode() + b"\n")
            line = child.stdout.readline()
            assert line == b" ".join([b"***"] * (len(values) + 1)) + b"\n"
    assert child.wait(TIMEOUT_S) == 0


def _unread(file):
    return int.from_bytes(fcntl.ioctl(file, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_forms(run, secret):
    code = (
        "import base64, json, os, urllib.parse\ns = os.environ['S0']\n"
        "print(base64.b64encode(b'user:' + s.encode()).decode(), s.encode().hex(), json.dumps({'a': s}))\n"
        "print(urllib.parse.quote('/' + s + '='), '\\x1b[31m' + s[:9] + '\\x1b[0m' + s[9:])"
    )
    out = run(sys.executable, "-c", code, values=[secret]).stdout
    assert out.count(b"***") == 5
    assert json.dumps({"a": "***"}).encode() in out
    assert base64.b64encode(secret.encode())[4:-4] not in out


def test_stopped_and_continued(start):
    child = start("sh", "-c", "echo begun; sleep 0.2; echo over")
    assert child.stdout.readline() == b"begun\n"
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    child.send_signal(signal.SIGCONT)
    assert child.stdout.readline() == b"over\n"
    assert child.wait(TIMEOUT_S) == 0
