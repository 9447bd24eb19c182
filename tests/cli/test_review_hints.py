"""What an error says can be typed as it stands, and repeats nothing that may be a secret."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest


@pytest.mark.parametrize("word", ["{}", "api_key={}"])
def test_a_key_given_in_the_place_of_its_variable_is_not_repeated(authsome, made_up_key, word):
    key = made_up_key().decode()
    done = authsome("login", "openai", "--from-env", word.format(key))
    assert done.returncode == 2
    assert key.encode() not in done.stderr


def test_a_hint_with_a_path_can_be_typed(authsome, made_up_key):
    home = os.path.join(authsome.folder, "my home; $x")
    env = {"AUTHSOME_HOME": home}
    authsome("login", "openai", "--stdin", input=made_up_key(), env=env, check=True)
    [key] = os.listdir(os.path.join(home, "keys"))
    os.chmod(os.path.join(home, "keys", key), 0o644)
    done = authsome("list", env=env)
    assert done.returncode == 10
    command = done.stderr.decode().splitlines()[-1].removeprefix("hint: ")
    subprocess.run(command, shell=True, check=True)
    authsome("list", env=env, check=True)


def test_a_missing_keyring_names_only_what_helps_where_it_is_said(authsome, made_up_key):
    env = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "HOME": authsome.folder}
    done = authsome("init", "--key", "keyring", env=env)
    assert done.returncode == 10
    assert b"`--key file`" in done.stderr
    authsome("init", "--key", "file", env=env, check=True)
    authsome("login", "openai", "--stdin", input=made_up_key(), env=env, check=True)
    done = authsome("vault", "rekey", "--key", "keyring", env=env)
    assert done.returncode == 10
    assert b"init" not in done.stderr
    authsome("list", env=env, check=True)


def test_a_key_is_not_read_from_a_terminal_that_shows_it(authsome):
    terminal, side = pty.openpty()
    try:
        done = authsome("login", "openai", "--stdin", input=None, stdin=side)
    finally:
        os.close(terminal)
        os.close(side)
    assert done.returncode == 2
    assert b"hint: leave --stdin out" in done.stderr
