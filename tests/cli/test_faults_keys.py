"""The master key: out of reach, wrong, given by a passphrase, locked away, changed."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess

import pytest

# One of each kind of command that opens the vault: words, exit code when it cannot, what is on stdout then.
OPENING = {
    "list": (("list",), 10, b""),
    "list --json": (("list", "--json"), 10, b""),
    "inspect": (("inspect", "openai"), 10, b""),
    "get": (("get", "openai"), 10, b""),
    "token": (("token", "openai"), 10, b""),
    "check": (("check",), 10, b""),
    "export": (("export", "openai", "--format", "json"), 10, b""),
    "env in a shell": (("env", "--format", "zsh"), 10, b"(exit 10)\n"),
    "env in fish": (("env", "--format", "fish"), 10, None),
    "env elsewhere": (("env", "--format", "dotenv"), 10, b""),
    "run": (("run", "--", "echo", "ran"), 125, b""),
    "login": (("login", "openai", "-c", "more", "--from-env", "KEY"), 10, b""),
    "login --force": (("login", "openai", "--force", "--from-env", "KEY"), 10, b""),
    "set-default": (("set-default", "openai", "default"), 10, b""),
    "rename": (("rename", "openai", "default", "other"), 10, b""),
    "logout": (("logout", "openai"), 10, b""),
    "rekey": (("vault", "rekey"), 10, b""),
}


def refused(authsome, name, env=None):
    """The error that every command above ends with: its name and hint."""
    command, code, out = OPENING[name]
    done = authsome(*command, env=env)
    assert done.returncode == code
    assert out is None or done.stdout == out
    lines = done.stderr.decode().splitlines()
    if "--json" in command:
        assert len(lines) == 1
        error = json.loads(lines[0])
        return error["error"], error["hint"]
    assert len(lines) == 2
    assert lines[0].startswith("authsome: ")
    assert lines[1].startswith("hint: ")
    return lines[0].rpartition("[")[2].rstrip("]"), lines[1].removeprefix("hint: ")


def master_key():
    return base64.b64encode(os.urandom(32))


def key_files(authsome):
    folder = os.path.join(authsome.home, "keys")
    return [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []


@pytest.fixture
def connected(authsome, made_up_key):
    """`.key` is what is in `openai:default`. Every command of OPENING may refer to KEY."""
    authsome.key = made_up_key()
    authsome.environ["KEY"] = authsome.key.decode()
    authsome("login", "openai", "--from-env", "KEY", check=True)
    return authsome


def test_without_its_key_file_a_vault_stays_shut(connected):
    (path,) = key_files(connected)
    aside = os.path.join(connected.temporary, "aside")
    os.rename(path, aside)
    for name in OPENING:
        assert refused(connected, name)[0] == "key_unavailable", name
    os.rename(aside, path)
    assert connected("token", "openai", check=True).stdout == connected.key + b"\n"


def test_a_locked_vault_tells_every_command_how_to_unlock_it(connected):
    connected("vault", "lock", check=True)
    for name in OPENING:
        assert refused(connected, name) == ("vault_locked", "authsome vault unlock default"), name
    connected("vault", "unlock", check=True)
    assert connected("token", "openai", check=True).stdout == connected.key + b"\n"


def test_a_master_key_that_does_not_fit_opens_nothing(connected, secret):
    wrong = secret(master_key()).decode()
    for name in ("list", "env in a shell", "run", "login", "rekey"):
        kind, hint = refused(connected, name, env={"AUTHSOME_MASTER_KEY": wrong})
        assert kind == "wrong_key", name
        assert "AUTHSOME_MASTER_KEY" in hint


def test_a_malformed_master_key_is_never_passed_over(connected):
    for text in ("", "short", "not base64 at all: *", "A" * 44, " "):
        for name in ("list", "env elsewhere", "run", "set-default"):
            assert refused(connected, name, env={"AUTHSOME_MASTER_KEY": text})[0] == "key_unavailable"


def test_two_master_keys_are_one_too_many(connected, secret):
    both = {"AUTHSOME_MASTER_KEY": secret(master_key()).decode(), "AUTHSOME_MASTER_KEY_FILE": "/dev/null"}
    for name in ("list", "run"):
        assert refused(connected, name, env=both)[0] == "key_unavailable"
        assert refused(connected, name, env={"AUTHSOME_MASTER_KEY_FILE": "/nowhere"})[0] == "key_unavailable"


def test_a_vault_of_a_variable_needs_it_each_time(authsome, made_up_key, secret):
    given = {"AUTHSOME_MASTER_KEY": secret(master_key()).decode()}
    authsome.environ["KEY"] = made_up_key().decode()
    authsome("login", "openai", "--from-env", "KEY", env=given, check=True)
    assert key_files(authsome) == []
    for name in OPENING.keys() - {"rekey"}:  # which is refused anyway
        kind, hint = refused(authsome, name)
        assert kind == "key_unavailable", name
        assert "AUTHSOME_MASTER_KEY" in hint
    authsome("list", env=given, check=True)


def test_unlock_with_the_wrong_key_leaves_it_locked(connected, secret):
    connected("vault", "lock", check=True)
    done = connected("vault", "unlock", env={"AUTHSOME_MASTER_KEY": secret(master_key()).decode()})
    assert done.returncode == 10
    assert b"[wrong_key]" in done.stderr
    assert refused(connected, "list")[0] == "vault_locked"


def test_a_recorded_keyring_that_is_out_of_reach_is_not_replaced_by_a_file(authsome, made_up_key):
    os.mkdir(authsome.home, 0o700)
    config = os.path.join(authsome.home, "config.toml")
    with open(config, "w") as file:
        file.write('key = "keyring"\n')
    done = authsome("login", "openai", "--stdin", input=made_up_key())
    assert done.returncode == 10
    assert b"[key_unavailable]" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert os.listdir(os.path.join(authsome.home, "vaults")) == []
    assert key_files(authsome) == []


def test_a_vault_whose_key_is_in_a_keyring_out_of_reach_stays_shut(connected):
    with sqlite3.connect(os.path.join(connected.home, "vaults", "default.db")) as db:
        db.execute("UPDATE meta SET value = 'keyring' WHERE name = 'key_source'")
    db.close()
    for name in ("list", "run", "rekey"):
        assert refused(connected, name)[0] == "key_unavailable"


@pytest.fixture
def passphrase(authsome, made_up_key, secret):
    """A vault with a passphrase that the kernel does not keep. Returns the environment that opens it."""
    os.mkdir(authsome.home, 0o700)
    with open(os.path.join(authsome.home, "config.toml"), "w") as file:
        file.write("unlock-ttl = 0\n")
    known = {
        "AUTHSOME_PASSPHRASE": secret(b"correct horse \xc3\xa4 " + os.urandom(6).hex().encode()).decode()
    }
    authsome("init", "--key", "passphrase", env=known, check=True)
    authsome.environ["KEY"] = made_up_key().decode()
    authsome("login", "openai", "--from-env", "KEY", env=known, check=True)
    assert key_files(authsome) == []
    return known


def test_a_passphrase_opens_its_vault_and_no_other_does(authsome, passphrase, secret):
    key = authsome.environ["KEY"].encode() + b"\n"
    assert authsome("token", "openai", env=passphrase, check=True).stdout == key
    wrong = {"AUTHSOME_PASSPHRASE": secret(b"battery staple " + os.urandom(6).hex().encode()).decode()}
    for name in ("list", "env in a shell", "run"):
        assert refused(authsome, name, env=wrong)[0] == "wrong_key"
    assert refused(authsome, "list", env={"AUTHSOME_PASSPHRASE": ""})[0] == "key_unavailable"
    for name in OPENING:  # nobody can be asked: there is no terminal
        kind, hint = refused(authsome, name)
        assert kind == "key_unavailable"
        assert "AUTHSOME_PASSPHRASE" in hint


def test_the_kernel_keeps_the_vault_key_until_lock(authsome, passphrase, need):
    keyctl = need("keyctl")
    trial = subprocess.run(
        [keyctl, "add", "user", "authsome-trial", "x", "@u"], capture_output=True, check=False
    )
    if trial.returncode:
        pytest.skip(f"the kernel keeps no keys here: {trial.stderr.decode().strip()}")
    subprocess.run([keyctl, "unlink", trial.stdout.decode().strip(), "@u"], check=True, capture_output=True)
    with open(os.path.join(authsome.home, "config.toml"), "w") as file:
        file.write("unlock-ttl = 60\n")
    key = authsome.environ["KEY"].encode() + b"\n"
    assert refused(authsome, "token")[0] == "key_unavailable"
    authsome("token", "openai", env=passphrase, check=True)
    assert authsome("token", "openai", check=True).stdout == key
    assert authsome("run", "--", "sh", "-c", "echo $OPENAI_API_KEY", check=True).stdout == key
    authsome("vault", "lock", check=True)
    assert authsome("vault", "unlock").returncode == 10  # the kernel has forgotten it
    assert refused(authsome, "token")[0] == "vault_locked"
    authsome("vault", "unlock", env=passphrase, check=True)
    assert authsome("token", "openai", check=True).stdout == key
    # A new master key: what is cached opens the vault no more than the old key does.
    authsome("vault", "rekey", "--key", "file", env=passphrase, check=True)
    authsome("vault", "rekey", "--key", "passphrase", env=passphrase, check=True)
    assert refused(authsome, "token")[0] == "key_unavailable"
    authsome("vault", "lock", check=True)


def test_rekey_through_every_kind_of_key_keeps_everything_and_leaves_no_key_behind(connected, secret):
    connected("login", "openai", "-c", "work", "--from-env", "KEY", check=True)
    with open(os.path.join(connected.home, "config.toml"), "w") as file:
        file.write("unlock-ttl = 0\n")
    (first_file,) = key_files(connected)
    phrase = {"AUTHSOME_PASSPHRASE": secret(os.urandom(9).hex().encode()).decode()}
    variable = {"AUTHSOME_MASTER_KEY": secret(master_key()).decode()}

    def holds(opening, shut):
        listed = json.loads(connected("list", "--json", env=opening, check=True).stdout)
        assert [each["connection"] for each in listed["connections"]] == ["default", "work"]
        assert connected("token", "openai", env=opening, check=True).stdout == connected.key + b"\n"
        for env in shut:
            assert connected("list", env=env).returncode == 10

    connected("vault", "rekey", "--key", "file", check=True)
    (second_file,) = key_files(connected)
    assert second_file != first_file
    holds({}, [variable])
    connected("vault", "rekey", "--key", "passphrase", env=phrase, check=True)
    assert key_files(connected) == []
    holds(phrase, [{}, variable])
    connected("vault", "rekey", "--key", "variable", env={**phrase, **variable}, check=True)
    holds(variable, [{}, phrase])
    assert connected("vault", "rekey", "--key", "variable", env=variable).returncode == 4
    connected("vault", "rekey", "--key", "file", env=variable, check=True)
    assert len(key_files(connected)) == 1
    holds({}, [variable])


def test_a_rekey_that_cannot_make_its_new_key_changes_nothing(connected, secret):
    for words, env in (
        (("--key", "passphrase"), {}),  # nobody to ask
        (("--key", "variable"), {}),
        (("--key", "keyring"), {}),
        (("--key", "variable"), {"AUTHSOME_MASTER_KEY": "malformed"}),
    ):
        done = connected("vault", "rekey", *words, env=env)
        assert done.returncode == 10, words
        assert len(done.stderr.splitlines()) == 2
        assert connected("token", "openai", check=True).stdout == connected.key + b"\n"
        assert len(key_files(connected)) == 1
    assert connected("vault", "rekey", "--key", "nowhere").returncode == 2
