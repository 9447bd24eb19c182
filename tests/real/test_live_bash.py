"""A bash in a live run: fresh where it holds what the run delivered, and otherwise as it always was."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading

import pytest
from real.live_folder import SHIMS, not_whole

SHIM = os.path.realpath(os.path.join(SHIMS, "bash", "live.bash"))
TIMEOUT_S = 120
TRAP = "for __as_arg in"


@pytest.fixture
def bash(need, live_folder):
    """`bash(text)` is what that script prints; nothing on stderr, exit 0. Further variables by name."""
    path = need("bash")

    def run(text, *options, stderr="", status=0, bare=False, **environ):
        whole = {**live_folder.environ, "BASH_ENV": SHIM, **environ}
        if bare:
            whole["BASH_ENV"] = whole.pop("AUTHSOME_BASH_ENV", "")
        done = subprocess.run(
            [path, *options, "-c", text],
            env={name: value for name, value in whole.items() if value is not None},
            capture_output=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        done.stdout, done.stderr = os.fsdecode(done.stdout), os.fsdecode(done.stderr)
        if stderr is not None:
            assert (done.stderr, done.returncode) == (stderr, status)
            return done.stdout
        return done

    return run


def in_a_loop(need, live_folder, body, *options, start="", refreshes=1, **environ):
    """Run `body` in a loop of one script until it prints the value of a refresh that comes while it runs.

    Each round begins when it is told to, so no time is measured. Returns what it printed, and its stderr.
    """
    script = f'{{ {start or ":"}; }} 2>/dev/null\nwhile read -r go; do\n{body}\nprintf "%s\\n" "$TOKEN"\ndone'
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [need("bash"), *options, "-c", script],
            env={**live_folder.environ, "BASH_ENV": SHIM, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        lines = []
        try:
            for refresh in range(refreshes + 1):
                newest = live_folder.refresh() if refresh else live_folder.token
                while not lines or lines[-1] != newest:
                    process.stdin.write("go\n")
                    process.stdin.flush()
                    line = process.stdout.readline()
                    if not line:
                        break
                    lines.append(line.rstrip("\n"))
        finally:
            process.communicate(timeout=TIMEOUT_S)
            watchdog.cancel()
        errors.seek(0)
        assert (lines[-1:], process.returncode) == ([live_folder.token], 0), errors.read()
        return lines, errors.read()


def test_an_old_value_is_replaced_at_the_start(bash, live_folder):
    old = live_folder.token
    live_folder.refresh()
    newest = live_folder.refresh()
    for options in ((), ("-eu",), ("-u", "-o", "pipefail"), ("-a",), ("-f",)):
        assert bash("echo $TOKEN; printenv TOKEN", *options, TOKEN=old) == f"{newest}\n" * 2


def test_a_script_file_and_one_on_stdin_get_it_too(need, live_folder, tmp_path):
    old = live_folder.token
    newest = live_folder.refresh()
    (tmp_path / "script").write_text("#!/usr/bin/env bash\necho $0 $# $TOKEN")
    (tmp_path / "script").chmod(0o700)
    environ = {**live_folder.environ, "BASH_ENV": SHIM, "TOKEN": old}
    for command, name in (
        ([str(tmp_path / "script"), "a"], tmp_path / "script"),
        ([need("bash"), "-s", "a"], need("bash")),
    ):
        done = subprocess.run(
            command,
            env=environ,
            input="echo $0 $# $TOKEN",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert (done.stdout, done.stderr) == (f"{name} 1 {newest}\n", "")


@pytest.mark.parametrize(
    ("start", "body"),
    [
        ("", ""),
        ("set -euo pipefail", "true | true"),
        ("set -a", ":"),
        ("IFS=_a; shopt -s nullglob failglob", ":"),
        ("shopt -s nocasematch extdebug extglob; set +T", ":"),
        ("trap 'exit 9' ERR; set -E", "x=$(true)"),
        ("f() { local x=1; return 0; }; trap : RETURN CHLD", "f"),
        ("set -T; f() { :; }", "f"),
        ("set -o posix", ":"),
        ("LC_ALL=xx_XX.none; export LC_ALL", ":"),
    ],
)
def test_a_loop_sees_a_new_value(need, live_folder, start, body):
    lines, errors = in_a_loop(need, live_folder, body, start=start)
    assert (len(set(lines)), errors) == (2, "")


def test_set_x_shows_nothing_of_it(need, live_folder):
    lines, errors = in_a_loop(need, live_folder, ":", "-x")
    shown = {line.partition("tok-")[0] for line in errors.splitlines()}
    assert (len(set(lines)), shown) == (2, {"+ read -r go", "+ :", "+ printf '%s\\n' "})


def test_set_x_that_comes_later_shows_it_once(need, live_folder):
    lines, errors = in_a_loop(need, live_folder, ":", start="set -x", refreshes=4)
    assert (len(set(lines)), errors.count("__authsome_look")) == (5, 1)


def test_a_log_of_set_x_gets_no_value(bash, live_folder, tmp_path):
    """BASH_XTRACEFD leads past every redirection of stderr, to a disk as a rule."""
    log = tmp_path / "log"
    before = live_folder.token
    newest = live_folder.refresh()
    loop = f"""exec 9>>{log}; BASH_XTRACEFD=9; set -x
        for i in 1 2 3; do : "$i"; /bin/sleep 0.5; done"""
    bash(loop, TOKEN=before)
    bash(f"exec 8>>{log}; {loop}", TOKEN=newest)
    at_start = {"SHELLOPTS": "xtrace", "BASH_XTRACEFD": "9", "TOKEN": before}
    whole = {**live_folder.environ, "BASH_ENV": SHIM, **at_start}
    outer = f'exec 9>>{log}; exec env SHELLOPTS=xtrace BASH_XTRACEFD=9 bash -c "echo it ran"'
    done = subprocess.run(
        ["sh", "-c", outer],
        env={k: v for k, v in whole.items() if k != "SHELLOPTS"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"it ran\n"
    text = log.read_text()
    assert "+ echo it ran" in text
    assert "/bin/sleep" in text
    assert before not in text
    assert newest not in text


def test_what_a_script_sees_of_itself_is_as_it_ever_was(bash):
    for text in (
        "echo $? [$_] $# $0 $-",
        "false; echo $?; true | false | (exit 3); echo ${PIPESTATUS[@]} $?",
        ': mark; until ((SECONDS > 2)); do ((1)); done; echo "$_"',
        "echo $LINENO\necho $LINENO; f() { echo $LINENO ${FUNCNAME[@]} $BASH_COMMAND; }; f",
        "trap 'echo $BASH_COMMAND $LINENO' ERR; trap 'echo end $?' EXIT\nfalse\nexit 3",
        "sleep 0 & wait $!; echo $? $((\n$! > 1)); wait -n; echo $?",
        "mapfile -t a < <(printf '1\\n2\\n'); echo ${a[@]}; read -t 0.01 x; echo $((\n$? > 128))",
        "coproc cat; echo hi >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x; exec {COPROC[1]}>&-; wait",
        "(trap -p); x=$(trap -p DEBUG >/dev/null; echo y); echo $x; ( echo $BASH_SUBSHELL )",
        "set -e; if false; then :; fi; false || true; ! true; echo on; (false); echo never",
        "trap 'echo own $BASH_COMMAND' DEBUG; echo a; trap - DEBUG; echo b; trap -p DEBUG",
        "shopt -s extdebug; echo a; echo b",
        "set -- a b; echo $@; shift; echo $@; getopts ab: o -a; echo $o",
        "kill -TERM $$",
        "ulimit -n 12; echo $TOKEN | tr -d '[:alnum:]-'",
        "select x in a b; do echo $x; break; done <<< 1",
        "exec 2>/dev/null; echo oops >&2; ls /nowhere; echo $?",
        "exec true",
    ):
        live, bare = bash(text, stderr=None), bash(text, stderr=None, bare=True)
        kept = [line for line in live.stdout.splitlines() if not line.startswith(f"trap -- '{TRAP}")]
        assert (kept, live.stderr, live.returncode) == (
            bare.stdout.splitlines(), bare.stderr, bare.returncode
        ), text  # fmt: skip


def test_the_last_command_still_takes_the_place_of_the_shell(bash):
    """So that a signal to the shell reaches it: an agent's `bash -c` that is ended leaves nothing behind."""
    for text in ("readlink /proc/$$/exe", "true; readlink /proc/$$/exe", "true && readlink /proc/$$/exe"):
        assert bash(text) == bash(text, bare=True)
        assert not bash(text).endswith("/bash\n")


def test_what_the_user_has_put_there_wins(bash, live_folder):
    old = live_folder.token
    newest = live_folder.refresh()
    assert bash("echo $TOKEN; declare -F; trap -p; compgen -v | grep __a", TOKEN="mine", status=1) == "mine\n"
    assert bash('echo "${TOKEN-none}"', TOKEN=None) == "none\n"
    assert bash("echo [$TOKEN]", TOKEN="") == "[]\n"
    inner = f"""
        TOKEN=own bash -c 'echo $TOKEN'
        env -u TOKEN bash -c 'echo ${{TOKEN-none}}'
        env -i BASH_ENV=$BASH_ENV TOKEN={old} /bin/bash -c 'echo $TOKEN'
        env TOKEN={old} bash -c 'echo $TOKEN'
    """
    assert bash(inner).split() == ["own", "none", old, newest]


@pytest.mark.parametrize(
    ("start", "kept"),
    [
        ("TOKEN=own", "own"),
        ("unset TOKEN", ""),
        ("readonly TOKEN", None),
    ],
)
def test_what_a_script_does_to_the_variable_wins(need, live_folder, start, kept):
    first = live_folder.token
    live_folder.refresh(TOKEN=live_folder.values["TOKEN"], OTHER=b"before")
    script = f"{start}\nwhile [ $OTHER = before ]; do echo round; read -r go; done; echo now ${{TOKEN-}}"
    process = subprocess.Popen(
        [need("bash"), "-uc", script],
        env={**live_folder.environ, "BASH_ENV": SHIM, "OTHER": "before"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    process.stdout.readline()
    live_folder.refresh(TOKEN=b"new", OTHER=b"after")
    line = "round\n"
    while line == "round\n":
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
    watchdog.cancel()
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert (line.split(), errors) == (["now", *([kept] if kept else [] if kept == "" else [first])], "")


def test_values_are_exact(bash, live_folder):
    odd = {
        "LINES": b"a\nb\\n\\\\\nc\n",
        "ONE": b"\n",
        "EMPTY": b"",
        "LONG": b"x" * 40_000,
        "SIGNS": "ä€😀 %s%b\t\r\"'$`-n \\0101 \\x41 * ?".encode(),
        "BYTES": b"\xff\xfe\x80",
        "DASH": b"-n",
        "BLANKS": b" \t a \t ",
        "BRACKET": b"(",
        "line": b"small",
    }
    live_folder.refresh(**dict.fromkeys(odd, b"before"))
    live_folder.refresh(**odd)
    for locale in ("C", "C.UTF-8", "xx_XX.none"):
        for name, value in odd.items():
            said = bash(f'printf %s "${name}"', stderr=None, **{name: "before"}, LC_ALL=locale).stdout
            assert os.fsencode(said) == value, (locale, name)
            newest = os.fsdecode(value)
            assert bash(f'printf %s "${name}"', stderr=None, **{name: newest}, LC_ALL=locale).stdout == newest


def test_no_process_is_started_unless_a_hash_is_needed(need, live_folder, tmp_path):
    old = live_folder.token
    newest = live_folder.refresh()
    for token, forks in ((newest, False), (old, True), ("mine", True)):
        subprocess.run(
            [need("strace"), "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork", "-o", tmp_path / "trace",
             need("bash"), "-c", "for ((i = 0; i < 3000; i++)); do :; done"],
            env={**live_folder.environ, "BASH_ENV": SHIM, "TOKEN": token}, check=True, timeout=TIMEOUT_S,
        )  # fmt: skip
        calls = [
            line
            for line in (tmp_path / "trace").read_text().splitlines()
            if "clone" in line or "fork" in line
        ]
        assert bool(calls) == forks, token


def test_a_file_that_is_not_whole_changes_nothing(bash, live_folder):
    old = live_folder.token
    live_folder.refresh()
    with open(live_folder.file, "rb") as file:
        whole = file.read()
    for kind, text in not_whole(whole).items():
        live_folder.overwrite(text)
        assert bash("echo $TOKEN", TOKEN=old) == f"{old}\n", kind
    live_folder.overwrite(whole)
    if os.geteuid() == 0:
        os.chown(live_folder.file, 65534, 65534)
        assert bash("echo $TOKEN", TOKEN=old) == f"{old}\n"
    os.unlink(live_folder.file)
    os.mkfifo(live_folder.file)
    assert bash("echo $TOKEN", TOKEN=old) == f"{old}\n"
    shutil.rmtree(live_folder.path)
    assert bash("echo $TOKEN; trap -p; declare -F", TOKEN=old) == f"{old}\n"
    os.mkdir(live_folder.path)
    for folder in ("", "relative", None):
        assert bash("echo $TOKEN; trap -p; declare -F", TOKEN=old, AUTHSOME_RUN=folder) == f"{old}\n"


def test_where_bash_reads_no_such_file_or_forbids_redirections(bash, need, live_folder):
    newest = live_folder.refresh()
    assert bash("echo $TOKEN; declare -F", "--posix") == f"{newest}\n"
    assert bash("echo $TOKEN; trap -p", "-p") == f"{newest}\n"
    assert bash("for ((i = 0; i < 90000; i++)); do :; done; trap -p", "-r") == ""
    assert bash("trap -p").startswith(f"trap -- '{TRAP}")


def test_the_users_own_file_is_run_as_bash_would(bash, tmp_path):
    files = {
        "plain": "echo own $0 $# $-; OWN=1; f() { echo f; }; set -- p q",
        "fails": "echo a; false",
        "with a blank": "echo blank; (exit 3)",
        "ends": "echo a; exit 4",
        "list": "echo l; false && true",
        "unbound": 'echo u; echo "${never}"; echo after',
        "trap": "trap 'true ${x-}' DEBUG",
        "changes": 'BASH_ENV=other; export MORE=1; echo "$BASH_ENV"',
        "locals": "declare kept=yes; x=([3]=y); shopt -s extglob",
        "returns": "echo r; if true; then shopt -q nosuch 2>/dev/null; fi",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    script = 'echo "$? $# $@ ${OWN-} ${kept-} ${x-} ${x[3]-} ${MORE-}";'
    script += " declare -F | grep -v __authsome; trap -p | grep -v __as"
    folder = str(tmp_path)
    for path in (*(f"{folder}/{name}" for name in files), f"{folder}/none", "$HOME/plain", "~/plain",
                 "${HOME}/$(echo plain)", "`echo $HOME`/with a blank", "plain"):  # fmt: skip
        for options in ((), ("-u",), ("-e",), ("-euo", "pipefail"), ("-a",)):
            environ = {"AUTHSOME_BASH_ENV": path, "HOME": folder}
            live = bash(script, *options, stderr=None, **environ)
            bare = bash(script, *options, stderr=None, bare=True, **environ)
            assert (live.stdout, live.returncode) == (bare.stdout, bare.returncode), (path, options)
            assert bool(live.stderr) == bool(bare.stderr), (path, options, live.stderr)


def test_children_get_both_files(bash, live_folder, tmp_path):
    (tmp_path / "own").write_text("echo own $BASH_ENV")
    (tmp_path / "unsets").write_text("unset BASH_ENV; echo un")
    own = str(tmp_path / "own")
    child = "bash -c 'echo child $TOKEN'"
    old = live_folder.token
    newest = live_folder.refresh()
    assert bash(f"TOKEN={old} {child}", AUTHSOME_BASH_ENV=own).split() == [
        "own", own, "own", own, "child", newest,
    ]  # fmt: skip
    said = bash(f"TOKEN={old} {child}; echo $BASH_ENV", AUTHSOME_BASH_ENV=str(tmp_path / "unsets"))
    assert said.split() == ["un", "child", newest, SHIM]


def test_many_at_once(bash, live_folder):
    old = live_folder.token
    newest = live_folder.refresh()
    script = f"export TOKEN={old}; for i in {{1..60}}; do bash -c 'echo $TOKEN' & done; wait"
    assert bash(script).split() == [newest] * 60


def test_shellcheck_finds_nothing(need):
    done = subprocess.run([need("shellcheck"), SHIM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
