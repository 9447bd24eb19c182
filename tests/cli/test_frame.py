"""What is the same for every command: global flags, help, errors, outputs that fail, signals, `sys.path`."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from typing import Annotated

import pytest
import typer

import authsome_env
from authsome_env.cli import main as main_module
from authsome_env.cli import report
from authsome_env.cli.invocation import Invocation
from authsome_env.cli.program import COMMANDS, Row
from authsome_env.errors import ConnectionNotFound, StorageError
from authsome_env.printable import printable

SECRET = "sk-do-not-show-me"


def authsome(*arguments, env=None, program=("-m", "authsome_env"), **how):
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env={"PATH": os.environ["PATH"], **(env or {})},
        capture_output=not how,
        check=False,
        **how,
    )


class Outcome:
    """A command line carried out in this process by stand-in commands."""

    def __init__(self, tmp_path, *arguments, environ=None):
        out, err = tmp_path / "out", tmp_path / "err"
        flags = os.O_CREAT | os.O_RDWR | os.O_TRUNC
        descriptors = [os.open(out, flags), os.open(err, flags)]
        self.invocation = Invocation(
            environ=environ or {},
            now=time.time,
            random=os.urandom,
            stdin=None,
            stdout=descriptors[0],
            stderr=descriptors[1],
        )
        try:
            self.code = main_module.perform(list(arguments), self.invocation, STAND_INS)
        finally:
            for each in descriptors:
                os.close(each)
        self.out, self.err = out.read_text(), err.read_text()


# Stand-ins for commands. Their annotations are evaluated by the frame, as those of the real ones are.


def remember(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    *,
    scopes: Annotated[str | None, typer.Option("--scopes", metavar="S")] = None,
) -> None:
    """More [bold]than[/bold] the summary, with provider[:connection][#field]."""
    wanted = (invocation.vault, invocation.json, invocation.quiet, invocation.verbose, invocation.no_input)
    invocation.data(f"{name} {scopes} {wanted}\n")
    invocation.say("saved")
    invocation.warn("old")


def miss(invocation: Invocation) -> None:
    raise ConnectionNotFound("github has no connection 'wrok'", "authsome list shows them")


def crash(invocation: Invocation) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        raise OSError(2, SECRET) from error


def stop(invocation: Invocation) -> None:
    raise KeyboardInterrupt


def three(invocation: Invocation) -> int:
    return 3


STAND_INS = (
    Row("remember", "remember a name", lambda: remember, panel="Stand-ins"),
    Row("miss", "fail", lambda: miss, panel="Stand-ins"),
    Row("crash", "fail by mistake", lambda: crash, panel="Stand-ins"),
    Row("login", "be interrupted", lambda: stop, panel="Stand-ins"),
    Row("stop", "be interrupted", lambda: stop, panel="Stand-ins"),
    Row("thing", "nouns have commands", panel="Stand-ins"),
    Row("thing remember", "remember a name", lambda: remember),
    Row("thing three", "say three", lambda: three),
    Row("broken", "cannot be loaded", lambda: pytest.fail("loaded")),
)


@pytest.mark.parametrize("verb", [["remember"], ["thing", "remember"]])
def test_global_flags_are_taken_before_and_after_every_verb(tmp_path, verb):
    done = Outcome(tmp_path, "--vault", "a", "--verbose", *verb, "--vault=b", "n", "--quiet")
    assert (done.code, done.out) == (0, "n None ('b', False, True, True, False)\n")
    assert done.err == "authsome: warning: old\n"


def test_global_flags_stand_between_a_noun_and_its_command_too(tmp_path):
    assert Outcome(tmp_path, "thing", "--no-input", "remember", "n").out.endswith("True)\n")


def test_the_value_of_a_flag_is_not_a_global_flag(tmp_path):
    done = Outcome(tmp_path, "remember", "n", "--scopes", "--json")
    assert done.out == "n --json (None, False, False, False, False)\n"
    assert done.err == "saved\nauthsome: warning: old\n"


def test_with_json_confirmations_are_left_out_and_warnings_are_lines_of_json(tmp_path):
    assert Outcome(tmp_path, "remember", "n", "--json").err == '{"warning": "old"}\n'


def test_a_command_gives_the_exit_code(tmp_path):
    assert Outcome(tmp_path, "thing", "three").code == 3


def test_an_error_is_two_lines_on_stderr(tmp_path):
    done = Outcome(tmp_path, "miss")
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        "authsome: github has no connection 'wrok' [connection_not_found]\nhint: authsome list shows them\n"
    )


def test_with_json_an_error_is_one_line(tmp_path):
    done = Outcome(tmp_path, "miss", "--json")
    assert done.err.count("\n") == 1
    assert json.loads(done.err) == {
        "error": "connection_not_found",
        "message": "github has no connection 'wrok'",
        "hint": "authsome list shows them",
    }


@pytest.mark.parametrize("flags", [(), ("--verbose",), ("--json",), ("--json", "--verbose")])
def test_an_unexpected_error_shows_types_and_places_and_no_values(tmp_path, flags):
    done = Outcome(tmp_path, "crash", *flags)
    assert (done.code, done.out) == (1, "")
    assert SECRET not in done.err
    assert "unexpected FileNotFoundError (No such file or directory) at cli/program.py:" in done.err
    assert ("ValueError" in done.err) == (flags == ("--verbose",))
    assert done.err.count("\n") == (2 if not flags else 1) or flags == ("--verbose",)


def test_an_interrupted_login_says_so(tmp_path):
    done = Outcome(tmp_path, "login")
    assert done.code == 9
    assert done.err.startswith("authsome: login was cancelled; nothing was saved [login_cancelled]\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["remembr"], "no such command 'remembr' (did you mean remember?)"),
        (["thing", "thre"], "no such command 'thre' (did you mean three?)"),
        (["qqq"], "no such command 'qqq'"),
        (["qq\x1b[31m\n\u202e\udcff"], "no such command 'qq\\x1b[31m\\n\\u202e\\xff'"),
        (["remember"], "missing argument 'NAME'"),
        (["remember", "n", "--scope", "x"], "no such option: --scope (did you mean --scopes?)"),
        (["remember", "n", "--scopes"], "option '--scopes' requires an argument"),
        (["remember", "n", "--json=1"], "option '--json' does not take a value"),
        (["--vault"], "option '--vault' requires an argument"),
        (["--version=1"], "option '--version' does not take a value"),
        (["--verbose"], "missing command"),
        (["thing", "--quiet"], "missing command"),
        (["--", "qqq"], "no such command 'qqq'"),
    ],
)
def test_a_wrong_line_is_a_usage_error_in_one_line(tmp_path, line, said):
    done = Outcome(tmp_path, *line)
    assert (done.code, done.out) == (2, "")
    first, hint, end = done.err.split("\n")
    assert (first, end) == (f"authsome: {said} [usage]", "")
    assert hint.startswith("hint: see `authsome")


def test_an_argument_too_many_is_not_repeated_for_it_may_be_a_secret(tmp_path):
    done = Outcome(tmp_path, "remember", "n", SECRET)
    assert done.err.splitlines()[0] == "authsome: too many arguments [usage]"
    assert done.err.count(SECRET) == 0


def test_the_help_of_a_command_is_plain_text_with_the_global_flags_apart(tmp_path):
    done = Outcome(tmp_path, "remember", "-h")
    assert (done.code, done.err) == (0, "")
    head, flags = done.out.split("Flags:\n", 1)
    assert head.startswith("Usage: authsome remember [flags] NAME\n\n  remember a name\n")
    assert "provider[:connection][#field]" in head
    own, everywhere = flags.split("Global flags:\n")
    assert own.split() == ["--scopes", "S", "-h,", "--help", "show", "this", "help"]
    assert everywhere.split()[:2] == ["--vault", "NAME"]


@pytest.mark.parametrize("line", [[], ["thing"]])
def test_without_a_command_the_help_is_on_stderr_and_the_exit_code_is_2(tmp_path, line):
    done = Outcome(tmp_path, *line)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: authsome ")


def test_help_loads_no_command(tmp_path):
    done = Outcome(tmp_path, "--help")
    assert done.code == 0
    assert "  broken  cannot be loaded\n" in done.out
    assert "thing remember" not in done.out
    assert done.out.index("environment variables.\n\nStand-ins:\n") < 150


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.words)
def test_every_command_has_a_short_summary(row):
    assert 0 < len(row.summary) <= 60
    assert not row.summary.endswith(".")
    assert bool(row.panel) == (" " not in row.words)


@pytest.mark.parametrize("row", [row for row in COMMANDS if row.load], ids=lambda row: row.words)
def test_every_command_shows_its_help(row):
    done = authsome(*row.words.split(), "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"Usage: authsome " + row.words.encode())


def test_the_version_is_printed():
    assert authsome("--version").stdout == f"authsome {authsome_env.__version__}\n".encode()


def test_a_wrong_line_for_run_exits_125():
    for line in (["run", "--bogus", "--", "true"], ["--bogus", "run", "true"]):
        done = authsome(*line)
        assert (done.returncode, done.stdout) == (125, b"")
        assert done.stderr.startswith(b"authsome: no such option: --bogus ")


def test_json_after_the_command_of_run_is_the_commands():
    assert authsome("run", "--bogus", "x", "--json").stderr.startswith(b"authsome: ")
    assert authsome("run", "--bogus", "--json", "x").stderr.startswith(b'{"error": "usage"')


def test_a_wrong_line_for_env_gives_the_shell_a_failure():
    done = authsome("env", "--format", "bash", "--bogus")
    assert done.returncode == 2
    assert done.stdout.strip()
    evaluated = subprocess.run(["bash", "-c", b"eval " + done.stdout.strip().join([b"'", b"'"])], check=False)
    assert evaluated.returncode == 2
    assert authsome("env", "--format", "json", "--bogus").stdout == b""


def test_arguments_that_are_not_utf8_do_no_harm():
    done = authsome(b"\xff\xfe")
    assert done.returncode == 2
    assert done.stderr.startswith(b"authsome: no such command '\\xff\\xfe' [usage]\n")


def test_a_closed_stdout_is_an_error():
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "authsome_env", "--version"],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"authsome: cannot write to stdout: it is closed [storage]\nhint: ")
    assert done.stderr.count(b"\n") == 2


def test_a_full_stdout_is_an_error():
    with open("/dev/full", "wb") as full:
        done = authsome("--version", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.startswith(b"authsome: cannot write to stdout: no space left on device [storage]\n")


def test_a_reader_that_goes_away_ends_us_by_sigpipe_and_without_a_word():
    read, write = os.pipe()
    os.close(read)
    try:
        done = authsome("--version", stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "0<&- 1>&- 2>&-"])
def test_a_stderr_that_cannot_be_written_changes_no_exit_code(redirection):
    line = f'exec "$@" {redirection}'
    done = subprocess.run(["sh", "-c", line, "sh", sys.executable, "-m", "authsome_env", "qqq"], check=False)
    assert done.returncode == 2


@pytest.mark.parametrize("line", [["run", "--none", "--", "true"], ["env"], ["list"]])
def test_an_interrupt_ends_us_by_sigint_and_without_a_traceback(tmp_path, line):
    pipe = tmp_path / "config.toml"
    os.mkfifo(pipe)  # who reads it waits for a writer
    process = subprocess.Popen(
        [sys.executable, "-m", "authsome_env", *line],
        env={"PATH": os.environ["PATH"], "AUTHSOME_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        writer = None
        while writer is None and process.poll() is None:
            with contextlib.suppress(OSError):  # ENXIO: nobody reads it yet
                writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() + process.stderr.read() == b""
    os.close(writer)
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("how", ["PYTHONPATH", "cwd", "PYTHONPATH=."])
def test_modules_of_the_callers_folder_and_environment_are_not_loaded(tmp_path, how):
    for name in ("typer", "difflib", "inspect"):
        (tmp_path / f"{name}.py").write_text("print('loaded')")
    env = {"PYTHONPATH": {"PYTHONPATH": str(tmp_path), "PYTHONPATH=.": "."}.get(how, "")}
    done = authsome("--version", env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout == f"authsome {authsome_env.__version__}\n".encode(), done.stderr


@pytest.mark.parametrize("module", [os, typer])
def test_a_pythonpath_that_names_folders_python_has_anyway_does_no_harm(module):
    folder = os.path.dirname(module.__file__)
    folder = folder if module is os else os.path.dirname(folder)
    assert authsome("--version", env={"PYTHONPATH": folder}).returncode == 0


def test_a_folder_that_was_deleted_does_no_harm(tmp_path):
    gone = tmp_path / "gone"
    line = f'mkdir {gone} && cd {gone} && rmdir {gone} && PYTHONPATH=/x:/y exec "$@"'
    launcher = os.path.join(os.path.dirname(sys.executable), "authsome")
    done = subprocess.run(["sh", "-c", line, "sh", launcher, "--version"], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


# What commands may touch


def invocation_on(stdout, stderr=None, environ=None):
    return Invocation(
        environ=environ or {}, now=time.time, random=os.urandom, stdin=None, stdout=stdout, stderr=stderr
    )


def test_data_is_written_in_full_to_a_pipe_that_does_not_block():
    read, write = os.pipe()
    os.set_blocking(write, False)
    content = os.urandom(1 << 20)
    reader = subprocess.Popen(["cat"], stdin=read, stdout=subprocess.PIPE)
    os.close(read)
    child = os.fork()
    if child == 0:
        invocation_on(write).data(content)
        os._exit(0)
    os.close(write)
    with reader:
        assert reader.stdout.read() == content
    assert os.waitpid(child, 0)[1] == 0


def test_text_that_was_not_utf8_is_written_as_the_bytes_that_it_was(tmp_path):
    with open(tmp_path / "out", "wb") as file:
        invocation_on(file.fileno()).data("é\udcff\n")
    assert (tmp_path / "out").read_bytes() == "é".encode() + b"\xff\n"


def test_a_stdout_that_is_open_for_reading_only_is_an_error():
    with open("/dev/null", "rb") as file, pytest.raises(StorageError, match="bad file descriptor"):
        invocation_on(file.fileno()).data("x")


def test_an_error_is_coloured_on_a_terminal_only_and_only_if_wanted():
    for environ, bold in (
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ):
        primary, secondary = pty.openpty()
        try:
            invocation = invocation_on(None, secondary, environ)
            report.report(ConnectionNotFound("m", "h"), invocation)
            assert (b"\x1b[1mauthsome:\x1b[0m m [" in os.read(primary, 1000)) == bold
            assert not invocation.color
        finally:
            os.close(primary)
            os.close(secondary)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü 日本 …", "plain äöü 日本 …"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("\x7f\x85\x9b", "\\x7f\\x85\\x9b"),
        ("\u202etxt\u2066\u200b\u2028", "\\u202etxt\\u2066\\u200b\\u2028"),
        ("\udcff\ud800", "\\xff\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_could_deceive_on_a_terminal_becomes_visible(text, shown):
    assert printable(text) == shown
