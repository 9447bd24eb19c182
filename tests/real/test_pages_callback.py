"""Where the browser comes back to, against whoever else knocks: raw sockets to the real command."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from real.raw import WAIT_S, connect, header, request, rest_of, status, talk

from authsome_env.app.browser_login import by_browser
from authsome_env.app.oauth_login import OAuthLogin, Wishes
from authsome_env.app.workspace import Workspace
from authsome_env.errors import LoginFailed
from authsome_env.oauth.discovery import find_endpoints

SCRIPT = "<script>alert(1)</script>\x1b[2J\u202e"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)


@pytest.fixture(scope="module")
def server():
    """The address of an authorization server that asks nobody for consent."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "authsome_env.cli.demo_server", "3600"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    process.communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Login:
    """A login that waits for its browser; `url` is where that was sent."""

    def __init__(self, authsome, *words):
        self.authsome = authsome
        self.process = authsome.start(
            "login", "acme", "--no-browser", *words, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.said = b""
        for line in iter(self.process.stderr.readline, b""):
            self.said += line
            if b"http" in line:
                break
        self.url = line.decode().strip()
        self.query = dict(parse_qsl(urlsplit(self.url).query))
        self.redirect = urlsplit(self.query["redirect_uri"])
        self.host = self.redirect.netloc
        self.port = self.redirect.port

    def code(self):
        """What the server would send the browser back with."""
        with pytest.raises(urllib.error.HTTPError) as answer:
            OPENER.open(f"{self.url}&account=alice")
        answer.value.close()
        return parse_qs(urlsplit(answer.value.headers["Location"]).query)["code"][0]

    def back(self, query, *, address="127.0.0.1", **how):
        query = query if isinstance(query, str) else urlencode(query)
        return talk(self.port, request(self.host, f"{self.redirect.path}?{query}", **how), address)

    def answer(self, **fields):
        """The true answer, or one with its state; the page that comes of it."""
        sent = self.back({"state": self.query["state"], **fields})
        assert status(sent) == 303
        return talk(self.port, request(self.host, header(sent, "location"))).decode()

    def end(self):
        """The exit code; `said` is all of stderr then."""
        _, rest = self.process.communicate(timeout=WAIT_S)
        self.said += rest
        self.authsome.heard(("login",), None, self.said)
        assert b"Traceback" not in self.said
        return self.process.returncode


@pytest.fixture
def define(authsome, server):
    """`define(**oauth)`: the provider `acme` of that server, with another word in its definition."""

    def add(**oauth):
        definition = {
            "schema_version": 1,
            "name": "acme",
            "display_name": "Acme",
            "auth_type": "oauth2",
            "flow": "pkce",
            "oauth": {
                "authorization_url": f"{server}/authorize",
                "token_url": f"{server}/token",
                "scopes": ["read"],
                "token_endpoint_auth_method": "none",
                **oauth,
            },
            "client": {"client_id": "tour"},
            "env": {"ACME_TOKEN": "{access_token}"},
            "account": {"url": f"{server}/me", "id": "/account"},
        }
        folder = os.path.join(authsome.home, "providers")
        os.makedirs(folder, 0o700)
        with open(os.path.join(folder, "acme.json"), "w") as file:
            json.dump(definition, file)

    return add


@pytest.fixture
def login(authsome, define):
    """`login(*words, **oauth)`: a login that is under way."""
    started = []

    def start(*words, **oauth):
        define(**oauth)
        started.append(Login(authsome, *words))
        return started[-1]

    yield start
    for each in started:
        if each.process.returncode is None:
            each.process.kill()
            each.end()


def saved(authsome):
    return json.loads(authsome("list", "--json").stdout)["connections"]


def test_strangers_change_nothing_before_the_true_answer(authsome, login, secret):
    waiting = login()
    state, code = waiting.query["state"], waiting.code()
    secret(code.encode())
    true = urlencode({"code": code, "state": state})
    for query in (
        "",
        f"code={code}",
        f"code={code}&state=",
        f"code={code}&state=wrong",
        f"code={code}&state={state}x",
        f"code={code}&state={state}&state={state}",
        f"code={code}&STATE={state}",
        "error=access_denied",
        "error=access_denied&state=wrong",
        f"error=access_denied&error_description={state}",
        true.replace("&", ";"),
        f"{true}&{'x=&' * 200}",
        f"{true}&q={'q' * 70_000}",
        f"{true}#",
    ):
        assert status(waiting.back(query)) in (400, 431), query
    for method in ("HEAD", "POST", "OPTIONS", "PUT"):  # form_post is not what was asked for
        answer = waiting.back(true, method=method)
        assert (status(answer), header(answer, "allow")) == (405, "GET")
    form = [f"Content-Length: {len(true)}", "Content-Type: application/x-www-form-urlencoded"]
    bare = request(waiting.host, "/callback", method="POST", headers=form) + true.encode()
    assert status(talk(waiting.port, bare)) == 405
    for path in (
        "/",
        "/favicon.ico",
        "/callback/",
        "/callback/x",
        "/Callback",
        "//callback",
        "/x/../callback",
    ):
        assert status(talk(waiting.port, request(waiting.host, f"{path}?{true}"))) == 404
    names = (f"{name}:{waiting.port}" for name in ("localhost", "evil.example", "[::1]"))
    for host in (None, "127.0.0.1", *names):
        assert status(talk(waiting.port, request(host, f"/callback?{true}"))) == 421
    absolute = request(waiting.host, f"http://{waiting.host}/callback?{true}")
    assert status(talk(waiting.port, absolute)) == 400
    with connect(waiting.port) as half:
        half.sendall(request(waiting.host, f"/callback?{true}")[:-2])
        half.shutdown(socket.SHUT_WR)
        assert rest_of(half) == b""
    assert waiting.process.poll() is None
    assert "Logged in" in waiting.answer(code=code)
    assert waiting.end() == 0
    assert b"saved acme:default, the account of alice" in waiting.said
    assert [each["account"] for each in saved(authsome)] == ["alice"]


def test_the_true_answer_comes_through_a_crowd_and_twice(login):
    waiting = login()
    idle = [connect(waiting.port) for _ in range(300)]
    slow = [connect(waiting.port) for _ in range(50)]
    for letter in b"GET /callback":
        for connection in slow:
            connection.sendall(bytes([letter]))
    raw = request(
        waiting.host, "/callback?" + urlencode({"code": waiting.code(), "state": waiting.query["state"]})
    )
    with connect(waiting.port) as first, connect(waiting.port) as second:
        first.sendall(raw)
        second.sendall(raw)
        one, other = rest_of(first), rest_of(second)
    assert (status(one), status(other)) == (303, 303)
    assert header(one, "location") == header(other, "location")
    page = talk(waiting.port, request(waiting.host, header(one, "location"))).decode()
    assert "Acme is connected as <strong>alice</strong>" in page
    assert waiting.query["state"] not in page
    assert waiting.end() == 0
    for connection in (*idle, *slow):
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        connect(waiting.port)


def test_a_browser_that_goes_away_while_it_is_held_is_logged_in_all_the_same(authsome, login):
    waiting = login()
    with connect(waiting.port) as browser:
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        query = urlencode({"code": waiting.code(), "state": waiting.query["state"]})
        browser.sendall(request(waiting.host, f"/callback?{query}"))
        select.select((browser,), (), (), WAIT_S)  # the answer is here, and is not read
    assert waiting.end() == 0
    assert len(saved(authsome)) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("code=a&code=b", b"no code, or more than one"),
        ("code=", b"no code, or more than one"),
        ("", b"no code, or more than one"),
        ("code=a&error=server_error", b"acme refused the login (server_error)"),
        ("error=access_denied", b"the login to acme was denied"),
        ("code=a&iss=https%3A%2F%2Fevil.example", b"another server than the one that was asked"),
        ("error=access_denied&iss=https%3A%2F%2Fevil.example", b"another server than the one"),
        (urlencode({"error": "odd", "error_description": SCRIPT}), b"odd: <script>alert(1)</script>\\x1b[2J"),
        (f"error=odd&error_description={'x' * 9000}&error_uri=https%3A%2F%2Fevil.example", b"(odd: xxx"),
        ("code=unknown", b"acme refused the login (invalid_grant"),
    ],
)
def test_an_answer_of_no_use_ends_it(authsome, login, query, words):
    waiting = login()
    sent = waiting.back(f"state={waiting.query['state']}&{query}")
    page = talk(waiting.port, request(waiting.host, header(sent, "location"))).decode()
    assert waiting.end() == 9
    assert words in waiting.said
    assert "Nothing was saved" in page
    assert "<script" not in page
    assert "\x1b" not in page
    assert "evil.example" not in page
    assert len(page) < 6000
    assert saved(authsome) == []


def test_a_request_that_is_denied_says_so_in_its_title(login):
    waiting = login()
    assert "<h1>The login was denied</h1>" in waiting.answer(error="access_denied")
    assert waiting.end() == 9


@pytest.mark.parametrize("moment", ["waiting", "half a request", "held"])
def test_ctrl_c_at_any_moment_frees_the_port(authsome, login, moment):
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        waiting = login("--port", str(port), token_url=f"{url}/token")
        assert waiting.query["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
        with connect(port) as browser:
            raw = request(waiting.host, f"/callback?code=x&state={waiting.query['state']}")
            if moment == "half a request":
                browser.sendall(raw[:20])
                assert status(waiting.back("")) == 400
            if moment == "held":
                browser.sendall(raw)
                exchange, _ = silent.accept()
                exchange.recv(1)
            waiting.process.send_signal(signal.SIGINT)
            assert waiting.end() == 9
            assert b"cancelled" in waiting.said
            if moment == "held":
                exchange.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    assert saved(authsome) == []


@pytest.mark.parametrize("fixed", [False, True])
def test_a_port_that_is_taken_is_said_and_no_other_is_used(authsome, define, fixed):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        define(**({"redirect_uri": f"http://127.0.0.1:{port}/cb"} if fixed else {}))
        failed = authsome("login", "acme", "--no-browser", *([] if fixed else ["--port", port]))
    assert failed.returncode == 9
    said = failed.stderr.decode()
    assert f"cannot listen at port {port} of this machine: address already in use" in said
    assert ("--port" in said) is not fixed
    assert "http" not in said


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("localhost", ("127.0.0.1", "::1")), ("[::1]", ("::1",)), ("127.0.0.1", ("127.0.0.1",))],
)
def test_a_fixed_redirect_is_used_to_the_letter(login, host, addresses):
    port = free_port()
    uri = f"http://{host}:{port}/oauth/Back%20here"
    waiting = login(redirect_uri=uri)
    assert waiting.query["redirect_uri"] == uri
    for address in addresses:
        assert status(waiting.back("state=wrong", address=address)) == 400
    denied = {"error": "access_denied", "state": waiting.query["state"]}
    sent = waiting.back(denied, address=addresses[-1])
    assert status(sent) == 303
    talk(port, request(waiting.host, header(sent, "location")), addresses[-1])
    assert waiting.end() == 9


class Nobody:
    """A person whose browser never comes back."""

    def __init__(self, descriptor=None):
        self.descriptor = descriptor
        self.shown = None

    def show_url(self, url):
        self.shown = url

    def open(self, _):
        return self.descriptor is None

    def pasted(self):
        return self.descriptor


@pytest.mark.parametrize("redirect_uri", [None, "https://acme.example/shows-the-code"])
def test_the_limit_of_time_ends_it(authsome, define, redirect_uri):
    """By an argument, because five minutes are long; also where the address is pasted."""
    define(redirect_uri=redirect_uri)
    workspace = Workspace(authsome.environment(), now=time.time)
    definition = workspace.registry().load("acme")
    reading, writing = os.pipe()
    person = Nobody(reading if redirect_uri else None)
    attempt = OAuthLogin(workspace, definition, "default", Wishes(), person)
    with pytest.raises(LoginFailed) as late:
        by_browser(attempt, find_endpoints(definition, None, "pkce", None), None, limit_s=0.1)
    os.close(reading)
    os.close(writing)
    assert "nobody came back from the browser within" in late.value.message
    assert "--no-browser" in late.value.hint
    if redirect_uri is None:
        with pytest.raises(ConnectionRefusedError):
            connect(urlsplit(dict(parse_qsl(urlsplit(person.shown).query))["redirect_uri"]).port)
