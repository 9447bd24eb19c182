"""A page is opened without a wait, without our descriptors and keys, and not at all where nobody asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import pexpect
import pytest
from real.raw import header, request, status, talk

from authsome_env.oauth.browser import can_open, is_for_browsers, open_browser

URL = "https://acme.example/authorize?a=1&b=%20;$(touch%20x)&c='\"|~"
WAIT_S = 120
WITNESS = """
import json, os, sys
said = {"arguments": sys.argv[1:], "session": os.getsid(0), "environ": dict(os.environ),
        "streams": [os.readlink(f"/proc/self/fd/{n}") for n in range(3)],
        "more": sorted(set(os.listdir("/proc/self/fd")) - {"0", "1", "2"})}
print("chatter", flush=True)
with open(os.path.join(os.path.dirname(__file__), "said.new"), "w") as file: json.dump(said, file)
os.rename(file.name, file.name.removesuffix(".new"))
"""


@pytest.fixture
def witness(tmp_path):
    """`BROWSER` for a program that writes down how it was started; `.said()` is that."""

    class Witness:
        path = tmp_path / "said"
        script = tmp_path / "witness.py"
        command = f"{sys.executable} {script} %s"

        def said(self):
            return json.loads(self.path.read_text())

    Witness.script.write_text(WITNESS)
    return Witness()


def test_a_browser_gets_the_address_alone_and_nothing_of_ours(witness, tmp_path):
    secrets = {"AUTHSOME_MASTER_KEY": "x", "AUTHSOME_MASTER_KEY_FILE": "x", "AUTHSOME_PASSPHRASE": "x"}
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **secrets}
    held = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(held, True)
    assert open_browser(URL, environ=environ, command=witness.command) is True
    os.close(held)
    said = witness.said()
    assert said["arguments"] == [URL]  # to the letter, and by no shell
    assert said["session"] != os.getsid(0)
    assert said["streams"] == ["/dev/null"] * 3
    assert not secrets.keys() & said["environ"].keys()
    assert str(held) not in said["more"]


def test_a_browser_that_stays_in_the_foreground_is_not_waited_for(tmp_path):
    fifo, over = tmp_path / "fifo", tmp_path / "over"
    os.mkfifo(fifo)
    script = tmp_path / "stays.sh"
    script.write_text(f"#!/bin/sh\nread line <{fifo}\necho >{over}\n")
    script.chmod(0o755)
    environ = {"PATH": os.environ["PATH"]}
    assert open_browser(URL, environ=environ, command=f"{script} %s") is True
    assert not over.exists()
    fifo.write_text("go\n")  # it reads still


@pytest.mark.parametrize("command", ["false %s", "/nonexistent/browser %s"])
def test_a_browser_that_fails_is_said(command, tmp_path):
    environ = {"PATH": str(tmp_path)}
    os.symlink("/bin/false", tmp_path / "false")
    assert open_browser(URL, environ=environ, command=command) is False


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://acme.example/authorize?x=y", True),
        ("http://127.0.0.1:8400/form", True),
        ("http://[::1]:8400/form", True),
        ("http://localhost:8400/form", True),
        ("http://acme.example/authorize", False),
        ("javascript:alert(1)", False),
        ("javascript://acme.example/%0aalert(1)", False),
        ("file:///etc/passwd", False),
        ("data:text/html,x", False),
        ("vscode://file/x", False),
        ("ms-msdt:/id", False),
        ("--profile=/tmp", False),
        ("-version", False),
        ("https:///authorize", False),
        ("https:acme.example", False),
        ("https://acme.example/ --option", False),
        ("https://acme.example/\n--option", False),
        ("https://acme.example/\0", False),
        ("https://[acme", False),
        ("//acme.example/", False),
        ("acme.example", False),
        ("", False),
    ],
)
def test_what_is_opened_is_a_web_page(url, expected, witness):
    assert is_for_browsers(url) is expected
    if not expected:
        environ = {"PATH": os.environ["PATH"]}
        assert open_browser(url, environ=environ, command=witness.command) is False
        assert not witness.path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a desktop")
@pytest.mark.parametrize(
    ("environ", "programs", "expected"),
    [
        ({}, ["xdg-open", "firefox"], False),
        ({"BROWSER": "x"}, [], True),
        ({"BROWSER": ""}, [], False),
        ({"DISPLAY": ":0"}, [], False),
        ({"DISPLAY": ":0"}, ["xdg-open"], True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, ["firefox"], True),
        ({"DISPLAY": "", "SSH_CONNECTION": "x"}, ["firefox"], False),
        ({"WSL_DISTRO_NAME": "Debian"}, ["wslview"], True),
        ({"WSL_DISTRO_NAME": "Debian"}, [], False),
    ],
)
def test_a_browser_is_tried_where_there_may_be_one(environ, programs, expected, tmp_path):
    for name in programs:
        os.symlink("/bin/true", tmp_path / name)
    assert can_open({**environ, "PATH": str(tmp_path)}, None) is expected
    assert can_open({**environ, "PATH": str(tmp_path)}, "x") is True


def test_the_form_waits_though_its_page_could_not_be_opened(authsome, made_up_key):
    """Without a terminal, as an agent starts it: the address is on stderr, for whoever can open it."""
    process = authsome.start("login", "openai", env={"BROWSER": "/bin/false"}, stderr=subprocess.PIPE)
    url = process.stderr.readline().decode().split()[-1]
    host, path = re.fullmatch(r"http://([^/]+)(/\w+)", url).groups()
    port = int(host.rpartition(":")[2])
    token = re.search(rb'name="form-token" value="(\w+)"', talk(port, request(host, path)))[1]
    kind = ["Content-Type: application/x-www-form-urlencoded"]
    body = b"api_key=" + made_up_key("openai") + b"&form-token=" + token
    sent = talk(port, request(host, path, method="POST", headers=kind, body=body))
    assert status(talk(port, request(host, header(sent, "location")))) == 200
    _, err = process.communicate(timeout=WAIT_S)
    authsome.heard(("login",), None, err)
    assert process.returncode == 0


def test_at_a_terminal_the_terminal_takes_over(authsome, made_up_key):
    environ = authsome.environment({"BROWSER": "/bin/false"})
    child = pexpect.spawn(authsome.program, ["login", "openai"], env=environ, timeout=WAIT_S)
    child.expect("fill in the form in your browser: http")
    child.expect("no browser could be opened; it is asked for here")
    child.expect("OpenAI API key")
    child.waitnoecho()
    child.sendline(made_up_key("openai"))
    child.expect("saved openai:default")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("words", [("--no-input",), ("--no-browser",)])
def test_none_is_opened_where_none_is_allowed(authsome, witness, words):
    for command in (("login", "openai"), ("client", "set", "github"), ("login", "github")):
        failed = authsome(*command, *words, env={"BROWSER": witness.command})
        assert failed.returncode == 9
        assert b"hint: " in failed.stderr
    assert not witness.path.exists()


def test_nothing_but_a_login_opens_one(authsome, witness):
    for command in (("token", "openai"), ("run", "-p", "openai", "true"), ("env",), ("refresh", "openai")):
        authsome(*command, env={"BROWSER": witness.command})
    assert not witness.path.exists()


def test_the_configured_browser_goes_before_that_of_the_environment(authsome, witness):
    os.makedirs(authsome.home, 0o700)
    with open(os.path.join(authsome.home, "config.toml"), "w") as file:
        file.write(f'browser = "{witness.command}"\n')
    process = authsome.start("login", "openai", env={"BROWSER": "/bin/false"}, stderr=subprocess.PIPE)
    url = process.stderr.readline().decode().split()[-1]
    while not witness.path.exists():
        assert process.poll() is None
        time.sleep(0.02)
    assert witness.said()["arguments"] == [url]
    process.terminate()
    process.communicate()
