"""Our JSON is everybody's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsome_env.deliver import json_text

TEXTS = st.text(st.characters(exclude_categories=[])) | st.binary().map(
    lambda raw: raw.decode("utf-8", "surrogateescape")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
def test_what_is_written_is_read_by_all(value):
    text = json_text.write(value)
    assert text == json.dumps(value)
    assert json_text.read(text.encode()) == json.loads(text) == json.loads(json.dumps(value))


@given(st.binary() | TEXTS.map(lambda text: text.encode("utf-8", "replace")))
def test_what_is_no_json_is_a_value_error(raw):
    try:
        expected = json.loads(raw.decode().strip())
    except ValueError:
        with pytest.raises(ValueError):
            json_text.read(raw)
    else:
        assert json_text.read(raw) == expected or expected != expected
