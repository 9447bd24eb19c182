"""The hot path's reading of a definition and the full one say the same."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsome_env.errors import InvalidDefinition, ProviderNotFound, UsageError
from authsome_env.providers import quick, source
from authsome_env.providers.definition import parse
from authsome_env.providers.registry import Registry

DB = sqlite3.connect(":memory:")
BUNDLED = sorted(name.removesuffix(".json") for name in os.listdir(source.BUNDLED) if name.endswith(".json"))

names = st.sampled_from(["A", "b_1", "GH_TOKEN", "1x", "LD_PRELOAD", "http_proxy", "", "\u00e4", "GIT_TOKEN"])
templates = st.one_of(
    st.sampled_from(["{api_key}", "{access_token}", "{a}:{b:url}", "{a:b:base64}", "x", "", "{base_url}"]),
    st.text(max_size=8),
    st.sampled_from([None, 1, [], {}, True, 1.5]),
)
sources = st.sampled_from(
    ["api_key", "API_TOKEN", "access_token", "ACCESS_TOKEN", "refresh_token", "a", "zz", 1]
)
maybe = st.sampled_from([None, {}, [], "x", 7])
documents = st.fixed_dictionaries(
    {
        "auth_type": st.sampled_from(["api_key", "api_key", "oauth2", "oauth2", "x", None]),
        "name": st.sampled_from(["acme", "acme", "acme", 1]),
    },
    optional={
        "schema_version": st.sampled_from([1, 1, 1, 2, None, 1.0, True]),
        "env": st.one_of(st.dictionaries(names, templates, max_size=3), maybe),
        "export": st.one_of(
            st.dictionaries(names, sources, max_size=2),
            st.fixed_dictionaries({"env": st.dictionaries(sources.map(str), names, max_size=2)}),
            maybe,
        ),
        "api_key": st.one_of(st.fixed_dictionaries({}, optional={"env_var": names}), maybe),
        "fields": st.one_of(
            st.lists(st.sampled_from([{"name": "a"}, {"name": "b"}, {"name": "B"}, {"x": 1}, 3]), max_size=2),
            maybe,
        ),
        "oauth": st.one_of(
            st.fixed_dictionaries(
                {"issuer": st.just("https://acme.example")},
                optional={
                    "base_url": st.just("https://acme.example"),
                    "answer": st.fixed_dictionaries(
                        {}, optional={"fields": st.just({"a": "/a"}), "access_token": st.just("/t")}
                    ),
                },
            ),
            maybe,
        ),
        "flow": st.sampled_from(["pkce", "api_key"]),
        "variable_exceptions": st.sampled_from([["GIT_TOKEN"], "x", [1]]),
        "more": st.recursive(st.text(max_size=3), lambda inner: st.lists(inner, max_size=2), max_leaves=4),
    },
)


def both(raw, *, bundled):
    """What each reading says: (env, fields), or the message behind the place."""
    answers = []
    for read in (
        lambda: quick.read(raw, "x", DB, bundled=bundled),
        lambda: parse(raw, "x", bundled=bundled),
    ):
        try:
            answers.append(read())
        except InvalidDefinition as error:
            answers.append(error)
    return answers


def message(error):
    return error.message.removeprefix("x").partition(": ")[2]


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(documents, st.booleans())
def test_generated_definitions_are_read_alike(document, bundled):
    fast, full = both(json.dumps(document).encode(), bundled=bundled)
    if isinstance(fast, InvalidDefinition):
        assert isinstance(full, InvalidDefinition)
        assert message(full) == message(fast)
    elif isinstance(full, InvalidDefinition):
        # then the mistake is in what the hot path does not look at
        assert not message(full).startswith(
            ("env", "export", "name", "auth_type", "variable_exc", "schema_v")
        )
    else:
        assert fast.env == full.env
        assert list(fast.env) == list(full.env)
        assert fast.fields == tuple(field.name for field in full.fields)
        assert fast.auth_type == full.auth_type


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_definitions_are_read_alike(name, tmp_path):
    fast = quick.hot_path(name, str(tmp_path), DB)
    full = Registry(str(tmp_path)).load(name)
    assert fast.name == full.name == name
    assert list(fast.env.items()) == list(full.env.items())
    assert fast.fields == tuple(field.name for field in full.fields)
    assert fast.auth_type == full.auth_type
    assert fast.base_url == (full.oauth.base_url if full.oauth else None)


GOOD = b'{"name": "acme", "auth_type": "api_key", "env": {"A": "{api_key}"}%s}'


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'["name", "acme"]',
        b"3",
        b"nonsense",
        b"// c\n" + GOOD % b"",
        GOOD % b",",
        GOOD % b', "x": NaN',
        GOOD % b', "x": 0x10',
        GOOD % b", x: 1",
        GOOD % b', "env": {"B": "{api_key}"}',
        GOOD % b', "fields": [{"name": "api_key", "name": "b"}]',
        GOOD % b', "export": {"A": "x", "A": "y"}',
        GOOD % b', "x": "\xff"',
        GOOD % b', "x": "\\u0000"',
        GOOD % b', "x": "\\ud800"',
        GOOD % b', "\\ud800": 1',
        GOOD % b', "x": "\x01"',
        GOOD % (b', "fields": ' + b"[" * 40 + b"]" * 40),
        GOOD % b"" + b"}",
        b"\xef\xbb\xbf" + GOOD % b"",
        b" " * (source.MAX_BYTES + 1),
    ],
)
def test_both_refuse_what_is_no_definition(raw):
    for answer in both(raw, bundled=True):
        assert isinstance(answer, InvalidDefinition)


@pytest.mark.parametrize(
    ("raw", "env"),
    [
        (GOOD % b"", {"A": "{api_key}"}),
        (
            b'{"n\\u0061me": "acme", "auth_type": "api_key", "\\u0065nv": {"\\u0041": "\\u00e4\\n\\""}}',
            {"A": 'ä\n"'},
        ),
        (b'{"name": "acme", "auth_type": "api_key", "env": {}, "export": {"B": "API_KEY"}}', {}),
        (
            b'{"name": "acme", "auth_type": "api_key", "env": null, "export": {"B": "API_KEY"}}',
            {"B": "{api_key}"},
        ),
        (b'{"name": "acme", "auth_type": "api_key", "api_key": {"env_var": "C"}}', {"C": "{api_key}"}),
        (b'{"name": "acme", "auth_type": "api_key", "env": {"A": "\\ud83d\\ude00"}}', {"A": "\U0001f600"}),
    ],
)
def test_both_read_the_same_env(raw, env):
    fast, full = both(raw, bundled=False)
    assert fast.env == full.env == env


def test_a_registered_file_hides_the_bundled_one(tmp_path):
    path = tmp_path / "openai.json"
    path.write_text('{"name": "openai", "auth_type": "api_key", "env": {"MINE": "{api_key}"}}')
    assert quick.hot_path("openai", str(tmp_path), DB).env == {"MINE": "{api_key}"}
    path.write_text('{"name": "openai", "auth_type": "api_key", "env": {"LD_PRELOAD": "{api_key}"}}')
    with pytest.raises(InvalidDefinition, match="LD_PRELOAD is refused"):
        quick.hot_path("openai", str(tmp_path), DB)
    path.write_text("broken")
    with pytest.raises(InvalidDefinition, match="not a JSON object"):
        quick.hot_path("openai", str(tmp_path), DB)
    path.unlink()
    path.mkdir()
    with pytest.raises(InvalidDefinition, match="not a regular file"):
        quick.hot_path("openai", str(tmp_path), DB)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(InvalidDefinition, match="not a regular file"):
        quick.hot_path("openai", str(tmp_path), DB)
    path.unlink()
    assert quick.hot_path("openai", str(tmp_path), DB).env == {"OPENAI_API_KEY": "{api_key}"}


def test_the_file_must_be_named_as_its_provider(tmp_path):
    (tmp_path / "acme.json").write_text('{"name": "other", "auth_type": "api_key"}')
    with pytest.raises(InvalidDefinition, match="name: is 'other', but") as caught:
        quick.hot_path("acme", str(tmp_path), DB)
    assert "acme.json" in caught.value.message


def test_an_unknown_provider_is_named_with_its_nearest(tmp_path):
    with pytest.raises(ProviderNotFound, match=r"there is no provider opnai \(did you mean openai\?\)"):
        quick.hot_path("opnai", str(tmp_path), DB)


def test_a_name_that_is_a_path_never_touches_the_disk(tmp_path):
    (tmp_path / "secret.json").write_text('{"name": "secret", "auth_type": "api_key"}')
    for name in ("../secret", "/etc/passwd", "", ".", "a/b", "A"):
        with pytest.raises(UsageError):
            quick.hot_path(name, str(tmp_path / "providers"), DB)


def test_the_hot_path_loads_nothing_heavy():
    code = (
        "import sys, sqlite3; before = set(sys.modules)\n"
        "from authsome_env.providers import names, older, quick, template\n"
        "for name in ('openai', 'github', 'aws'):\n"
        "    quick.hot_path(name, '/nonexistent', sqlite3.connect(':memory:'))\n"
        "print(*(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in run.stdout.split()} <= {
        "__future__",
        "authsome_env",
        "binascii",
        "errno",
    }
