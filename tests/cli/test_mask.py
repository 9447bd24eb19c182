"""`run --mask`: no secret of the run in what the command writes, however it came by it."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.parse

import pytest
from cli.live import wait_for
from cli.program import PROGRAM, remember

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the supervisor's Linux half")

DEFINITION = {
    "schema_version": 1,
    "name": "odd",
    "display_name": "Odd",
    "auth_type": "api_key",
    "fields": [
        {"name": "user", "label": "User", "secret": False},
        {"name": "word", "label": "Word", "secret": True},
        {"name": "pin", "label": "Pin", "secret": True},
    ],
    "env": {
        "ODD_USER": "{user}",
        "ODD_BASIC": "{user:word:base64}",
        "ODD_PIN": "{pin}",
        "ODD_MODE": "production",
    },
}


@pytest.fixture
def odd(authsome, tmp_path):
    """A connection of which some fields and variables are secret; its `word`, which no variable is alone."""
    word = remember(base64.urlsafe_b64encode(os.urandom(30))).decode()
    (tmp_path / "odd.json").write_text(json.dumps(DEFINITION))
    authsome("provider", "add", str(tmp_path / "odd.json"), check=True)
    fields = {"user": "somebody", "word": word, "pin": "1234567"}
    authsome("login", "odd", "--stdin", input=json.dumps(fields).encode(), check=True)
    return word


def test_what_is_secret_is_masked_and_nothing_else(authsome, odd):
    script = 'echo "$ODD_USER $ODD_BASIC $ODD_PIN $ODD_MODE"; echo "word $0" >&2; exit 3'
    done = authsome("run", "--mask", "--", "sh", "-c", script, odd)
    assert (done.returncode, done.stdout) == (3, b"somebody *** 1234567 production\n")
    assert done.stderr.splitlines() == [
        b"authsome: warning: --mask does not hide ODD_PIN, which has less than 8 characters",
        b"word ***",
    ]


def test_explain_says_what_would_be_masked(authsome, odd):
    done = authsome("run", "--mask", "--explain", check=True)
    assert b"--mask does not hide ODD_PIN" in done.stderr
    assert b"masked in its output: ODD_BASIC, odd:default#word\n" in done.stderr
    done = authsome("run", "--mask", "--explain", "--json", check=True)
    masked = {each["variable"]: each["masked"] for each in json.loads(done.stdout)["variables"]}
    assert masked == {"ODD_BASIC": True, "ODD_MODE": False, "ODD_PIN": False, "ODD_USER": False}


FORMS = """
import base64, json, os, sys, urllib.parse
secret = open(os.environ["OPENAI_API_KEY_FILE"]).read() if "OPENAI_API_KEY_FILE" in os.environ else None
secret = secret or os.environ.get("OPENAI_API_KEY") or sys.argv[1]
raw = secret.encode()
for before in range(3):
    print(base64.b64encode(b"u:" * before + raw).decode())
print("Authorization: Basic", base64.b64encode(b"user:" + raw).decode())
print(raw.hex(), raw.hex().upper(), urllib.parse.quote(secret + "/+"), json.dumps({"key": secret}))
print("\\x1b[31m" + secret[:9] + "\\x1b[1;32m" + secret[9:] + "\\x1b[0m", secret, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "how", [[], ["--deliver", "files"], ["--live"], ["--on-expiry", "stop"]], ids=" ".join
)
def test_in_every_form_by_every_delivery(authsome, made_up_key, how):
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=key, check=True)
    done = authsome("run", "--mask", *how, "--", sys.executable, "-c", FORMS, check=True)
    said = done.stdout + done.stderr
    assert said.count(b"***") == 10
    raw = key.decode()
    for form in (
        key,
        raw.encode().hex().encode(),
        urllib.parse.quote(raw).encode(),
        base64.b64encode(key)[:-4],
    ):
        assert form not in said
    assert b"\x1b[1;32m" in done.stderr


def test_inside_and_in_a_run_within(authsome, made_up_key):
    """What the run is asked for by `token`; a run within masks its own, and is masked by the outer one."""
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=key, check=True)
    script = f"""
{PROGRAM} token openai
{PROGRAM} run --mask -- sh -c 'echo "inner $OPENAI_API_KEY"'
{PROGRAM} run -- sh -c 'echo "bare $OPENAI_API_KEY"; exit 4'
"""
    done = authsome("run", "--mask", "-p", "openai", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (4, b"***\ninner ***\nbare ***\n", b"")


def test_every_new_token_is_masked_from_the_moment_that_it_is_there(connect, live):
    """A reader that prints what it reads as soon as it is another one."""
    server = connect(3)
    connect.login(check=True)
    code = """
import os
seen = set()
while len(seen) < 3:
    with open(os.environ["ACME_TOKEN_FILE"]) as file: token = file.read()
    if token and token not in seen: print(len(seen), token, flush=True); seen.add(token)
"""
    before = server.counts()["refreshes"]
    command = (sys.executable, "-I", "-S", "-c", code)
    run = live("--mask", "--deliver", "files", command=command, stdout=subprocess.PIPE)
    listed = run.listed()
    assert (listed["masked"], listed["on_expiry"], listed["keeper"]) == (True, "refresh", run.process.pid)
    assert "masked" in " ".join(run.line())
    assert run.process.stdout.read() == b"0 ***\n1 ***\n2 ***\n"
    assert run.process.wait(60) == 0
    assert server.counts()["refreshes"] >= before + 2
    run.process.stdout.close()


def test_files_are_gone_when_the_command_is_though_its_output_waits(authsome, live, made_up_key):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    command = ("sh", "-c", "read word; head -c 900000 /dev/zero; echo $OPENAI_API_KEY; exit 5")
    how = ("--mask", "--deliver", "dotenv", "--on-expiry", "restart")
    run = live(*how, command=command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    run.process.stdin.close()
    wait_for(lambda: not os.path.exists(run.folder))
    assert run.process.poll() is None
    assert len(run.process.stdout.read()) == 900_001
    assert run.process.wait(60) == 5
    run.process.stdout.close()


def test_a_terminal_is_one_and_its_command_a_job(authsome, made_up_key, need):
    """More of that: real/test_mask_terminal.py."""
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=key, check=True)
    words = [
        need("script"),
        "-qec",
        f"{PROGRAM} run --mask -- sh -c 'test -t 1 && echo $OPENAI_API_KEY'",
        "/dev/null",
    ]
    done = subprocess.run(
        words, env=authsome.environ, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60
    )
    assert b"***" in done.stdout
    assert key not in done.stdout


def test_without_anything_to_mask_it_is_a_run_as_ever(authsome):
    done = authsome("run", "--none", "--mask", "--", "sh", "-c", "echo out; echo err >&2; kill -TERM $$")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, b"out\n", b"err\n")
    done = authsome("run", "--none", "--mask", "--", "no-such-command")
    assert (done.returncode, done.stdout) == (127, b"")
    assert done.stderr.startswith(b"authsome: cannot run no-such-command")
