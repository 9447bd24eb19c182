import hashlib

import pytest

from authsome_env.errors import KeyUnavailable, VaultDamaged
from authsome_env.model import Secret
from authsome_env.vault.keys.passphrase import Passphrase

LIGHT = {"kdf": "scrypt", "n": "16", "r": "1", "p": "1", "salt": "00" * 16}


def typing(*answers):
    """An `ask` that types these, and the prompts that it was shown."""
    left, prompts = list(answers), []

    def ask(prompt):
        prompts.append(prompt)
        return Secret(left.pop(0))

    return ask, prompts


def test_the_key_is_scrypt_of_the_passphrase_as_another_implementation_computes_it():
    key, record = Passphrase({}, typing("pässword", "pässword")[0]).create("id")
    cost = {name: int(record[name]) for name in ("n", "r", "p")}
    assert cost == {"n": 2**17, "r": 8, "p": 1}
    salt = bytes.fromhex(record["salt"])
    assert key == hashlib.scrypt("pässword".encode(), salt=salt, dklen=32, maxmem=2**28, **cost)


def test_every_vault_has_its_own_salt_of_16_bytes():
    place = Passphrase({"AUTHSOME_PASSPHRASE": "x"}, None)
    (one, first), (two, second) = place.create("a"), place.create("b")
    assert one != two
    assert first["salt"] != second["salt"]
    assert len(bytes.fromhex(first["salt"])) == 16


def test_a_new_passphrase_is_asked_for_twice_and_a_known_one_once():
    ask, prompts = typing("x", "x", "x")
    place = Passphrase({}, ask)
    key, record = place.create("id")
    assert len(prompts) == 2
    assert place.load("id", record) == key
    assert len(prompts) == 3


def test_the_variable_is_taken_before_anybody_is_asked():
    ask, prompts = typing()
    place = Passphrase({"AUTHSOME_PASSPHRASE": "x"}, ask)
    assert place.load("id", LIGHT) == Passphrase({}, typing("x")[0]).load("id", LIGHT)
    assert prompts == []


def test_any_bytes_but_none_are_a_passphrase():
    place = Passphrase({"AUTHSOME_PASSPHRASE": "\udcff\udc80"}, None)
    assert place.load("id", LIGHT) == hashlib.scrypt(b"\xff\x80", salt=bytes(16), n=16, r=1, p=1, dklen=32)


def test_two_that_differ_are_refused():
    with pytest.raises(KeyUnavailable, match="differ"):
        Passphrase({}, typing("secret-one", "secret-two")[0]).create("id")


@pytest.mark.parametrize("act", [lambda place: place.create("id"), lambda place: place.load("id", LIGHT)])
def test_an_empty_one_is_refused_however_it_comes(act):
    with pytest.raises(KeyUnavailable, match="empty"):
        act(Passphrase({}, typing("", "")[0]))
    with pytest.raises(KeyUnavailable, match="AUTHSOME_PASSPHRASE is empty"):
        act(Passphrase({"AUTHSOME_PASSPHRASE": ""}, typing("x", "x")[0]))


def test_with_nobody_to_ask_the_hint_names_both_ways():
    with pytest.raises(KeyUnavailable) as caught:
        Passphrase({}, None).load("id", LIGHT)
    assert "AUTHSOME_PASSPHRASE" in caught.value.hint
    assert "at a terminal" in caught.value.hint


@pytest.mark.parametrize(
    "edit",
    [
        {"n": str(2**20), "r": "8"},  # 1 GiB
        {"n": "2", "r": str(2**30)},
        {"n": str(2**40)},
        {"n": "9" * 5000},
        {"n": "1" + "0" * 8, "r": "1"},
        {"n": "0"},
        {"n": "1"},
        {"n": "-16"},
        {"n": "3"},
        {"r": "0"},
        {"p": "0"},
        {"p": "5"},
        {"p": "1000000"},
        {"n": ""},
        {"salt": ""},
        {"salt": "00" * 15},
        {"salt": "zz"},
        {"kdf": "argon2id"},
    ],
)
def test_an_edited_record_is_refused_before_anybody_types_a_passphrase(edit):
    ask, prompts = typing("x")
    with pytest.raises(VaultDamaged):
        Passphrase({}, ask).load("id", {**LIGHT, **edit})
    assert prompts == []


@pytest.mark.parametrize("missing", LIGHT)
def test_an_incomplete_record_is_refused(missing):
    with pytest.raises(VaultDamaged):
        Passphrase({"AUTHSOME_PASSPHRASE": "x"}, None).load(
            "id", {name: text for name, text in LIGHT.items() if name != missing}
        )
