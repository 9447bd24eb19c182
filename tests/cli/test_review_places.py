"""Homes of every shape, and names that come from a variable that is not set."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

PROGRAM = os.path.join(os.path.dirname(sys.executable), "authsome")


@pytest.fixture
def two(authsome, made_up_key):
    """openai:default and openai:work."""
    for name in ("default", "work"):
        authsome("login", "openai", "-c", name, "--stdin", input=made_up_key(), check=True)
    return authsome


@pytest.mark.parametrize(
    "command",
    [
        ["get", "openai", "-c", ""],
        ["inspect", "openai", "-c", ""],
        ["export", "openai", "-c", "", "--format", "json"],
        ["logout", "openai", "-c", ""],
        ["set-default", "openai", ""],
        ["rename", "openai", "", "other"],
        ["list", "--vault", ""],
    ],
)
def test_an_empty_name_is_an_error_and_never_the_default(two, command):
    before = two("list", "--json", check=True).stdout
    done = two(*command)
    assert done.returncode == 2, done
    assert done.stdout == b""
    assert two("list", "--json", check=True).stdout == before


@pytest.mark.parametrize("name", ["//two", "q?u#e%41 b", "new\nline", b"\xff\xfe", "mode=ro&immutable=1"])
def test_a_home_may_have_any_name(authsome, made_up_key, name):
    folder = os.fsencode(authsome.folder)
    home = b"/" + folder + b"/two" if name == "//two" else os.path.join(folder, os.fsencode(name))
    env = {"AUTHSOME_HOME": os.fsdecode(home)}
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=key, env=env, check=True)
    assert authsome("token", "openai", env=env, check=True).stdout == key + b"\n"


def test_a_relative_home_in_a_deleted_folder_is_a_usage_error(authsome):
    gone = os.path.join(authsome.folder, "gone")
    os.mkdir(gone)
    script = 'cd "$1" && rmdir "$1" && exec "$2" list'
    done = subprocess.run(
        ["sh", "-c", script, "sh", gone, PROGRAM],
        env={**authsome.environ, "AUTHSOME_HOME": "relative"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"hint: set AUTHSOME_HOME" in done.stderr


def test_a_relative_HOME_makes_no_folder_here(authsome, made_up_key):  # noqa: N802
    env = {"AUTHSOME_HOME": None, "HOME": "relative"}
    here = os.path.join(authsome.folder, "here")
    os.mkdir(here)
    done = authsome("login", "openai", "--stdin", input=made_up_key(), env=env, cwd=here)
    assert done.returncode == 2
    assert os.listdir(here) == []


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_files_have_our_rights_and_no_others_whatever_the_umask(authsome, made_up_key, mask):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True, umask=mask)
    modes = {
        stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
        for folder, folders, files in os.walk(authsome.home)
        for name in (*files, *folders, ".")
    }
    assert modes == {0o600, 0o700}


def test_a_vault_that_is_missing_is_mended_by_what_the_hint_says(authsome, made_up_key):
    env = {"AUTHSOME_VAULT": "work"}
    done = authsome("login", "openai", "--stdin", input=made_up_key(), env=env)
    assert done.returncode == 10
    hint = done.stderr.decode().splitlines()[-1]
    assert hint == "hint: make it: authsome vault create work"
    authsome("vault", "create", "work", check=True)
    authsome("login", "openai", "--stdin", input=made_up_key(), env=env, check=True)
