"""`authsome env` and `export` as their readers meet them: shells that call them, terminals, CI systems.

What a format can hold is tested where the formats are; here it is the command around it.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from authsome_env.app.workspace import Workspace

PROGRAM = os.path.join(os.path.dirname(sys.executable), "authsome")
SHELLS = ("bash", "dash", "zsh", "fish")
LOAD = {
    "bash": 'eval "$({} env)"',
    "dash": 'eval "$({} env --quoted)"',
    "zsh": 'eval "$({} env)"',
    "fish": "{} env | source",
}
UNSET = {shell: line.replace(" env", " env --unset") for shell, line in LOAD.items()}


@pytest.fixture(scope="module")
def key(made_up_key):
    return made_up_key().decode()


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored") / "home"


@pytest.fixture
def connected(authsome, stored, key, made_up_key):
    """openai: default, work · twin: raw, a value that is not UTF-8, which is not the default."""
    if stored.exists():
        shutil.copytree(stored, authsome.home)
        return authsome
    twin = {"schema_version": 1, "name": "twin", "auth_type": "api_key", "env": {"TWIN": "{api_key}"}}
    path = Path(authsome.folder, "twin.json")
    path.write_text(json.dumps(twin))
    authsome("provider", "add", str(path), check=True)
    authsome("login", "openai", "--stdin", input=key.encode(), check=True)
    authsome("login", "openai", "-c", "work", "--stdin", input=made_up_key(), check=True)
    authsome("login", "twin", "-c", "text", "--stdin", input=b"text of the twin", check=True)
    authsome("login", "twin", "-c", "raw", "--stdin", input=b"\xff\xfe $(touch x)", check=True)
    shutil.copytree(authsome.home, stored)
    return authsome


def in_shell(shell, script, program, env=None):
    """The script's (exit status, stdout, stderr); `{}` in it is the program."""
    if "fish" in shell:
        env = {"XDG_CONFIG_HOME": program.folder, "XDG_DATA_HOME": program.folder, **(env or {})}
    done = subprocess.run(
        [shell, "-c", script.replace("{}", PROGRAM)],
        env=program.environment(env),
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def on_terminal(program, *line, env=None):
    """(what a terminal at stdout shows, stderr)"""
    ours, theirs = pty.openpty()
    done = program(*line, stdout=theirs, env=env)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # EIO: all is read
        pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n"), done.stderr.decode()


# The calling shell


@pytest.mark.parametrize("shell", SHELLS)
def test_the_format_is_that_of_the_shell_that_calls(connected, need, key, shell):
    script = f'{LOAD[shell]}; printf "%s\\n" "$OPENAI_API_KEY" "$TWIN"'
    # $SHELL names another one: the parent counts.
    wrong = "/bin/bash" if shell == "fish" else "/usr/bin/fish"
    assert in_shell(need(shell), script, connected, {"SHELL": wrong}) == (
        0,
        f"{key}\ntext of the twin\n".encode(),
        b"",
    )


@pytest.mark.parametrize(
    ("login_shell", "begins"),
    [
        ("/usr/bin/zsh", b"export OPENAI"),
        ("/usr/bin/fish", b"set -gx OPENAI"),
        ("/usr/bin/pwsh", b"$env:OPENAI"),
        ("/opt/unknown", b"export OPENAI"),
    ],
)
def test_below_a_program_that_is_no_shell_the_login_shell_counts(connected, login_shell, begins):
    done = connected("env", "-p", "openai", env={"SHELL": login_shell})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(begins)


def test_a_shell_whose_language_is_not_written_is_refused(connected):
    done = connected("env", env={"SHELL": "/bin/tcsh"})
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == (
        b"authsome: tcsh is not supported [usage]\n"
        b"hint: start the program with authsome run, or give --format json\n"
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_unset_undoes_it(connected, need, shell):
    names = "$OPENAI_API_KEY$TWIN"
    script = f'{LOAD[shell]}; echo "loaded: {names}"; {UNSET[shell]}; echo "gone: {names}"; env'
    code, out, err = in_shell(need(shell), script, connected)
    loaded, gone, *environment = out.decode().splitlines()
    assert (code, err) == (0, b"")
    assert len(loaded) > 40
    assert gone == "gone: "
    assert not [line for line in environment if line.startswith(("OPENAI_API_KEY", "TWIN"))]


@pytest.mark.parametrize("shell", SHELLS)
def test_variables_of_a_connection_that_was_left_out_are_unset(connected, need, shell):
    connected("logout", "openai", check=True)
    connected("login", "openai", "-c", "more", "--from-env", "K", env={"K": "sk-" + "m" * 40}, check=True)
    with Workspace(connected.environ, now=time.time).open() as vault, vault.transaction():
        vault.update(vault.find("openai", "work"), refused=True)
    script = f'{LOAD[shell]}; echo "+$OPENAI_API_KEY$TWIN"'
    code, out, err = in_shell(need(shell), script, connected, {"OPENAI_API_KEY": "of another account"})
    assert (code, out) == (0, b"+text of the twin\n")
    assert b"warning: openai:work is left out: openai:work is invalid" in err


# Failure


@pytest.mark.parametrize(("line", "code"), [("env -p openai:nope", 3), ("export qqq", 4), ("env --bogus", 2)])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_failure_stops_a_script_that_minds_with_our_status_and_prints_nothing_else(
    connected, need, shell, line, code
):
    if shell == "fish":  # it has no set -e
        script = f"{{}} {line} | source; or exit $status; echo went on"
    else:
        script = f'set -e; eval "$({{}} {line})"; echo went on'
    found, out, err = in_shell(need(shell), script, connected)
    assert (found, out) == (code, b"")
    assert err.startswith(b"authsome: ")
    assert err.count(b"\n") == 2


@pytest.mark.parametrize("format_", ["dotenv", "json", "github", "gitlab", "docker", "systemd"])
def test_a_failure_prints_nothing_in_other_formats(connected, format_):
    done = connected(
        "env", "--format", format_, "-p", "openai:nope", "--to-artifact", env={"GITHUB_ENV": "/dev/full"}
    )
    assert (done.returncode, done.stdout) == (3, b"")


@pytest.mark.parametrize("format_", ["dotenv", "json", "github", "docker", "systemd"])
def test_a_value_that_the_format_cannot_hold_prints_nothing_at_all(connected, format_, tmp_path):
    environment = {"GITHUB_ENV": str(tmp_path / "github")}
    (tmp_path / "github").touch()
    done = connected("env", "--format", format_, "-p", "openai", "-p", "twin:raw", env=environment)
    assert (done.returncode, done.stdout) == (4, b"")
    assert re.search(rb"\bTWIN\b.*\[cannot_express\]\nhint: ", done.stderr)
    assert (tmp_path / "github").read_bytes() == b""


def test_sh_asks_for_quotes_where_a_value_needs_them(connected, need):
    done = connected("env", "--format", "sh", "-p", "twin:raw")
    assert done.returncode == 4
    assert done.stdout == b"(exit 4)\n"
    assert b"--quoted" in done.stderr
    script = 'eval "$({} env --quoted -p twin:raw)"; printf %s "$TWIN"'
    assert in_shell(need("dash"), script, connected) == (0, b"\xff\xfe $(touch x)", b"")
    assert not os.path.exists(os.path.join(connected.folder, "x"))


# Terminals


@pytest.mark.parametrize(
    ("login_shell", "line", "typed"),
    [
        ("bash", ["env"], 'eval "$(authsome env)"'),
        ("zsh", ["env"], 'eval "$(authsome env)"'),
        ("dash", ["env"], 'eval "$(authsome env --quoted)"'),
        ("fish", ["env"], "authsome env | source"),
        ("bash", ["env", "-p", "openai:work"], 'eval "$(authsome env -p openai:work)"'),
        ("bash", ["env", "--none", "--map", "A=twin:text", "--prefix=X"],
         'eval "$(authsome env --none --map A=twin:text --prefix X)"'),
        ("bash", ["--vault=default", "env", "--all"], 'eval "$(authsome env --all --vault default)"'),
        ("bash", ["env", "--format", "fish"], "authsome env --format fish | source"),
        ("fish", ["export", "openai", "-c", "work", "--prefix", "X_"],
         "authsome export openai -c work --prefix X_ | source"),
    ],
)  # fmt: skip
def test_on_a_terminal_values_are_hidden_and_the_line_to_type_is_shown(connected, login_shell, line, typed):
    shown, said = on_terminal(connected, *line, env={"SHELL": f"/bin/{login_shell}"})
    assert re.fullmatch(r"(\w+=\*\*\*  \(\w+:\w+\)\n)+", shown), shown
    assert said == f"to load them into this shell: {typed}\n"


@pytest.mark.parametrize("format_", ["dotenv", "docker", "systemd"])
def test_on_a_terminal_values_are_hidden_in_other_formats_too(connected, format_):
    shown, said = on_terminal(connected, "env", "--format", format_, "-p", "openai")
    assert shown == "OPENAI_API_KEY=***  (openai:default)\n"
    assert said == "values are hidden on a terminal; --show-secret prints them\n"


def test_on_a_terminal_json_is_still_json(connected):
    for line in (["env", "--json"], ["export", "openai", "--format", "json"]):
        shown, _ = on_terminal(connected, *line)
        assert set(json.loads(shown).values()) == {"***"}


def test_show_secret_prints_them_on_a_terminal_too(connected, key):
    shown, said = on_terminal(connected, "env", "--format", "bash", "-p", "openai", "--show-secret")
    assert (shown, said) == (f"export OPENAI_API_KEY={key}\n", "")


def test_a_failure_leaves_no_statement_on_a_terminal(connected):
    shown, said = on_terminal(connected, "env", "--format", "bash", "-p", "nope")
    assert shown == ""
    assert said.startswith("authsome: there is no provider nope")


def test_unset_shows_names_only_so_a_terminal_sees_it_whole(connected):
    shown, said = on_terminal(connected, "env", "--format", "bash", "--unset")
    assert (shown, said) == ("unset -v OPENAI_API_KEY TWIN\n", "")


# CI systems


def runners_reading(text):
    """What a GitHub runner makes of the file (actions/runner, FileCommandManager.cs)."""
    found = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, mark, delimiter = line.partition("<<")
        assert mark
        assert "=" not in name
        value = []
        while (each := next(lines)) != delimiter:
            value.append(each)
        found[name] = "\n".join(value)
    return found


def test_github_gets_masks_on_stdout_and_the_variables_in_its_file(connected, key, tmp_path_factory):
    path = tmp_path_factory.mktemp("runner") / "set_env"  # it holds secrets, as the runner's own file does
    path.write_text("EARLIER=1\n")
    lines = ["first line of a key", "EOF", "OPENAI_API_KEY=forged", "last line"]
    connected(
        "login", "twin", "-c", "lines", "--force", "--stdin", input="\n".join(lines).encode(), check=True
    )
    done = connected("env", "--format", "github", env={"GITHUB_ENV": str(path)})
    assert done.returncode == 0
    assert done.stderr == b"wrote OPENAI_API_KEY, TWIN to the file of GITHUB_ENV, in clear\n"
    earlier, _, ours = path.read_text().partition("\n")
    assert earlier == "EARLIER=1"
    assert runners_reading(ours) == {"OPENAI_API_KEY": key, "TWIN": "\n".join(lines)}
    masked = [line.removeprefix("::add-mask::") for line in done.stdout.decode().splitlines()]
    assert {key, "first line of a key", "OPENAI_API_KEY=forged", "last line"} <= set(masked)
    assert all(line.startswith("::add-mask::") for line in done.stdout.decode().splitlines())
    delimiters = set(re.findall(r"<<(\w+)", ours))
    assert len(delimiters) == 2
    again = connected("env", "--format", "github", env={"GITHUB_ENV": str(path)})
    assert again.returncode == 0
    assert len(set(re.findall(r"<<(\w+)", path.read_text()))) == 4  # nobody can guess the next one
    path.unlink()


def test_github_whose_file_cannot_be_written_is_an_error(connected):
    done = connected("env", "--format", "github", "-p", "openai", env={"GITHUB_ENV": "/dev/full"})
    assert done.returncode == 1
    assert b"cannot write /dev/full (GITHUB_ENV): no space left on device [storage]\nhint: " in done.stderr
    assert b"\n" not in done.stdout.replace(b"\n::add-mask::", b"").rstrip(b"\n")  # masks do no harm


def test_gitlab_needs_consent_and_takes_only_what_expires_within_the_hour(connected, key):
    refused = connected("env", "--format", "gitlab")
    assert (refused.returncode, refused.stdout) == (4, b"")
    assert b"artifact" in refused.stderr
    assert b"--to-artifact" in refused.stderr

    lasting = connected("env", "--format", "gitlab", "--to-artifact")
    assert (lasting.returncode, lasting.stdout) == (0, b"")
    assert (
        b"OPENAI_API_KEY of openai:default does not expire within the hour and is left out" in lasting.stderr
    )
    assert connected("env", "--format", "gitlab", "--to-artifact", "-p", "openai").returncode == 4

    with Workspace(connected.environ, now=time.time).open() as vault, vault.transaction():
        vault.update(vault.find("openai", "default"), expires_at=time.time() + 1800)
    done = connected("env", "--format", "gitlab", "--to-artifact", "-p", "openai")
    assert (done.returncode, done.stdout) == (0, f"OPENAI_API_KEY={key}\n".encode())
    assert done.stderr == b"authsome: warning: the report can be downloaded with the job's artifacts\n"
