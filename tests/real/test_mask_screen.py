"""Interactive programs whose output is masked, at a terminal that tmux shows."""

from __future__ import annotations

import os
import re
import shlex
import sys

import pytest
from real.masked import MASK_RUN, Screen, made_up, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the session's leader needs Linux")

PROMPT = "at your service> "


@pytest.fixture
def secret():
    return made_up()


@pytest.fixture
def screen(need, tmp_path, secret, masking):
    need("tmux")
    found = Screen(tmp_path, masking(secret))
    try:
        found.wait_for(PROMPT)
        yield found
        found.line("echo still $((40 + 2))")
        found.wait_for("still 42")
    finally:
        found.close()


@pytest.fixture
def same_modes(screen):
    """`same_modes()`: whether the terminal is as it was when the test began."""
    numbers = iter(range(100))

    def modes():
        number = next(numbers)
        screen.line(f"echo modes{number}=$(stty -g)=")
        shown = rf"modes{number}=([0-9a-f:]+)="
        screen.wait_for(shown, regular=True)
        return re.search(shown, screen.text())[1]

    before = modes()
    return lambda: modes() == before


def test_bash_with_colors_and_the_secret_in_the_environment(screen, secret, same_modes):
    screen.run("bash", "--norc", "-i")
    screen.wait_for(PROMPT, times=3)
    screen.line("printf '\\033[31mred %s\\033[0m %s\\n' $S0 $(printf %s $S0 | base64 -w0); echo over")
    screen.wait_for("\nover")
    assert "red *** ***" in screen.text()
    assert "\x1b[31mred ***" in screen.colored()
    assert secret not in screen.text()
    screen.type("e", "c", "h", "o", "Space", "x", "BSpace", "y", "z", "Left", "w", "Enter")
    screen.wait_for("\nywz")
    screen.type("C-d")
    screen.wait_for("exit")
    assert same_modes()


SIZE = """
import os, signal, time
def say(*_): os.write(2, b"size %d %d\\n" % os.get_terminal_size(2))
signal.signal(signal.SIGWINCH, say)
say()
while True: time.sleep(1000)
"""


@pytest.mark.parametrize("behind", ["", " < /dev/null | cat", " > /dev/null"])
def test_the_size_follows(screen, same_modes, behind):
    screen.line(_masked(sys.executable, "-c", SIZE) + behind)
    screen.wait_for("size 80 24")
    screen.tmux("resize-window", "-x", "100", "-y", "30")
    screen.wait_for("size 100 30")
    screen.type("C-c")
    assert same_modes()


def test_a_job_inside_and_the_whole_of_it_stop_and_go_on(screen, same_modes):
    screen.run("bash", "--norc", "-i")
    screen.wait_for(PROMPT, times=3)
    screen.line("sleep 1000")
    screen.wait_for("sleep 1000")
    until(lambda: _stopped(screen), "a stop")
    screen.line("kill %1; exit")
    screen.wait_for("exit")
    assert same_modes()


def _stopped(screen):
    screen.type("C-z")
    return "Stopped" in screen.text()


def test_vim_restores_the_screen_and_the_modes(need, screen, tmp_path, secret, same_modes):
    need("vim")
    (tmp_path / "text").write_text(f"first line\nkey={secret}\n")
    screen.line("echo before it")
    screen.run("vim", "-u", "NONE", str(tmp_path / "text"))
    screen.wait_for("first line")
    screen.wait_for("key=***")
    screen.type("o")
    screen.tmux("send-keys", "-l", "typed")
    screen.wait_for("typed")
    screen.type("Escape")
    screen.tmux("send-keys", "-l", ":wq")
    screen.type("Enter")
    screen.wait_for("before it", visible=True)
    until(lambda: "first line" not in screen.visible(), "the screen before")
    assert (tmp_path / "text").read_text() == f"first line\ntyped\nkey={secret}\n"
    assert same_modes()


def test_vim_stops_and_goes_on(need, screen, tmp_path, same_modes):
    need("vim")
    (tmp_path / "text").write_text("first line\n")
    screen.run("vim", "-u", "NONE", str(tmp_path / "text"))
    screen.wait_for("first line")
    screen.type("C-z")
    screen.wait_for("Stopped")
    assert same_modes()
    screen.line("fg")
    screen.wait_for("first line", visible=True)
    screen.type("C-g")
    screen.wait_for("line 1 of 1", visible=True)
    screen.type("Escape")
    screen.tmux("send-keys", "-l", ":q")
    screen.type("Enter")
    until(lambda: "first line" not in screen.visible(), "the screen before")
    assert same_modes()


def test_less_quits_sanely(need, screen, tmp_path, secret, same_modes):
    need("less")
    (tmp_path / "text").write_text("".join(f"line {number} {secret}\n" for number in range(200)))
    screen.run("less", str(tmp_path / "text"))
    screen.wait_for("line 0 ***", visible=True)
    screen.type("G")
    screen.wait_for("line 199 ***", visible=True)
    screen.type("q")
    assert same_modes()
    assert secret not in screen.text()


def test_less_that_gets_its_text_from_a_pipe(need, screen, secret, same_modes):
    need("less")
    screen.line(f'for n in $(seq 200); do echo "line $n $S0"; done | {_masked("less")}')
    screen.wait_for("line 1 ***", visible=True)
    screen.type("G")
    screen.wait_for("line 200 ***", visible=True)
    screen.type("q")
    assert same_modes()
    assert secret not in screen.text()


def test_vim_that_gets_its_text_from_a_pipe(need, screen, secret, same_modes):
    """It reads keys from its stderr."""
    need("vim")
    screen.line(f"echo first $S0 | {_masked('vim', '-u', 'NONE', '-')}")
    screen.wait_for("first ***", visible=True)
    screen.tmux("send-keys", "-l", "otyped")
    screen.type("Escape")
    screen.wait_for("typed", visible=True)
    screen.tmux("send-keys", "-l", ":q!")
    screen.type("Enter")
    until(lambda: "typed" not in screen.visible(), "the screen before")
    assert same_modes()
    assert secret not in screen.text()


def test_less_behind_it_in_the_pipeline_has_the_terminal(need, screen, secret, same_modes):
    need("less")
    screen.line(
        _masked("sh", "-c", 'echo to stderr >&2; for n in $(seq 200); do echo "line $n $S0"; done')
        + " | less"
    )
    screen.wait_for("line 1 ***", visible=True)
    screen.type("G")
    screen.wait_for("line 200 ***", visible=True)
    screen.type("q")
    assert same_modes()
    assert secret not in screen.text()


def test_the_python_prompt(screen, secret, same_modes):
    screen.run(sys.executable, "-q")
    screen.wait_for(">>> ")
    screen.line("import os; os.environ['S0'], len(os.environ['S0'])")
    screen.wait_for("('***', 40)")
    screen.line("import time; time.sleep(1000)")
    screen.wait_for("sleep(1000)")
    until(lambda: screen.type("C-c") or "KeyboardInterrupt" in screen.text(), "an interrupt")
    until(lambda: screen.visible().rstrip().endswith(">>>"), "the prompt")
    screen.type("C-d")
    assert same_modes()
    assert secret not in screen.text()


def test_htop_draws_and_quits(need, screen, same_modes):
    need("htop")
    screen.run("htop", "-d", "5")
    screen.wait_for("F10", visible=True)
    screen.type("F10")
    until(lambda: "F10Quit" not in screen.visible(), "the screen before")
    assert same_modes()


def test_a_password_is_asked_for_without_echo(screen, same_modes):
    screen.run("bash", "-c", "read -rsp 'pass''word: ' p; echo; echo ${#p} letters; read -r q; echo got $q")
    screen.wait_for("password: ")
    screen.line("verysecretword")
    screen.wait_for("14 letters")
    assert "verysecretword" not in screen.text()
    screen.line("seen")
    screen.wait_for("got seen")
    assert same_modes()


def test_end_of_file_from_the_keyboard(screen, same_modes):
    screen.run("sh", "-c", "cat; echo cat has ended")
    screen.line("one line")
    screen.wait_for("one line", times=2)
    screen.type("C-d")
    screen.wait_for("\ncat has ended")
    assert same_modes()


def test_killed_at_once_leaves_the_terminal_as_it_was(screen, same_modes):
    screen.run("bash", "-c", "stty raw -echo; echo pid=$$=; exec sleep 1000")
    screen.wait_for("pid=")
    until(lambda: re.search(r"pid=(\d+)=", screen.visible()), "a pid")
    pid = re.findall(r"\npid=(\d+)=", screen.visible())[-1]
    os.kill(int(pid), 9)
    screen.wait_for("Killed")
    assert same_modes()


def test_what_the_command_sets_stays(screen):
    screen.run("stty", "-echoctl", "susp", "^X")
    screen.line("stty -a")  # typed ahead, perhaps
    screen.wait_for("susp = ^X")
    assert "-echoctl" in screen.text()
    screen.line("stty sane susp ^Z")


def test_what_is_typed_ahead_is_the_next_program_s(need, screen):
    with open("/proc/sys/dev/tty/legacy_tiocsti", encoding="ascii") as file:
        if file.read().strip() != "1":
            pytest.skip("this kernel lets nobody put keys back")
    screen.run("sh", "-c", "echo begun; sleep 1; echo over")
    screen.wait_for("\nbegun")
    screen.line("echo typed $((50 + 5))")
    screen.tmux("send-keys", "-l", "echo half ")
    screen.wait_for("half over")
    screen.line("$((60 + 6))")
    screen.wait_for("half 66")
    assert screen.text().count("typed 55") == 1


def _masked(*words):
    return shlex.join([*MASK_RUN, *words])
