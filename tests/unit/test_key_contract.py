"""What every place for the master key does. tests/real/test_keyring.py runs this for the OS keyring too."""

import os

import pytest

from authsome_env.errors import KeyUnavailable, UsageError
from authsome_env.vault.keys import places

GIVEN = {"AUTHSOME_MASTER_KEY": "A" * 43 + "=", "AUTHSOME_PASSPHRASE": "correct horse"}
HERE = [name for name in places.NAMES if name != "keyring"]
if "AUTHSOME_TEST_KEYRING" in os.environ:
    HERE = ["keyring"]

ID = "0f" * 16 + ".a1b2c3d4"


def open_place(name, home):
    return places.place(name, home=str(home), environ=GIVEN, ask=None, no_input=True)


@pytest.fixture(params=HERE)
def name(request):
    return request.param


def test_it_is_the_place_that_was_asked_for(name, tmp_path):
    assert open_place(name, tmp_path).name == name


def test_a_key_has_32_bytes_and_is_loaded_by_another_process_s_object(name, tmp_path):
    key, parameters = open_place(name, tmp_path).create(ID)
    assert len(key) == 32
    assert all(isinstance(text, str) for text in (*parameters, *parameters.values()))
    assert open_place(name, tmp_path).load(ID, parameters) == key


def test_what_the_vault_records_does_not_hold_the_key(name, tmp_path):
    key, parameters = open_place(name, tmp_path).create(ID)
    assert key.hex() not in str(parameters)
    assert parameters == {} or name == "passphrase"


def test_two_ids_are_two_keys_that_live_side_by_side(name, tmp_path):
    place = open_place(name, tmp_path)
    one, with_one = place.create(ID + "1")
    two, with_two = place.create(ID + "2")
    place.delete(ID + "1")
    assert place.load(ID + "2", with_two) == two
    if name != "variable":  # there is but one
        assert one != two
    if name in {"file", "keyring"}:
        with pytest.raises(KeyUnavailable):
            place.load(ID + "1", with_one)


def test_deleting_an_absent_key_is_fine(name, tmp_path):
    place = open_place(name, tmp_path)
    place.delete(ID + "absent")
    place.create(ID)
    place.delete(ID)
    place.delete(ID)


def test_an_absent_key_is_unavailable_and_the_hint_says_what_to_do(tmp_path):
    nothing = {"file": {}, "variable": {}, "passphrase": {}}
    for name in nothing:
        parameters = open_place(name, tmp_path).create(ID)[1]
        open_place(name, tmp_path).delete(ID)
        place = places.place(name, home=str(tmp_path), environ={}, ask=None, no_input=True)
        with pytest.raises(KeyUnavailable) as caught:
            place.load(ID, parameters)
        assert caught.value.exit_code == 10
        assert caught.value.hint
        assert "\n" not in str(caught.value)


def test_an_unknown_place_is_a_usage_error_with_the_nearest_name(tmp_path):
    with pytest.raises(UsageError, match="did you mean keyring") as caught:
        open_place("keychain-ring", tmp_path)
    assert caught.value.hint == "use one of keyring, file, passphrase, variable"


def test_no_input_takes_the_way_to_ask_from_the_passphrase(tmp_path):
    def ask(prompt):
        raise AssertionError(prompt)

    place = places.place("passphrase", home=str(tmp_path), environ={}, ask=ask, no_input=True)
    with pytest.raises(KeyUnavailable) as caught:
        place.create(ID)
    assert "AUTHSOME_PASSPHRASE" in caught.value.hint
    assert "at a terminal" in caught.value.hint
