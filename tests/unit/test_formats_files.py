"""The files for docker, systemd, GitLab and JSON, and PowerShell's text, read by their documented rules."""

from __future__ import annotations

import json
import re

import pytest

from authsome_env.deliver import formats
from authsome_env.errors import CannotExpress

TEXT = {
    "V_EMPTY": "",
    "V_PLAIN": "sk-proj_Abc123",
    "V_INNER_BLANKS": "a   b\tc",
    "V_QUOTE": 'it\'s "so" `x` \u2018a\u2019 \u201ab\u201b \u201cc\u201d \u201ed\u201f',
    "V_COMMENT": "# a ; b",
    "V_ASSIGN": "=A=b",
    "V_BACKSLASH": "\\n \\\\ \\x41 \\",
    "V_UTF8": "grüße €𝄞\u00a0\u0085\u2028\ue000",
    "V_PERCENT": "100%s %n",
}
MORE = {
    "V_BLANKS": "  a b\t ",
    "V_DOLLAR": "$HOME ${HOME} $(id) $$",
    "V_CONTROL": "".join(chr(code) for code in range(1, 128) if chr(code) not in "\r\n"),
}
LINES = {"V_NEWLINES": "\na\n\nb\r\n\r", "V_COMMENTS": "a\n# b\n;c\\\nd"}


def _bytes(*groups):
    return {name: text.encode() for group in groups for name, text in group.items()}


def read_docker(data):
    """docker/cli, pkg/kvfile: leading blanks of a line and comments go, all else is kept."""
    seen = {}
    for raw in data.decode("utf-8").split("\n"):
        line = raw.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        name, mark, value = line.partition("=")
        assert mark
        assert not re.search(r"\s", name)
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]  # as proposed in docker/cli 3630
        seen[name] = value
    return seen


def read_systemd(data):
    """systemd.exec(5), EnvironmentFile=, for values in double quotes."""
    text, seen = data.decode("utf-8"), {}
    while text:
        name, _, text = text.partition("=")
        assert text[0] == '"'
        value, at = "", 1
        while text[at] != '"':
            if text[at] == "\\":
                at += 1
                value += {"\n": ""}.get(text[at], text[at] if text[at] in '"\\`$' else "\\" + text[at])
            else:
                value += text[at]
            at += 1
        assert text[at + 1] == "\n"
        seen[name], text = value, text[at + 2 :]
    return seen


def read_gitlab(data):
    """Ci::ParseDotenvArtifactService: every line must match; sides are stripped; `$` is expanded later."""
    assert len(data) < 5 * 1024
    seen = {}
    for line in data.decode("utf-8").removesuffix("\n").split("\n"):
        found = re.fullmatch(r"([A-Za-z0-9_]+)=(.*)", line)
        assert found, line
        assert "$" not in line
        seen[found[1]] = found[2].strip("\0 \t\n\v\f\r")
    return seen


def read_powershell(data):
    """about_Quoting_Rules and about_Special_Characters, for expandable strings of one line."""
    seen = {}
    for statement in data.decode("ascii").removesuffix("\n").split("; "):
        name, text = re.fullmatch(r'\$env:(\w+) = "([^"$]*)"', statement).groups()
        assert not re.sub(r"`u\{[0-9a-f]{1,6}\}", "", text).count("`")
        seen[name] = re.sub(r"`u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), text)
    return seen


def test_docker_keeps_values_as_they_are():
    values = _bytes(TEXT, MORE)
    assert _bytes(read_docker(formats.render("docker", values))) == values


@pytest.mark.parametrize("value", [b"a\nb", b"a\r", b"a\rb", b"'a'", b'""', b'"a b"', b"\xff", b"x" * 65536])
def test_docker_is_not_given_what_it_or_another_version_of_it_would_alter(value):
    with pytest.raises(CannotExpress, match="V_X"):
        formats.render("docker", {"V_X": value})


def test_systemd_reads_any_text():
    values = _bytes(TEXT, MORE, LINES)
    assert _bytes(read_systemd(formats.render("systemd", values))) == values


def test_systemd_is_given_every_escape_that_its_manual_lists():
    assert formats.render("systemd", {"V_X": b"\"\\`$'"}) == b'V_X="\\"\\\\\\`\\$\'"\n'


@pytest.mark.parametrize(
    "char", ["\ufeff", "\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff"]
)
def test_systemd_is_not_given_what_makes_it_refuse_the_file(char):
    with pytest.raises(CannotExpress, match="V_X"):
        formats.render("systemd", {"V_X": f"a{char}".encode()})


def test_gitlab_keeps_values_as_they_are():
    values = _bytes(TEXT)
    assert _bytes(read_gitlab(formats.render("gitlab", values))) == values


@pytest.mark.parametrize("value", [b"a\nb", b"a\rb", b" a", b"a\t", b"\x0ba", b"a$b", b"\xff"])
def test_gitlab_is_not_given_what_it_would_alter(value):
    with pytest.raises(CannotExpress, match="V_X"):
        formats.render("gitlab", {"V_X": value})


def test_gitlab_is_not_given_a_report_that_it_would_refuse_for_its_size():
    fits = {"V_A": b"x", "V_B": b"y" * (5 * 1024 - 1 - len("V_A=x\nV_B=\n"))}
    assert len(formats.render("gitlab", fits)) == 5 * 1024 - 1
    with pytest.raises(CannotExpress, match="V_B"):
        formats.render("gitlab", fits | {"V_A": b"xx"})


def test_json_is_one_object_on_one_ascii_line():
    values = _bytes(TEXT, MORE, LINES)
    text = formats.render("json", values)
    assert text.isascii()
    assert text.index(b"\n") == len(text) - 1
    assert _bytes(json.loads(text)) == values


def test_powershell_reads_any_text_but_the_empty_one():
    values = _bytes(TEXT, MORE, LINES)
    del values["V_EMPTY"]
    text = formats.render("powershell", values)
    assert text.index(b"\n") == len(text) - 1
    assert _bytes(read_powershell(text)) == values


def test_powershell_is_not_given_an_empty_value_which_older_ones_take_for_a_removal():
    with pytest.raises(CannotExpress, match="V_X"):
        formats.render("powershell", {"V_X": b""})


def test_powershell_removes_without_complaint_and_reports_a_failure_by_status_and_error():
    assert formats.render_unset("powershell", ["V_A", "V_B"]) == b"$env:V_A = $null; $env:V_B = $null\n"
    assert formats.failure("powershell", 10).startswith(b"$global:LASTEXITCODE = 10; Write-Error '")
