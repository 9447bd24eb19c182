"""Templates over values of any bytes."""

import base64
import json
import urllib.parse

from hypothesis import given
from hypothesis import strategies as st

from authsome_env.model import Secret
from authsome_env.providers.template import check_template, fields_of, render

values = st.binary(min_size=1).map(lambda raw: raw.replace(b"\0", b"0"))
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(values)
def test_a_field_comes_out_as_it_went_in(raw):
    assert render("{x}", {"x": Secret.from_bytes(raw)}).reveal_bytes() == raw


@given(values, values)
def test_base64_is_over_the_joined_bytes(one, two):
    made = render("{x:y:base64}", {"x": Secret.from_bytes(one), "y": Secret.from_bytes(two)})
    assert base64.b64decode(made.reveal(), validate=True) == one + b":" + two


@given(values)
def test_url_is_what_the_library_unquotes(raw):
    made = render("{x:url}", {"x": Secret.from_bytes(raw)}).reveal()
    assert urllib.parse.unquote_to_bytes(made) == raw
    assert made == urllib.parse.quote(raw, safe="")


@given(texts.filter(bool))
def test_json_is_what_the_library_reads(text):
    made = render('{"k": "{x:json}"}', {"x": Secret(text)}).reveal()
    assert json.loads(made) == {"k": text}


@given(texts)
def test_a_text_without_placeholder_is_itself(text):
    if not fields_of(text):
        assert render(text, {}).reveal() == text


@given(st.text(alphabet='ab{}:"_1 A', max_size=20))
def test_what_passes_the_check_renders_or_is_left_out(text):
    known = {"a": Secret("1"), "b": Secret("2")}
    try:
        check_template(text, tuple(known))
    except ValueError:
        return
    assert set(fields_of(text)) <= set(known)
    assert render(text, known) is not None
    assert fields_of(text) == () or render(text, {}) is None


@given(st.dictionaries(st.text(alphabet="abc"), st.text(alphabet='ab"\\{}: '), min_size=1))
def test_json_text_around_a_placeholder_stays_json(document):
    template = json.dumps({**document, "k": "@"}).replace('"@"', '"{tok:json}"')
    if fields_of(template) == ("tok",):
        made = render(template, {"tok": Secret('a"\\\n')}).reveal()
        assert json.loads(made) == {**document, "k": 'a"\\\n'}
