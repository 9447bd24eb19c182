"""The cache in the real kernel, as an unprivileged user, with `keyctl` of keyutils as an independent witness.

Each body runs in a process of its own; as root it changes to a user without rights first. `keyctl` commands
that look at @u as that user see what the cache left there.
"""

import json
import os
import secrets
import subprocess
import sys

import pytest

USER = 64123
OTHER = 64124

PRELUDE = """if True:
    import ctypes, json, os, subprocess, sys, time
    from authsome_env.vault import cache

    USER, OTHER, VAULT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    KEY = bytes(range(32))

    def become(user):
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)

    def keyctl(*words):
        done = subprocess.run(["keyctl", *words], capture_output=True)
        return done.stdout if done.returncode == 0 else b"failed: " + done.stderr

    def found():
        return keyctl("search", "@u", "user", "authsome:" + VAULT).decode().strip()

    def visible():
        with open("/proc/keys") as file:
            return [line.split() for line in file]

    def ours():
        return [line for line in visible() if line[-2] == f"authsome:{VAULT}:"]

    def settled(times):
        # Our keys' timeouts once they are among `times`: the kernel collects freed keys a bit later.
        deadline = time.monotonic() + 30
        while not {line[3] for line in ours()} <= set(times) and time.monotonic() < deadline:
            time.sleep(0.02)
        return sorted({line[3] for line in ours()})

    if os.geteuid() == 0 and "stay" not in sys.argv:
        become(USER)
"""


@pytest.fixture
def child(need):
    need("keyctl")
    if subprocess.run(["keyctl", "show", "@u"], capture_output=True, check=False).returncode != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the kernel's keyrings are denied here")
    vault = secrets.token_hex(16)

    def run(body, *words, under=(), check=True):
        done = subprocess.run(
            [*under, sys.executable, "-c", f"{PRELUDE}\n{body}", str(USER), str(OTHER), vault, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        if not check:
            return done.returncode
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None

    yield run
    run("cache.drop(VAULT)")


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two other users")


def test_what_one_process_stores_a_later_one_fetches_and_keyctl_sees(child):
    assert child("print(json.dumps(cache.store(VAULT, KEY, 60)))") is True
    assert child("print(json.dumps(cache.fetch(VAULT) == KEY))") is True
    assert child("print(json.dumps(keyctl('pipe', found()) == KEY))") is True


def test_the_key_can_be_found_and_read_by_its_user_and_changed_by_nobody(child):
    child("cache.store(VAULT, KEY, 60)")
    described = child("print(json.dumps(keyctl('rdescribe', found()).decode()))")
    assert described.split(";")[0] == "user"
    assert (
        described.split(";")[3] == "001b0000"
    )  # user: view, read, search, link; possessor, group, other: none


def test_it_has_its_timeout(child):
    child("cache.store(VAULT, KEY, 5000)")
    (line,) = child("print(json.dumps(ours()))")
    assert line[3] == "1h"  # /proc/keys rounds down; without a timeout it says "perm"


def test_it_is_gone_when_its_time_is_over(child):
    gone = "cache.store(VAULT, KEY, 1)\nwhile cache.fetch(VAULT): time.sleep(0.05)\n"
    assert "failed" in child(gone + "print(json.dumps(found()))")


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_time_of_nothing_stores_nothing(child, seconds):
    assert child(f"print(json.dumps([cache.store(VAULT, KEY, {seconds}), ours()]))") == [False, []]


def test_a_time_longer_than_the_kernel_counts_is_still_a_timeout(child):
    assert child("print(json.dumps(cache.store(VAULT, KEY, 2**40)))") is True
    (line,) = child("print(json.dumps(ours()))")
    assert line[3].endswith("w")


def test_after_drop_it_is_gone_from_every_keyring(child):
    body = """
cache.store(VAULT, KEY, 60)
key, ring = found(), keyctl("newring", VAULT, "@u").decode().strip()
assert keyctl("link", key, ring) == b""
cache.drop(VAULT)
print(json.dumps([found(), keyctl("pipe", key).decode()]))
keyctl("unlink", ring, "@u")
"""
    assert all("failed" in answer for answer in child(body))
    assert child("print(json.dumps(cache.fetch(VAULT)))") is None


def test_dropping_an_absent_key_is_fine(child):
    child("cache.drop(VAULT)")


def test_a_second_store_takes_the_first_one_s_place(child):
    child("cache.store(VAULT, KEY, 60)\ncache.store(VAULT, KEY[::-1], 60)")
    assert child("print(json.dumps(cache.fetch(VAULT) == KEY[::-1]))") is True


def test_a_key_of_another_length_is_no_key(child):
    for size in (31, 33):
        child(f"cache.store(VAULT, bytes({size}), 60)")
        assert child("print(json.dumps(cache.fetch(VAULT)))") is None


@needs_root
def test_another_user_can_neither_find_nor_read_it(child):
    child("cache.store(VAULT, KEY, 60)")
    key = child("print(json.dumps(found()))")
    body = f"become(OTHER)\nprint(json.dumps([cache.fetch(VAULT), keyctl('pipe', '{key}').decode(), ours()]))"
    fetched, piped, listed = child(body, "stay")
    assert fetched is None
    assert "Permission denied" in piped
    assert listed == []


@needs_root
def test_a_command_that_changes_its_user_takes_no_right_along(child):
    """A session keyring that links to the user's keyring, as pam_keyinit makes it, survives setuid."""
    body = """
os.setgroups([])
os.setresuid(USER, USER, 0)
call = cache._calls()[1]
assert call(1, 0) > 0  # KEYCTL_JOIN_SESSION_KEYRING
assert call(8, -4, -3) == 0  # KEYCTL_LINK
cache.store(VAULT, KEY, 60)
key = found()
mine = keyctl("pipe", key) == KEY
os.setresuid(0, 0, 0)
become(OTHER)
print(json.dumps([mine, VAULT in keyctl("show", "@s").decode(), keyctl("pipe", key).decode()]))
"""
    mine, _, piped = child(body, "stay")
    assert mine
    assert "Permission denied" in piped


@pytest.mark.parametrize("start", ["subprocess.run(look)", "os.execvp(look[0], look)"])
def test_no_command_possesses_it_neither_a_child_nor_what_the_process_becomes(child, start):
    body = f"""
call = cache._calls()[1]
assert call(1, 0) > 0  # a session keyring of its own, without a link to @u
cache.store(VAULT, KEY, 60)
look = "sh", "-c", "keyctl show @s; keyctl show @p; keyctl show @t"
reader, writer = os.pipe()
if os.fork() == 0:
    os.dup2(writer, 1)
    cache.store(VAULT, KEY, 60)  # by the very process that becomes the command, too
    {start}
    os._exit(0)
os.close(writer)
print(json.dumps([found(), open(reader).read()]))
"""
    key, shown = child(body)
    assert key.isdigit()
    assert "keyring: _ses" in shown
    assert "authsome" not in shown


def test_nothing_of_it_stays_in_the_process_that_stored_it(child):
    body = """
cache.store(VAULT, KEY, 60)
call = cache._calls()[1]
print(json.dumps(call(11, -1, ctypes.create_string_buffer(64), 64)))  # KEYCTL_READ of the thread keyring
"""
    assert child(body) == 0


def test_fetching_makes_no_keyring(child):
    child("cache.store(VAULT, KEY, 60)")
    before = "before = {line[0] for line in visible()}\n"
    after = "print(json.dumps(sorted({line[0] for line in visible()} - before)))"
    assert child(before + "assert cache.fetch(VAULT) == KEY\n" + after) == []
    assert child(before + "cache.drop(VAULT)\nassert cache.fetch(VAULT) is None\n" + after) == []


@pytest.mark.parametrize("call", [("add_key", 1), *(("keyctl", number) for number in range(1, 5))])
def test_a_kill_at_any_moment_leaves_no_key_without_a_timeout(child, need, call):
    name, number = call
    inject = [need("strace"), "-qq", "-o", os.devnull, f"--inject={name}:signal=KILL:when={number}"]
    code = child("cache.store(VAULT, KEY, 5000)", under=inject, check=False)
    assert code == -9
    assert child("print(json.dumps(settled(['1h'])))") in ([], ["1h"])


@pytest.mark.parametrize(
    "error",
    ["EPERM", "ENOSYS", "ENOKEY", "EKEYREVOKED", "EKEYEXPIRED", "EDQUOT", "EACCES", "EINVAL", "ENOMEM"],
)
def test_whatever_the_kernel_refuses_means_no_cache(child, need, error):
    inject = [need("strace"), "-qq", "-o", os.devnull, f"--inject=add_key,keyctl:error={error}"]
    body = "print(json.dumps([cache.store(VAULT, KEY, 60), cache.fetch(VAULT), cache.drop(VAULT)]))"
    assert child(body, under=inject) == [False, None, None]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_key_that_could_not_be_made_ready_is_not_left_behind(child, need, number):
    inject = [need("strace"), "-qq", "-o", os.devnull, f"--inject=keyctl:error=EDQUOT:when={number}"]
    body = "print(json.dumps([cache.store(VAULT, KEY, 60), cache.fetch(VAULT), settled([])]))"
    assert child(body, under=inject) == [False, None, []]


@needs_root
def test_a_full_quota_means_no_cache(child):
    with open("/proc/sys/kernel/keys/maxkeys") as file:
        most = int(file.read())
    body = f"""
added = 0
while added < {most} and not keyctl("add", "user", f"filler{{added}}", "x", "@u").startswith(b"failed"):
    added += 1
result = [added > 0, cache.store(VAULT, KEY, 60), cache.fetch(VAULT)]
keyctl("clear", "@u")
print(json.dumps(result))
"""
    assert child(body) == [True, False, None]
