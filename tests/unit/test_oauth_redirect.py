"""Where the browser comes back to (RFC 8252), and what is opened in it."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from authsome_env.errors import UsageError
from authsome_env.oauth.browser import can_open, is_for_browsers, open_browser
from authsome_env.oauth.redirect import find_redirect, to_register


def test_any_port_of_127_0_0_1_unless_the_user_names_one():
    """Section 7.3 and 8.3: the address by number, the port by chance."""
    redirect = find_redirect(None, None)
    assert (redirect.host, redirect.port, redirect.path, redirect.uri) == ("127.0.0.1", 0, "/callback", None)
    assert find_redirect(None, 8080).port == 8080
    assert (find_redirect(None, 1).port, find_redirect(None, 65535).port) == (1, 65535)


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_what_is_no_port(port):
    with pytest.raises(UsageError, match=f"--port {port} is no port"):
        find_redirect(None, port)


@pytest.mark.parametrize(
    ("uri", "host", "port", "path"),
    [
        ("http://127.0.0.1:7999/callback", "127.0.0.1", 7999, "/callback"),
        ("http://localhost:7999/x/y", "localhost", 7999, "/x/y"),
        ("http://[::1]:80/cb", "::1", 80, "/cb"),
        ("http://127.0.0.1/cb", "127.0.0.1", 80, "/cb"),
        ("http://127.0.0.1:7999", "127.0.0.1", 7999, "/"),
    ],
)
def test_a_fixed_one_is_used_to_the_letter(uri, host, port, path):
    redirect = find_redirect(uri, None)
    assert (redirect.host, redirect.port, redirect.path, redirect.uri) == (host, port, path, uri)
    assert find_redirect(uri, port).uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://localhost:7999/callback",
        "https://127.0.0.1/cb",
        "https://app.example/cb",
        "https://evil.example:80/cb",
    ],
)
def test_where_we_cannot_listen_the_address_is_pasted(uri):
    assert find_redirect(uri, None) is None


@pytest.mark.parametrize(
    ("uri", "port"),
    [
        ("http://127.0.0.1:7999/callback", 8000),
        ("https://localhost:7999/callback", 8000),
        ("https://app.example/cb", 80),
        ("http://127.0.0.1/cb", 443),
    ],
)
def test_a_port_does_not_move_a_fixed_one(uri, port):
    with pytest.raises(UsageError, match="whatever --port says") as caught:
        find_redirect(uri, port)
    assert uri in caught.value.message


def test_what_is_registered_at_the_provider():
    assert to_register(None) == "http://127.0.0.1/callback"
    assert to_register("http://localhost:7999/cb") == "http://localhost:7999/cb"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://as.example/authorize?state=x", True),
        ("http://127.0.0.1:4000/x", True),
        ("http://localhost:4000/x", True),
        ("http://[::1]/x", True),
        ("http://as.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://localhost.evil.example/", False),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("--version", False),
        ("-P https://as.example/", False),
        ("https://", False),
        ("https:as.example", False),
        ("HTTPS://as.example/", True),
        ("https://as.example/a b", False),
        ("https://as.example/\x1b]0;x", False),
        ("https://as.example/\u202e", False),
        ("https://[", False),
        ("vscode://as.example/", False),
        ("", False),
    ],
)
def test_only_pages_of_the_web_are_opened(url, good):
    """RFC 9700 section 4.11: what a server names may be a program, a file or an option."""
    assert is_for_browsers(url) is good


@pytest.fixture
def folder(tmp_path):
    """A PATH of our own; `folder("xdg-open")` puts a program there."""

    class Folder:
        path = str(tmp_path)

        def __call__(self, name, text="#!/bin/sh\nexit 0\n"):
            file = tmp_path / name
            file.write_text(text)
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
            return str(file)

    return Folder()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS always has a browser")
@pytest.mark.parametrize(
    ("environ", "command", "programs", "can"),
    [
        ({}, None, ["xdg-open"], False),
        ({}, "firefox", [], True),
        ({"BROWSER": "w3m"}, None, [], True),
        ({"BROWSER": ""}, "", [], False),
        ({"DISPLAY": ":0"}, None, [], False),
        ({"DISPLAY": ":0"}, None, ["xdg-open"], True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, None, ["chromium"], True),
        ({"WSL_DISTRO_NAME": "Debian"}, None, ["xdg-open"], False),
        ({"WSL_DISTRO_NAME": "Debian"}, None, ["wslview"], True),
    ],
)
def test_whether_a_browser_is_worth_trying(folder, environ, command, programs, can):
    for program in programs:
        folder(program)
    assert can_open({**environ, "PATH": folder.path}, command) is can


@pytest.fixture
def opened(tmp_path, folder):
    """`opened(ends)`: the command of a browser that writes down its arguments and environment."""
    log = tmp_path / "log"

    def make(ends="exit 0"):
        return folder("browser", f'#!/bin/sh\n{{ printf "%s\\n" "$*"; env; }} >"{log}"\n{ends}\n')

    make.log = log
    return make


KEYS = {"AUTHSOME_MASTER_KEY": "made-up-1", "AUTHSOME_PASSPHRASE": "made-up-2"}
URL = "https://as.example/authorize?a=b&c=$(d)"


def test_the_browser_gets_the_page_and_none_of_our_keys(opened):
    environ = {"PATH": os.environ["PATH"], "BROWSER": "none", "X": "kept", **KEYS}
    assert open_browser(URL, environ=environ, command=f"{opened()} %s") is True
    words, *variables = opened.log.read_text().splitlines()
    assert words == URL
    assert "X=kept" in variables
    assert "made-up" not in opened.log.read_text()


def test_a_browser_that_cannot_open_it_says_so(opened):
    environ = {"PATH": os.environ["PATH"], "BROWSER": f"{opened('exit 3')} %s"}
    assert open_browser(URL, environ=environ, command=None) is False
    assert opened.log.exists()


def test_a_browser_that_stays_is_not_waited_for(opened, tmp_path):
    """It goes on until this test ends it: a browser in the foreground blocks nobody."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    environ = {"PATH": os.environ["PATH"]}
    assert open_browser(URL, environ=environ, command=f"{opened(f'read line <{fifo}')} %s") is True
    fifo.write_text("end\n")


def test_what_is_no_page_starts_no_program(opened):
    environ = {"PATH": os.environ["PATH"]}
    for url in ("file:///etc/passwd", "javascript:alert(1)", "--help"):
        assert open_browser(url, environ=environ, command=f"{opened()} %s") is False
    assert not opened.log.exists()
    assert open_browser(URL, environ={"PATH": "/nonexistent"}, command=None) is False
