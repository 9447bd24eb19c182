"""Random bytes through the real shells and readers: what is written is what is read."""

from __future__ import annotations

import json
import os
import subprocess

import dotenv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsome_env.deliver import formats
from authsome_env.errors import CannotExpress

# Each example starts programs, so it carries many values, and there are few of them.
FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SPECIAL = " \t\n\r'\"`$\\{}()[]<>*?!#~^&|;=:%@+-.,/_aAnx01é€\u2019\u0085\uf601\ufdd0\ufeff\U0001d11e"
BYTES = st.one_of(
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"")),
    st.text(SPECIAL, max_size=25).map(str.encode),
    st.text(st.sampled_from("'\"`$\\{}\n nr"), max_size=12).map(str.encode),
    st.lists(st.sampled_from([b"\\", b"'", b"1", b"\xc3", b"\xa9", b"\xff", b"\x01", b"\x81"])).map(b"".join),
)
BATCH = st.lists(BYTES, min_size=1, max_size=40).map(
    lambda values: {f"V_{number}": value for number, value in enumerate(values)}
)
SHELLS = {
    "bash quoted": ("bash", ["bash", "-c"], 'eval "$(cat "$OUT")"; env -0'),
    "bash unquoted": ("bash", ["bash", "-c"], 'eval $(cat "$OUT"); env -0'),
    "zsh quoted": ("zsh", ["zsh", "-f", "-c"], 'eval "$(cat "$OUT")"; env -0'),
    "zsh unquoted": ("zsh", ["zsh", "-f", "-c"], 'eval $(cat "$OUT"); env -0'),
    "dash quoted": ("sh", ["dash", "-c"], 'eval "$(cat "$OUT")"; env -0'),
    "fish source": ("fish", ["fish", "-N", "-c"], "cat $OUT | source; env -0"),
    "fish eval": ("fish", ["fish", "-N", "-c"], "eval (cat $OUT); env -0"),
}


def _environment(argv, cwd, **extra):
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C.UTF-8", **extra}
    done = subprocess.run(argv, cwd=cwd, env=clean, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    entries = [entry.partition(b"=") for entry in done.stdout.split(b"\0")]
    return {name.decode(): value for name, _, value in entries if name.startswith(b"V_")}


def _accepts(form, name, value):
    try:
        formats.render(form, {name: value})
    except CannotExpress as error:
        return name not in error.message  # a refusal that names no variable is a bug, and shows up as one
    return True


def _expressible(form, values):
    """The values that the format accepts, each tried by itself."""
    return {name: value for name, value in values.items() if _accepts(form, name, value)}


@pytest.mark.parametrize("how", SHELLS)
@FEW
@given(values=BATCH)
def test_a_shell_reads_any_bytes_exactly(tmp_path, need, how, values):
    form, argv, script = SHELLS[how]
    need(argv[0])
    out = tmp_path / "out"
    out.write_bytes(formats.render(form, values, quoted=True))
    assert _environment([*argv, script], tmp_path, OUT=str(out)) == values


@FEW
@given(values=BATCH)
def test_dash_reads_exactly_what_is_offered_for_an_unquoted_eval(tmp_path, need, values):
    kept = _expressible("sh", values)
    out = tmp_path / "out"
    out.write_bytes(formats.render("sh", kept))
    assert _environment([need("dash"), "-c", 'eval $(cat "$OUT"); env -0'], tmp_path, OUT=str(out)) == kept


@settings(FEW, max_examples=40)
@given(values=BATCH)
def test_python_dotenv_sh_and_node_agree_on_every_dotenv_file(tmp_path, need, values):
    kept = _expressible("dotenv", values)
    path = tmp_path / "variables.env"
    path.write_bytes(formats.render("dotenv", kept))
    seen = {name: value.encode() for name, value in dotenv.dotenv_values(path).items()}
    assert seen == kept
    for shell in ("bash", "dash"):
        assert _environment([need(shell), "-c", "set -a; . ./variables.env; env -0"], tmp_path) == kept
    show = "process.stdout.write(Object.entries(process.env).map(([k, v]) => `${k}=${v}\\0`).join(''))"
    assert _environment([need("node"), f"--env-file={path}", "-e", show], tmp_path) == kept


@given(values=BATCH)
def test_json_gives_back_every_text(values):
    kept = _expressible("json", values)
    assert {name: text.encode() for name, text in json.loads(formats.render("json", kept)).items()} == kept


@given(values=BATCH)
def test_only_what_is_not_utf8_has_no_json(values):
    for name in values.keys() - _expressible("json", values).keys():
        with pytest.raises(UnicodeDecodeError):
            values[name].decode("utf-8")


@given(values=BATCH)
def test_shell_text_for_an_unquoted_eval_is_one_line_without_globs(values):
    for shell in ("bash", "zsh"):
        text = formats.render(shell, values, ["V_OLD"])
        assert text.index(b"\n") == len(text) - 1
        assert not set(b'*?[]{}()<>|&~#"`') & set(text)
        assert len(text.split()) == 3 + 2 * len(values)  # no blank within a value
