"""The table of formats: what each one is asked for, and what it says when it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from authsome_env.deliver import formats
from authsome_env.errors import CannotExpress, NotAllowed, UsageError

FILES = [name for name in formats.NAMES if name not in formats.SHELLS]


def test_the_names_are_in_the_documented_order():
    assert " ".join(formats.NAMES) == "sh bash zsh fish powershell dotenv json github gitlab docker systemd"
    assert formats.NAMES[: len(formats.SHELLS)] == formats.SHELLS


def test_an_unknown_format_is_named_with_the_nearest_known_one():
    for call in (lambda: formats.render("pwershell", {}), lambda: formats.render_unset("pwershell", [])):
        with pytest.raises(UsageError, match=r"pwershell.*did you mean powershell") as raised:
            call()
        assert "systemd" in raised.value.hint


@pytest.mark.parametrize("name", ["", "A B", "A;id", "A=1", "1A", "Ä", "A\n", "A$(id)"])
@pytest.mark.parametrize("form", formats.NAMES)
def test_a_name_that_is_no_variable_never_gets_into_the_text(form, name):
    with pytest.raises(NotAllowed):
        formats.render(form, {name: b"x"})
    with pytest.raises(NotAllowed):
        formats.github({name: b"x"}, lambda: "MARK")
    if form in formats.SHELLS:
        with pytest.raises(NotAllowed):
            formats.render(form, {}, [name])
        with pytest.raises(NotAllowed):
            formats.render_unset(form, [name])


@pytest.mark.parametrize("form", formats.SHELLS)
def test_a_shell_removes_first_and_assigns_after(form):
    text = formats.render(form, {"V_B": b"x"}, ["V_A", "V_B"])
    assert text.startswith(formats.render_unset(form, ["V_A", "V_B"])[:-1])
    assert text.endswith(formats.render(form, {"V_B": b"x"}))


def test_fish_before_3_6_knows_other_bytes_than_ascii_by_a_capital_x_only():
    assert formats.render("fish", {"V_A": b"\x7f\x80"}) == b"set -gx V_A \\x7f\\X80\n"


@pytest.mark.parametrize("form", [name for name in FILES if name != "github"])
def test_a_file_format_leaves_unset_aside(form):
    assert formats.render(form, {"V_A": b"x"}, ["V_B"]) == formats.render(form, {"V_A": b"x"})


@pytest.mark.parametrize("form", FILES)
def test_only_shells_can_unset(form):
    with pytest.raises(UsageError, match=form) as raised:
        formats.render_unset(form, ["V_A"])
    assert "bash" in raised.value.hint


@pytest.mark.parametrize("form", [*formats.SHELLS, "dotenv", "gitlab", "docker", "systemd"])
def test_nothing_to_say_is_no_text(form):
    assert formats.render(form, {}) == b""


def test_no_values_are_an_empty_json_object():
    assert formats.render("json", {}) == b"{}\n"


@pytest.mark.parametrize("form", [*FILES, "no-such-format"])
def test_the_reader_of_a_file_gets_nothing_on_failure(form):
    assert formats.failure(form, 10) == b""


def test_github_is_no_single_text():
    with pytest.raises(ValueError, match="two texts"):
        formats.render("github", {"V_A": b"x"})


@pytest.mark.parametrize("form", ["powershell", "dotenv", "json", "gitlab", "docker", "systemd", "github"])
def test_a_refusal_names_the_variable_and_shows_no_byte_of_the_value(form):
    secret = b"topsecret\xff"
    write = formats.render if form != "github" else lambda _, values: formats.github(values, lambda: "MARK")
    with pytest.raises(CannotExpress, match="V_A") as raised:
        write(form, {"V_A": secret})
    error = raised.value
    assert error.hint
    assert "topsecret" not in error.message + error.hint
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_shell_format_loads_nothing_heavy_and_no_other_format():
    code = """
import sys
before = set(sys.modules)
from authsome_env.deliver import formats
for shell in ("sh", "bash", "zsh", "fish"):
    formats.render(shell, {"V_A": b"x"}, ["V_B"])
    formats.failure(shell, 1)
print(*sorted(set(sys.modules) - before))
"""
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    ours = ("authsome_env",)
    package = "authsome_env.deliver"
    wanted = {*ours, package, "authsome_env.errors", "authsome_env.model", f"{package}.formats"}
    assert set(loaded) - {"__future__"} == wanted | {f"{package}.{name}" for name in ("sh", "ansi_c", "fish")}
