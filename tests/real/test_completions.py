"""The real shells complete lines of authsome, with the files where an installation has them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pexpect
import pytest

from authsome_env.cli.program import COMMANDS
from authsome_env.deliver import deliveries, formats
from authsome_env.providers import source
from authsome_env.vault.keys import places

COMPLETIONS = os.path.join(os.path.dirname(__file__), "..", "..", "completions")
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
PROMPT = "your turn: "
TIMEOUT_S = 60

PROVIDERS = {name.removesuffix(".json") for name in os.listdir(source.BUNDLED)}


def beginning(text):
    return {name for name in PROVIDERS if name.startswith(text)}


GLOBAL = {"--vault", "--json", "--quiet", "--no-color", "--verbose", "--no-input", "--help"}
RUN = {"--provider", "--all", "--none", "--map", "--prefix", "--pass", "--drop", "--clean", "--keep-existing"}
RUN |= {
    "--deliver",
    "--path",
    "--dotenv-for",
    "--live",
    "--no-helpers",
    "--on-expiry",
    "--grace",
    "--mask",
    "--min-ttl",
    "--strict",
    "--explain",
}

# What the shell offers for the line, with the cursor at its end.
LINES = {
    "authsome ": {row.words for row in COMMANDS if " " not in row.words},
    "authsome ru": {"run"},
    "authsome --": GLOBAL | {"--version"},
    "authsome --json --vault run set-d": {"set-default"},
    "authsome --vault=run set-d": {"set-default"},
    "authsome -- set-d": {"set-default"},
    "authsome --vault ": set(),
    "authsome bogus ": set(),
    "authsome bogus:ru": set(),
    "authsome provider ": {"list", "show", "add", "remove", "test"},
    "authsome --quiet provider --json sh": {"show"},
    "authsome provider --": GLOBAL,
    "authsome provider add --": GLOBAL | {"--replace"},
    "authsome provider list --s": {"--search"},
    "authsome provider list --search ": set(),
    "authsome provider test --o": {"--online"},
    "authsome provider add acme.json ": set(),
    "authsome provider show g": beginning("g"),
    "authsome provider test openai ": set(),
    "authsome vault ": {"list", "create", "use", "remove", "lock", "unlock", "rekey"},
    "authsome vault remove --": GLOBAL | {"--yes"},
    "authsome vault rekey --key ": set(places.NAMES),
    "authsome vault rekey --key=f": {"file"},
    "authsome vault use ": set(),
    "authsome init --key p": {"passphrase"},
    "authsome login ": PROVIDERS,
    "authsome login -c work o": beginning("o"),
    "authsome login openai ": set(),
    "authsome login openai -c ": set(),
    "authsome login openai --": GLOBAL
    | {"--connection", "--force", "--stdin", "--from-env"}
    | {"--flow", "--scopes", "--base-url", "--port", "--no-browser"},
    "authsome login github --flow dev": {"device_code"},
    "authsome client set git": beginning("git"),
    "authsome login openai --from-env PROBE_": {"PROBE_KEY"},
    "authsome login openai --from-env api_key=PROBE_": {"PROBE_KEY"},
    "authsome login openai --from-env=api_key=PROBE_": {"PROBE_KEY"},
    "authsome logout openai --a": {"--all"},
    "authsome token github:": set(),
    "authsome check a:b github --min-ttl 1h twi": beginning("twi"),
    "authsome check --min-ttl ": set(),
    "authsome env --format ": set(formats.NAMES),
    "authsome env --format=do": {"dotenv", "docker"},
    "authsome env --map ": set(),
    "authsome env --map VAR=opena": {"openai"},
    "authsome env --map=VAR=opena": {"openai"},
    "authsome env --map VAR=openai:": set(),
    "authsome whoami ": set(),
    "authsome run --": GLOBAL | RUN,
    "authsome run -p opena": {"openai"},
    "authsome run -p github:work --provider opena": {"openai"},
    "authsome run --provider=opena": {"openai"},
    "authsome run --provider=openai:": set(),
    "authsome run --pass ": set(),
    "authsome run --deliver ": set(deliveries.NAMES),
    "authsome run --deliver=fi": {"fifo", "files"},
    "authsome run --dotenv-for ": set(deliveries.READERS),
    "authsome run probe-": {"probe-one", "probe-two"},
    "authsome run -- probe-": {"probe-one", "probe-two"},
    "authsome run -p github:work --map A=b:c -- probe-": {"probe-one", "probe-two"},
    "authsome run --json --prefix probe-one probe-t": {"probe-two"},
}

# Lines whose end is the wrapped command's, and who must be asked: the probes complete their own words.
WRAPPED = {
    "authsome run probe-one al": {"alpha"},
    "authsome run -- probe-one al": {"alpha"},
    "authsome run -p github:work -- probe-one al": {"alpha"},
    "authsome run -p github:work probe-one alpha --be": {"--beta"},
    "authsome run -- probe-one -- authsome al": {"alpha"},
    "authsome run -- probe-one --": {"--beta"},
}

PROBE = {
    "bash": "probe() { COMPREPLY=($(compgen -W 'alpha --beta' -- \"$2\")); }; complete -F probe probe-one\n",
    "zsh": "_probe() { compadd -- alpha --beta }; compdef _probe probe-one\n",
    "fish": "complete -c probe-one -f -a 'alpha --beta'\n",
}

# Each shell's way to note in $OUT what it is about to offer, whatever becomes of the display.
BASH = r"""
note() { _authsome "$@"; printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} >"$OUT"; }
complete -F note authsome
bind 'set completion-query-items 0' 'set page-completions off' 'set enable-bracketed-paste off'
"""
ZSH = r"""
compadd() {
    builtin compadd "$@"; local code=$?
    if [[ " $* " != *\ -[a-zA-Z]#[OAD]\ * ]]; then
        local -a hits; builtin compadd -A hits "$@"; print -rl -- $hits >>$OUT
    fi
    return code
}
setopt nounset; unsetopt auto_menu; LISTMAX=100000
"""


class Place:
    """A folder with the files where the wheel puts them, two probes, and an authsome that must not run."""

    def __init__(self, folder):
        self.folder = folder
        self.out = os.path.join(folder, "out")
        self.started = os.path.join(folder, "started")
        share = os.path.join(folder, "share")
        self.site_functions = os.path.join(share, "zsh/site-functions")
        for name, target in {
            "authsome.bash": "bash-completion/completions/authsome",
            "_authsome": "zsh/site-functions/_authsome",
            "authsome.fish": "fish/vendor_completions.d/authsome.fish",
        }.items():
            os.makedirs(os.path.dirname(os.path.join(share, target)))
            shutil.copy(os.path.join(COMPLETIONS, name), os.path.join(share, target))
        self.bash_file = os.path.join(share, "bash-completion/completions/authsome")
        for name in ("authsome", "probe-one", "probe-two"):
            path = os.path.join(folder, "bin", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n>{self.started}\n")
            os.chmod(path, 0o755)
        self.cwd = os.path.join(folder, "cwd")
        os.makedirs(os.path.join(self.cwd, "own"))
        shutil.copy(os.path.join(source.BUNDLED, "openai.json"), os.path.join(self.cwd, "own/acme api.json"))
        self.environ = {
            "PATH": os.path.join(folder, "bin") + ":" + os.environ["PATH"],
            "HOME": self.cwd,
            "XDG_DATA_HOME": share,
            "XDG_CONFIG_HOME": os.path.join(folder, "config"),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "PROBE_KEY": "x",
            "OUT": self.out,
            "PS1": PROMPT,
        }


class Interactive:
    """A shell at a terminal. `ask(line)`: what it offers when that is typed and then a tab."""

    def __init__(self, place, argv, setup):
        self.place = place
        with open(os.path.join(place.folder, "setup"), "w", encoding="utf-8") as file:
            file.write(setup)
        self.terminal = pexpect.spawn(
            argv[0],
            argv[1:],
            env=place.environ,
            cwd=place.cwd,
            dimensions=(500, 300),
            encoding="utf-8",
            timeout=TIMEOUT_S,
        )
        self.terminal.delaybeforesend = None
        self.run(f". {place.folder}/setup")

    def run(self, command):
        """What the terminal shows from here until the command has ended.

        The next prompt is waited for: before it the terminal, not the shell, would take keys like ^U.
        """
        self.terminal.send(command + "; echo EN''DED\r")
        self.terminal.expect("ENDED\r\n")
        shown = self.terminal.before
        self.terminal.expect_exact(PROMPT)
        return shown

    def ask(self, line):
        """zsh offers flags as well where nothing else may follow; they are left out here."""
        open(self.place.out, "w", encoding="utf-8").close()
        self.terminal.send(line + "\t")
        self.shown = self.run("\x15:")  # ^U: the line goes away
        with open(self.place.out, encoding="utf-8") as file:
            found = offered(file.read())
        return found if line.split(" ")[-1].startswith("-") else {each for each in found if each[0] != "-"}

    def typed(self, line):
        """The words of the line as the tab leaves it."""
        self.terminal.send(f"{line}\t\x01printf '%s\\n' \x05 >$OUT")  # ^A and ^E: its ends
        self.run("")
        with open(self.place.out, encoding="utf-8") as file:
            return file.read().splitlines()


class Fish:
    def __init__(self, place, fish):
        self.place = place
        self.fish = fish
        os.makedirs(os.path.join(place.folder, "config/fish"))
        with open(os.path.join(place.folder, "config/fish/config.fish"), "w", encoding="utf-8") as file:
            file.write(PROBE["fish"])

    def ask(self, line):
        done = subprocess.run(
            [self.fish, "-c", "complete -C $argv[1]", line],
            env=self.place.environ,
            cwd=self.place.cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        assert done.stderr == ""
        return offered("\n".join(each.split("\t")[0] for each in done.stdout.splitlines()))


def offered(text):
    """The candidates. Some shells let those for `--flag=` begin with it, and some put a blank at the end."""
    return {each.rpartition("=")[2].rstrip(" ") for each in text.splitlines() if each}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(str(tmp_path_factory.mktemp("completions")))
    yield made
    assert not os.path.exists(made.started), "a program was started"


@pytest.fixture(scope="module")
def interactive(place):
    started = []

    def start(argv, setup):
        started.append(Interactive(place, argv, setup))
        return started[-1]

    yield start
    for each in started:
        each.terminal.close(force=True)


@pytest.fixture(scope="module")
def bash(interactive, place, need):
    setup = f"set -u\n. {place.bash_file}\n" + PROBE["bash"] + BASH
    return interactive([need("bash"), "--norc", "--noprofile", "-i"], setup)


@pytest.fixture(scope="module")
def bash_with_bash_completion(interactive, place, need):
    if not os.path.exists(BASH_COMPLETION):
        assert not os.environ.get("CI"), "bash-completion is not installed, and CI skips nothing"
        pytest.skip("bash-completion is not installed")
    # What its first tab does: find our file below XDG_DATA_HOME. The first name is that of 2.12 and later.
    load = "{ _comp_load authsome || _completion_loader authsome; } 2>/dev/null"
    setup = f". {BASH_COMPLETION}\n{load}\n" + PROBE["bash"] + BASH
    return interactive([need("bash"), "--norc", "--noprofile", "-i"], setup)


@pytest.fixture(scope="module")
def zsh(interactive, place, need):
    setup = (
        f"fpath=({place.site_functions} $fpath); autoload -U compinit; compinit -u -D\n" + PROBE["zsh"] + ZSH
    )
    return interactive([need("zsh"), "-f", "-i"], setup)


@pytest.fixture(scope="module")
def fish(place, need):
    return Fish(place, need("fish"))


@pytest.fixture(params=["bash", "bash_with_bash_completion", "zsh", "fish"])
def shell(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("line", LINES)
def test_a_shell_offers_what_may_follow(shell, line):
    assert shell.ask(line) == LINES[line]


@pytest.mark.parametrize("line", WRAPPED)
@pytest.mark.parametrize("name", ["bash_with_bash_completion", "zsh", "fish"])
def test_the_wrapped_command_completes_its_own_words(request, name, line):
    assert request.getfixturevalue(name).ask(line) == WRAPPED[line]


@pytest.mark.parametrize("name", ["bash", "bash_with_bash_completion", "zsh"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("set-d", ["set-default"]),
        ("run --provider=opena", ["run", "--provider=openai"]),
        ("run --map VAR=opena", ["run", "--map", "VAR=openai"]),
        ("run probe-t", ["run", "probe-two"]),
        ("provider add own/ac", ["provider", "add", "own/acme api.json"]),
        ("run probe-two own/ac", ["run", "probe-two", "own/acme api.json"]),
        ("run --deliver dotenv --path own/ac", ["run", "--deliver", "dotenv", "--path", "own/acme api.json"]),
        ("run ../bin/probe-t", ["run", "../bin/probe-two"]),
        ("token github:wo", ["token", "github:wo"]),
    ],
)
def test_the_line_is_completed_in_place(request, name, line, words):
    assert request.getfixturevalue(name).typed(f"authsome {line}") == ["authsome", *words]


def test_fish_offers_files_where_one_is_expected(fish):
    assert fish.ask("authsome provider add own/") == {"own/acme api.json"}
    assert fish.ask("authsome run --path own/") == {"own/acme api.json"}
    assert fish.ask("authsome provider add own/x ow") == set()
    assert fish.ask("authsome provider show own") == set()


@pytest.mark.parametrize("name", ["bash", "bash_with_bash_completion", "zsh"])
def test_a_line_without_an_answer_shows_nothing(request, name):
    shell = request.getfixturevalue(name)
    for line in (
        "authsome bogus ",
        "authsome token --vault ",
        "authsome run --map ",
        "authsome run --json=x",
    ):
        assert shell.ask(line) == set()
        keys = shell.shown.replace("\a", "").replace("\b", "")
        assert not re.search("rror|authsome:|:[0-9]+:|unbound|not found", keys), keys


OLD_BASH = r"""
set -eu
set -o posix
. "$FILE"
complete -p authsome
ask() {
    COMP_LINE=$1 COMP_POINT=${#1}
    read -r -a COMP_WORDS <<<"$1"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _authsome authsome "${COMP_WORDS[COMP_CWORD]}" ""
    echo "${COMPREPLY[@]+${COMPREPLY[@]}}"
}
for line in 'authsome ru' 'authsome run --provider=opena' 'authsome env --map V=opena' \
    'authsome run --json=x' 'authsome provider add x' 'authsome run ./x' 'authsome run -- probe-t' \
    'authsome run -- probe-one x'; do
    ask "$line"
done
"""


def test_bash_3_which_does_not_cut_words_at_equal_signs_is_served_too(place, need):
    """Its syntax is kept by hand; what can be had of it in a later bash is its words, and no compopt."""
    done = subprocess.run(
        [need("bash"), "--norc", "-c", "enable -n compopt\n" + OLD_BASH],
        env={**place.environ, "FILE": place.bash_file},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "complete -F _authsome authsome",
        "run",
        "--provider=openai",
        "V=openai",
        *["", "", ""],
        "probe-two",
        "",
    ]


@pytest.mark.parametrize(
    "newer",
    [
        r"\$\{\w+(\[[^]]*\])?(\^|,|@)",
        r"\$\{\w+:[^}]*: *-",
        r"\b(declare|local) -[a-z]*[Anu]",
        r"\b(mapfile|readarray|coproc)\b",
        r"\|&|&>>|;;?&",
        r"\[-\d+\]",
        r"printf -v \w+\[",
        r"\[\[ -[vR] ",
    ],
)
def test_the_file_for_bash_has_no_syntax_that_came_after_3_2(place, newer):
    with open(place.bash_file, encoding="utf-8") as file:
        assert re.search(newer, file.read()) is None
