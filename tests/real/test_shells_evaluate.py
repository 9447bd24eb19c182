"""The real shells evaluate what we print, and a child of theirs shows the bytes that arrived."""

from __future__ import annotations

import os
import subprocess

import pexpect
import pytest

from authsome_env.deliver import formats
from authsome_env.errors import CannotExpress

EVERY_BYTE = bytes(range(1, 256))
HARD = {
    "V_EVERY": EVERY_BYTE,
    "V_REVERSED": EVERY_BYTE[::-1],
    "V_EMPTY": b"",
    "V_PLAIN": b"sk-proj_Abc123",
    "V_BLANKS": b"  a   b\t\tc  ",
    "V_BLANK": b" ",
    "V_NEWLINES": b"\na\n\nb\r\n\n",
    "V_QUOTES": b'it\'s "so" \'\'"" `x` \\\' \\" \\\\',
    "V_COMMAND": b"$(echo no) `echo no` ${HOME} $HOME $$ $'\\x41' $((1+1)) <(x)",
    "V_STATEMENT": b"a; exit 3 & b | c && d || e > f < g",
    "V_HISTORY": b"hi!x !! !$ ^a^b",
    "V_PERCENT": b"100%s %n %% %20",
    "V_GLOBS": b"* ? [ab] a* [!a] {a,b} {1..3} ~ ~root @(a|b) +(a) **/ <1-9> (a|b) ^a #b =ls",
    "V_GLOB": b"*",
    "V_ASSIGN": b"=:~:=ls:~root",
    "V_OPTION": b"-n",
    "V_NOT_UTF8": b"\xff\xfe\x80a\xc3\xed\xa0\x80",
    "V_UTF8": "grüße €𝄞 \u00a0\u2028\u2019\ue000\uf601\ufdd0\uffff".encode(),
    "V_DIGITS": b"\x011\x0122\xff333",
    "V_SHELL_INTERNAL": b"\x01\x7f\x80\x81\x88\x9b\x84\x98",
    "V_CONFIG_PATH": b":/a::/b c:",
}
for number in range(1, 256):
    HARD[f"V_BYTE_{number}"] = bytes([number])
    HARD[f"V_PAIR_{number}"] = bytes([0x61, number, 0x31])
UNQUOTED_SH = {
    "V_EMPTY": b"",
    "V_PLAIN": b"sk-proj_Abc123",
    "V_QUOTES": b"it's\"so\"''",
    "V_COMMAND": b"$HOME`id`$$",
    "V_STATEMENT": b"a;exit&b|c&&d||e>f<g#h",
    "V_HISTORY": b"hi!x!!!$^a^b",
    "V_TILDE": b"~:~root",
    "V_URL": b"https://u:p@h:1/%20+,=",
    "V_ALL": bytes(byte for byte in range(0x21, 0x7F) if byte not in b"*?[]\\{}()"),
}

SH_FAMILY = {
    "dash": ["dash", "-c"],
    "busybox ash": ["busybox", "ash", "-c"],
    "ksh93": ["ksh93", "-c"],
    "mksh": ["mksh", "-c"],
    "bash as sh": ["bash", "--posix", "-c"],
    "zsh as sh": ["zsh", "--emulate", "sh", "-f", "-c"],
}
BASH_OPTIONS = {
    "plain": ":",
    "strict": "set -eu; set -o pipefail",
    "posix": "set -o posix",
    "globs": "shopt -s extglob globstar dotglob nocaseglob nullglob",
    "failglob": "shopt -s failglob extglob",
    "another IFS": "IFS=' :./,'",
}
ZSH_OPTIONS = {
    "plain": ":",
    "strict": "set -eu; setopt warn_create_global",
    "globs": "setopt glob_subst sh_word_split extended_glob ksh_glob bare_glob_qual",
    "null_glob": "setopt glob_subst sh_word_split null_glob extended_glob",
    "quotes": "setopt rc_quotes csh_junkie_quotes posix_strings magic_equal_subst brace_ccl",
    "as ksh": "emulate ksh",
    "another IFS": "setopt sh_word_split; IFS=' :./,'",
}
EVAL = {"quoted": 'eval "$(cat "$OUT")"', "unquoted": 'eval $(cat "$OUT")'}


@pytest.fixture
def evaluate(tmp_path, need):
    """Runs a script in a shell whose folder has files that careless globbing would match."""

    def run(argv, text, script, **extra):
        need(argv[0])
        trap = tmp_path / "folder"
        trap.mkdir(exist_ok=True)
        unescaped = {word.replace(b"\\", b"") for word in text.split()}
        for name in {b"a", b"b", b"ab", b"X", *unescaped}:
            if b"/" not in name and 0 < len(name) < 200:
                (trap / os.fsdecode(name)).touch()
        out = tmp_path / "out"
        out.write_bytes(text)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "OUT": str(out),
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            [*argv, script], cwd=trap, env=environment | extra, capture_output=True, check=False, timeout=60
        )

    return run


def arrived(done):
    """Variable -> bytes, from the `env -0` with which every script here ends."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    entries = [entry.partition(b"=") for entry in done.stdout.split(b"\0")]
    return {name.decode(): value for name, _, value in entries if name.startswith(b"V_")}


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("how", EVAL)
@pytest.mark.parametrize("options", BASH_OPTIONS)
def test_bash_gets_the_exact_bytes_quoted_and_unquoted(evaluate, options, how, locale):
    text = formats.render("bash", HARD, ["V_STALE", "V_NEVER_SET"])
    script = f"{BASH_OPTIONS[options]}\n{EVAL[how]}\nenv -0"
    done = evaluate(["bash", "-c"], text, script, LC_ALL=locale, V_STALE="1")
    assert arrived(done) == HARD


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("how", EVAL)
@pytest.mark.parametrize("options", ZSH_OPTIONS)
def test_zsh_gets_the_exact_bytes_quoted_and_unquoted(evaluate, options, how, locale):
    text = formats.render("zsh", HARD, ["V_STALE", "V_NEVER_SET"])
    script = f"{ZSH_OPTIONS[options]}\n{EVAL[how]}\nenv -0"
    done = evaluate(["zsh", "-f", "-c"], text, script, LC_ALL=locale, V_STALE="1")
    assert arrived(done) == HARD


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("shell", SH_FAMILY)
def test_sh_in_double_quotes_gets_the_exact_bytes(evaluate, shell, locale):
    text = formats.render("sh", HARD, ["V_STALE", "V_NEVER_SET"], quoted=True)
    script = f"set -eu; {EVAL['quoted']}\nenv -0"
    done = evaluate(SH_FAMILY[shell], text, script, LC_ALL=locale, V_STALE="1")
    assert arrived(done) == HARD


@pytest.mark.parametrize("how", EVAL)
@pytest.mark.parametrize("shell", SH_FAMILY)
def test_sh_gets_the_exact_bytes_of_what_is_offered_for_an_unquoted_eval(evaluate, shell, how):
    text = formats.render("sh", UNQUOTED_SH, ["V_STALE"])
    done = evaluate(SH_FAMILY[shell], text, f"set -eu; {EVAL[how]}\nenv -0", V_STALE="1")
    assert arrived(done) == UNQUOTED_SH


@pytest.mark.parametrize("byte", [*b" \t\n\x0b\r*?[]\\{}()", 0x01, 0x7F, 0x80, 0xFF])
def test_sh_refuses_for_an_unquoted_eval_what_might_not_survive_and_says_what_to_type(byte):
    with pytest.raises(CannotExpress, match="V_X") as raised:
        formats.render("sh", {"V_X": b"a%cb" % byte})
    assert "--quoted" in raised.value.hint
    assert 'eval "$(authsome env --format sh --quoted)"' in raised.value.hint


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("how", ["cat $OUT | source", "eval (cat $OUT)", "source $OUT"])
def test_fish_gets_the_exact_bytes(evaluate, how, locale):
    text = formats.render("fish", HARD, ["V_STALE", "V_NEVER_SET"])
    done = evaluate(["fish", "-N", "-c"], text, f"{how}; or exit 3; env -0", LC_ALL=locale, V_STALE="1")
    assert arrived(done) == HARD


def test_fish_sees_characters_and_not_loose_bytes(evaluate):
    text = formats.render("fish", {"V_X": "é€".encode()})
    assert evaluate(["fish", "-N", "-c"], text, "source $OUT; string length -- $V_X").stdout == b"2\n"


def test_fish_hides_an_exported_universal_variable_without_erasing_it(evaluate):
    text = formats.render_unset("fish", ["V_X"])
    script = "set -Ux V_X mine; set -gx V_X stale; source $OUT; or exit 3; env; echo then; set -eg V_X; env"
    done = evaluate(["fish", "-c"], text, script)  # with -N there are no universal variables
    after, then = done.stdout.split(b"then\n")
    assert done.returncode == 0
    assert b"\nV_X=\n" in after
    assert b"V_X=mine" in then


def test_fish_removes_a_variable_for_the_reverse(evaluate):
    text = formats.render_unset("fish", ["V_A", "V_B"])
    done = evaluate(["fish", "-N", "-c"], text, "eval (cat $OUT); or exit 3; env -0", V_A="1")
    assert arrived(done) == {}


SHELL_ARGV = {
    "bash": ("bash", ["bash", "-c"]),
    "zsh": ("zsh", ["zsh", "-f", "-c"]),
    **{name: ("sh", argv) for name, argv in SH_FAMILY.items()},
}


@pytest.mark.parametrize("how", EVAL)
@pytest.mark.parametrize("shell", SHELL_ARGV)
def test_the_reverse_removes_the_variables_and_never_a_function(evaluate, shell, how):
    form, argv = SHELL_ARGV[shell]
    text = formats.render_unset(form, ["V_A", "V_B", "V_f"])
    script = f"set -eu; V_f() {{ echo kept; }}; {EVAL[how]}\nV_f; env -0"
    done = evaluate(argv, text, script, V_A="1", V_B="")
    assert done.stdout.startswith(b"kept\n")
    assert arrived(done) == {}


@pytest.mark.parametrize("how", EVAL)
@pytest.mark.parametrize("shell", SHELL_ARGV)
def test_a_failure_leaves_our_status_and_stops_set_e(evaluate, shell, how):
    form, argv = SHELL_ARGV[shell]
    text = formats.failure(form, 10)
    assert evaluate(argv, text, f"{EVAL[how]}\necho $?").stdout == b"10\n"
    stopped = evaluate(argv, text, f"set -e; {EVAL[how]}\necho not reached")
    assert (stopped.returncode, stopped.stdout) == (10, b"")


@pytest.mark.parametrize("how", ["cat $OUT | source", "eval (cat $OUT)"])
def test_a_failure_leaves_our_status_in_fish_and_goes_on_in_the_calling_function(evaluate, how):
    text = formats.failure("fish", 10)
    done = evaluate(["fish", "-N", "-c"], text, f"function f; {how}; echo $status; end; f")
    assert (done.stdout, done.stderr) == (b"10\n", b"")


def test_an_interactive_bash_expands_no_history_in_values(tmp_path, need):
    values = {"V_X": b"hi!x !! !$ ^a^b !-1", "V_Y": b"it's!\n!"}
    out, seen = tmp_path / "out", tmp_path / "seen"
    out.write_bytes(formats.render("bash", values))
    bash = pexpect.spawn(
        need("bash"),
        ["--norc", "--noprofile", "-i"],
        cwd=str(tmp_path),
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "ready> ", "HISTFILE": ""},
        timeout=30,
    )
    bash.expect_exact("ready> ")
    bash.sendline("echo hi!x")  # proof that history expansion is on
    bash.expect_exact("event not found")
    for command in ("eval $(cat out)", 'env -0 > seen; eval "$(cat out)"'):
        bash.expect_exact("ready> ")
        bash.sendline(command)
    bash.expect_exact("ready> ")
    bash.sendline("env -0 >> seen; exit")
    bash.expect(pexpect.EOF)
    bash.close()
    lines = [entry for entry in seen.read_bytes().split(b"\0") if entry.startswith(b"V_")]
    assert sorted(lines) == sorted([b"V_X=" + values["V_X"], b"V_Y=" + values["V_Y"]] * 2)
