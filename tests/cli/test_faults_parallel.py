"""Fifty processes at once: nothing is lost, nothing is half, nobody is turned away."""

from __future__ import annotations

import json
import os

import pytest

MANY = 50


@pytest.fixture
def home(authsome, warm):
    """A home without a vault; `.at_once([(words, key)…])` starts all of these at the same moment.

    The keyring is not looked for: that takes so long that hardly two would ever meet.
    """
    os.mkdir(authsome.home, 0o700)
    with open(os.path.join(authsome.home, "config.toml"), "w") as file:
        file.write('key = "file"\n')

    def at_once(commands):
        requests = [
            {"argv": words, "environ": authsome.environment({"KEY": key.decode()})} for words, key in commands
        ]
        answers = warm(together=requests)
        for (words, _), done in zip(commands, answers, strict=True):
            authsome.heard(words, done["out"].encode(), done["err"].encode())
        return answers

    authsome.at_once = at_once
    return authsome


def check_all_succeeded(answers):
    assert [(done["status"], done["err"]) for done in answers if done["status"]] == []


def login(name, provider="openai"):
    return ("login", provider, "-c", name, "--from-env", "KEY")


def connections(authsome):
    listed = json.loads(authsome("list", "--json", check=True).stdout)["connections"]
    return {(each["provider"], each["connection"]): each["default"] for each in listed}


def held(authsome, names):
    """The key in each of these connections of openai."""
    maps = [f"--map=KEY_{name}=openai:{name}" for name in names]
    given = json.loads(authsome("env", "--format", "json", "--none", *maps, check=True).stdout)
    return {name: given[f"KEY_{name}"].encode() for name in names}


def check_tidy(authsome):
    assert os.listdir(os.path.join(authsome.home, "vaults")) == ["default.db"]
    assert len(os.listdir(os.path.join(authsome.home, "keys"))) == 1


def test_fifty_first_logins_make_one_vault_with_one_key_and_lose_nothing(home, made_up_key):
    keys = {f"c{number}": made_up_key() for number in range(MANY)}
    check_all_succeeded(home.at_once([(login(name), key) for name, key in keys.items()]))
    found = connections(home)
    assert {name for _, name in found} == keys.keys()
    assert sum(found.values()) == 1
    assert held(home, keys) == keys
    check_tidy(home)


def test_fifty_first_logins_from_a_cold_start_lose_nothing(authsome, made_up_key):
    keys = {f"c{number}": made_up_key() for number in range(MANY)}
    running = [authsome.start(*login(name), env={"KEY": key.decode()}) for name, key in keys.items()]
    assert {process.wait(300) for process in running} == {0}
    assert held(authsome, keys) == keys
    check_tidy(authsome)


def test_readers_of_a_home_whose_first_vault_is_being_made_see_none_or_all_of_it(home, made_up_key):
    reads = [(("list", "--json"), b"")] * (MANY - 5)
    answers = home.at_once([*reads[::2], *((login(f"c{n}"), made_up_key()) for n in range(5)), *reads[1::2]])
    check_all_succeeded(answers)


def test_fifty_logins_of_the_same_connection_save_exactly_one(home, made_up_key):
    keys = [made_up_key() for _ in range(MANY)]
    answers = home.at_once([(login("default"), key) for key in keys])
    assert sorted(done["status"] for done in answers) == [0] + [6] * (MANY - 1)
    assert all("[connection_exists]" in done["err"] for done in answers if done["status"])
    (winner,) = (key for key, done in zip(keys, answers, strict=True) if done["status"] == 0)
    assert held(home, ["default"]) == {"default": winner}


def test_fifty_more_logins_lose_nothing_and_leave_the_default_alone(home, made_up_key):
    home(*login("first"), env={"KEY": made_up_key().decode()}, check=True)
    keys = {f"c{number}": made_up_key() for number in range(MANY)}
    check_all_succeeded(home.at_once([(login(name), key) for name, key in keys.items()]))
    assert [name for name, mark in connections(home).items() if mark] == [("openai", "first")]
    assert held(home, keys) == keys
    check_tidy(home)


def test_fifty_changes_of_the_default_among_readers_leave_exactly_one_default(home, made_up_key):
    keys = {name: made_up_key() for name in ("a", "b", "c")}
    for name, key in keys.items():
        home(*login(name), env={"KEY": key.decode()}, check=True)
    home(*login("default", "groq"), env={"KEY": made_up_key("groq").decode()}, check=True)
    changes = [(("set-default", "openai", "abc"[number % 3]), b"") for number in range(MANY)]
    reads = [(("run", "--", "sh", "-c", "echo $OPENAI_API_KEY"), b"")] * MANY
    mixed = [each for pair in zip(changes, reads, strict=True) for each in pair]
    answers = home.at_once(mixed)
    check_all_succeeded(answers)
    for done in answers[1::2]:  # between two defaults there is never none
        assert done["out"].strip().encode() in keys.values()
        assert done["err"] == ""
    found = connections(home)
    assert sum(found.values()) == 2
    assert found["groq", "default"]
    check_tidy(home)


def test_readers_do_not_stumble_over_a_master_key_that_changes(home, made_up_key):
    key = made_up_key()
    home(*login("default"), env={"KEY": key.decode()}, check=True)
    reads = [(("token", "openai"), b"")] * MANY
    changes = [(("vault", "rekey", "--key", "file"), b"")] * MANY
    mixed = [each for pair in zip(changes, reads, strict=True) for each in pair]
    answers = home.at_once(mixed)
    check_all_succeeded(answers)
    assert {done["out"] for done in answers[1::2]} == {key.decode() + "\n"}
    check_tidy(home)
