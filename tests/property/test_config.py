"""The hand-written reader and `tomllib` read every file the same."""

import os
import tempfile
import tomllib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from authsome_env.errors import UsageError
from authsome_env.vault import config

BLANKS = st.text(" \t", max_size=2)
ODD = st.sampled_from(
    [
        " ",
        "\t",
        "\r",
        "\n",
        "\r\n",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x85",
        "\u2028",
        "\ufeff",
        "\x00",
        "\x7f",
        "\xa0",
    ]
)
PIECE = st.one_of(
    ODD,
    st.sampled_from(
        [
            *"#=\"'\\[]{}.,-+_0123456789abeEx:\u0661²é",
            *('"""', "'''", "true", "inf", "nan", "vault", "min-ttl", '"x"', " = ", "0x1F", "1_0", "\\u0041"),
        ]
    ),
    st.characters(exclude_categories=["Cs"]),
)
SOUP = st.lists(PIECE, max_size=12).map("".join)
KEY = st.one_of(st.sampled_from(config.KEYS), st.text("abAB09-_", max_size=3), SOUP)
VALUE = st.one_of(
    st.integers(-3, 10**20).map(str),
    st.text("0123456789", max_size=20),
    st.builds('"{}"'.format, st.text(max_size=8)),
    SOUP,
)
COMMENT = st.one_of(st.just(""), st.builds("#{}".format, SOUP))
LINE = st.one_of(
    st.builds(
        "{0[0]}{1}{0[1]}={0[2]}{2}{0[3]}{3}".format,
        st.tuples(BLANKS, BLANKS, BLANKS, BLANKS),
        KEY,
        VALUE,
        COMMENT,
    ),
    st.builds("{}{}".format, BLANKS, COMMENT),
    SOUP,
)
FILE = st.builds(
    lambda lines, end: end.join(lines), st.lists(LINE, max_size=5), st.sampled_from(["\n", "\r\n"])
)


@settings(max_examples=2000, deadline=None)
@example('a = ""')
@example('a = """"')
@example('a = "" "')
@example("a = 0")
@example("a = 00")
@example("a = 1\x0b")
@example("a = \u0661")
@example("a\xa0= 1")
@example("a = 1\r# c")
@example('a = "\t"')
@example("a = 1\na = 1")
@example("\ufeffa = 1")
@given(FILE)
def test_what_is_plain_means_the_same_to_tomllib(text):
    plain = config.parse_plain(text)
    if plain is not None:
        expected = tomllib.loads(text)
        assert plain == expected
        assert [type(value) for value in plain.values()] == [type(value) for value in expected.values()]


PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=8)
PLAIN_VALUE = st.one_of(st.integers(0, 10**17).map(str), PLAIN_TEXT.map('"{}"'.format))
PLAIN_COMMENT = st.one_of(st.just(""), PLAIN_TEXT.map("#{}".format))
PLAIN_FILE = st.dictionaries(
    st.text("abzAZ09-_", min_size=1, max_size=4), st.tuples(BLANKS, PLAIN_VALUE, PLAIN_COMMENT)
).map(
    lambda found: "".join(
        f"{b}{key}{b}={b}{value}{b}{comment}\n" for key, (b, value, comment) in found.items()
    )
)


@given(PLAIN_FILE)
def test_every_plain_file_is_read_by_hand(text):
    assert config.parse_plain(text) == tomllib.loads(text)


ALLOWED = st.one_of(
    st.tuples(st.just("vault"), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,9}", fullmatch=True)),
    st.tuples(st.just("key"), st.sampled_from(["keyring", "file", "passphrase", "variable"])),
    st.tuples(st.sampled_from(["unlock-ttl", "min-ttl"]), st.sampled_from(["15m", "0", 0, 77, "2d"])),
    st.tuples(st.just("browser"), st.text(min_size=1, max_size=8).filter(str.isprintable)),
)


def content(path):
    with open(path, "rb") as file:
        return file.read().decode()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(ALLOWED, COMMENT.filter(lambda text: "\n" not in text)), max_size=4), ALLOWED)
def test_a_written_value_is_read_back_and_no_other_is_changed(lines, item):
    key, value = item
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.toml")
        for (name, present), comment in lines:
            config.write_value(path, name, present)
            with open(path, "ab") as file:
                file.write(f"{comment}\n".encode())
            try:
                config.read(path)
            except UsageError:  # that comment held a control character
                return
        before = content(path) if lines else ""
        config.write_value(path, key, value)
        after = content(path)
        assert tomllib.loads(after) == {**tomllib.loads(before), key: value}
        kept = [line for line in before.split("\n") if not line.startswith(key)]
        assert [line for line in after.split("\n") if not line.startswith(key)][: len(kept)] == kept
        config.read(path)
