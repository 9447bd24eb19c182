"""What a review of the OAuth commands asked for: cases between the lines of test_oauth."""

from __future__ import annotations

import http.server
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

FOLLOW = "import sys, urllib.request as u; u.urlopen(sys.argv[1]).read()"


class Server(http.server.ThreadingHTTPServer):
    """Agrees to everything. `tokens`: its next answer; `asked`: paths and fields of what was posted."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.tokens = {"access_token": "at", "refresh_token": "rt", "expires_in": 3600}
        self.back = {}
        self.error = None
        self.asked = []
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        answer = urllib.parse.urlencode({"code": "c", "state": query["state"], **self.server.back})
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{answer}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = json.loads(body) if body.startswith("{") else dict(urllib.parse.parse_qsl(body))
        self.server.asked.append((self.path, fields))
        if fields.get("grant_type") == "refresh_token":
            self.server.reached.set()
            self.server.go_on.wait(60)
        answers = {"/token": self.server.tokens, "/register": {"client_id": f"c{len(self.server.asked)}"}}
        raw = json.dumps(answers.get(self.path, {})).encode()
        if code := self.server.error:
            raw = json.dumps({"error": code, "error_description": body}).encode()
        self.send_response(400 if code else 200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    servers = []

    def start():
        servers.append(Server())
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.go_on.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def define(authsome, tmp_path):
    """`define(server, **oauth)`: the provider acme is there, from now on."""

    def add(server, *, flow="pkce", **oauth):
        definition = {
            "schema_version": 1,
            "name": "acme",
            "auth_type": "oauth2",
            "flow": flow,
            "oauth": {
                "authorization_url": f"{server.url}/authorize",
                "token_url": f"{server.url}/token",
                "token_endpoint_auth_method": "client_secret_post",
                **oauth,
            },
            "client": {"client_id_env": "ACME_ID", "client_secret_env": "ACME_SECRET"},
            "env": {"ACME_TOKEN": "{access_token}"},
        }
        (tmp_path / "acme.json").write_text(json.dumps(definition))
        authsome("provider", "add", str(tmp_path / "acme.json"), "--replace", check=True)

    return add


@pytest.fixture
def login(authsome, tmp_path, secret):
    browser = tmp_path / "browser.py"
    browser.write_text(FOLLOW)
    env = {
        "BROWSER": f"{sys.executable} {browser} %s",
        "ACME_ID": "client",
        "ACME_SECRET": secret(secrets.token_urlsafe(24).encode()).decode(),
    }

    def log_in(*words, browser=env["BROWSER"], **how):
        return authsome("login", "acme", *words, env={**env, "BROWSER": browser}, **how)

    return log_in


def test_a_login_during_a_refresh_has_the_last_word(authsome, serve, define, login):
    server = serve()
    define(server)
    login(check=True)
    server.go_on.clear()
    refresh = authsome.start("refresh", "acme", stderr=subprocess.PIPE)
    assert server.reached.wait(60)
    server.tokens = {"access_token": "of-the-login", "refresh_token": "rt2", "expires_in": 3600}
    login("--force", check=True)
    server.go_on.set()
    _, said = refresh.communicate(timeout=60)
    assert (refresh.returncode, b"refreshed acme:default" in said) == (0, True), said
    assert authsome("token", "acme", check=True).stdout == b"of-the-login\n"


def test_a_token_without_a_stated_end_can_be_refreshed(authsome, serve, define, login):
    server = serve()
    define(server)
    server.tokens = {"access_token": "at", "refresh_token": "rt"}
    login(check=True)
    server.tokens = {"access_token": "next"}
    assert authsome("token", "acme", check=True).stdout == b"at\n"  # it is never due
    authsome("refresh", "acme", check=True)
    assert authsome("token", "acme", check=True).stdout == b"next\n"


@pytest.mark.parametrize(
    ("issuer", "code"), [("{url}", 0), ("{url}/tenant", 0), ("https://as.example", 9), ("http://[", 9)]
)
def test_an_issuer_that_no_definition_names_is_at_least_of_that_server(serve, define, login, issuer, code):
    server = serve()
    define(server)
    server.back = {"iss": issuer.format(url=server.url)}
    assert login().returncode == code


def test_certificates_that_cannot_be_read_are_named_and_nothing_counts_as_sent(
    authsome, serve, define, login, tmp_path
):
    server = serve()
    define(server)
    login(check=True)
    (tmp_path / "ca.pem").write_text("no certificate")
    for name, reason in (("ca.pem", b"not in PEM"), ("none.pem", b"no such file")):
        failed = authsome("refresh", "acme", "--force", env={"SSL_CERT_FILE": name}, cwd=tmp_path)
        assert failed.returncode == 8
        assert reason in failed.stderr
    authsome("refresh", "acme", "--force", check=True)
    assert [fields["grant_type"] for _, fields in server.asked] == ["authorization_code", "refresh_token"]


def test_a_definition_that_changes_its_way_to_revoke_is_told_no_token(authsome, serve, define, login):
    server, thief = serve(), serve()
    way = {"auth": "client_post", "body": {"token": "{token}"}}
    define(server, revocation={"url": f"{server.url}/end?of={{client_id}}", **way})
    login(check=True)
    define(server, revocation={"url": f"{thief.url}/steal", **way})
    authsome("revoke", "acme", "-c", "default", check=True)
    assert thief.asked == []
    assert [(path, fields["token"]) for path, fields in server.asked[1:]] == [
        ("/end?of=client", "rt"),
        ("/end?of=client", "at"),
    ]


CURIOUS = """
import sys, threading, urllib.error, urllib.parse as p, urllib.request as u
back = dict(p.parse_qsl(p.urlsplit(sys.argv[1]).query))["redirect_uri"]
seen, over = [], threading.Event()
def ask():
    while not over.is_set():
        try: seen.append(u.urlopen(back + "?code=x&state=wrong").status)
        except urllib.error.HTTPError as error: seen.append(error.code)
        except OSError: return
asking = threading.Thread(target=ask); asking.start()
u.urlopen(sys.argv[1]).read()
asking.join(20); over.set()
open(sys.argv[2], "w").write(" ".join(map(str, sorted(set(seen)))))
"""


def test_who_does_not_know_the_state_sees_no_page_of_the_login(authsome, serve, define, login, tmp_path):
    define(serve())
    program, seen = tmp_path / "curious.py", tmp_path / "seen"
    program.write_text(CURIOUS)
    done = login(check=True, browser=f"{sys.executable} {program} %s {seen}")
    assert b"saved acme:default" in done.stderr
    for _ in range(200):
        if seen.exists() and seen.read_text():
            break
        time.sleep(0.1)
    assert seen.read_text() == "400"


def test_a_client_without_a_secret_is_set_where_nobody_can_be_asked(authsome, serve, define):
    define(serve())
    done = authsome("client", "set", "acme", "--client-id", "public", check=True)
    assert b"saved the client of acme, which has no secret" in done.stderr
    shown = json.loads(authsome("client", "show", "acme", "--json", check=True).stdout)
    assert (shown["client_id"], shown["secret"], shown["auth_method"]) == ("public", False, "none")
    assert authsome("client", "set", "acme").returncode == 9


def test_a_locked_vault_is_told_before_a_secret_is_asked_for(authsome, serve, define, tmp_path):
    define(serve())
    authsome("init", "--key", "passphrase", env={"AUTHSOME_PASSPHRASE": secrets.token_hex(8)}, check=True)
    authsome("vault", "lock", check=True)
    opened = tmp_path / "opened"
    failed = authsome("client", "set", "acme", env={"BROWSER": f"touch {opened} %s"})
    assert failed.returncode == 10
    assert not opened.exists()


def test_a_registered_client_is_used_again_from_a_chosen_port(serve, define, login):
    server = serve()
    define(server, flow="dcr_pkce", registration_endpoint=f"{server.url}/register")
    login(check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    login("-c", "work", "--port", port, check=True)
    assert [path for path, _ in server.asked].count("/register") == 1
    assert {fields["client_id"] for path, fields in server.asked if path == "/token"} == {"c1"}


@pytest.mark.parametrize("error", ["invalid_request", "server_error"])
def test_a_server_that_quotes_what_it_was_sent_is_not_quoted(authsome, serve, define, login, error):
    server = serve()
    define(server, revocation_url=f"{server.url}/revoke")
    server.tokens = {"access_token": "a-token-sent", "refresh_token": "r-token-sent", "expires_in": 3600}
    login(check=True)
    server.error = error
    failed = authsome("refresh", "acme")
    assert b"refresh_token=***&" in failed.stderr
    assert b"client_secret=***" in failed.stderr
    inspected = authsome("inspect", "acme", check=True)
    revoked = authsome("revoke", "acme", "-c", "default")
    assert b"token=***&" in revoked.stderr
    for done in (failed, inspected, revoked):
        assert b"-sent" not in done.stdout + done.stderr


def test_a_client_secret_goes_to_no_other_server_than_the_first(authsome, serve, define, login):
    server, thief = serve(), serve()
    define(server)
    login(check=True)
    define(thief)
    stopped = login("-c", "work")
    assert stopped.returncode == 4
    assert f"is for {server.url}, and this login is at {thief.url}".encode() in stopped.stderr
    assert thief.asked == []
    authsome("client", "set", "acme", "--client-id", "theirs", "--stdin", input=b"for-the-other", check=True)
    login("-c", "work", check=True)
    assert [fields["client_id"] for _, fields in thief.asked] == ["theirs"]
