"""An authorization server on loopback that misbehaves on demand, one way for each login.

Refresh tokens are good for one use; a second one ends all that came from the login, and is counted. Tokens,
codes, verifiers and the client's secret are told to `remember`, for whoever searches for them afterwards.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
import secrets
import socket
import ssl
import struct
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

CLIENT_ID = "acme-client"
LONGEST_HOLD_S = 120.0
ABSENT = object()


class Family:
    """All that came from one login. `play`: how the server answers what concerns it."""

    def __init__(self, play):
        self.play = play
        self.refresh = self.access = None
        self.spent = set()
        self.asked = 0
        """Requests for a refresh."""
        self.rotations = 0
        self.reused = 0
        self.revoked = []
        self.arrived = threading.Event()
        """A request has been read, and nothing done about it yet."""
        self.rotated = threading.Event()
        self.go = threading.Event()
        """For plays that hold."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, remember):
        super().__init__(("127.0.0.1", 0), Handler)
        self.remember = remember
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.client_secret = self.draw()
        self.families = []
        self.codes = {}
        self.asked = []
        """(path, fields) of each request."""
        self.over = threading.Event()
        self.pages = {}
        """Path to play."""
        self.context = None
        """For https, as of the next connection."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def draw(self):
        return self.remember(secrets.token_urlsafe(24).encode()).decode()

    def code(self, play="good"):
        """A code that a browser would come back with, and the family that it begins."""
        family = Family(play)
        self.families.append(family)
        code = self.draw()
        self.codes[code] = family
        return code, family

    def stop(self):
        self.over.set()
        for family in self.families:
            family.go.set()
        self.shutdown()
        self.server_close()

    def get_request(self):
        connection, address = super().get_request()
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_):
        pass  # a client that is gone


class Handler(BaseHTTPRequestHandler):
    """One request. Plays use `reply`, `work` (do what was asked for, and return the answer), `family`."""

    server: Server

    def do_GET(self):
        self.fields = dict(parse_qsl(urlsplit(self.path).query))
        self.answer(None)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        is_json = self.headers.get("Content-Type") == "application/json"
        self.fields = json.loads(body) if is_json else dict(parse_qsl(body))
        if verifier := self.fields.get("code_verifier"):
            self.server.remember(verifier.encode())
        self.answer(self.find())

    def answer(self, family):
        """For what belongs to no family, a part of the path names the play, if `pages` has none."""
        self.family = family
        self.server.asked.append((self.path, self.fields))
        if family is not None and self.fields.get("grant_type") == "refresh_token":
            family.asked += 1
        if family is not None:
            play = family.play
            family.arrived.set()
        else:
            path = urlsplit(self.path).path
            named = (part for part in unquote(path).split("/") if part in PLAYS)
            play = self.server.pages.get(path) or next(named, None)
        play = play if callable(play) else PLAYS.get(play)
        if play is None:
            self.reply(404, {})
        else:
            play(self)

    def find(self):
        fields = self.fields
        token = fields.get("refresh_token") or fields.get("token")
        if token is None:
            return self.server.codes.get(fields.get("code"))
        for each in self.server.families:
            if token in (each.refresh, each.access) or token in each.spent:
                return each
        return None

    def work(self):
        """Do it, with proof of the client and single use, and return the good answer."""
        fields, server = self.fields, self.server
        pair = f"{CLIENT_ID}:{server.client_secret}".encode()
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(pair).decode()}":
            return {"error": "invalid_client"}
        with server.lock:
            if "token" in fields:
                self.family.revoked.append(fields["token_type_hint"])
                return {}
            if "code" in fields and server.codes.pop(fields["code"], None) is None:
                return {"error": "invalid_grant"}
            return self.tokens()

    def tokens(self):
        family = self.family
        presented = self.fields.get("refresh_token")
        if presented is not None:
            if presented in family.spent:
                family.reused += 1
                family.refresh = None
            if presented != family.refresh:
                return {"error": "invalid_grant"}
            family.spent.add(presented)
            family.rotations += 1
        family.refresh, family.access = self.server.draw(), self.server.draw()
        family.rotated.set()
        return {
            "access_token": family.access,
            "refresh_token": family.refresh,
            "token_type": "Bearer",
            "expires_in": 1000,
        }

    def reply(self, status, body=b"", headers=()):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def raw(self, content):
        """Bytes as they are, and the end."""
        self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *_):
        pass


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HTML = b"<!doctype html><html><title>Please wait</title><p>a = b</p></html>"


def status(code, *headers, body=HTML):
    return lambda request: request.reply(code, body, headers)


def error(document, code=400):
    return lambda request: request.reply(code, document)


def changed(**fields):
    """The good answer with other fields. A kept refresh token was not rotated."""

    def play(request):
        old = request.family.refresh
        answer = {**request.work(), **fields}
        if "refresh_token" in fields and "error" not in answer and old is not None:
            request.family.spent.discard(old)
            request.family.refresh = old
        if isinstance(answer["access_token"], str):
            request.family.access = answer["access_token"]
        request.reply(200, {name: value for name, value in answer.items() if value is not ABSENT})

    return play


def good(request):
    answer = request.work()
    request.reply(400 if "error" in answer else 200, answer)


def refresh_then(play):
    """A good answer to a login, `play` to each refresh."""
    chosen = PLAYS.get(play, play)

    def either(request):
        (chosen if "refresh_token" in request.fields else good)(request)

    return either


def lost(request):
    """It is done, and nobody hears of it."""
    request.work()
    request.raw(b"")


def reset(request):
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.close_connection = True


def hang(request):
    request.server.over.wait(LONGEST_HOLD_S)


def drip(request):
    """A byte now and then, so that no single read is late."""
    with contextlib.suppress(OSError):
        request.wfile.write(OK + b"\r\n")
        while not request.server.over.wait(0.2):
            request.wfile.write(b" ")


def held(request):
    """Nothing before `go`, then what is good."""
    request.family.go.wait(LONGEST_HOLD_S)
    good(request)


def held_after(request):
    """Done at once, told after `go`."""
    answer = request.work()
    request.family.go.wait(LONGEST_HOLD_S)
    request.reply(200, answer)


def unsteady(request):
    """It takes its time, before and after it is done."""
    time.sleep(random.uniform(0, 0.15))
    answer = request.work()
    time.sleep(random.uniform(0, 0.15))
    request.reply(400 if "error" in answer else 200, answer)


def endless(request):
    """50 MB, with a good answer somewhere in it."""
    body = b'{"pad": "' + b"x" * 50_000_000 + b'"}'
    with contextlib.suppress(OSError):
        request.reply(200, body)


def moved(code):
    return lambda request: request.reply(
        code, b"", [("Location", request.server.elsewhere.url + "/good/token")]
    )


def echo(request):
    """It quotes what it was sent, at each length: somewhere it is cut."""
    sent = [value for name, value in request.fields.items() if name not in ("grant_type", "token_type_hint")]
    proof = base64.b64decode(request.headers.get("Authorization", "Basic ").split()[1]).decode()
    text = " ".join([*sent, proof, request.headers.get("Authorization", "")])
    pad = "x" * random.randrange(200, 290)
    request.reply(400, {"error": "invalid_request", "error_description": f"{text} {pad} {text}"})


PLAYS = {
    "good": good,
    "lost": lost,
    "held": held,
    "held after": held_after,
    "unsteady": unsteady,
    "hang": hang,
    "drip": drip,
    "reset": reset,
    "closed": lambda request: request.raw(b""),
    "500": status(500),
    "502": status(502),
    "503": status(503),
    "504": status(504),
    "408": status(408),
    "429 in 7 s": status(429, ("Retry-After", "7")),
    "503 until a date": lambda request: request.reply(
        503, HTML, [("Retry-After", formatdate(time.time() + 60, usegmt=True))]
    ),
    "429 for ages": status(429, ("Retry-After", "9" * 12)),
    "429 of nonsense": status(429, ("Retry-After", "-1e9")),
    "html": status(200),
    "empty": status(200, body=b""),
    "truncated": lambda request: request.raw(OK + b'Content-Length: 900\r\n\r\n{"access_token": "a'),
    "noise": lambda request: request.raw(bytes(range(256)) * 20),
    "50 MB": endless,
    "deep": status(200, body=b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "gzip bomb": lambda request: request.raw(
        OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(bytes(10**7))
    ),
    "302": moved(302),
    "307": moved(307),
    "404": status(404),
    "invalid_grant": error({"error": "invalid_grant", "error_description": "a\r\nb\x1b[2J\u202e"}),
    "invalid_client": error({"error": "invalid_client"}, 401),
    "200 invalid_grant": error({"error": "invalid_grant"}, 200),
    "error object": error({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}),
    "temporarily": error({"error": "temporarily_unavailable"}),
    "server_error": error({"error": "server_error"}),
    "echo": echo,
}


def tls(certificate_file, key_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context
