"""The local form against whoever else is on this machine or on the web: raw sockets to the real server."""

from __future__ import annotations

import os
import re
import secrets
import socket
import threading
import time
from urllib.parse import urlencode

import pytest
from real.raw import WAIT_S, connect, header, request, rest_of, status, talk

from authsome_env.errors import AuthsomeError, LoginCancelled, LoginFailed
from authsome_env.oauth.form import Form
from authsome_env.oauth.loopback import Loopback
from authsome_env.providers.schema import Field

FIELDS = (
    Field("account", "Account", secret=False, pattern="^A", pattern_hint="it begins with A"),
    Field("key", "Key"),
    Field("region", "Region", secret=False, optional=True),
)


class Served:
    """A form that waits in a thread, and what came of it."""

    def __init__(self, fields=FIELDS, limit_s=WAIT_S, **loopback):
        self.loopback = Loopback(**loopback)
        self.host = self.loopback.host
        self.port = self.loopback.port
        self.form = Form(self.loopback, service="Acme", fields=fields, check=self._check, random=os.urandom)
        self.path = self.form.url.removeprefix(self.loopback.origin)
        self.fields = fields
        self.values = self.error = None
        self._thread = threading.Thread(target=self._wait, args=(limit_s,))
        self._thread.start()

    def _check(self, values):
        return {
            field.name: "it begins with A"
            for field in self.fields
            if field.pattern and not values.get(field.name, b"").startswith(b"A")
        }

    def _wait(self, limit_s):
        with self.loopback:
            try:
                self.values = self.form.wait(limit_s)
            except AuthsomeError as error:
                self.error = error

    def get(self, target=None, **how):
        return talk(self.port, request(self.host, target or self.path, **how))

    def token(self):
        return re.search(rb'name="form-token" value="(\w+)"', self.get())[1].decode()

    def post(self, values=(), *, token=None, headers=(), kind="application/x-www-form-urlencoded", **how):
        body = urlencode({"form-token": token or self.token(), **dict(values)}).encode()
        return self.get(method="POST", headers=(*headers, f"Content-Type: {kind}"), body=body, **how)

    def end(self):
        """Fill it in properly, as the browser would after all of that; what was taken."""
        key = secrets.token_hex(16)
        sent = self.post({"account": "A1", "key": key, "form-button": "save"})
        assert status(sent) == 303
        assert status(self.get(header(sent, "location"))) == 200
        self._thread.join(WAIT_S)
        assert self.error is None
        assert self.values == {"account": b"A1", "key": key.encode()}

    def stop(self):
        if self._thread.is_alive():
            self.post({"form-button": "cancel"})
            self.get(f"{self.path}/done")
            self._thread.join(WAIT_S)


@pytest.fixture
def serve():
    started = []

    def start(**how):
        started.append(Served(**how))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="module")
def form():
    """One form for all who achieve nothing; in the end it still takes what is right."""
    served = Served(limit_s=600)
    yield served
    assert served.values is None
    served.end()


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost:{port}",
        "[::1]:{port}",
        "evil.example:{port}",
        "127.0.0.1.nip.io:{port}",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.1:{port}@evil.example",
        "127.0.0.1:0{port}",
        "2130706433:{port}",
    ],
)
def test_who_looks_for_another_host_gets_nothing(form, host):
    answer = talk(form.port, request(host and host.format(port=form.port), form.path))
    assert status(answer) == 421
    assert b"form-token" not in answer


@pytest.mark.parametrize(
    "lines",
    [
        "GET http://{host}{path} HTTP/1.1\r\nHost: {host}",
        "GET //{host}{path} HTTP/1.1\r\nHost: evil.example",
        "GET {path}#fragment HTTP/1.1\r\nHost: {host}",
        "GET {path}\tx HTTP/1.1\r\nHost: {host}",
        "GET {path}?\xfc HTTP/1.1\r\nHost: {host}",
        "GET {path}",
        "GET {path} HTTP/0.9\r\nHost: {host}",
        "GET {path} HTTP/2.0\r\nHost: {host}",
        "GET  {path} HTTP/1.1\r\nHost: {host}",
        "* HTTP/1.1\r\nHost: {host}",
        "OPTIONS * HTTP/1.1\r\nHost: {host}",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: {host}",
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: evil.example",
        "GET {path} HTTP/1.1\r\nHost : {host}",
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n folded: x",
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nno colon",
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nX: \0",
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nX: y\nHost: evil.example",
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked",
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nContent-Length: 0",
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1",
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: +1",
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1_0",
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: \xb2",
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2",
    ],
)
def test_what_is_not_strictly_http_is_refused(form, lines):
    answer = talk(form.port, f"{lines}\r\n\r\n".format(host=form.host, path=form.path).encode("latin-1"))
    assert status(answer) in (400, 421)
    assert status(answer) == 400 or b"evil" in lines.encode()
    assert b"form-token" not in answer


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (lambda form: request(form.host, f"{form.path}?{'q' * 70_000}"), 431),
        (lambda form: request(form.host, form.path, headers=[f"X: {'x' * 70_000}"]), 431),
        (lambda form: b"x" * 300_000, 431),
        (lambda form: request(form.host, form.path, method="POST", body=b"x" * 70_000), 413),
        (lambda form: request(form.host, form.path, headers=["Content-Length: 9" + "0" * 4000]), 413),
        (lambda form: request(form.host, f"{form.path}?{'a&' * 200}"), 400),
    ],
)
def test_a_size_above_the_limit_is_answered_and_not_reset(form, raw, expected):
    assert status(talk(form.port, raw(form))) == expected


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/callback", "{}x", "{}/", "{}/done", "/..{}", "/%2e{}"]
)
def test_there_is_nothing_at_another_path(form, path):
    assert status(form.get(path.format(form.path))) == 404
    assert status(form.get(form.path.upper())) == 404


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PATCH", "get"])
def test_another_method_is_not_allowed(form, method):
    answer = form.get(method=method, headers=["Origin: https://evil.example"])
    assert status(answer) == 405
    assert header(answer, "allow") == "GET, POST"
    assert b"access-control" not in answer.lower()


@pytest.mark.parametrize(
    "how",
    [
        {"token": "0" * 48},
        {"token": "x"},
        {"headers": ["Origin: https://evil.example"]},
        {"headers": ["Origin: null"]},
        {"headers": ["Origin: http://localhost:{port}"]},
        {"headers": ["Origin: http://127.0.0.1"]},
        {"headers": ["Sec-Fetch-Site: cross-site"]},
        {"headers": ["Sec-Fetch-Site: same-site"]},
        {"kind": "text/plain"},
        {"kind": "multipart/form-data; boundary=x"},
        {"kind": "application/json"},
    ],
)
def test_a_post_of_another_page_takes_and_cancels_nothing(form, how):
    how = {**how, "headers": [line.format(port=form.port) for line in how.get("headers", ())]}
    for button in ("save", "cancel"):
        answer = form.post({"account": "A2", "key": "forged", "form-button": button}, **how)
        assert status(answer) in (400, 403)
    assert status(form.get()) == 200


def test_a_post_without_a_token_or_a_body_takes_nothing(form):
    kind = "Content-Type: application/x-www-form-urlencoded"
    assert status(form.get(method="POST", headers=[kind])) == 403
    assert status(form.get(method="POST", headers=[kind], body=b"account=A2&key=forged")) == 403
    assert status(form.get(method="POST", headers=[kind], body=b"account=A2&\xff")) == 400
    assert status(form.get(method="POST", headers=[kind], body=b"a&" * 200)) == 400


def test_a_body_that_is_not_as_long_as_it_says(form):
    whole = urlencode({"account": "A2", "key": "forged", "form-token": form.token()}).encode()
    head = f"POST {form.path} HTTP/1.1\r\nHost: {form.host}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n"
    cut = whole.index(b"&form-token")
    assert status(talk(form.port, head.format(cut).encode() + whole)) == 403  # what is over does not count
    with connect(form.port) as connection:
        connection.sendall(head.format(len(whole) + 1).encode() + whole)
        connection.shutdown(socket.SHUT_WR)  # the last byte never comes
        assert rest_of(connection) == b""


def test_cookies_of_other_servers_at_this_host_do_no_harm(form):
    """Cookies know no port, so those of every program at 127.0.0.1 come along, in any encoding."""
    cookies = f"Cookie: {'a=' + 'b' * 20_000}; name=J\xfcrgen".encode("latin-1")
    raw = request(form.host, form.path).replace(b"\r\n\r\n", b"\r\n" + cookies + b"\r\n\r\n")
    assert status(talk(form.port, raw)) == 200


def test_every_answer_keeps_itself_to_itself(form):
    answers = [form.get(), form.get("/"), form.get(method="PUT"), form.post(kind="text/plain")]
    answers.append(talk(form.port, request("evil.example")))
    for answer in answers:
        assert header(answer, "cache-control") == "no-store"
        assert header(answer, "content-security-policy").startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in header(answer, "content-security-policy")
        assert header(answer, "x-content-type-options") == "nosniff"
        assert header(answer, "referrer-policy") in ("no-referrer", "same-origin")
        assert header(answer, "access-control-allow-origin") is None
        assert header(answer, "server") is None


def test_idle_and_slow_clients_hold_up_nobody(form):
    """More than are served at once: idle ones of a port scan, drips that never end, halves of a request."""
    idle = [connect(form.port) for _ in range(300)]
    slow = [connect(form.port) for _ in range(50)]
    for letter in b"GET /":
        for connection in slow:
            connection.sendall(bytes([letter]))
        assert status(form.get()) == 200
    for connection in (*idle, *slow):
        connection.close()
    assert status(form.get()) == 200


def test_who_says_nothing_for_long_is_sent_away(serve):
    served = serve(patience_s=0.2)
    with connect(served.port) as silent, connect(served.port) as half:
        half.sendall(request(served.host, served.path)[:-1])
        assert rest_of(silent) == b""
        assert rest_of(half) == b""
    served.end()


def test_a_browser_that_goes_away_before_its_page_comes_does_no_harm(serve):
    served = serve()
    for _ in range(20):
        with connect(served.port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(request(served.host, served.path))  # and closed with a reset
    served.end()


def test_it_is_filled_in_once(serve):
    served = serve()
    token = served.token()
    sent = served.post({"account": "A1", "key": "first"}, token=token)
    done = header(sent, "location")
    assert (status(sent), done) == (303, f"{served.path}/done")
    assert status(served.post({"account": "A1", "key": "second"}, token=token)) == 410
    assert status(served.get()) == 410
    assert status(served.get(done, method="POST")) == 405
    assert b"first" not in served.get(done)
    served._thread.join(WAIT_S)
    assert served.values == {"account": b"A1", "key": b"first"}
    with pytest.raises(ConnectionRefusedError):
        connect(served.port)


def test_cancelled_is_cancelled_whatever_was_typed(serve):
    served = serve()
    sent = served.post({"account": "A1", "key": "typed", "form-button": "cancel"})
    assert b"Cancelled" in served.get(header(sent, "location"))
    served._thread.join(WAIT_S)
    assert isinstance(served.error, LoginCancelled)
    assert served.values is None


def test_the_limit_of_time_ends_it_and_frees_the_port():
    served = Served(limit_s=0.1)
    served._thread.join(WAIT_S)
    assert isinstance(served.error, LoginFailed)
    assert "nobody filled in the form within" in served.error.message
    with pytest.raises(ConnectionRefusedError):
        connect(served.port)


def test_a_slip_is_shown_escaped_and_without_the_secret(serve):
    served = serve()
    tricky = '"><script>alert(1)</script>\x1b\u202e'
    sent = served.post({"account": tricky, "key": "typed-secret", "region": "north"})
    assert (status(sent), header(sent, "location")) == (303, served.path)
    page = served.get().decode()
    assert 'value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\ufffd\ufffd"' in page
    assert 'value="north"' in page
    assert "It begins with A." in page
    assert "typed-secret" not in page
    served.end()


def test_a_field_may_have_any_name(serve):
    names = ("token", "answer", "form", "copy", "said", "redirect_uri")
    served = serve(fields=[Field(name, name) for name in names])
    sent = served.post({name: f"value of {name}" for name in names})
    served.get(header(sent, "location"))
    served._thread.join(WAIT_S)
    assert served.values == {name: f"value of {name}".encode() for name in names}


def test_a_value_arrives_byte_by_byte(serve):
    served = serve(fields=FIELDS[1:2])
    token = served.token().encode()
    kind = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
    body = b"key=%FF%00+%C3%BC%2B%26%3D&form-token=" + token
    sent = served.get(method="POST", headers=[kind], body=body)
    served.get(header(sent, "location"))
    served._thread.join(WAIT_S)
    assert served.values == {"key": "\xff\0 \xc3\xbc+&=".encode("latin-1")}


def test_no_two_forms_have_the_same_address_or_token(serve):
    one, other = serve(), serve()
    assert one.path != other.path
    assert len(one.path) > 40
    assert status(one.post({"account": "A1"}, token=other.token())) == 403
    assert status(one.get(other.path)) == 404


def test_a_port_that_is_taken_is_said(serve):
    served = serve()
    with pytest.raises(LoginFailed) as taken:
        Loopback(port=served.port)
    assert taken.value.message == (
        f"cannot listen at port {served.port} of this machine: address already in use"
    )
    assert "--port" in taken.value.hint


def test_localhost_is_both_of_its_addresses_or_none(serve):
    served = serve(host="localhost")
    for address in ("127.0.0.1", "::1"):
        assert status(talk(served.port, request(served.host, served.path), address)) == 200
        assert status(talk(served.port, request(f"127.0.0.1:{served.port}", served.path), address)) == 421
    with socket.socket(socket.AF_INET6) as stranger:
        stranger.bind(("::1", 0))
        stranger.listen()
        with pytest.raises(LoginFailed):  # a browser that prefers ::1 would tell the code to that one
            Loopback(host="localhost", port=stranger.getsockname()[1])


def test_nobody_elsewhere_reaches_it(serve):
    served = serve()
    for address in ("127.0.0.2", "::1"):
        with pytest.raises(ConnectionRefusedError):
            connect(served.port, address)


def test_the_port_is_held_from_the_beginning():
    with Loopback() as loopback:
        early = connect(loopback.port)  # a browser that is faster than we are
        early.sendall(request(loopback.host))
        seen = []

        def handle(heard):
            seen.append(heard.path)
            return "hold"

        assert loopback.serve(handle, until=time.monotonic() + WAIT_S) is True
    assert seen == ["/"]
    early.close()
