"""The run's folder as those inside see it: what is read, what is not trusted, and how a token is renewed."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys

import pytest
from real.run_folder import TIMEOUT_S, connection

from authsome_env.app import inside
from authsome_env.errors import AuthsomeError, ConnectionNotFound, CredentialUnusable
from authsome_env.model import Reference


class Clock:
    """Time that moves only when someone waits; `each`: what happens meanwhile."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.waits = 0
        self.each = lambda: None

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds
        self.waits += 1
        self.each()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(make_run):
    return make_run(connection(fields={"access_token": "a"}), connection(name="home", provider="other"))


def told(run):
    return inside.connections(run.environ)


def test_what_is_told(make_run):
    run = make_run(
        connection(
            account="Alice",
            account_id="7",
            expires_at=1764.5,
            generation=3,
            git_hosts=["git.example"],
            git_user="x",
            docker_hosts=["d.example"],
            fields={"api_key": "k\udc80é", "region": "r"},
            public=["region"],
        )
    )
    (found,) = told(run)
    assert (found.reference, found.account, found.account_id) == ("acme:work", "Alice", "7")
    assert (found.expires_at, found.generation, found.status) == (1764.5, 3, "connected")
    assert (found.git_hosts, found.git_user, found.docker_hosts) == (("git.example",), "x", ("d.example",))
    assert found.password().reveal_bytes() == b"k\x80\xc3\xa9"
    assert found.implied


def test_outside(tmp_path):
    for environ in ({}, {"AUTHSOME_RUN": ""}, {"AUTHSOME_RUN": "tmp"}, {"AUTHSOME_RUN": str(tmp_path / "x")}):
        assert inside.connections(environ) is None
    file = tmp_path / "file"
    file.touch(0o600)
    assert inside.connections({"AUTHSOME_RUN": str(file)}) is None
    assert inside.connections({"AUTHSOME_RUN": "/a\0b"}) is None


def test_a_folder_that_is_not_ours_alone_is_none(run, tmp_path):
    os.chmod(run.path, 0o755)
    assert told(run) is None
    os.chmod(run.path, 0o700)
    link = tmp_path / "link"
    link.symlink_to(run.path)
    assert inside.connections({"AUTHSOME_RUN": str(link)}) is None
    if os.geteuid() == 0:
        os.chown(run.path, 12345, -1)
        assert told(run) is None
        os.chown(run.path, 0, -1)


def path_of(run):
    return os.path.join(run.path, "connections")


def test_without_a_list_there_is_no_connection_and_the_vault_is_no_substitute(run):
    os.unlink(path_of(run))
    assert told(run) == []


WHOLE = json.dumps({"version": 1, "connections": [connection(id="0" * 32)]})


@pytest.mark.parametrize(
    "text",
    [
        *(WHOLE[:end] for end in range(0, len(WHOLE), 7)),
        WHOLE + "x",
        "[]",
        "null",
        "{}",
        '{"version": 2, "connections": []}',
        '{"version": 1, "connections": {}}x',
        '{"version": 1, "connections": [1]}',
        WHOLE.replace('"acme"', '"../acme"'),
        WHOLE.replace('"acme"', "1"),
        WHOLE.replace('"generation": 1', '"generation": "x"'),
        WHOLE.replace('"expires_at": null', '"expires_at": []'),
        WHOLE.replace('"fields": {}', '"fields": {"a": 1}'),
        WHOLE.replace('"fields": {}', '"fields": []'),
        WHOLE.replace('"git_hosts": []', '"git_hosts": 1'),
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_list_that_is_not_whole_is_an_error_and_never_a_part_of_it(run, text):
    with open(path_of(run), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(AuthsomeError) as failed:
        told(run)
    assert "cannot be read" in failed.value.message


def test_a_list_that_is_not_ours_alone_is_an_error(run, tmp_path):
    os.chmod(path_of(run), 0o644)
    with pytest.raises(AuthsomeError, match="not a file of ours alone"):
        told(run)
    os.unlink(path_of(run))
    (tmp_path / "theirs").write_text(WHOLE)
    (tmp_path / "theirs").chmod(0o600)
    os.symlink(tmp_path / "theirs", path_of(run))
    with pytest.raises(AuthsomeError, match="cannot be read"):
        told(run)
    os.unlink(path_of(run))
    os.mkfifo(path_of(run), 0o600)  # which must not hang us
    with pytest.raises(AuthsomeError, match="not a file of ours alone"):
        told(run)


def test_find(run):
    assert inside.find(run.environ, Reference("acme")).name == "work"
    assert inside.find(run.environ, Reference("other", "home")).name == "home"
    for reference in (Reference("acme", "home"), Reference("openai")):
        with pytest.raises(ConnectionNotFound, match="it has acme:work, other:home"):
            inside.find(run.environ, reference)
    run.connections.append(connection(name="second"))
    run.write()
    with pytest.raises(ConnectionNotFound, match="several connections of acme"):
        inside.find(run.environ, Reference("acme"))


def renew(run, clock, each):
    return inside.renew(run.environ, each, now=clock.now, sleep=clock.sleep)


def test_the_keeper_is_asked_once_and_its_answer_waited_for(run, clock):
    run.listen()
    clock.each = lambda: run.answered.wait(30)
    before = told(run)[0]
    after = renew(run, clock, before)
    assert (after.generation, run.asked) == (2, [f"{before.id} 1\n".encode()])
    # Who comes with the old one finds the new one there, and asks nobody.
    assert renew(run, clock, before).generation == 2
    run.stop_listening()  # and has heard what there was to hear
    assert len(run.asked) == 1


def test_nobody_is_asked_for_what_only_a_person_can_renew(run, clock):
    run.connections[0]["renewable"] = False
    run.write()
    run.listen()
    assert renew(run, clock, told(run)[0]).generation == 1
    run.stop_listening()
    assert (run.asked, clock.waits) == ([], 0)


def test_a_change_of_status_ends_the_wait(run, clock):
    run.listen()
    run.renew = lambda each: each.update(status="invalid")
    clock.each = run.stop_listening
    assert renew(run, clock, told(run)[0]).status == "invalid"


def test_patience_ends(run, clock):
    run.listen()
    run.renew = lambda each: None
    assert renew(run, clock, told(run)[0]).generation == 1
    assert clock.at == pytest.approx(1010, abs=0.1)


def test_a_clock_that_is_put_back_ends_the_wait_too(run, clock):
    run.listen()
    run.renew = lambda each: None

    def back():
        clock.at -= 100_000

    clock.each = back
    renew(run, clock, told(run)[0])
    assert clock.waits == 1


def test_nobody_is_waited_for_where_nobody_hears(run, clock, tmp_path):
    before = told(run)[0]
    ask = os.path.join(run.path, "ask")
    assert renew(run, clock, before).generation == 1  # no fifo
    os.mkfifo(ask, 0o600)
    assert renew(run, clock, before).generation == 1  # no reader
    os.unlink(ask)
    with open(ask, "wb"):
        pass
    os.chmod(ask, 0o600)
    assert renew(run, clock, before).generation == 1  # a file is no fifo
    assert os.stat(ask).st_size == 0
    os.unlink(ask)
    os.mkfifo(tmp_path / "theirs", 0o600)
    reader = os.open(tmp_path / "theirs", os.O_RDONLY | os.O_NONBLOCK)
    os.symlink(tmp_path / "theirs", ask)
    assert renew(run, clock, before).generation == 1
    assert os.read(reader, 100) == b""
    os.close(reader)
    os.unlink(ask)
    os.mkfifo(ask)
    os.chmod(ask, 0o666)
    reader = os.open(ask, os.O_RDONLY | os.O_NONBLOCK)
    assert renew(run, clock, before).generation == 1
    assert os.read(reader, 100) == b""
    os.close(reader)
    assert clock.waits == 0


def test_one_that_is_about_to_end_is_waited_for(run, clock):
    """A token of five seconds, of which a fetch may need one."""
    run.connections[0]["expires_at"] = clock.at + inside.SOON_S + 0.5
    run.write()
    run.listen()
    clock.sleep = lambda _: run.answered.wait(TIMEOUT_S)
    how = {"now": clock.now, "sleep": clock.sleep}
    assert inside.fresh(run.environ, told(run)[0], **how).generation == 1
    clock.at += 1
    assert inside.fresh(run.environ, told(run)[0], **how).generation == 2
    assert len(run.asked) == 1


def test_one_that_is_about_to_end_is_given_where_there_is_no_other(run, clock):
    run.connections[0]["expires_at"] = clock.at + 1
    run.write()
    assert inside.fresh(run.environ, told(run)[0], now=clock.now, sleep=clock.sleep).generation == 1
    assert clock.waits == 0  # nobody hears


def test_where_no_keeper_is_left_a_login_is_not_what_helps(run, clock):
    """It would say of a dead token that it is dead, and would hear of the login."""
    how = {"now": clock.now, "sleep": clock.sleep}
    mend = "start it again with `authsome run`"
    for changes, hint in (
        ({}, mend),
        ({"renewable": False}, "authsome login acme -c work"),
        ({"status": "expired", "fields": {}}, "authsome login acme -c work"),
    ):
        run.connections[0].update(expires_at=clock.at - 1, **changes)
        run.write()
        with pytest.raises(CredentialUnusable) as error:
            inside.fresh(run.environ, told(run)[0], **how)
        assert ("no keeper" in error.value.message) == (hint == mend)
        assert error.value.hint == hint


def test_a_fifo_that_is_full_is_as_good_as_heard(run, clock):
    os.mkfifo(os.path.join(run.path, "ask"), 0o600)
    descriptor = os.open(os.path.join(run.path, "ask"), os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(descriptor, b"x" * 4096):
            pass

    def renewed():
        run.connections[0]["generation"] = 2
        run.write()

    clock.each = renewed
    assert renew(run, clock, told(run)[0]).generation == 2
    os.close(descriptor)


def test_a_connection_that_is_the_runs_no_more(run, clock):
    before = told(run)[0]
    del run.connections[0]
    run.write()
    with pytest.raises(ConnectionNotFound):
        renew(run, clock, before)
    stat_before = stat.S_IMODE(os.stat(run.path).st_mode)
    assert stat_before == 0o700


LIGHT = """
import sys
sys.path.append(sys.argv[1])
before = set(sys.modules)
from authsome_env.cli import credentials
from authsome_env.cli.invocation import Invocation
import os
asked = Invocation(environ=os.environ, now=lambda: 1.0, random=os.urandom, stdin=0, stdout=1, stderr=2)
assert credentials.perform(["git-credential", "get"], asked) == 0
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""
HEAVY = {
    "json",
    "re",
    "enum",
    "typing",
    "functools",
    "sqlite3",
    "_sqlite3",
    "cryptography",
    "typer",
    "httpx2",
}
HEAVY |= {"subprocess", "socket", "select", "base64", "hashlib", "ctypes", "importlib", "contextlib"}


def test_git_waits_for_no_heavy_import(make_run):
    run = make_run(connection(git_hosts=["git.example"], fields={"access_token": "a"}))
    package = os.path.dirname(os.path.dirname(os.path.dirname(inside.__file__)))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LIGHT, package],
        input=b"protocol=https\nhost=git.example\n\n",
        env=run.environ,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"username=x-access-token\npassword=a\n"
    loaded = set(done.stderr.decode().split())
    assert "authsome_env.app.inside" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
