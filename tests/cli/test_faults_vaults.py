"""Several vaults side by side, which share no key and see nothing of each other."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3

import pytest


@pytest.fixture
def two(authsome, made_up_key):
    """The vaults `home` and `work`, each with its own key in openai:default: `.keys[name]`."""
    authsome.keys = {name: made_up_key() for name in ("home", "work")}
    for name, key in authsome.keys.items():
        authsome("vault", "create", name, check=True)
        authsome("--vault", name, "login", "openai", "--stdin", input=key, check=True)
    return authsome


def path_of(authsome, name):
    return os.path.join(authsome.home, "vaults", f"{name}.db")


def key_file_of(authsome, name):
    db = sqlite3.connect(path_of(authsome, name))
    ((key_id,),) = db.execute("SELECT value FROM meta WHERE name = 'key_id'")
    db.close()
    return os.path.join(authsome.home, "keys", key_id)


def names_in(authsome, vault):
    listed = json.loads(authsome("--vault", vault, "list", "--json", check=True).stdout)
    return [f"{each['provider']}:{each['connection']}" for each in listed["connections"]]


def test_what_one_vault_holds_is_unknown_to_the_other(two, made_up_key):
    two("--vault", "work", "login", "groq", "-c", "ci", "--stdin", input=made_up_key("groq"), check=True)
    assert names_in(two, "work") == ["groq:ci", "openai:default"]
    assert names_in(two, "home") == ["openai:default"]
    for name, key in two.keys.items():
        assert two("token", "openai", "--vault", name, check=True).stdout == key + b"\n"
        assert two("token", "openai", env={"AUTHSOME_VAULT": name}, check=True).stdout == key + b"\n"
    assert two("token", "groq:ci", "--vault", "home").returncode == 3
    child = two("--vault", "home", "run", "--", "env", check=True).stdout
    assert b"GROQ_API_KEY" not in child


def test_the_key_of_one_vault_does_not_open_another(two):
    shutil.copyfile(key_file_of(two, "home"), key_file_of(two, "work"))
    done = two("--vault", "work", "list")
    assert (done.returncode, done.stdout) == (10, b"")
    assert b"[wrong_key]" in done.stderr
    assert names_in(two, "home") == ["openai:default"]


def test_a_vault_does_not_pass_for_another_under_its_name(two):
    for name in ("work", "renamed"):
        aside = os.path.join(two.temporary, name)
        if os.path.exists(path_of(two, name)):
            shutil.move(path_of(two, name), aside)
        shutil.move(path_of(two, "home"), path_of(two, name))
        done = two("token", "openai", "--vault", name)
        assert (done.returncode, done.stdout) == (10, b"")
        assert b"home.db" in done.stderr.splitlines()[1]
        shutil.move(path_of(two, name), path_of(two, "home"))
    assert two("token", "openai", "--vault", "home", check=True).stdout == two.keys["home"] + b"\n"


def test_use_chooses_the_vault_that_is_meant(two):
    assert two("token", "openai").returncode == 10  # neither is named default, and none is guessed
    for name, key in two.keys.items():
        two("vault", "use", name, check=True)
        assert two("token", "openai", check=True).stdout == key + b"\n"
        listed = json.loads(two("vault", "list", "--json", check=True).stdout)["vaults"]
        assert {each["name"]: each["default"] for each in listed} == {
            "home": name == "home",
            "work": name == "work",
        }
    done = two("vault", "use", "wrok")
    assert done.returncode == 10
    assert b"did you mean work?" in done.stderr
    assert two("token", "openai", check=True).stdout == two.keys["work"] + b"\n"


def test_removing_one_vault_takes_its_key_and_leaves_the_other(two):
    (left,) = {key_file_of(two, "home")}
    assert two("vault", "remove", "work").returncode == 2  # nobody to ask
    two("vault", "remove", "work", "--yes", check=True)
    assert os.listdir(os.path.join(two.home, "vaults")) == ["home.db"]
    assert os.listdir(os.path.join(two.home, "keys")) == [os.path.basename(left)]
    assert names_in(two, "home") == ["openai:default"]
    assert two("--vault", "work", "list").returncode == 10


@pytest.mark.parametrize("name", ["a.draft", "x.db.draft", "y.db.draft-wal", "z.new"])
def test_no_name_of_a_vault_is_taken_for_something_to_sweep(two, made_up_key, name):
    two("vault", "create", name, check=True)
    two("--vault", name, "login", "openai", "--stdin", input=made_up_key(), check=True)
    two("vault", "create", "another", check=True)
    two("vault", "remove", "another", "--yes", check=True)
    assert names_in(two, name) == ["openai:default"]


def test_a_vault_that_was_moved_away_for_a_while_opens_when_it_is_back(two, made_up_key):
    aside = os.path.join(two.temporary, "work.db")
    shutil.move(path_of(two, "work"), aside)
    two("vault", "create", "meanwhile", check=True)
    two("vault", "remove", "home", "--yes", check=True)
    shutil.move(aside, path_of(two, "work"))
    assert two("token", "openai", "--vault", "work", check=True).stdout == two.keys["work"] + b"\n"


def test_the_log_of_a_vault_that_was_moved_away_is_not_played_into_a_new_one(two, made_up_key):
    vault = path_of(two, "work")
    reader = sqlite3.connect(vault)  # as long as it is open, nobody brings the log into the file
    reader.execute("SELECT count(*) FROM meta").fetchone()
    two("--vault", "work", "login", "openai", "-c", "old", "--stdin", input=made_up_key(), check=True)
    log = os.path.join(two.temporary, "log")
    shutil.copyfile(vault + "-wal", log)
    reader.close()
    assert os.path.getsize(log)
    os.unlink(vault)
    shutil.copyfile(log, vault + "-wal")
    two("vault", "create", "work", check=True)
    assert names_in(two, "work") == []


def test_a_vault_that_was_not_made_is_not_made_by_the_way(two, made_up_key):
    for words in (
        ("login", "openai", "--stdin"),
        ("list",),
        ("whoami",),
        ("vault", "lock"),
        ("vault", "rekey"),
    ):
        done = two("--vault", "hmoe", *words, input=made_up_key())
        assert done.returncode == 10, words
        assert b"did you mean home?" in done.stderr
    assert sorted(os.listdir(os.path.join(two.home, "vaults"))) == ["home.db", "work.db"]
