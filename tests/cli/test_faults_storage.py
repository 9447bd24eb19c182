"""A home that cannot be written: a full disk, a read-only one, folders without the right to write."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess

import pytest

WRITERS = {
    "login": ("login", "openai", "-c", "more", "--from-env", "KEY"),
    "login --force": ("login", "openai", "-c", "work", "--force", "--from-env", "KEY"),
    "set-default": ("set-default", "openai", "work"),
    "rename": ("rename", "openai", "work", "job"),
    "logout": ("logout", "openai"),
    "rekey": ("vault", "rekey", "--key", "file"),
    "lock": ("vault", "lock"),
    "create": ("vault", "create", "other"),
    "use": ("vault", "use", "default"),
}
# Without a capability, root is stopped by the modes of files like anybody else.
AS_ANYBODY = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")


@pytest.fixture
def mount(authsome):
    """`mount("-t", "tmpfs", …)` makes a file system of that kind in a folder, until the test ends."""
    at = os.path.join(authsome.folder, "mounted")
    os.mkdir(at)
    mounted = []

    def make(*words):
        done = subprocess.run(["mount", *words, at], capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"nothing can be mounted here: {done.stderr.strip()}"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
        mounted.append(at)
        return at

    yield make
    for path in mounted:
        subprocess.run(["umount", path], check=True)


def connect(authsome, made_up_key):
    """`openai:default` and `openai:work`; the variable KEY holds another key for the writers."""
    authsome.keys = {name: made_up_key() for name in ("default", "work")}
    for name, key in authsome.keys.items():
        authsome("login", "openai", "-c", name, "--stdin", input=key, check=True)
    authsome.environ["KEY"] = made_up_key().decode()


def state(authsome):
    listed = json.loads(authsome("list", "--json", check=True).stdout)["connections"]
    found = {each["connection"]: each["default"] for each in listed}
    maps = [f"--map=KEY_{name}=openai:{name}" for name in found]
    given = json.loads(authsome("env", "--format", "json", "--none", *maps, check=True).stdout)
    assert given == {f"KEY_{name}": authsome.keys[name].decode() for name in found}
    return found, sorted(os.listdir(os.path.join(authsome.home, "keys")))


def check_refusal(done, words):
    assert (done.returncode, done.stdout) == (1, b""), (words, done.stderr)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 2, (words, lines)
    assert lines[0].endswith("[storage]"), words
    assert lines[1].startswith("hint: "), words


def check_reading(authsome, through=()):
    key = authsome.keys["default"]
    listed = json.loads(authsome("list", "--json", check=True, through=through).stdout)["connections"]
    assert [each["connection"] for each in listed] == ["default", "work"]
    assert authsome("token", "openai", check=True, through=through).stdout == key + b"\n"
    assert authsome("env", "--format", "json", check=True, through=through).stdout.count(key) == 1
    child = authsome("run", "--", "sh", "-c", "echo $OPENAI_API_KEY", check=True, through=through)
    assert (child.stdout, child.stderr) == (key + b"\n", b"")


def fill(folder, *, spare=0):
    """Take all room but `spare` pages."""
    with open(os.path.join(folder, "ballast"), "ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"\0" * 4096)
        except OSError:
            ballast.truncate(max(0, ballast.tell() // 4096 - spare) * 4096)


@pytest.mark.parametrize("name", ["login", "set-default", "logout", "rekey", "lock"])
def test_on_a_full_disk_what_is_there_can_be_read_and_nothing_is_changed(authsome, made_up_key, mount, name):
    disk = mount("-t", "tmpfs", "-o", "size=400k", "authsome-test")
    authsome.environ["AUTHSOME_HOME"] = authsome.home = os.path.join(disk, "home")
    connect(authsome, made_up_key)
    before = state(authsome)
    # The disk fills up at each of the pages that a change needs: its index, its log, its key.
    outcomes = []
    for spare in (0, 4, *range(8, 20)):  # the index takes eight
        fill(disk, spare=spare)
        done = authsome(*WRITERS[name])
        outcomes.append(done.returncode)
        if done.returncode == 0:
            break
        check_refusal(done, (name, spare))
        if spare == 0:
            check_reading(authsome)
        os.unlink(os.path.join(disk, "ballast"))
        assert state(authsome)[0] == before[0]
    assert outcomes.index(0) > 2
    if name != "lock":
        listed = json.loads(authsome("list", "--json", check=True).stdout)["connections"]
        assert listed
        authsome("token", "openai", check=True)


def test_a_first_login_on_a_full_disk_leaves_nothing_and_works_later(authsome, made_up_key, mount):
    disk = mount("-t", "tmpfs", "-o", "size=400k", "authsome-test")
    authsome.environ |= {"AUTHSOME_HOME": os.path.join(disk, "home"), "KEY": made_up_key().decode()}
    outcomes = []
    for spare in (*range(12), *range(12, 60, 3)):
        fill(disk, spare=spare)
        done = authsome("login", "openai", "--from-env", "KEY")
        outcomes.append(done.returncode)
        if done.returncode == 0:
            break
        check_refusal(done, spare)
        os.unlink(os.path.join(disk, "ballast"))
        files = [name for _, _, names in os.walk(disk) for name in names]
        # When the vault was made and only its first connection found no room, it is there, empty.
        assert (
            files in ([], ["lock"])
            or authsome("list", "--json", check=True).stdout == b'{"connections": []}\n'
        )
    assert outcomes.index(0) > 5
    assert authsome("token", "openai", check=True).stdout == authsome.environ["KEY"].encode() + b"\n"
    assert len(os.listdir(os.path.join(disk, "home", "keys"))) == 1


@pytest.mark.parametrize("limit", [0, 8192])
def test_a_limit_on_the_size_of_files_is_an_error_like_a_full_disk(authsome, made_up_key, limit):
    connect(authsome, made_up_key)
    before = state(authsome)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    for name in ("login", "set-default", "logout"):
        done = authsome(*WRITERS[name], preexec_fn=limited)
        if done.returncode == 0:
            # SQLite had done it, and only could not bring its log into the vault's file.
            assert limit >= 8192
            return
        check_refusal(done, name)
        assert state(authsome) == before
    check_reading(authsome)


def test_a_read_only_vault_can_be_read_and_refuses_to_be_changed(authsome, made_up_key, mount):
    connect(authsome, made_up_key)
    authsome.environ["AUTHSOME_HOME"] = mount("--bind", "-o", "ro", authsome.home)
    check_reading(authsome)
    for name, words in WRITERS.items():
        check_refusal(authsome(*words), name)
    check_reading(authsome)


def test_a_read_only_vault_shows_what_a_killed_writer_had_committed(authsome, made_up_key, mount):
    connect(authsome, made_up_key)
    vault = os.path.join(authsome.home, "vaults", "default.db")
    aside = os.path.join(authsome.folder, "aside")
    reader = sqlite3.connect(vault)  # as long as it is open, nobody brings the log into the file
    reader.execute("SELECT count(*) FROM meta").fetchone()
    authsome("logout", "openai", "-c", "work", check=True)
    shutil.copytree(authsome.home, aside)
    reader.close()
    assert os.path.getsize(os.path.join(aside, "vaults", "default.db-wal"))
    authsome.environ["AUTHSOME_HOME"] = mount("--bind", "-o", "ro", aside)
    listed = json.loads(authsome("list", "--json", check=True).stdout)["connections"]
    assert [each["connection"] for each in listed] == ["default"]
    check_refusal(authsome(*WRITERS["rename"]), "rename")


def test_without_the_right_to_write_a_vault_can_be_read(authsome, made_up_key, need):
    need("setpriv")
    connect(authsome, made_up_key)
    before = state(authsome)
    folders = [authsome.home, *(os.path.join(authsome.home, name) for name in ("vaults", "keys"))]
    for folder in folders:
        os.chmod(folder, 0o500)
    try:
        check_reading(authsome, AS_ANYBODY)
        for name, words in WRITERS.items():
            check_refusal(authsome(*words, through=AS_ANYBODY), name)
        nothing_given = ("login", "openai", "-c", "late")  # so it is refused before anything is asked for
        check_refusal(authsome(*nothing_given, through=AS_ANYBODY), "late")
        check_reading(authsome, AS_ANYBODY)
    finally:
        for folder in folders:
            os.chmod(folder, 0o700)
    assert state(authsome) == before


@pytest.mark.parametrize(
    "words", [("login", "openai", "--from-env", "KEY"), ("init",), ("vault", "create", "x")]
)
def test_a_home_that_cannot_be_made_is_one_error(authsome, made_up_key, need, words):
    need("setpriv")
    closed = os.path.join(authsome.folder, "closed")
    os.mkdir(closed, 0o500)
    environ = {"KEY": made_up_key().decode()}
    for home in (os.path.join(closed, "home"), os.path.join(closed, "deep", "home"), closed):
        check_refusal(authsome(*words, env={**environ, "AUTHSOME_HOME": home}, through=AS_ANYBODY), home)
    for home in ("/dev/null/home", "/proc/nowhere"):
        check_refusal(authsome(*words, env={**environ, "AUTHSOME_HOME": home}), home)
    assert (
        authsome("list", "--json", env={"AUTHSOME_HOME": closed}, check=True).stdout
        == b'{"connections": []}\n'
    )
