"""The provider `acme` of the tour's server: single-use refresh tokens, reuse detection."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
FOLLOW = "import sys, urllib.request as u; u.urlopen(sys.argv[1] + '&account={account}').read()"
# The person at the browser: agrees, as that account.


class Server:
    def __init__(self, lifetime):
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "authsome_env.cli.demo_server", str(lifetime)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def counts(self):
        return json.load(OPENER.open(f"{self.url}/counts"))

    def account(self, token):
        """Whose token it is, as the server says; None if it is dead."""
        request = urllib.request.Request(f"{self.url}/me", headers={"Authorization": f"Bearer {token}"})
        try:
            return json.load(OPENER.open(request))["account"]
        except urllib.error.HTTPError:
            return None

    def revoke(self, token):
        """Whatever its account gave, at the server alone."""
        fields = urllib.parse.urlencode({"token": token, "client_id": "tour"}).encode()
        OPENER.open(f"{self.url}/revoke", fields).close()

    def stop(self):
        if self.process.returncode is None:
            self.process.communicate()


@pytest.fixture
def serve():
    servers = []

    def start(lifetime):
        servers.append(Server(lifetime))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def connect(authsome, serve, warm, tmp_path):
    """`connect(lifetime)`: a server, and its provider `acme` registered; then `connect.login(…)`."""

    class Connect:
        road = None

        def __call__(self, lifetime, *, road=False, told=True, **oauth):
            """`road`: the token endpoint is reached by `.road`, which can be closed. `told`: whose it is."""
            server = serve(lifetime)
            tokens = server.url
            if road:
                self.road = Road(server.port)
                tokens = f"http://127.0.0.1:{self.road.port}"
            definition = {
                "schema_version": 1,
                "name": "acme",
                "auth_type": "oauth2",
                "flow": "pkce",
                "oauth": {
                    "authorization_url": f"{server.url}/authorize",
                    "token_url": f"{tokens}/token",
                    "revocation_url": f"{server.url}/revoke",
                    "scopes": ["read"],
                    "token_endpoint_auth_method": "none",
                    **oauth,
                },
                "client": {"client_id": "tour"},
                "env": {"ACME_TOKEN": "{access_token}"},
                "account": {"url": f"{server.url}/me", "id": "/account"},
            }
            if not told:
                del definition["account"]
            (tmp_path / "acme.json").write_text(json.dumps(definition))
            authsome.by(warm, "provider", "add", str(tmp_path / "acme.json"), "--replace")
            return server

        def browser(self, program, account="alice"):
            quoted = program.format(account=account) if "{account}" in program else program
            path = tmp_path / f"browser-{account}-{abs(hash(program))}.py"
            path.write_text(quoted)
            return {"BROWSER": f"{sys.executable} {path} %s"}

        def login(self, *words, account="alice", program=FOLLOW, **how):
            line, env = ("login", "acme", *words), self.browser(program, account)
            if how == {"check": True}:
                return authsome.by(warm, *line, env=env)
            return authsome(*line, env=env, **how)

    made = Connect()
    yield made
    if made.road:
        made.road.close()


class Road:
    """A port through which a server is reached, until the road is closed: then nobody listens there."""

    def __init__(self, port):
        self.behind = port
        self.port = 0
        self.open()

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()

    def close(self):
        with self.listener:
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def _serve(self, listener):
        while True:
            try:
                ours, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(ours,), daemon=True).start()

    def _carry(self, ours):
        with ours, socket.create_connection(("127.0.0.1", self.behind)) as theirs:
            back = threading.Thread(target=self._pass, args=(theirs, ours), daemon=True)
            back.start()
            self._pass(ours, theirs)
            back.join()

    @staticmethod
    def _pass(source, target):
        try:
            while chunk := source.recv(65536):
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
