"""git asks us: the real git, a real server, and a run's environment, before and after a refresh."""

from __future__ import annotations

import os
import secrets
import subprocess
import time

import pytest
from cli.program import PROGRAM
from real.git_server import GitServer
from real.run_folder import connection

from authsome_env.deliver import helpers

TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def git(need):
    return need("git")


@pytest.fixture(scope="module")
def server(tmp_path_factory, git):
    server = GitServer(str(tmp_path_factory.mktemp("repositories")), git)
    yield server
    server.stop()


class Person:
    """Somebody with a home of their own, and `git` in it."""

    def __init__(self, git, home, environ) -> None:
        self.git = git
        self.home = home
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "T",
            "GIT_AUTHOR_EMAIL": "t@acme.example",
            "GIT_COMMITTER_NAME": "T",
            "GIT_COMMITTER_EMAIL": "t@acme.example",
            **environ,
        }

    def run(self, *words, cwd=None, fails=False, **environ):
        done = subprocess.run(
            [self.git, *map(str, words)],
            env={**self.environ, **environ},
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    def commit(self, clone, text):
        (clone / "file").write_text(text)
        self.run("add", "file", cwd=clone)
        self.run("commit", "-q", "-m", text, cwd=clone)


@pytest.fixture
def person(git, tmp_path, server):
    """`person(run)`: somebody inside of that run; without one, outside."""

    def make(run=None, inherited=None):
        environ = {"GIT_SSL_CAINFO": server.certificate, **(inherited or {})}
        if run is not None:
            raw = {name.encode(): value.encode() for name, value in environ.items()}
            added = helpers.additions(raw, run.connections, run.path, "default").environ
            environ |= {name: value.decode() for name, value in added.items()} | run.environ
        return Person(git, tmp_path, environ)

    return make


def account(server, name, **changes):
    """A connection to the account of that name, with a token of today; its repository is there."""
    owner = name + secrets.token_hex(4)
    server.add_repository(f"{owner}/tool.git")
    changes = {"name": name, "account": owner, "git_user": "x-access-token", **changes}
    return connection(git_hosts=[server.host], fields={"access_token": server.rotate(owner)}, **changes)


def renewer(server):
    def renew(each):
        each.update(
            generation=each["generation"] + 1, fields={"access_token": server.rotate(each["account"])}
        )

    return renew


def url(server, each, user=""):
    host = f"{user}@{server.host}" if user else server.host
    return f"https://{host}/{each['account']}/tool.git"


def test_clone_push_and_fetch_before_and_after_a_refresh(server, make_run, person, tmp_path):
    mine = account(server, "work")
    run = make_run(mine)
    someone = person(run)
    someone.run("clone", "-q", url(server, mine), "one")
    someone.commit(tmp_path / "one", "first")
    someone.run("push", "-q", "origin", "HEAD", cwd=tmp_path / "one")
    assert {(user, status) for account, user, status in server.asked if account} == {("x-access-token", 200)}

    renewer(server)(mine)  # the keeper renewed it, and the old token is dead
    run.write()
    someone.run("clone", "-q", url(server, mine), "two")
    someone.commit(tmp_path / "one", "second")
    someone.run("push", "-q", "origin", "HEAD", cwd=tmp_path / "one")
    someone.run("fetch", "-q", cwd=tmp_path / "two")
    assert "second" in someone.run("log", "--format=%s", "FETCH_HEAD", cwd=tmp_path / "two")
    assert not (tmp_path / ".git-credentials").exists()


def test_a_refused_token_is_renewed_once_and_the_next_command_has_a_new_one(
    server, make_run, person, tmp_path
):
    mine = account(server, "work")
    run = make_run(mine)
    run.renew = renewer(server)
    run.listen()
    someone = person(run)
    server.rotate(mine["account"])  # revoked, and nobody here knows
    said = someone.run("clone", "-q", url(server, mine), "one", fails=True)
    assert "Authentication failed" in said
    assert run.asked == [f"{mine['id']} 1\n".encode()]
    someone.run("clone", "-q", url(server, mine), "one")
    assert len(run.asked) == 1


def test_a_token_that_has_expired_while_the_machine_slept_is_renewed_before_git_gets_it(
    server, make_run, person, tmp_path
):
    mine = account(server, "work", expires_at=time.time() - 1)
    run = make_run(mine)
    someone = person(run)
    said = someone.run("clone", "-q", url(server, mine), "one", fails=True)
    assert (
        "acme:work is expired, and this run has no keeper any more to renew it (start it again with" in said
    )

    def renew(each):
        renewer(server)(each)
        each["expires_at"] = time.time() + 3600

    run.renew = renew
    run.listen()
    server.asked.clear()
    someone.run("clone", "-q", url(server, mine), "one")
    assert len(run.asked) == 1
    assert {status for account, _, status in server.asked if account} == {200}


def test_two_accounts_on_one_host_by_path_and_by_user_name(server, make_run, person, tmp_path):
    alice, bob = account(server, "alice"), account(server, "bob")
    someone = person(make_run(alice, bob))
    for each in (alice, bob):
        someone.run("clone", "-q", url(server, each), each["name"])
        someone.run("clone", "-q", url(server, each, each["name"]), each["name"] + "-named")
        someone.run("clone", "-q", url(server, each, each["account"]), each["name"] + "-label")
    # A repository that is of neither name: nothing is guessed, and it is said how to choose.
    said = someone.run("clone", "-q", f"{server.url}/other/tool.git", fails=True)
    for name in ("alice", "bob"):
        typed = f"git config --global credential.{server.url}/other.username {name}"
        assert f"for acme:{name}: {typed} (or https://{name}@{server.host}/… as the URL)" in said
    assert "useHttpPath" not in said  # which the run has set
    assert len([line for line in said.splitlines() if line.startswith("authsome: ")]) == 1

    # Which then works: the server knows alice, though this repository is not hers.
    server.asked.clear()
    someone.run("config", "--global", f"credential.{server.url}/other.username", "alice")
    someone.run("clone", "-q", f"{server.url}/other/tool.git", fails=True)
    assert (alice["account"], "x-access-token", 401) in server.asked


def test_the_one_that_was_named_is_meant_where_the_run_has_another_for_that_host(server, make_run, person):
    named, other = account(server, "work"), account(server, "home", named=False)
    someone = person(make_run(other, named))
    someone.run("clone", "-q", url(server, named), "one")
    server.asked.clear()
    someone.run("clone", "-q", url(server, other), "two", fails=True)
    assert {name for name, _, _ in server.asked} == {"", named["account"]}


def test_a_user_of_another_name_gets_nobodys_token(server, make_run, person):
    mine = account(server, "work")
    someone = person(make_run(mine))
    server.asked.clear()
    said = someone.run("clone", "-q", url(server, mine, "mallory"), fails=True)
    assert "none of the connections" in said
    assert {name for name, _, _ in server.asked} == {""}


def test_the_users_own_store_does_not_get_our_token(server, make_run, person, tmp_path):
    mine = account(server, "work")
    someone = person(make_run(mine))
    someone.run("config", "--global", "credential.helper", "store")
    someone.run("config", "--global", f"credential.{server.url}.helper", "store")
    someone.run("clone", "-q", url(server, mine), "one")
    assert not (tmp_path / ".git-credentials").exists()
    # The check can fail: a store that is not reset does get it.
    someone.run("-c", "credential.helper=store", "clone", "-q", url(server, mine), "two")
    assert (tmp_path / ".git-credentials").exists()
    (tmp_path / ".git-credentials").unlink()


def test_what_the_user_has_in_the_environment_and_says_by_c_is_kept(server, make_run, person, tmp_path):
    mine = account(server, "work")
    own = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "acme.kept", "GIT_CONFIG_VALUE_0": "yes"}
    someone = person(make_run(mine), own)
    assert someone.run("config", "acme.kept") == "yes\n"
    assert someone.run("-c", "acme.more=too", "config", "acme.more") == "too\n"
    someone.run("-c", "acme.more=too", "clone", "-q", url(server, mine), "one")
    # Who resets the helpers by -c has none.
    someone.run("-c", f"credential.{server.url}.helper=", "clone", "-q", url(server, mine), "two", fails=True)


def test_git_works_in_another_folder_with_no_path_and_another_python_environment(
    server, make_run, person, tmp_path
):
    mine = account(server, "work")
    someone = person(make_run(mine))
    (tmp_path / "json.py").write_text("raise SystemExit(1)\n")
    (tmp_path / "os.py").write_text("raise SystemExit(1)\n")
    someone.run(
        *("clone", "-q", url(server, mine), "one"),
        PATH="/usr/bin:/bin",
        PYTHONPATH=str(tmp_path),
        PYTHONHOME="/nonexistent",
        VIRTUAL_ENV="/nonexistent",
    )


def test_submodules(server, make_run, person, tmp_path):
    outer, inner = account(server, "outer"), account(server, "inner")
    someone = person(make_run(outer, inner))
    for each in (outer, inner):
        someone.run("clone", "-q", url(server, each), each["name"])
        someone.commit(tmp_path / each["name"], "first")
        someone.run("push", "-q", "origin", "HEAD", cwd=tmp_path / each["name"])
    someone.run("submodule", "--quiet", "add", url(server, inner), "part", cwd=tmp_path / "outer")
    someone.run("commit", "-q", "-m", "with a part", cwd=tmp_path / "outer")
    someone.run("push", "-q", "origin", "HEAD", cwd=tmp_path / "outer")
    someone.run("clone", "-q", "--recurse-submodules", url(server, outer), "again")
    assert (tmp_path / "again" / "part" / "file").read_text() == "first"
    someone.run("submodule", "update", "--remote", cwd=tmp_path / "again")


def test_credential_cache_that_the_user_adds_keeps_no_token_past_its_end(server, make_run, person, tmp_path):
    """A cache after ours is asked second, so a new token always wins."""
    mine = account(server, "work")
    run = make_run(mine)
    someone = person(run)
    cache = ("-c", f"credential.helper=cache --socket={tmp_path / 'socket'}")
    try:
        someone.run(*cache, "clone", "-q", url(server, mine), "one")
        renewer(server)(mine)
        run.write()
        someone.run(*cache, "clone", "-q", url(server, mine), "two")
    finally:
        someone.run("credential-cache", f"--socket={tmp_path / 'socket'}", "exit")


def test_a_dead_keeper_and_a_folder_that_is_gone(server, make_run, person, tmp_path):
    mine = account(server, "work", expires_at=time.time() + 3600)
    run = make_run(mine)
    someone = person(run)
    run.listen()
    run.stop_listening()
    someone.run("clone", "-q", url(server, mine), "one")  # what is there is good
    server.rotate(mine["account"])
    assert "Authentication failed" in someone.run("clone", "-q", url(server, mine), "two", fails=True)
    assert run.asked == []
    os.unlink(os.path.join(run.path, "ask"))
    os.unlink(os.path.join(run.path, "connections"))
    os.rmdir(run.path)
    said = someone.run("clone", "-q", url(server, mine), "two", fails=True, AUTHSOME_HOME=str(tmp_path / "h"))
    assert "there is no vault" in said
    os.mkdir(run.path)  # for the fixture


def test_another_host_is_met_with_silence(make_run, git, server):
    run = make_run(account(server, "work"))
    for question in (
        b"protocol=https\nhost=other.example\n\n",
        b"protocol=https\nhost=" + server.host.partition(":")[0].encode() + b"\n\n",
        b"protocol=http\nhost=github.com\n\n",
        b"protocol=ssh\nhost=" + server.host.encode() + b"\n\n",
        b"protocol=https\nhost=evil." + server.host.encode() + b"\n\n",
    ):
        done = subprocess.run(
            [PROGRAM, "git-credential", "get"],
            input=question,
            env=run.environ,
            capture_output=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == (b"", b""), question
