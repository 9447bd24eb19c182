"""How values are made from a credential's fields."""

import base64

import pytest

from authsome_env.model import Secret
from authsome_env.providers.template import check_template, fields_of, render

VALUES = {
    "a": Secret("alpha"),
    "b": Secret('be"ta\\'),
    "odd": Secret.from_bytes(b"\xff\n\x80 \xc3\xa4"),
    "empty": Secret(""),
}


def rendered(template):
    value = render(template, VALUES)
    return None if value is None else value.reveal_bytes()


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{a}", b"alpha"),
        ("", b""),
        ("true", b"true"),
        ("{a}:{b}", b'alpha:be"ta\\'),
        ("Bearer {a}!", b"Bearer alpha!"),
        ("{a}{a}", b"alphaalpha"),
        ("{a:base64}", base64.b64encode(b"alpha")),
        ("{a:b:base64}", base64.b64encode(b'alpha:be"ta\\')),
        ("{odd}", b"\xff\n\x80 \xc3\xa4"),
        ("{odd:base64}", base64.b64encode(b"\xff\n\x80 \xc3\xa4")),
        ("{odd:url}", b"%FF%0A%80%20%C3%A4"),
        ("{b:json}", b'be\\"ta\\\\'),
        ("{odd:json}", b"\xff\\u000a\x80 \xc3\xa4"),
        ('{"auths": {"x": {"auth": "{a:b:base64}"}}}', b'{"auths": {"x": {"auth": "YWxwaGE6YmUidGFc"}}}'),
        ("{{a}}", b"{alpha}"),
        ("{}", b"{}"),
        ("{", b"{"),
        ("}", b"}"),
        ("{a", b"{a"),
        ("{a {a}", b"{a alpha"),
        ("{A}", b"{A}"),
        ("{a-b}", b"{a-b}"),
        ("{1a}", b"{1a}"),
        ("{a:}", b"{a:}"),
        ("{:a}", b"{:a}"),
        ("{ a}", b"{ a}"),
        ("{\u00e4}", "{\u00e4}".encode()),
        ("{missing}", None),
        ("x{empty}", None),
        ("{a:empty:base64}", None),
    ],
)
def test_a_template_renders(template, value):
    assert rendered(template) == value


def test_fields_are_named_once_and_in_order():
    assert fields_of("{b}{a:c:base64}{b:url}{Not} {x") == ("b", "a", "c")


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("{zz}", "there is no field 'zz'; the fields are a, b"),
        ("{a:zz:base64}", "there is no field 'zz'"),
        ("{a:rot13}", "there is no filter 'rot13'; the filters are base64, json, url"),
        ("{a:b}", "there is no filter 'b'"),
        ("a\0b", "NUL"),
    ],
)
def test_an_unknown_field_or_filter_is_named(template, what):
    with pytest.raises(ValueError, match=what):
        check_template(template, ("a", "b"))


def test_a_right_template_passes():
    check_template('{"x": "{a:b:base64}", "y": {}}', ("a", "b"))
