"""A command is found, or not, exactly as execvp(3) finds it: compared with env(1) of coreutils, and bash.

The rows `env` and `bash` show that what is expected is what the system does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from authsome_env.supervise.exec import CommandFailed, replace_process

ROOT = Path(__file__).parents[2]
RUNNERS = {
    "env": ["/usr/bin/env", "--"],
    "bash": ["/bin/bash", "-c", '"$@"', "bash"],
    "launcher": [sys.executable, "-I", "-S", str(ROOT / "tests/real/probes/launcher.py")],
    "authsome": [os.path.join(os.path.dirname(sys.executable), "authsome"), "run", "--none", "--"],
}
SAY = '#!/bin/sh\necho "$0" "$@"\n'


@pytest.fixture(params=RUNNERS)
def runner(request):
    return request.param


@pytest.fixture
def folder(tmp_path):
    """Programs of every kind, in folders that can be put on PATH. Root may read all, so modes mean x only."""

    def put(name, text, mode=0o755):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    put("good/say", SAY)
    put("denied/say", SAY, 0o644)
    put("here", SAY)
    put("bare", 'echo shell "$0" "$@"\n')
    put("good/bare", 'echo shell "$0" "$@"\n')
    put("void", "")
    put("orphan", "#!/no/such/interpreter\n")
    put("good/orphan", "#!/no/such/interpreter\n")
    put("badinterpreter", f"#!{tmp_path}/good\n")
    put("plain", SAY, 0o644)
    put("good/blanks in name", SAY)
    (tmp_path / "isfolder/say").mkdir(parents=True)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    return tmp_path


def run(runner, word, *arguments, cwd, path=None):
    environment = {} if path is None else {"PATH": path}
    return subprocess.run(
        [*RUNNERS[runner], word, *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("path", "word", "said"),
    [
        ("good", "say", "good/say a  b"),
        ("missing:good", "say", "good/say a  b"),
        ("here:good", "say", "good/say a  b"),  # ENOTDIR
        ("denied:good", "say", "good/say a  b"),  # EACCES, found later
        ("isfolder:good", "say", "good/say a  b"),
        (":good", "here", "here a  b"),
        ("good:", "here", "here a  b"),
        ("missing::good", "here", "here a  b"),
        ("", "here", "here a  b"),
        ("good", "./here", "./here a  b"),
        ("", "good/say", "good/say a  b"),
        ("good", "./bare", "shell ./bare a  b"),
        ("good", "bare", "shell good/bare a  b"),
        ("good", "blanks in name", "good/blanks in name a  b"),
    ],
)
def test_a_command_is_found_where_execvp_finds_it(runner, folder, path, word, said):
    done = run(runner, word, "a", "", "b", cwd=folder, path=path)
    found, expected = done.stdout, said + "\n"
    if runner == "bash":  # it completes relative names by ./ or runs the file itself; env is the measure
        found, expected = found.replace("./", ""), expected.replace("./", "")
    assert (done.returncode, done.stderr, found) == (0, "", expected)


def test_an_unset_path_is_the_systems_default(runner, folder):
    assert run(runner, "cat", "/dev/null", cwd=folder).returncode == 0
    if runner != "bash":  # its own default ends in the working directory
        assert run(runner, "here", cwd=folder).returncode == 127


def test_an_empty_file_succeeds(runner, folder):
    assert run(runner, "./void", cwd=folder).returncode == 0


FAILURES = [
    # PATH, word, exit code of env, of bash
    ("good", "missing", 127, 127),
    ("missing", "say", 127, 127),
    ("", "missing", 127, 127),
    (None, "say", 127, 127),
    ("good", "", 127, 127),
    ("good", "./missing", 127, 127),
    ("good", "missing/say", 127, 127),
    ("good", "./orphan", 127, 127),
    ("good", "orphan", 127, 127),
    ("good", "./dangling", 127, 127),
    ("good", "./plain", 126, 126),
    ("denied", "say", 126, 126),
    ("denied:missing", "say", 126, 126),
    ("isfolder", "say", 126, 127),  # bash skips folders
    ("good", "./good", 126, 126),
    ("good", "/", 126, 126),
    ("good", ".", 126, 2),  # a builtin of bash
    ("good", "here/say", 126, 126),  # ENOTDIR
    ("here", "say", 126, 127),  # ENOTDIR in the last place
    ("good", "./loop", 126, 126),
    ("good", "./badinterpreter", 126, 126),
    ("good", "x" * 256, 126, 127),
]


@pytest.mark.parametrize(("path", "word", "of_env", "of_bash"), FAILURES, ids=lambda value: str(value)[:20])
def test_a_command_that_cannot_run_is_126_or_127(runner, folder, path, word, of_env, of_bash):
    done = run(runner, word, cwd=folder, path=path)
    assert done.returncode == (of_bash if runner == "bash" else of_env)
    assert done.stdout == ""
    assert done.stderr


def test_a_deleted_working_directory_is_not_found_in(runner, tmp_path):
    script = 'rmdir "$PWD"; exec "$@"'
    for word, code in (("./say", 127), ("say", 127), ("true", 0)):
        gone = tmp_path / "gone"
        gone.mkdir()
        argv = ["/bin/sh", "-c", script, "sh", *RUNNERS[runner], word]
        done = subprocess.run(argv, cwd=gone, env={"PATH": "/bin:"}, capture_output=True, check=False)
        assert done.returncode == code


def test_a_file_that_is_being_written_is_126(runner, tmp_path):
    program = tmp_path / "busy"
    program.write_bytes(Path("/bin/true").read_bytes())
    program.chmod(0o755)
    with program.open("r+"):
        assert run(runner, str(program), cwd=tmp_path).returncode == 126


def test_the_path_searched_is_that_of_the_commands_environment(folder):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from authsome_env.supervise.exec import replace_process\n"
        "replace_process([b'say'], [b'A=1', b'PATH=good', b'PATH=denied'])"
    )
    argv = [sys.executable, "-I", "-S", "-c", code]
    found = subprocess.run(argv, cwd=folder, env={"PATH": "denied"}, capture_output=True, check=True).stdout
    assert found == b"good/say\n"


# What a failure leaves behind, and says. The exec fails, so it can be tried in this process.


def failure(argv, environment=(b"PATH=/bin",)):
    with pytest.raises(CommandFailed) as caught:
        replace_process(argv, environment)
    return caught.value


def test_after_a_failure_signals_are_as_before():
    previous = signal.signal(signal.SIGUSR1, handler := lambda *_: None)
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    mine = Path("/proc/self/status").read_text().partition("SigBlk")[2].splitlines()[:3]
    try:
        failure([b"no-such-command"])
        assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before
        assert signal.getsignal(signal.SIGUSR1) is handler
        assert Path("/proc/self/status").read_text().partition("SigBlk")[2].splitlines()[:3] == mine
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_failures_have_names_and_hints(tmp_path):
    missing = failure([b"no-such-command"])
    assert (missing.exit_code, missing.name) == (127, "command_not_found")
    assert missing.message == "cannot run no-such-command: no such file or directory"
    assert "PATH" in missing.hint

    folder = failure([os.fsencode(tmp_path)])
    assert (folder.exit_code, folder.name) == (126, "command_not_executable")
    assert "directory" in folder.hint

    orphan = tmp_path / "orphan"
    orphan.write_text("#!/no/such/interpreter\n")
    assert "chmod" in failure([os.fsencode(orphan)]).hint
    orphan.chmod(0o755)
    assert "#!" in failure([os.fsencode(orphan)]).hint
    (tmp_path / "loop").symlink_to("loop")
    assert failure([os.fsencode(tmp_path / "loop")]).hint


@pytest.mark.parametrize("environment", [[b"PATH=/bin"], [b"PATH=/bin", b"NOEQUALS"]], ids=["mapping", "raw"])
def test_too_much_is_126_and_says_so(environment):
    found = failure([b"true", b"x" * (1 << 20)], environment)
    assert (found.exit_code, found.message) == (126, "cannot run true: argument list too long")
    assert "--drop" in found.hint


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (b"", "''"),
        (b"caf\xc3\xa9", "café"),
        (b"\xffx", r"\xffx"),
        (b"a\nb\x1b[31m", r"a\nb\x1b[31m"),
        ("\u202e".encode(), r"\u202e"),
    ],
)
def test_the_word_is_shown_on_one_printable_line(word, shown):
    found = failure([word]).message
    assert found == f"cannot run {shown}: no such file or directory"
    assert found.encode()


def test_a_signal_at_the_moment_of_exec_is_not_lost():
    """exec resets a handler of CPython's, and so would drop a ^C that it has noted but not yet served."""
    code = (
        f"import os, signal, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from authsome_env.supervise.exec import replace_process\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.addaudithook(lambda event, _: event == 'os.exec' and os.kill(os.getpid(), signal.SIGINT))\n"
        "replace_process([b'true'], [b'PATH=/bin'])"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
