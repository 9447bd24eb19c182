"""What may befall a run: kills, odd surroundings, full places. Nothing is left, nobody is in the way."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pexpect
import pytest
from cli.program import remember

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SUBREAPER = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


# Home, runtime and temporary folder are all below.
HIDE = "mount --bind /dev/shm /dev/shm && mount -o remount,bind,ro /dev/shm &&"


def wait_for(what, timeout=90.0, pause=0.02):
    deadline = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(pause)
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] not in b"ZX"
    except OSError:
        return False


@pytest.fixture
def keyed(authsome, made_up_key):
    """A connection whose key never expires; its value is `.key`."""
    authsome.key = made_up_key()
    authsome("login", "openai", "--stdin", input=authsome.key, check=True)
    return authsome


@pytest.fixture
def unshare(need):
    """The words that begin a command in namespaces of its own."""
    words = [need("unshare"), *(() if os.geteuid() == 0 else ("--map-root-user",))]
    if subprocess.run([*words, "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces cannot be made here")
    return words


def folders(authsome):
    base = os.path.join(authsome.environ["XDG_RUNTIME_DIR"], "authsome")
    return os.listdir(base) if os.path.isdir(base) else []


# Kills


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_whatever_the_command_dies_of_its_files_go_with_it(keyed, live, number):
    run = live("--deliver", "dotenv", "--path", os.path.join(keyed.folder, ".env"))
    assert keyed.key.decode() in run.text()
    assert run.end(number) == -number
    assert not os.path.lexists(os.path.join(keyed.folder, ".env"))


def test_the_command_runs_on_without_its_keeper_and_keeps_its_files(keyed, live):
    run = live("--deliver", "dotenv")
    os.kill(run.keeper, signal.SIGKILL)
    wait_for(lambda: not alive(run.keeper))
    assert run.listed()["keeper"] is None
    assert "never (killed)" in " ".join(run.line())
    assert keyed.key.decode() in run.text()
    run.process.kill()
    run.process.wait()
    assert os.path.exists(run.folder)
    keyed("env", "--format", "json", check=True)  # whichever comes next sweeps up
    assert folders(keyed) == []


def test_both_killed_at_once_are_swept_up_by_the_next_run(keyed, live):
    link = os.path.join(keyed.folder, ".env")
    first = live("--deliver", "dotenv", "--path", link)
    second = live("--deliver", "files")
    os.kill(first.keeper, signal.SIGKILL)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    wait_for(lambda: not alive(first.keeper))
    keyed("run", "--", "true", check=True)
    assert folders(keyed) == [os.path.basename(second.folder)]  # nothing of a live one
    assert not os.path.lexists(link)
    second.end()


def test_a_keeper_is_not_ended_by_the_signals_that_end_a_session(keyed, live):
    run = live("--deliver", "dotenv")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        os.kill(run.keeper, number)
    os.kill(run.keeper, signal.SIGCONT)
    assert alive(run.keeper)
    run.end()


# Commands


def test_a_command_that_forks_and_exits_has_ended(keyed, live):
    run = live(
        "--deliver", "dotenv", command=("sh", "-c", "sleep 600 & echo $!; read x"), stdin=-1, stdout=-1
    )
    child = int(run.process.stdout.readline())
    run.process.stdin.write(b"\n")
    run.process.stdin.close()
    assert run.process.wait() == 0
    wait_for(run.is_gone)
    assert alive(child)
    os.kill(child, signal.SIGKILL)
    run.process.stdout.close()


def test_a_command_that_becomes_another_program_goes_on(keyed, live):
    run = live("--deliver", "dotenv", command=("sh", "-c", "read x; exec sleep 600"), stdin=-1)
    run.process.stdin.write(b"\n")
    run.process.stdin.close()
    wait_for(lambda: open_text(f"/proc/{run.process.pid}/comm") == "sleep\n")
    assert alive(run.keeper)
    assert run.text()
    run.end()


def test_nobody_is_signalled_before_it_is_the_command_and_listens(authsome, connect, live, need):
    """A refresh becomes due while exec still takes its time, as on a slow file system: HUP would end it.

    strace holds execve(2), but for the one by which it has become authsome.
    """
    server = connect(3)
    connect.login(check=True)
    hold = (need("strace"), "-qq", "-o", "/dev/null", "-e", "inject=execve:delay_enter=5s")
    command = ("/bin/sh", "-c", "sleep 1; trap 'echo told; exit 3' HUP; echo begun; while :; do read x; done")
    words = ("run", "--deliver", "dotenv", "--on-expiry", "signal:HUP", "--", *command)
    before = server.counts()["refreshes"]
    process = authsome.start(*words, through=hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    told = process.stdout.read()  # until its end
    process.communicate()
    if process.returncode == 1 and not told:
        pytest.skip("strace is not allowed here")
    assert told == b"begun\ntold\n"
    assert process.returncode == 3
    assert server.counts()["refreshes"] > before
    wait_for(lambda: folders(authsome) == [])


def open_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_nobody_ever_reads_the_fifo(keyed, live):
    run = live("--deliver", "fifo")
    assert keyed.key not in open_text(os.path.join(run.folder, "record")).encode()
    run.end()


def test_more_readers_of_a_fifo_than_select_knows_of(authsome, live):
    """Each that does not read costs the keeper a descriptor while its set is larger than a pipe."""
    readers = 1100
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 2 * readers:
        pytest.skip("so many files may not be open here")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limit = max(soft, 2 * readers)
    key = remember(b"sk-" + os.urandom(40000).hex().encode())
    authsome("login", "openai", "--stdin", input=key, check=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    idle = []
    try:
        run = live("--deliver", "fifo")
        path = os.path.join(run.folder, "variables.fifo")
        for _ in range(readers):
            idle.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            wait_for(lambda: not os.path.samestat(os.fstat(idle[-1]), os.stat(path)), pause=0.001)
        wait_for(lambda: len(os.listdir(f"/proc/{run.keeper}/fd")) > 1024)
        assert key in open_text(path).encode()
        assert run.record()["notice"] is None
        assert alive(run.keeper)
    finally:
        for descriptor in idle:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert key in open_text(path).encode()
    run.end()


def test_stdin_is_closed(keyed, live):
    command = ("sh", "-c", "exec sleep 600 <&-")
    run = live("--deliver", "dotenv", command=command, preexec_fn=lambda: os.close(0))
    run.end()


# Terminals


@pytest.mark.parametrize("hung_up", [False, True])
def test_a_notice_is_said_at_the_terminal_if_there_still_is_one(authsome, connect, live, hung_up):
    server = connect(4)
    connect.login(check=True)
    runtime = os.path.join(authsome.environ["XDG_RUNTIME_DIR"], "authsome")
    words = ["run", "--deliver", "dotenv", "--", "sh", "-c", "trap '' HUP; echo begun; exec sleep 600"]
    terminal = pexpect.spawn(authsome.program, words, env=authsome.environment(), timeout=60)
    terminal.expect("begun")
    record = os.path.join(runtime, next(name for name in os.listdir(runtime)), "record")

    def told():
        return json.loads(open_text(record))

    if hung_up:
        os.close(terminal.child_fd)
    dotenv = os.path.join(os.path.dirname(record), "variables.env")
    server.revoke(open_text(dotenv).partition("ACME_TOKEN='")[2].partition("'")[0])
    if not hung_up:
        terminal.expect("authsome: acme:default: the provider refused .*authsome login acme -c default\r+\n")
    wait_for(lambda: told()["notice"])
    assert told()["shown"] is not hung_up
    os.kill(terminal.pid, signal.SIGKILL)
    os.waitpid(terminal.pid, 0)
    if not hung_up:
        os.close(terminal.child_fd)
    terminal.closed = True
    wait_for(lambda: not os.path.exists(runtime))


# Places


def test_the_memory_is_full_at_the_start_and_later(authsome, connect, live, unshare, tmp_path):
    connect(3)
    connect.login(check=True)
    script = tmp_path / "script"
    script.write_text(
        """
set -e
mount -t tmpfs -o size=64k,mode=700 none "$XDG_RUNTIME_DIR"
head -c 60000 /dev/zero >"$XDG_RUNTIME_DIR/full" 2>/dev/null || true
cat /dev/zero >>"$XDG_RUNTIME_DIR/full" 2>/dev/null || true
"$AUTHSOME" run --deliver dotenv -- true 2>&1 && exit 9
rm "$XDG_RUNTIME_DIR/full"
exec "$AUTHSOME" run --deliver dotenv -- sh -c '
first=$(cat "$AUTHSOME_ENV_FILE")
cat /dev/zero >"$XDG_RUNTIME_DIR/full" 2>/dev/null
sleep 5
cat "$AUTHSOME_ENV_FILE" >/dev/null; echo "still there: $?"
rm "$XDG_RUNTIME_DIR/full"
for i in $(seq 300); do
    now=$(cat "$AUTHSOME_ENV_FILE"); [ "$now" = "$first" ] || { echo fresh; break; }
    sleep 0.1
done'
"""
    )
    env = {**authsome.environment(), "AUTHSOME": authsome.program}
    done = subprocess.run(
        [*unshare, "--mount", "sh", script], env=env, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    refused, *rest = done.stdout.decode().splitlines()
    assert "no space left on device" in refused
    assert rest[-2:] == ["still there: 0", "fresh"]


# Where no keeper is possible


def delivered(keyed, words, *, kind, script="cat $AUTHSOME_ENV_FILE"):
    return subprocess.run(
        [*words, keyed.program, "run", "--deliver", kind, "--", "sh", "-c", script],
        env=keyed.environment(),
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("how", ["process 1", "subreaper"])
def test_where_it_would_be_the_commands_child_there_is_a_supervisor(keyed, live, unshare, how):
    words = {
        "process 1": [*unshare, "--pid", "--fork", "--mount-proc"],
        "subreaper": [sys.executable, "-c", SUBREAPER],
    }[how]
    children = "; read x </proc/$$/task/$$/children; echo children: $x"
    for kind in ("dotenv", "fifo"):
        done = delivered(keyed, words, kind=kind, script="cat $AUTHSOME_ENV_FILE" + children)
        assert (done.returncode, done.stderr) == (0, b"")
        assert keyed.key in done.stdout
        assert done.stdout.endswith(b"children:\n")
        assert folders(keyed) == []


def test_where_there_can_be_no_child_there_is_none(keyed, live, unshare):
    words = [*unshare, "--pid"]
    done = delivered(keyed, words, kind="dotenv")
    assert done.returncode == 0, done.stderr
    assert keyed.key in done.stdout
    assert b"warning: values will not be refreshed while it runs" in done.stderr
    assert b"its children would begin another pid namespace" in done.stderr
    keyed("list", check=True)
    assert folders(keyed) == []
    refused = delivered(keyed, words, kind="fifo")
    assert refused.returncode == 125
    assert b"needs a process beside the command" in refused.stderr


CHILDREN = "import os; print(open(f'/proc/self/task/{os.getpid()}/children').read().split())"


@pytest.mark.parametrize("selected", ["none that expires", "one that is due"])
def test_a_subreaper_gets_no_child_of_ours(authsome, connect, live, made_up_key, selected):
    """Neither a keeper that was begun early and is not wanted, nor one who refreshed."""
    connect(600)
    connect.login(check=True)
    authsome("refresh", "acme", "--force", check=True)  # from now on a keeper is thought to be likely
    words = ["--min-ttl", "1h"]
    if selected == "none that expires":
        authsome("vault", "create", "other", check=True)
        authsome("login", "openai", "--stdin", "--vault", "other", input=made_up_key(), check=True)
        words += ["--vault", "other"]
    command = [authsome.program, "run", *words, "--", sys.executable, "-c", CHILDREN]
    done = subprocess.run(
        [sys.executable, "-c", SUBREAPER, *command],
        env=authsome.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ("less than --min-ttl" in done.stderr) == (selected == "one that is due")
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("how", ["process 1", "subreaper", "no place"])
def test_the_environment_alone_is_delivered_in_any_place(authsome, connect, live, unshare, how):
    connect(600)
    connect.login(check=True)
    words = {
        "process 1": [*unshare, "--pid", "--fork", "--mount-proc"],
        "subreaper": [sys.executable, "-c", SUBREAPER],
        "no place": [*unshare, "--mount", "sh", "-c", f'{HIDE} exec "$@"', "sh"],
    }[how]
    done = delivered(authsome, words, kind="env", script="echo token=$ACME_TOKEN; ls -A $XDG_RUNTIME_DIR")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"token=")
    assert len(done.stdout) > 20
    if how == "no place":
        assert len(done.stdout.split()) == 1  # and no folder
        assert done.stderr.count(b"\n") == 1
        assert b"warning: values will not be refreshed while it runs" in done.stderr
    else:
        assert done.stderr == b""
        assert folders(authsome) == []


def test_in_a_container_with_an_init_there_is_one(keyed, live, unshare):
    script = (
        '"$AUTHSOME" run --deliver dotenv -- sh -c \'cat "$AUTHSOME_ENV_FILE"\';'
        ' for i in $(seq 100); do [ -e "$XDG_RUNTIME_DIR/authsome" ] || break; sleep 0.1; done'
    )
    done = subprocess.run(
        [*unshare, "--pid", "--fork", "--mount-proc", "bash", "-c", script],
        env={**keyed.environment(), "AUTHSOME": keyed.program},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert keyed.key in done.stdout
    assert folders(keyed) == []


# The clock


def test_the_clock_is_set_two_hours_on_and_back(authsome, connect, live, need, tmp_path):
    """All our interpreters under libfaketime: a keeper's environment is built, so the program brings it."""
    need("faketime")
    library = subprocess.run(
        ["sh", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"], capture_output=True, text=True, check=True
    ).stdout.strip()
    venv = os.path.dirname(os.path.dirname(authsome.program))
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    (tmp_path / "bin").mkdir()
    os.symlink(os.path.join(venv, "lib"), tmp_path / "lib")
    with open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8") as file:
        (tmp_path / "pyvenv.cfg").write_text(file.read())
    python = tmp_path / "bin" / "python"
    python.write_text(
        "#!/bin/bash\n"
        f"export LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={clock} FAKETIME_NO_CACHE=1\n"
        "export FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1\n"
        f'exec -a "$0" {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    launcher = tmp_path / "bin" / "authsome"
    with open(authsome.program, encoding="utf-8") as file:
        launcher.write_text(f'#!/bin/sh\nexec {python} {launcher}.py "$@"\n')
        (tmp_path / "bin" / "authsome.py").write_text("".join(file.readlines()[1:]))
    launcher.chmod(0o755)
    server = connect(5)
    connect.login(check=True)
    authsome.start = lambda *words, env=None, **how: subprocess.Popen(  # the same run, by that interpreter
        [launcher, *words], env=authsome.environment(env), start_new_session=True, **how
    )
    run = live("--deliver", "dotenv")
    for offset in ("+2h", "+0"):
        before = run.token()
        clock.write_text(f"{offset}\n")
        wait_for(lambda before=before: run.token() not in (before, None))
        wait_for(lambda: server.account(run.token() or "none") == "alice")
    assert run.process.poll() is None
    run.end()
