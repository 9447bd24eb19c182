"""What the programs of a run are told while it lives: by its folder, and in their environment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from cli.live import wait_for
from cli.program import remember

from authsome_env.deliver import live_environment, ram

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SHIMS = os.path.join("shims", "python")

# Prints its environment whole at the start, then reads what to do, a line of Python each.
OBEYS = """
import json, os, sys
print(json.dumps(dict(os.environ)), flush=True)
for line in sys.stdin:
    print(json.dumps(eval(line)), flush=True)
"""


class Program:
    """A run whose command does as it is told."""

    def __init__(self, live, words, env=None):
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": env}
        self.run = live(*words, command=(sys.executable, "-c", OBEYS), **how)
        self.environ = self._read()

    def __call__(self, line):
        self.run.process.stdin.write(line.encode() + b"\n")
        self.run.process.stdin.flush()
        return self._read()

    def _read(self):
        return json.loads(self.run.process.stdout.readline())

    def authsome(self, *words, env=None):
        """Run in this command's environment."""
        return self.run.authsome(
            *words, env={**dict.fromkeys(self.run.authsome.environ), **self.environ, **(env or {})}
        )

    def close(self):
        status = self.run.end()
        self.run.process.stdin.close()
        self.run.process.stdout.close()
        return status


@pytest.fixture
def program(live):
    return lambda *words, env=None: Program(live, words, env)


def told(run):
    """By reference, what the file `connections` says."""
    with open(os.path.join(run.folder, "connections"), encoding="ascii") as file:
        found = json.load(file)
    assert found["version"] == 1
    for each in found["connections"]:
        for field, value in each["fields"].items():
            if field not in each["public"]:
                remember(value.encode())
    return {f"{each['provider']}:{each['name']}": each for each in found["connections"]}


def acme(run):
    return told(run)["acme:default"]


def newest(run):
    """What `live` has for ACME_TOKEN."""
    with open(os.path.join(run.folder, "live"), encoding="utf-8") as file:
        text = file.read()
    assert text.startswith("authsome-live 1 ")
    assert text.endswith("\n.\n")
    return remember(re.search("^=ACME_TOKEN=(.*)$", text, re.MULTILINE)[1].encode()).decode()


def ask(run, line):
    descriptor = os.open(os.path.join(run.folder, "ask"), os.O_WRONLY | os.O_NONBLOCK)
    try:
        return os.write(descriptor, line)
    finally:
        os.close(descriptor)


# What is told


def test_all_is_told_before_the_command_begins_and_after_each_refresh(connect, program):
    server = connect(5)
    connect.login(check=True)
    it = program("--live")
    first = it.environ["ACME_TOKEN"]
    run = it.run
    assert it.environ["AUTHSOME_RUN"] == run.folder
    assert {
        entry: os.stat(os.path.join(run.folder, entry)).st_mode & 0o777 for entry in os.listdir(run.folder)
    } == dict.fromkeys(("additions", "ask", "connections", "live", "record"), 0o600)
    entry = acme(run)
    assert (
        entry | {"id": "", "fields": {}, "expires_at": 0}
        == {
            "id": "",
            "provider": "acme",
            "name": "default",
            "named": False,
            "account_id": "alice",
            "account": None,
            "base_url": None,
            "status": "connected",
            "expires_at": 0,
            "generation": entry["generation"],
            "renewable": True,
            "git_hosts": [],
            "git_user": "",
            "docker_hosts": [],
            "fields": {},
            "public": [],
        }
        or entry["account"] == "alice"
    )
    tokens = {first}
    until = time.time() + 9
    while time.time() < until:
        token = newest(run)
        assert server.account(token) == "alice"
        assert server.account(acme(run)["fields"]["access_token"]) == "alice"
        tokens.add(token)
    assert len(tokens) >= 2
    assert acme(run)["generation"] > entry["generation"]
    assert it.close() == -signal.SIGTERM


def test_files_first_then_the_signal(connect, live):
    """Whoever is signalled finds the new values in the run's folder."""
    connect(4)
    connect.login(check=True)
    reads = """
import os, re, signal
def read(*_):
    with open(os.environ["AUTHSOME_RUN"] + "/live") as file:
        print(re.search("=ACME_TOKEN=(.*)", file.read())[1], flush=True)
signal.signal(signal.SIGHUP, read)
read()
while True:
    signal.pause()
"""
    run = live("--on-expiry", "signal:HUP", command=(sys.executable, "-c", reads), stdout=subprocess.PIPE)
    tokens = [remember(run.process.stdout.readline().strip()) for _ in range(4)]
    assert len(set(tokens)) == 4
    run.end()
    run.process.stdout.close()


def test_a_dead_token_stays_in_live_and_has_no_fields(connect, live):
    connect(3, road=True)
    connect.login(check=True)
    run = live()
    connect.road.close()
    entry = wait_for(lambda: acme(run)["status"] == "expired" and acme(run))
    last = newest(run)
    assert entry["fields"] == {}
    connect.road.open()
    wait_for(lambda: acme(run)["status"] == "connected")
    assert acme(run)["fields"]["access_token"] == newest(run) != last
    run.end()


def test_a_revoked_one_is_invalid_in_the_end_and_mended_by_a_login(connect, live):
    server = connect(4)
    connect.login(check=True)
    run = live()
    server.revoke(acme(run)["fields"]["access_token"])
    entry = wait_for(lambda: acme(run)["status"] == "invalid" and acme(run))
    assert entry["fields"] == {}
    connect.login(check=True)
    wait_for(lambda: acme(run)["status"] == "connected")
    assert server.account(newest(run)) == "alice"
    run.end()


def test_a_new_login_reaches_a_live_program_though_nothing_expires(authsome, live, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    run = live("--live")
    key = made_up_key()
    authsome("login", "openai", "--stdin", "--force", input=key, check=True)
    wait_for(lambda: told(run)["openai:default"]["fields"]["api_key"] == key.decode())  # at its look, in 30 s
    with open(os.path.join(run.folder, "live"), "rb") as file:
        assert b"=OPENAI_API_KEY=" + key in file.read()
    run.end()


@pytest.mark.parametrize("name", ["live", "connections", "additions", "aws-config", "ask", ""])
def test_what_somebody_removes_is_made_again(authsome, connect, live, name):
    """At its next look, in 30 s; whatever it hears makes it look."""
    connect(600)
    connect.login(check=True)
    key = {"access_key_id": "AKIA" + "A" * 16, "secret_access_key": "s" * 40}
    authsome("login", "aws", "--stdin", input=json.dumps(key).encode(), check=True)
    run = live("--live", "-p", "acme", "--map", "KEY_ID=aws#access_key_id")
    wanted = {"live", "connections", "additions", "aws-config", "ask", "record"}
    assert wanted <= set(os.listdir(run.folder))
    subprocess.run(["rm", "-r", os.path.join(run.folder, name).rstrip("/")], check=True)

    def is_whole():
        try:
            ask(run, b"\n")
            return os.listdir(run.folder)
        except OSError:
            return []

    wait_for(lambda: wanted <= set(is_whole()))
    assert newest(run)
    run.end()


# What may be asked for


def test_asking_renews_once_a_token_that_is_not_due(connect, live):
    server = connect(600)
    connect.login(check=True)
    run = live()
    before, refreshes = acme(run), server.counts()["refreshes"]
    line = f"{before['id']} {before['generation']}\n".encode()
    for _ in range(5):
        ask(run, line)
    after = wait_for(lambda: acme(run)["generation"] != before["generation"] and acme(run))
    ask(run, line)  # of a token that has gone
    assert after["generation"] == before["generation"] + 1
    assert server.account(after["fields"]["access_token"]) == "alice"
    assert newest(run) == after["fields"]["access_token"] != before["fields"]["access_token"]
    ask(
        run, f"{after['id']} {after['generation']}\n".encode()
    )  # heard after the other one, so that one is past
    wait_for(lambda: acme(run)["generation"] == before["generation"] + 2)
    assert server.counts()["refreshes"] == refreshes + 2
    run.end()


def test_a_flood_of_garbage_delays_nothing(connect, live):
    server = connect(4)
    connect.login(check=True)
    run = live()
    first = acme(run)
    while acme(run)["generation"] < first["generation"] + 2:
        try:
            ask(run, b"nobody 1\nrubbish\n" * 100)
            ask(run, f"{first['id']} {first['generation'] - 1}\n".encode())
        except BlockingIOError:
            pass
    assert server.account(newest(run)) == "alice"
    run.end()


def test_what_cannot_be_renewed_is_a_notice(authsome, live, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    run = live("--live")
    entry = told(run)["openai:default"]
    assert entry["renewable"] is False
    ask(run, f"{entry['id']} {entry['generation']}\n".encode())
    assert "authsome login openai -c default" in wait_for(run.notice)
    assert told(run)["openai:default"]["fields"] == entry["fields"]
    run.end()


# The environment


def test_live_adds_to_what_the_user_has(connect, program, tmp_path):
    connect(600)
    connect.login(check=True)
    env = {"PYTHONPATH": "/mine:", "NODE_OPTIONS": "--no-warnings", "BASH_ENV": "/mine.sh"}
    own = {"HOME": os.path.dirname(live_environment.shims()), "XDG_DATA_HOME": str(tmp_path)}
    it = program("--live", env={**env, **own})
    assert re.fullmatch(f"/.*{SHIMS}:/mine:", it.environ["PYTHONPATH"])
    assert it.environ["NODE_OPTIONS"] == f"--no-warnings --require {tmp_path}/authsome-live/node-1.cjs"
    assert it.environ["BASH_ENV"].endswith("/shims/bash/live.bash")
    assert it.environ["AUTHSOME_BASH_ENV"] == "/mine.sh"
    it.close()
    it = program("--live", "--drop", "PYTHONPATH", "--drop", "BASH_ENV", env=env)
    assert re.fullmatch(f"/.*{SHIMS}", it.environ["PYTHONPATH"])
    assert "AUTHSOME_BASH_ENV" not in it.environ
    it.close()
    it = program(env=env)
    assert {name: it.environ.get(name) for name in env} == env
    it.close()


@pytest.mark.parametrize("how", ["dotenv", "files", "fifo"])
def test_live_is_for_the_environment(authsome, how):
    done = authsome("run", "--live", "--deliver", how, "--", "true")
    assert done.returncode == 125
    assert done.stderr.decode() == (
        f"authsome: --live keeps the environment fresh, and --deliver {how} puts nothing into it [usage]\n"
        "hint: leave out one of them\n"
    )


def test_where_nothing_is_in_memory_nothing_secret_is_written(authsome, tmp_path, made_up_key):
    """The folder's only place is on a disk."""
    on_disk = tmp_path / "run"
    on_disk.mkdir(mode=0o700)
    if ram._file_system(on_disk.stat().st_dev) in ram._IN_MEMORY:
        pytest.skip("the temporary files are in memory")
    through = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]
    if subprocess.run([*through, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespace can be made")
    authsome.environ |= {"AUTHSOME_HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(on_disk)}
    authsome.environ |= {"TMPDIR": str(tmp_path)}
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    looks = f"find {on_disk} -type f; echo [$AUTHSOME_RUN$PYTHONPATH]"
    done = authsome("run", "--live", "--", "sh", "-c", looks, through=through)
    *found, environ = done.stdout.decode().splitlines()
    assert environ == "[]"
    assert {os.path.basename(path) for path in found} == {"record"}
    assert done.stderr.decode().count("warning") == 1
    assert b"--live has no effect" in done.stderr


def test_named_ones_that_git_can_use_have_a_keeper_and_helpers(authsome, live, made_up_key):
    key = remember(b"ghp_" + os.urandom(18).hex().encode())
    authsome("login", "github-pat", "--stdin", input=key, check=True)
    run = live("-p", "github-pat")
    entry = told(run)["github-pat:default"]
    assert entry["named"] is True
    assert "github.com" in entry["git_hosts"]
    assert run.listed()["helpers"] is True
    run.end()
    for words in (("-p", "github-pat", "--no-helpers"), ()):
        done = authsome("run", *words, "--", "printenv", "AUTHSOME_RUN")
        assert (done.returncode, done.stdout) == (1, b"")  # nothing expires, so there is no keeper


# Runs inside runs


def test_a_run_inside_gets_nothing_of_the_outer_one(authsome, connect, program):
    connect(600)
    connect.login(check=True)
    it = program("--live", env={"PYTHONPATH": "/mine", "ACME_TOKEN": "the user's"})
    inner = it.authsome("run", "--none", "--", "env").stdout.decode().splitlines()
    outer = {f"{name}={value}" for name, value in it.environ.items()}
    gone = {entry.partition("=")[0] for entry in outer - set(inner)}
    assert gone == {"ACME_TOKEN", "AUTHSOME_RUN", "NODE_OPTIONS", "BASH_ENV", "PYTHONPATH"}
    assert "PYTHONPATH=/mine" in inner
    # What somebody has set in between stays.
    inner = it.authsome("run", "--none", "--", "env", env={"ACME_TOKEN": "mine"}).stdout.decode().splitlines()
    assert "ACME_TOKEN=mine" in inner
    it.close()


def test_three_deep(authsome, connect, program):
    connect(600)
    connect.login(check=True)
    it = program("--live", env={"PYTHONPATH": "/mine"})
    nested = [
        "run",
        "--live",
        "--",
        authsome.program,
        "run",
        "--live",
        "--",
        authsome.program,
        "run",
        "--none",
        "--",
        "env",
    ]
    inner = it.authsome(*nested).stdout.decode().splitlines()
    names = {entry.partition("=")[0] for entry in inner}
    assert "PYTHONPATH=/mine" in inner
    assert not names & {"ACME_TOKEN", "AUTHSOME_RUN", "NODE_OPTIONS", "BASH_ENV", "AUTHSOME_BASH_ENV"}
    it.close()


def test_a_shell_inside_is_rid_of_the_outer_run(authsome, connect, program):
    connect(600)
    connect.login(check=True)
    it = program("--live", env={"PYTHONPATH": "/mine"})
    shown = it.authsome("env", "--none", "--format", "sh")
    done = subprocess.run(
        ["sh", "-c", 'eval "$1"; env', "sh", shown.stdout], env=it.environ, capture_output=True, check=True
    )
    names = {entry.partition("=")[0] for entry in done.stdout.decode().splitlines()}
    assert b"PYTHONPATH=/mine\n" in done.stdout
    assert not names & {"ACME_TOKEN", "AUTHSOME_RUN", "NODE_OPTIONS", "BASH_ENV"}
    it.close()


# `authsome token` inside


def test_token_inside_needs_no_vault_and_knows_no_other_connection(authsome, connect, program, made_up_key):
    server = connect(600)
    connect.login(check=True)
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    it = program("-p", "acme")
    away = {"AUTHSOME_HOME": os.path.join(authsome.folder, "nowhere")}
    for reference in ("acme", "acme:default", "acme#access_token", "authsome://acme/default"):
        done = it.authsome("token", reference, env=away)
        assert server.account(done.stdout.decode().strip()) == "alice", done.stderr
    answer = json.loads(it.authsome("token", "--json", "acme", env=away).stdout)
    assert (answer["provider"], answer["connection"]) == ("acme", "default")
    assert it.authsome("token", "openai").returncode == 3
    assert it.authsome("token", "acme#other").returncode == 2
    assert it.authsome("token", "acme:", env=away).returncode == 2
    it.close()


API = """
import authsome_env, sys
print(authsome_env.get_access_token(*sys.argv[1:]))
import httpx2
sent = next(authsome_env.httpx_auth(*sys.argv[1:]).sync_auth_flow(httpx2.Request("GET", "https://api.example/")))
print(sent.headers["Authorization"])
"""


def test_the_python_api_inside_needs_no_vault_either(authsome, connect, live, tmp_path):
    server = connect(600)
    connect.login(check=True)
    script = f'AUTHSOME_HOME=/nowhere {sys.executable} -c "$1" acme; {sys.executable} -c "$1" openai'
    with open(tmp_path / "said", "w+") as said:
        run = live("-p", "acme", command=("sh", "-c", script, "sh", API), stdout=said, stderr=said)
        run.process.wait(60)
        said.seek(0)
        token, header, rest = said.read().split("\n", 2)
    assert server.account(remember(token.encode()).decode()) == "alice"
    assert header == f"Bearer {token}"
    assert "ConnectionNotFound: this run has no openai; it has acme:default" in rest


def test_token_inside_of_a_dead_one_says_what_to_type(authsome, connect, program):
    connect(15)
    connect.login(check=True)
    it = program("-p", "acme")
    os.kill(it.run.keeper, signal.SIGKILL)  # so that nobody renews it
    assert it.authsome("token", "acme").returncode == 0
    wait_for(lambda: it.authsome("token", "acme").returncode == 5)
    done = it.authsome("token", "acme")
    assert b"start it again with `authsome run`" in done.stderr  # a login would reach nobody
    it.run.process.terminate()
    it.run.process.wait()
    it.run.process.stdin.close()
    it.run.process.stdout.close()


def test_token_inside_of_one_of_two_must_say_which(authsome, connect, program):
    server = connect(600)
    connect.login(check=True)
    connect.login("-c", "work", account="bob", check=True)
    it = program("--none", "--map", "FIRST=acme:default", "--map", "SECOND=acme:work")
    done = it.authsome("token", "acme")
    assert done.returncode == 3
    assert b"acme:default, acme:work" in done.stderr
    assert server.account(it.authsome("token", "acme:work").stdout.decode().strip()) == "bob"
    it.close()


def test_token_when_the_folder_is_gone_is_nobodys(authsome, connect, program):
    """The vault's default may be another account than the run's."""
    connect(600)
    connect.login(check=True)
    it = program("-p", "acme")
    it.close()
    done = it.authsome("token", "acme")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"unset AUTHSOME_RUN" in done.stderr
    assert it.authsome("token", "acme", env={"AUTHSOME_RUN": None}).returncode == 0
    assert it.authsome("token", "acme", env={"AUTHSOME_RUN": authsome.folder + "/../x"}).returncode == 3


# --explain


def test_explain_shows_each_rung_and_the_flag_that_helps(authsome, connect, tmp_path):
    connect(600)
    connect.login(check=True)

    def answer(*words):
        found = json.loads(authsome("run", *words, "--explain", "--json", check=True).stdout)
        return (
            found["variables"][0]["freshness"],
            found["variables"][0]["until"] is None,
            found["advice"] is None,
        )

    assert answer() == ("fixed at the start", False, False)
    assert answer("--live") == ("live in Python, Node and bash -c", True, True)
    assert answer("--live", "--on-expiry", "signal:HUP") == (
        "live in Python, Node and bash -c, then SIGHUP",
        True,
        True,
    )
    assert answer("--deliver", "dotenv") == ("file rewritten", True, True)
    path = tmp_path / "acme.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "git_hosts": ["git.example"]}))
    authsome("provider", "add", str(path), "--replace", check=True)
    assert answer() == ("fixed at the start", False, False)  # helpers are for named ones
    assert answer("-p", "acme") == ("fixed at the start; asked by git", False, False)
    assert answer("-p", "acme", "--no-helpers") == ("fixed at the start", False, False)
    assert answer("-p", "acme", "--live") == ("live in Python, Node and bash -c; asked by git", True, True)
    done = authsome("run", "--explain", check=True)
    assert done.stderr.decode().splitlines()[-1].startswith("to keep ACME_TOKEN fresh: --live")
    assert authsome("run", "--explain", "--live", check=True).stderr == b""


# Places


def test_the_memory_is_full_for_a_while(authsome, connect, live, need, tmp_path):
    """What is there stays whole, and is brought up to date as soon as that can be done."""
    connect(3)
    connect.login(check=True)
    script = tmp_path / "script"
    script.write_text(
        """
set -e
mount -t tmpfs -o size=64k,mode=700 none "$XDG_RUNTIME_DIR"
exec "$AUTHSOME" run --live -- sh -c '
cp "$AUTHSOME_RUN/live" "$TMPDIR/first"
cat /dev/zero >"$XDG_RUNTIME_DIR/full" 2>/dev/null
sleep 5
tail -n 1 "$AUTHSOME_RUN/live" "$AUTHSOME_RUN/connections" | grep -c "^\\.\\|]}$"
rm "$XDG_RUNTIME_DIR/full"
for i in $(seq 300); do
    cmp -s "$AUTHSOME_RUN/live" "$TMPDIR/first" || { echo fresh; break; }
    sleep 0.1
done
grep -o "no space left on device" "$AUTHSOME_RUN/record"
rm "$TMPDIR/first"'
"""
    )
    words = [need("unshare"), *(() if os.geteuid() == 0 else ("--map-root-user",)), "--mount", "sh", script]
    env = {**authsome.environment(), "AUTHSOME": authsome.program}
    done = subprocess.run(words, env=env, capture_output=True, check=False, timeout=120)
    assert done.stdout.decode().splitlines() == ["2", "fresh", "no space left on device"], done.stderr
