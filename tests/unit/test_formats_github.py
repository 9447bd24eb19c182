"""GitHub Actions: a small runner reads our stdout and $GITHUB_ENV by the rules of actions/runner."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsome_env.deliver import formats


def read_masks(stdout):
    """ActionCommand.TryParseV2 and UnescapeData, for lines as .NET splits them."""
    masks = []
    for line in stdout.decode("utf-8").replace("\r", "\n").split("\n")[:-1]:
        assert line.startswith("::add-mask::")
        data = line.removeprefix("::add-mask::")
        for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            data = data.replace(escape, character)
        masks.append(data)
    return masks


def read_environment(appended):
    """SetEnvFileCommand: `NAME<<DELIMITER`, lines, the delimiter alone on a line."""
    seen, lines = {}, iter(appended.decode("utf-8").split("\n")[:-1])
    for line in lines:
        name, delimiter = line.split("<<", 1)
        assert name
        assert delimiter
        value = []
        for part in lines:
            if part == delimiter:
                break
            value.append(part)
        else:
            pytest.fail("matching delimiter not found")
        seen[name] = "\n".join(value).encode()
    return seen


def masked(line, masks):
    for mask in sorted(masks, key=len, reverse=True):
        line = line.replace(mask, "***")
    return line


def marks():
    return iter(f"MARK_{number}" for number in range(100)).__next__


@given(
    st.dictionaries(
        st.from_regex("[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), st.text("ab =<'\n\r%é€:"), max_size=5
    )
)
def test_the_runner_reads_every_text_back(texts):
    values = {name: text.encode() for name, text in texts.items()}
    masks, appended = formats.github(values, marks())
    assert read_environment(appended) == values
    read_masks(masks)


def test_every_block_has_a_delimiter_of_its_own_and_one_that_the_value_holds_is_drawn_again():
    _, appended = formats.github({"V_A": b"x\nMARK_0\nMARK_1\ny", "V_B": b"z"}, marks())
    assert appended == b"V_A<<MARK_2\nx\nMARK_0\nMARK_1\ny\nMARK_2\nV_B<<MARK_3\nz\nMARK_3\n"


SECRET = 'tok/en+%41\\"é~with a blank'
ENCODERS = {
    "itself": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 in a Basic header": lambda text: base64.b64encode(b"x-access-token:" + text.encode()).decode(),
    "base64, one byte in": lambda text: base64.b64encode(b"u" + text.encode() + b"@").decode(),
    "base64, two bytes in": lambda text: base64.b64encode(b"u:" + text.encode() + b"@host").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"u" + text.encode()).decode(),
    "URL": lambda text: quote(text, safe=""),
    "URL path": quote,
    "URL form": quote_plus,
    "JSON": json.dumps,
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "hex": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("how", ENCODERS)
@pytest.mark.parametrize(
    "secret", [SECRET, SECRET + "x", SECRET + "xy", "/" * 9 + "?" * 9, "sk-proj_0123456789"]
)
def test_a_secret_does_not_reach_the_log_in_any_common_form(how, secret):
    stdout, _ = formats.github({"V_A": secret.encode()}, marks())
    line = masked(f"log: {ENCODERS[how](secret)} end", read_masks(stdout))
    assert "***" in line
    # At most two characters on each side, those that neighbouring bytes have a share in, stay visible
    # apart from what was there before and after the secret.
    inside = line.removeprefix("log: ").removesuffix(" end").replace('"', "")
    assert len(inside) <= len("***") + 24


def test_each_line_of_a_value_is_masked_by_itself_in_every_form():
    lines = ["-----BEGIN KEY-----", "MIIEvQIBADANBg", "  indented-secret", "windows-secret"]
    value = "\n".join(lines[:3]) + "\n" + lines[3] + "\r\n}\n"
    masks = read_masks(formats.github({"V_A": value.encode()}, marks())[0])
    for line in lines:
        assert masked(line, masks).strip() == "***"
        assert base64.b64encode(line.strip().encode()).decode() in masks
    assert value in masks


@pytest.mark.parametrize("short", [b"true", b"}", b"1234567", b"", b"\n\n{\n1234\n", b"   a    "[:7]])
def test_what_is_too_short_to_be_a_secret_is_not_cut_out_of_the_log(short):
    masks = read_masks(formats.github({"V_A": short, "V_B": b"12345678"}, marks())[0])
    assert "12345678" in masks
    assert all(len(mask) >= 8 for mask in masks)


def test_nothing_is_masked_twice():
    stdout, _ = formats.github({"V_A": SECRET.encode(), "V_B": SECRET.encode()}, marks())
    masks = read_masks(stdout)
    assert len(masks) == len(set(masks))
