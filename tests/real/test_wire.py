"""Servers that misbehave, on real sockets: whatever they do is bounded in size and time, and told apart."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
import time

import pytest

from authsome_env.errors import LoginFailed
from authsome_env.oauth.messages import NoAnswer, NotSent, Request
from authsome_env.oauth.wire import Wire, form

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PATIENCE_S = 1.0


def whole(body):
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
def serve():
    """`serve(play)`: the URL of a server whose every connection is `play(connection)`."""
    listeners = []

    def start(play):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    play(connection)

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/token"

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture
def wire():
    with Wire({}, connect_s=PATIENCE_S, total_s=PATIENCE_S) as opened:
        yield opened


def drip(start, more):
    def play(connection):
        connection.sendall(start)
        for each in more:
            connection.sendall(each)
            time.sleep(0.1)

    return play


def test_an_answer_is_whole(serve, wire):
    url = serve(lambda connection: connection.sendall(whole(b'{"a": 1}')))
    answer = wire(form(url, {"a": "b c"}))
    assert (answer.status, answer.body) == (200, b'{"a": 1}')
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "play",
    [
        lambda connection: None,
        lambda connection: connection.sendall(b"\0\xff" * 500),
        lambda connection: connection.sendall(OK + b"Content-Length: 100\r\n\r\n{"),
        lambda connection: connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        lambda connection: connection.sendall(
            OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(bytes(10**7))
        ),
        lambda connection: connection.sendall(whole(bytes(50_000_000))),
        lambda connection: connection.recv(1),  # hangs until we are gone
        drip(b"", itertools.repeat(b"H")),
        drip(OK, (b"X-%d: y\r\n" % number for number in itertools.count())),
        drip(OK + b"\r\n", itertools.repeat(b"x")),
    ],
    ids=["closed", "noise", "cut", "chunks", "gzip", "huge", "hang", "line", "headers", "body"],
)
def test_no_whole_answer_is_told_as_such_within_the_time(serve, wire, play):
    url = serve(play)
    with pytest.raises(NoAnswer) as caught:
        wire(form(url, {"refresh_token": "made-up"}))
    assert "made-up" not in f"{caught.value.message} {caught.value.hint}"
    url = serve(lambda connection: connection.sendall(whole(b"{}")))
    assert wire(Request("GET", url, {})).body == b"{}"  # and it is fit for the next one


def test_what_was_never_sent_is_told_apart(wire):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent, match="cannot connect to 127"):
            wire(form(f"http://127.0.0.1:{bound.getsockname()[1]}/", {}))


def test_a_redirect_is_not_followed(serve, wire):
    asked = []
    other = serve(lambda connection: asked.append(1))
    url = serve(
        lambda connection: connection.sendall(
            f"HTTP/1.1 307 T\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n".encode()
        )
    )
    assert wire(form(url, {"refresh_token": "x"})).status == 307
    assert asked == []


@pytest.mark.parametrize("url", ["http://example.com/", "file:///etc/passwd", "javascript:1", "https://a@b/"])
def test_what_no_credential_may_go_to_is_refused_before_anything_is_sent(wire, url):
    with pytest.raises(LoginFailed):
        wire(form(url, {"refresh_token": "x"}))


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "ftp://proxy.example", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told_before_anything_is_sent(proxy):
    with Wire({"https_proxy": proxy}) as wire, pytest.raises(NotSent, match="the proxy that"):
        wire(form("https://as.example/token", {"refresh_token": "x"}))


def test_a_proxy_may_be_named_without_a_scheme(serve):
    asked = []

    def play(connection):
        asked.append(connection)
        connection.sendall(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")

    host = serve(play).removeprefix("http://").removesuffix("/token")
    with Wire({"https_proxy": host}) as wire, pytest.raises(NotSent):
        wire(form("https://as.example/token", {}))
    assert len(asked) == 1
