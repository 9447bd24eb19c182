"""The authorization server of this folder, for the tests of one module. Its packages are installed once."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

import pytest

HERE = os.path.dirname(__file__)
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NPM = ("install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")


class AuthorizationServer:
    """A running one. `.url` is its issuer."""

    def __init__(self, node, program) -> None:
        self.hard_secret = f"p@ss:wo%rd+/= &?{secrets.token_hex(8)}"
        """Of the clients `basic:client/id` and `post`."""
        self._resource_secret = secrets.token_hex(16)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - until it is stopped
        self.process = subprocess.Popen(
            [node, program],
            env={**os.environ, "HARD_SECRET": self.hard_secret, "PLAIN_SECRET": self._resource_secret},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        line = self.process.stdout.readline()
        assert line, self.said()
        self.url = json.loads(line)["issuer"]

    def said(self):
        """Its standard error, for who wonders what went wrong."""
        self._said.seek(0)
        return self._said.read().decode()

    def stop(self):
        self.process.communicate()
        self._said.close()

    def counts(self):
        return self._ask("/test/counts")

    def granted(self, grant_type):
        """How many requests of that kind got tokens, and how many were refused."""
        count = self.counts()["by_grant"].get(grant_type, {"ok": 0, "refused": 0})
        return count["ok"], count["refused"]

    def set(self, **knobs):
        """See `knobs` in server.mjs."""
        return self._ask("/test/knobs", json.dumps(knobs).encode())

    def introspect(self, token):
        """RFC 7662: what the server says of a token; {"active": False} if it is dead."""
        pair = f"resource:{self._resource_secret}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return self._ask("/token/introspection", _form(token=token), headers)

    def register(self, **metadata):
        """RFC 7591: a client of the test's own."""
        return self._ask("/reg", json.dumps(metadata).encode(), {"Content-Type": "application/json"})

    def revoke(self, token, *, client_id):
        """RFC 7009, by a public client: the whole family ends."""
        self._ask("/token/revocation", _form(token=token, client_id=client_id))

    def _ask(self, path, body=None, headers=None):
        with OPENER.open(urllib.request.Request(self.url + path, body, headers or {})) as answer:
            return json.loads(answer.read() or b"null")


def _form(**fields):
    return urllib.parse.urlencode(fields).encode()


@pytest.fixture(scope="session")
def start_authorization_server(need):
    """`start_authorization_server()`: a new AuthorizationServer; all of them end with the session."""
    node, packages = need("node"), installed(need("npm"))
    running = []
    with tempfile.TemporaryDirectory(prefix="authsome-server-") as folder:
        os.symlink(os.path.join(packages, "node_modules"), os.path.join(folder, "node_modules"))
        shutil.copy(os.path.join(HERE, "package.json"), folder)
        program = shutil.copy(os.path.join(HERE, "server.mjs"), folder)

        def start():
            running.append(AuthorizationServer(node, program))
            return running[-1]

        yield start
        for server in running:
            server.stop()


def installed(npm):
    """The folder that has the packages of package.json: in the user's cache, one for each content of it."""
    with open(os.path.join(HERE, "package.json"), "rb") as file:
        wanted = file.read()
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(cache, "authsome-env-tests", hashlib.sha256(wanted).hexdigest()[:16])
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of the test processes installs, the others wait
        if not os.path.isdir(folder):
            making = tempfile.mkdtemp(dir=os.path.dirname(folder))
            with open(os.path.join(making, "package.json"), "wb") as file:
                file.write(wanted)
            done = subprocess.run([npm, *NPM], cwd=making, capture_output=True, text=True, check=False)
            if done.returncode != 0 and not os.environ.get("CI"):
                pytest.skip(f"npm cannot install oidc-provider: {done.stderr.strip()[-300:]}")
            assert done.returncode == 0, done.stderr
            os.rename(making, folder)
    return folder


@pytest.fixture(scope="module")
def authorization_server(start_authorization_server):
    return start_authorization_server()
