import base64
import fcntl
import os
import termios
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsome_env.errors import KeyUnavailable
from authsome_env.vault.keys import text
from authsome_env.vault.keys.variable import Variable, from_environment

KEY = bytes(range(0xE0, 0x100))  # its base64 has + and /, and so - and _
STANDARD = base64.b64encode(KEY).decode()


def refusal(environ):
    with pytest.raises(KeyUnavailable) as caught:
        from_environment(environ)
    assert caught.value.hint
    return str(caught.value)


def test_neither_variable_is_no_key():
    assert from_environment({"OTHER": "x"}) is None


@pytest.mark.parametrize(
    "written",
    [
        STANDARD,
        base64.urlsafe_b64encode(KEY).decode(),
        STANDARD.rstrip("="),
        f" \t{STANDARD}\r\n",
    ],
)
def test_both_alphabets_with_blanks_around_and_without_padding(written):
    assert from_environment({"AUTHSOME_MASTER_KEY": written}) == KEY


@given(st.binary(min_size=32, max_size=32))
def test_every_key_survives_its_text(key):
    assert text.decode(text.encode(key)) == key
    assert text.decode(base64.urlsafe_b64encode(key)) == key


@given(st.binary(max_size=80))
def test_whatever_is_taken_for_a_key_has_32_bytes(raw):
    for candidate in (raw, base64.b64encode(raw)):
        key = text.decode(candidate)
        assert key is None or len(key) == 32


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "zzsecretzz",
        STANDARD[:-4],
        STANDARD + "AAAA",
        STANDARD[:20] + " " + STANDARD[20:],
        "é" * 44,
        "\udcff",
    ],
)
def test_a_malformed_key_is_refused_by_the_variable_s_name_alone(written):
    message = refusal({"AUTHSOME_MASTER_KEY": written})
    assert message == "AUTHSOME_MASTER_KEY is not the base64 of 32 bytes"


def test_both_variables_are_an_error_even_if_one_is_empty(tmp_path):
    message = refusal({"AUTHSOME_MASTER_KEY": "", "AUTHSOME_MASTER_KEY_FILE": str(tmp_path)})
    assert "both set" in message


@pytest.mark.parametrize("mode", [0o400, 0o444, 0o640, 0o664])
def test_a_mounted_file_may_be_readable_by_others(tmp_path, mode):
    path = tmp_path / "key"
    path.write_text(STANDARD + "\n")
    path.chmod(mode)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert from_environment({"AUTHSOME_MASTER_KEY_FILE": str(link)}) == KEY


def test_a_file_that_everybody_may_write_is_refused(tmp_path):
    path = tmp_path / "key"
    path.write_text(STANDARD)
    path.chmod(0o606)
    assert "everybody may write" in refusal({"AUTHSOME_MASTER_KEY_FILE": str(path)})


def test_a_pipe_is_read_to_its_end_as_bash_process_substitution_needs():
    reader, writer = os.pipe()
    os.write(writer, STANDARD[:7].encode())

    def feed():
        waiting = bytearray(4)
        while fcntl.ioctl(reader, termios.FIONREAD, waiting) == 0 and any(waiting):
            time.sleep(0.001)  # until the first part has been read by itself
        os.write(writer, STANDARD[7:].encode() + b"\n")
        os.close(writer)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        assert from_environment({"AUTHSOME_MASTER_KEY_FILE": f"/dev/fd/{reader}"}) == KEY
    finally:
        thread.join()
        os.close(reader)


@pytest.mark.parametrize("path", ["", "/nonexistent/zz", "/", "a\0b"])
def test_a_file_that_cannot_be_read_is_named_by_its_variable(path):
    assert "AUTHSOME_MASTER_KEY_FILE cannot be read" in refusal({"AUTHSOME_MASTER_KEY_FILE": path})


def test_a_file_without_end_is_refused_at_once():
    assert "does not hold" in refusal({"AUTHSOME_MASTER_KEY_FILE": "/dev/zero"})


def test_as_a_place_it_gives_the_key_of_the_variable():
    place = Variable({"AUTHSOME_MASTER_KEY": STANDARD})
    assert place.create("id") == (KEY, {})
    assert place.load("id", {}) == KEY


def test_a_place_without_its_variable_says_which_to_set():
    with pytest.raises(KeyUnavailable, match="AUTHSOME_MASTER_KEY is not set") as caught:
        Variable({}).load("id", {})
    assert "AUTHSOME_MASTER_KEY_FILE" in caught.value.hint
