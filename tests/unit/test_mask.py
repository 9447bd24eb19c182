"""Secrets in a stream, however it is cut, and in whatever form they are written."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsome_env.supervise.mask import MASK, Mask


def made_up(length=40):
    return secrets.token_urlsafe(length)[:length].encode()


def masked(mask, *chunks, pauses=False):
    out = b""
    for chunk in chunks:
        out += mask.feed(chunk)
        if pauses:
            out += mask.pause()
    return out + mask.end()


def in_base64(before):
    return lambda secret: base64.b64encode(b"x" * before + secret + b"yz")


FORMS = {
    "as it stands": lambda secret: secret,
    "hex": lambda secret: secret.hex().encode(),
    "HEX": lambda secret: secret.hex().upper().encode(),
    "Basic": lambda secret: b"Authorization: Basic " + base64.b64encode(b"user:" + secret),
    "base64, first place": in_base64(0),
    "base64, second place": in_base64(1),
    "base64, third place": in_base64(2),
    "base64 of URLs": lambda secret: base64.urlsafe_b64encode(b"a" + secret),
    "base64 in lines": lambda secret: base64.encodebytes(b"a" * 40 + secret + b"b" * 40),
    "URL": lambda secret: urllib.parse.quote(secret, safe="").encode(),
    "url": lambda secret: (
        urllib.parse.quote(secret, safe="").lower().encode() if secret.islower() else secret
    ),
    "form": lambda secret: urllib.parse.urlencode({"a": secret}).encode(),
    "JSON": lambda secret: json.dumps(secret.decode()).encode(),
    "JSON, slashes escaped": lambda secret: json.dumps(secret.decode()).replace("/", "\\/").encode(),
    "Go": lambda secret: (
        json.dumps(secret.decode()).replace("<", "\\u003c").replace("&", "\\u0026").encode()
        if b"<" not in secret
        else secret
    ),
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"a": secret.decode()})).encode(),
    "encodeURIComponent": lambda secret: urllib.parse.quote(secret, safe="!'()*").encode(),
    "URLSearchParams": lambda secret: urllib.parse.quote_plus(secret, safe="*").replace("~", "%7E").encode(),
    "sgr0": lambda secret: secret[:7] + b"\x1b(B\x1b[m" + secret[7:15] + b"\x1b[m\x0f" + secret[15:],
    "colors": lambda secret: (
        b"\x1b[31m" + secret[:5] + b"\x1b[0m" + secret[5:9] + b"\x1b[1;32m\x1b[K" + secret[9:]
    ),
}
HARD = "p@ss/w\"ord+\\ 100%\tü='(~)!*".encode()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "secret",
    [made_up(), made_up(41), made_up(42), made_up(90), HARD + made_up(12)],
    ids=["usual", "41", "42", "90", "hard"],  # the same in every process that the tests run in
)
def test_every_form_is_masked_however_it_is_cut(form, secret):
    text = FORMS[form](secret)
    whole = b"before " + text + b" after\n"
    out = masked(Mask([secret]), whole)
    assert out.startswith(b"before ")
    assert out.endswith(b" after\n")
    assert MASK in out
    rest = bytearray(out)
    for piece in (secret, secret.hex().encode(), base64.b64encode(secret)[4:-8]):
        assert piece[: len(piece) // 2] not in rest
        assert piece[len(piece) // 2 :] not in rest
    for cut in range(len(whole)):
        assert masked(Mask([secret]), whole[:cut], whole[cut:]) == out
    assert masked(Mask([secret]), *(whole[at : at + 1] for at in range(len(whole)))) == out


def test_colors_within_a_secret_are_kept():
    secret = made_up()
    out = masked(Mask([secret]), b"a\x1b[31m" + secret[:9] + b"\x1b[0m" + secret[9:] + b"\x1b[1mb")
    assert out == b"a\x1b[31m***\x1b[0m\x1b[1mb"


@given(st.lists(st.binary(max_size=30), max_size=20), st.booleans())
def test_what_holds_no_secret_stays_as_it_is(chunks, pauses):
    assert masked(Mask([b"\x00\x1b[secret"]), *chunks, pauses=pauses) == b"".join(chunks)


LETTERS = st.lists(st.sampled_from([b"a", b"b", b"\x1b[m", b"\n"]), min_size=8, max_size=30).map(b"".join)


@given(st.lists(LETTERS, min_size=1, max_size=3), st.lists(LETTERS, max_size=8), st.randoms())
def test_wherever_it_is_cut_the_same_comes_out(wanted, parts, randomness):
    """Of few letters, so that everything overlaps with everything."""
    text = b"".join([*parts, *wanted])
    cuts = sorted(randomness.randrange(len(text) + 1) for _ in range(5))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert masked(Mask(wanted), *chunks) == masked(Mask(wanted), text)


@given(st.randoms())
def test_a_pause_shows_less_than_eight_bytes_of_a_secret(randomness):
    secret = made_up()
    text = b"it is " + secret + b", see?\n"
    cuts = sorted(randomness.randrange(len(text) + 1) for _ in range(4))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    out = masked(Mask([secret]), *chunks, pauses=True)
    assert not any(secret[at : at + 8] in out for at in range(len(secret) - 7))
    assert out.endswith(b"***, see?\n")


def test_a_pause_passes_on_what_somebody_may_wait_for():
    mask = Mask([b"secret-of-mine"])
    assert mask.feed(b"password: s") == b"password: "
    assert mask.pause() == b"s"
    assert mask.pause() == b""
    assert mask.feed(b"o") == b"o"
    assert mask.feed(b"secret-o") == b""
    assert mask.pause() == b""  # more than chance
    assert mask.feed(b"n and on") == b"secret-on and on"


def test_a_pause_passes_on_a_letter_among_control_sequences():
    """As an editor writes an echo: cursor off, letter, cursor on."""
    mask = Mask([b"secret-of-mine"])
    assert mask.feed(b"\x1b[?25ls\x1b[?25h\x1b[2;3H") == b"\x1b[?25l"
    assert mask.pause() == b"s\x1b[?25h\x1b[2;3H"
    assert mask.feed(b"ecret-of-mine!") == b"***!"


def test_one_that_is_the_beginning_of_another():
    short = made_up(20)
    long = short + made_up(20)
    assert masked(Mask([short, long]), b"a" + long + b"b" + short + b"c") == b"a***b***c"
    mask = Mask([short, long])
    assert mask.feed(short) == b""
    assert mask.pause() == MASK  # it is a secret whatever follows
    assert mask.feed(long[20:] + b"!") == b"!"


def test_two_that_overlap_are_masked_together():
    assert masked(Mask([b"abcdefghij", b"hijklmnopq"]), b"1abcdefghijklmnopq2") == b"1***2"
    mask = Mask([b"abcdefghij", b"hijklmnopq"])
    assert mask.feed(b"1abcdefghij") + mask.feed(b"klmnopq2") == b"1***2"
    mask = Mask([b"abcdefghij", b"hijklmnopq"])
    assert mask.feed(b"1abcdefghij") + mask.feed(b"k2") == b"1***k2"


@pytest.mark.parametrize("length", range(8))
def test_too_short_to_be_told_from_words(length):
    mask = Mask()
    assert not mask.add(b"secret!"[:length])
    assert masked(mask, b"secret! sec") == b"secret! sec"


def test_each_line_of_a_key():
    lines = [made_up(64) for _ in range(3)]
    key = b"-----BEGIN PRIVATE KEY-----\n" + b"\n".join(lines) + b"\n-----END PRIVATE KEY-----\n"
    assert masked(Mask([key]), b"a\n" + key.replace(b"\n", b"\r\n") + b"b") == b"a\n***\r\nb"
    indented = b"".join(b"    " + line + b"\n" for line in lines)
    assert masked(Mask([key]), indented) == b"    ***\n" * 3
    other = b"-----BEGIN PRIVATE KEY-----\n" + made_up(64)
    assert masked(Mask([key]), other) == other


def test_lines_that_innocent_files_have_too_are_left():
    config = b"apiVersion: v1\nkind: Config\nusers:\n- user:\n    token: " + (token := made_up(60)) + b"\n"
    innocent = b"apiVersion: v1\nkind: Service\nmetadata:\n  name: users:\n"
    assert masked(Mask([config]), innocent) == innocent
    assert masked(Mask([config]), config) == b"***\n"
    assert masked(Mask([config]), b"  token: " + token + b"\n") == b"  ***\n"


def test_space_around_it_is_no_part_of_it():
    secret = made_up()
    assert masked(Mask([secret + b"\n"]), b"<" + secret + b">" + secret + b"\n") == b"<***>***\n"


def test_a_new_one_is_masked_from_the_moment_it_is_known():
    mask = Mask([b"another-of-mine"])
    new = made_up(19) + b"Z" + made_up(20)
    assert mask.feed(new[:20]) == new[:20]
    assert mask.add(new)
    assert masked(mask, new) == MASK


def test_one_that_is_worth_nothing_any_more():
    old, new = made_up(), made_up()
    mask = Mask([old, new])
    mask.forget(old)
    mask.forget(b"never known")
    assert masked(mask, old + b" " + new) == old + b" ***"


def test_a_secret_of_a_hundred_kilobytes_in_pieces():
    secret = made_up(100_000)
    text = b"<" + secret + b">"
    chunks = [text[at : at + 4096] for at in range(0, len(text), 4096)]
    assert masked(Mask([secret]), *chunks, pauses=True) == b"<***>"


def test_the_end_of_the_stream_within_a_secret():
    secret = made_up()
    assert masked(Mask([secret]), b"a" + secret[:5]) == b"a" + secret[:5]
    assert masked(Mask([secret]), b"a" + secret[:-1]) == b"a***"
