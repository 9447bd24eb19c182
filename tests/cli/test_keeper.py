"""A program that outlives its token: the keeper beside it, in good days and bad, with real tokens."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# Says at each HUP what it reads; HUP counts only once it listens.
RELOADS = """
import os, signal, sys
def reload(*_):
    with open(os.environ["AUTHSOME_ENV_FILE"]) as file:
        print(file.read().partition("ACME_TOKEN='")[2].partition("'")[0], flush=True)
signal.signal(signal.SIGHUP, reload)
reload()
while True:
    signal.pause()
"""


def wait_for(what, timeout=90.0):
    deadline = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
    return found


def test_who_reads_the_file_again_always_has_a_live_token(connect, live):
    server = connect(5)
    connect.login(check=True)
    before = server.counts()["refreshes"]
    run = live("--deliver", "dotenv")
    began = time.time()
    seen = []
    while time.time() < began + 14:
        token = run.token()
        assert server.account(token) == "alice"
        if token not in seen:
            seen.append(token)
    refreshes = server.counts()["refreshes"] - before
    assert run.end() == -signal.SIGTERM
    # One at the start if it was due by then, and one for each four of the five seconds.
    assert 14 // 5 <= refreshes <= 14 // 4 + 1
    assert len(seen) >= 14 // 5
    assert server.counts()["refreshes"] - before <= refreshes + 1


def test_the_command_is_signalled_after_the_file_was_written(authsome, connect, live):
    server = connect(4)
    connect.login(check=True)
    run = live(
        *("--deliver", "dotenv", "--on-expiry", "signal:HUP"),
        command=(sys.executable, "-c", RELOADS),
        stdout=subprocess.PIPE,
    )
    tokens = [run.process.stdout.readline().decode().strip() for _ in range(3)]
    assert len(set(tokens)) == 3
    assert server.account(tokens[-1]) == "alice"
    run.end()
    run.process.stdout.close()


def test_a_server_that_is_down_for_longer_than_a_token_lives(authsome, connect, live):
    server = connect(3, road=True)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    first = run.token()
    connect.road.close()
    wait_for(lambda: "ACME_TOKEN" not in run.text())  # a dead token is taken away, so nobody gets a 401
    wait_for(lambda: server.account(first) is None)
    notice = wait_for(run.notice)
    assert "acme:default" in notice
    assert "cannot connect" in notice
    assert run.process.poll() is None
    connect.road.open()
    token = wait_for(run.token)
    assert server.account(token) == "alice"
    run.end()


def test_a_notice_without_a_terminal_is_said_once_by_whatever_comes_next(authsome, connect, live):
    words = [("run", "--none", "--", "true"), ("env", "--none", "--format", "sh")]
    server = connect(4)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    server.revoke(run.token())
    notice = wait_for(run.notice)
    unsaid = os.path.join(run.folder, "unsaid")
    wait_for(lambda: os.path.exists(unsaid))
    assert authsome("ps", check=True).stderr == b""
    assert [authsome("--quiet", *each, check=True).stderr for each in words] == [b"", b""]
    crowd = [authsome.start(*each, stderr=subprocess.PIPE) for each in 4 * words]
    said = [each.communicate()[1].decode() for each in crowd]
    assert [each.returncode for each in crowd] == [0] * 8
    assert sorted(said) == [""] * 7 + [f"authsome: warning: sleep (process {run.process.pid}): {notice}\n"]
    assert not [name for name in os.listdir(run.folder) if name.startswith("unsaid")]
    run.end()


def test_what_is_to_be_typed_names_the_vault_unless_it_is_the_default_one(authsome, connect, live):
    server = connect(4)
    authsome("vault", "create", "work", check=True)
    connect.login("--vault", "work", check=True)
    run = live("--vault", "work", "--deliver", "dotenv")
    server.revoke(run.token())
    login = "authsome login acme -c default --vault work"
    assert wait_for(run.notice).endswith(f": {login}")
    run.end()

    def hints(*words, env=None):
        done = authsome(*words, env=env)
        assert done.returncode
        return done.stderr.decode().splitlines()[-1].partition("authsome login ")[2].rstrip(")")

    typed = login.partition("authsome login ")[2]
    for words in (("run", "-p", "acme", "--", "true"), ("token", "acme"), ("refresh", "acme"), ("check",)):
        assert hints("--vault", "work", *words) == typed
        assert hints(*words, env={"AUTHSOME_VAULT": "work"}) == typed
    warned = authsome("run", "--vault", "work", "--", "true", check=True).stderr.decode()
    assert f"({login})" in warned
    authsome("vault", "use", "work", check=True)
    assert hints("token", "acme") == "acme -c default"
    assert hints("--vault", "work", "token", "acme", env={"AUTHSOME_VAULT": "default"}) == typed


def test_a_revoked_one_is_noticed_once_and_mended_by_a_login(authsome, connect, live):
    server = connect(4)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    server.revoke(run.token())
    notice = wait_for(run.notice)
    assert "authsome login acme -c default" in notice
    assert run.listed()["notice"] == notice
    said = [authsome("list", check=True).stderr.decode() for _ in range(2)]
    assert said == [f"authsome: warning: sleep (process {run.process.pid}): {notice}\n", ""]
    wait_for(lambda: run.token() is None)
    before = server.counts()
    connect.login(check=True)
    token = wait_for(run.token)
    assert server.account(token) == "alice"
    assert server.counts()["refreshes"] == before["refreshes"]
    wait_for(lambda: server.counts()["refreshes"] > before["refreshes"])  # and so on
    run.end()


@pytest.mark.parametrize("told", [True, False])
def test_another_accounts_login_is_noticed_and_not_delivered(authsome, connect, live, told):
    server = connect(5, told=told)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    connect.login("--force", account="bob", check=True)
    assert "another account" in wait_for(run.notice)  # or may be one, if nobody tells
    last = time.time() + 6
    while time.time() < last:
        assert server.account(run.token() or "none") in ("alice", None)
        time.sleep(0.1)
    assert run.token() is None
    run.end()


def test_a_lock_of_the_vault_does_not_stop_what_runs(authsome, connect, live):
    server = connect(3)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    first = run.token()
    authsome("vault", "lock", check=True)
    assert authsome("token", "acme").returncode == 10
    wait_for(lambda: run.token() not in (first, None))
    assert server.account(run.token()) == "alice"
    authsome("vault", "unlock", check=True)
    run.end()


def test_a_vault_that_is_moved_away_and_back(authsome, connect, live):
    server = connect(3)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    vaults = os.path.join(authsome.home, "vaults")
    os.rename(vaults, vaults + ".away")
    notice = wait_for(run.notice)
    assert "there is no vault" in notice or "expired" in notice
    wait_for(lambda: run.token() is None)
    os.rename(vaults + ".away", vaults)
    token = wait_for(run.token)
    assert server.account(token) == "alice"
    run.end()


def test_a_connection_that_is_logged_out_meanwhile(authsome, connect, live):
    connect(5)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    authsome("logout", "acme", check=True)
    assert "acme:default was logged out" in wait_for(run.notice)
    wait_for(lambda: run.token() is None)
    run.end()


def test_a_folder_that_is_deleted_is_made_again(connect, live):
    connect(3)
    connect.login(check=True)
    run = live("--deliver", "dotenv")
    subprocess.run(["rm", "-r", os.path.dirname(run.folder)], check=True)
    assert wait_for(run.token)
    wait_for(lambda: os.path.exists(os.path.join(run.folder, "record")))
    run.end()


def test_what_others_do_to_its_connections_is_followed(authsome, connect, live, made_up_key):
    """A refresh by another process, and a new key for what never expires."""
    connect(600)
    connect.login(check=True)
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    link = os.path.join(authsome.folder, "link")
    run = live("--deliver", "files", "--path", link)
    before = read_set(link)
    key = made_up_key()
    authsome("login", "openai", "--stdin", "--force", input=key, check=True)
    authsome("refresh", "acme", check=True)
    wait_for(lambda: read_set(link)["ACME_TOKEN"] != before["ACME_TOKEN"])  # at its next look, in 30 s
    assert read_set(link)["OPENAI_API_KEY"] == key
    run.end()
    assert not os.path.lexists(link)


def read_set(folder):
    found = {}
    for name in ("ACME_TOKEN", "OPENAI_API_KEY"):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def test_nothing_expires_and_nothing_is_left_so_nobody_stays(authsome, live, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    done = authsome("run", "--", "sh", "-c", f"ls {authsome.environ['XDG_RUNTIME_DIR']}; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")


def test_a_min_ttl_that_no_token_reaches_is_one_refresh_and_a_warning(authsome, connect):
    server = connect(600)
    connect.login(check=True)
    before = server.counts()["refreshes"]
    done = authsome("run", "--min-ttl", "1h", "--", "true", check=True)
    assert server.counts()["refreshes"] == before + 1
    assert b"the tokens of acme:default live for 10m, less than --min-ttl asks for" in done.stderr
    done = authsome("run", "--min-ttl", "5m", "--", "true", check=True)
    assert server.counts()["refreshes"] == before + 1
    assert done.stderr == b""


def test_a_refresh_at_the_start_leaves_no_signal_for_the_command(authsome, connect, live):
    """Its caller blocks SIGCHLD, so that what our helpers leave would still be pending."""
    connect(600)
    connect.login(check=True)
    blocked = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD]);"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = [authsome.program, "run", "--min-ttl", "1h", "--", "grep", "Pnd", "/proc/self/status"]
    done = subprocess.run(
        [sys.executable, "-c", blocked, *words],
        env=authsome.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "less than --min-ttl" in done.stderr  # it was refreshed
    assert [int(line.split()[1], 16) for line in done.stdout.splitlines()] == [0, 0]


@pytest.mark.parametrize("kind", ["dotenv", "files"])
def test_an_inner_run_without_delivery_has_nothing_of_the_outer_ones(authsome, live, made_up_key, kind):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    name = {"dotenv": b"AUTHSOME_ENV_FILE=", "files": b"OPENAI_API_KEY_FILE="}[kind]
    outer = ["run", "--deliver", kind, "--"]
    assert name in authsome(*outer, "env", check=True).stdout
    inner = [authsome.program, "run", "--none", "--", "env"]
    assert name not in authsome(*outer, *inner, check=True).stdout


@pytest.mark.parametrize("what", ["again", "signal", "signal:", "signal:NONE", "signal:_IGN", "HUP"])
def test_an_unknown_on_expiry_is_refused(authsome, what):
    done = authsome("run", "--on-expiry", what, "--", "true")
    assert done.returncode == 125
    assert b"signal:NAME" in done.stderr


@pytest.mark.parametrize("name", ["KILL", "SIGSTOP", "kill"])
def test_a_signal_that_no_command_can_act_on_is_refused(authsome, name):
    done = authsome("run", "--on-expiry", f"signal:{name}", "--", "true")
    assert done.returncode == 125
    assert b"no command can act on that signal" in done.stderr
    assert b"signal:HUP" in done.stderr


def test_what_fails_before_the_command_leaves_nothing(authsome, connect, live):
    connect(600)
    connect.login(check=True)
    missing = authsome("run", "--deliver", "dotenv", "--", "no-such-command")
    assert missing.returncode == 127
    assert not os.path.exists(os.path.join(authsome.environ["XDG_RUNTIME_DIR"], "authsome"))
    taken = os.path.join(authsome.folder, "taken")
    with open(taken, "w", encoding="utf-8") as file:
        file.write("mine")
    refused = authsome("run", "--deliver", "dotenv", "--path", taken, "--", "true")
    assert refused.returncode == 125
    assert b"is not ours to replace" in refused.stderr
    assert not os.path.exists(os.path.join(authsome.environ["XDG_RUNTIME_DIR"], "authsome"))
    with open(taken, encoding="utf-8") as file:
        assert file.read() == "mine"


def test_ps_shows_what_runs_and_explain_what_would(authsome, connect, live):
    connect(600)
    connect.login(check=True)
    run = live("--deliver", "dotenv", "-p", "acme")
    assert run.line()[:4] == [str(run.process.pid), "sleep", "acme:default", "dotenv"]
    told = run.listed()
    assert (told["keeper"], told["command"]) == (run.keeper, "sleep")
    assert time.time() < told["next_refresh"] < time.time() + 600
    rows = {}
    for words in ((), ("--deliver", "dotenv"), ("--on-expiry", "signal:HUP")):
        answer = json.loads(authsome("run", *words, "--explain", "--json", check=True).stdout)
        rows[words] = answer["variables"][0]["freshness"], answer["variables"][0]["until"] is None
    assert list(rows.values()) == [
        ("fixed at the start", False),
        ("file rewritten", True),
        ("fixed at the start, then SIGHUP", False),
    ]
    run.end()
    assert run.listed() is None


def test_explain_says_nothing_of_the_life_of_a_value_that_is_not_ours(authsome, connect):
    connect(600)
    connect.login(check=True)
    told = authsome("run", "--explain", "--keep-existing", env={"ACME_TOKEN": "the user's"}, check=True)
    assert told.stdout.decode().splitlines()[1].split() == [
        "ACME_TOKEN",
        "inherited",
        "(kept)",
        "-",
        "-",
        "-",
    ]


def test_the_vault_survives_all_of_it(authsome, connect, live):
    """A refresh that is due in the middle of the end: at any moment it is done or not begun."""
    server = connect(2)
    connect.login(check=True)
    for pause in (1.4, 1.6, 1.7, 1.8, 2.0):
        run = live("--deliver", "dotenv")
        time.sleep(pause)
        run.end(signal.SIGKILL)
    time.sleep(2.5)
    done = authsome("token", "acme", check=True)
    assert server.account(done.stdout.decode().strip()) == "alice"
    path = os.path.join(authsome.home, "vaults", "default.db")
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


# An agent: calls the resource all the time with what it has read; "reload": it reads only when it is told to.
AGENT = """
import json, os, signal, sys, time, urllib.error, urllib.request as u
url, how = sys.argv[1:]
counts, token, going = {}, None, True
def read(*_):
    global token
    with open(os.environ["AUTHSOME_ENV_FILE"]) as file:
        token = file.read().partition("ACME_TOKEN='")[2].partition("'")[0] or None
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGHUP, read)
signal.signal(signal.SIGTERM, stop)
read()
print("ready", flush=True)
while going:
    if how == "poll": read()
    try:
        status = "no token" if token is None else u.urlopen(u.Request(
            url, headers={"Authorization": "Bearer " + token}), timeout=9).status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError:
        status = "down"
    counts[status] = counts.get(status, 0) + 1
    time.sleep(0.5)
print(json.dumps(counts), flush=True)
"""

AGENT_S = float(os.environ.get("AGENT_S", "24"))


def test_agents_that_never_stop_calling_get_no_401_with_an_outage_in_between(authsome, connect, live):
    """The resource is down together with the token endpoint, for longer than a token lives."""
    server = connect(5, road=True)
    connect.login(check=True)
    url = f"http://127.0.0.1:{connect.road.port}/me"
    agents = {
        how: live(
            *("--deliver", "dotenv", "--on-expiry", "signal:HUP" if how == "reload" else "refresh"),
            command=(sys.executable, "-c", AGENT, url, how),
            stdout=subprocess.PIPE,
        )
        for how in ("poll", "reload")
    }
    for run in agents.values():
        assert run.process.stdout.readline() == b"ready\n"
    before = server.counts()["refreshes"]
    time.sleep(AGENT_S / 3)
    connect.road.close()
    time.sleep(min(12.0, AGENT_S / 3))
    connect.road.open()
    for run in agents.values():
        wait_for(lambda run=run: run.token() and server.account(run.token()) == "alice")
    time.sleep(AGENT_S / 3)
    refreshes = server.counts()["refreshes"] - before
    for how, run in agents.items():
        run.end()
        counts = json.loads(run.process.stdout.read())
        run.process.stdout.close()
        assert counts["200"] > AGENT_S / 2
        assert counts["down"] > 0
        assert "401" not in counts, (how, counts)
    assert refreshes <= AGENT_S / 4 + 3  # for both together: a token is renewed once
