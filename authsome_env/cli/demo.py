"""`authsome demo`: the main job, against an authorization server of our own, in a home of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Self

from authsome_env.errors import AuthsomeError
from authsome_env.vault.keys.text import KEY_BYTES, encode

from .invocation import Invocation

LIFETIME_S = 5

# What the tour runs: a program that knows nothing but its environment, and asks the server whose token it is.
_PROGRAM = (
    "import os, json, urllib.request as u;"
    " r = u.Request(os.environ['DEMO_API'], headers={'Authorization': 'Bearer ' + os.environ['DEMO_TOKEN']});"
    " print('  the server says: this token is of', json.load(u.urlopen(r))['account'])"
)

# The headless user: follows where the server sends it, as the account that is appended to the address.
_USER = "import sys, urllib.request as u; u.urlopen(sys.argv[1] + '&account={account}').read()"


def demo(invocation: Invocation) -> None:
    """An OAuth server on this machine, two accounts, a program that runs with the one and the other, and a
    token that is refreshed. Nothing of yours is touched, and nothing is left behind.

    Example: authsome demo
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # so that nothing is left behind
    with tempfile.TemporaryDirectory(prefix="authsome-demo-", dir=_memory()) as home, _Server() as server:
        tour = _Tour(home, invocation, server.port)
        _carry_out(tour)
    if invocation.json:
        invocation.data(json.dumps({"steps": tour.steps}) + "\n")
    tour.show("That was all in a folder that is gone again. Now yours: authsome provider list")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _carry_out(tour: _Tour) -> None:
    program = [sys.executable, "-c", _PROGRAM]
    tour.show(
        "An authorization server runs on this machine. A provider is a definition, which says where it is:"
    )
    tour.step("provider add demo.json")
    tour.show("Two accounts, logged in once each, by the browser (here one that agrees by itself):")
    tour.step("login demo", account="alice")
    issued = time.monotonic()
    tour.step("login demo --connection work", account="bob")
    tour.show("Their tokens lie in an encrypted vault; nothing shows a secret unless it is asked to:")
    tour.step("list")
    tour.show("A program gets the default account's token, or the named one's, in its environment:")
    tour.step("run", command=program)
    tour.step("run -p demo:work", command=program)
    tour.show(f"These tokens live for {LIFETIME_S} seconds. Let us wait until the first one is over…")
    time.sleep(max(0.0, issued + LIFETIME_S + 0.2 - time.monotonic()))
    tour.show("…and run the program again. authsome refreshes what is due before it hands it out:")
    tour.step("run -p demo", command=program)
    tour.step("inspect demo -c default")
    tour.show("At the end one account is revoked at the server, and the other deleted here:")
    tour.step("revoke demo -c work")
    tour.step("logout demo")


class _Server:
    """The server's process, which ends when we do."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "authsome_env.cli.demo_server", str(LIFETIME_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise AuthsomeError("the server of the tour did not start", "run `authsome --verbose demo`")
        self.port = int(json.loads(line)["port"])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


class _Tour:
    def __init__(self, home: str, invocation: Invocation, port: int) -> None:
        self.home = home
        self.invocation = invocation
        self.steps: list[dict[str, str]] = []
        self.master_key = encode(invocation.random(KEY_BYTES)).decode()
        self.server = f"http://127.0.0.1:{port}"
        with open(os.path.join(home, "demo.json"), "w", encoding="utf-8") as file:
            json.dump(_definition(self.server), file)

    def show(self, text: str) -> None:
        if not self.invocation.json:
            self.invocation.data(f"\n{text}\n\n")

    def step(self, line: str, *, command: list[str] | None = None, account: str = "") -> None:
        """Run one command of this program as it would be typed, and show both."""
        shown = f"authsome {line}" + (" -- python -c '…'" if command else "")
        if not self.invocation.json:
            self.invocation.data(f"$ {shown}\n")
        words = shlex.split(line) + (["--", *command] if command else [])
        environ = {
            name: value
            for name, value in self.invocation.environ.items()
            if not name.startswith(("AUTHSOME_", "DEMO_", "PYTHON")) and not name.lower().endswith("_proxy")
        }
        # A key of its own: the first login would else leave one in the keyring of the desktop.
        environ["AUTHSOME_MASTER_KEY"] = self.master_key
        environ["AUTHSOME_HOME"] = os.path.join(self.home, "authsome")
        environ["BROWSER"] = (
            f"{shlex.quote(sys.executable)} -c {shlex.quote(_USER.format(account=account))} %s"
        )
        done = subprocess.run(
            [sys.executable, "-P", "-m", "authsome_env", *words],
            env={**environ, "DEMO_API": f"{self.server}/me"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.home,
            check=False,
        )
        output = done.stdout.decode("utf-8", "replace")
        self.steps.append({"command": shown, "output": output})
        if not self.invocation.json:
            self.invocation.data(output)
        if done.returncode:
            raise AuthsomeError(f"the step {shown!r} failed", "run `authsome --verbose demo`")


def _definition(server: str) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": "demo",
        "display_name": "Demo",
        "auth_type": "oauth2",
        "flow": "pkce",
        "oauth": {
            "authorization_url": f"{server}/authorize",
            "token_url": f"{server}/token",
            "revocation_url": f"{server}/revoke",
            "scopes": ["read"],
            "token_endpoint_auth_method": "none",
        },
        "client": {"client_id": "tour"},
        "env": {"DEMO_TOKEN": "{access_token}"},
        "account": {"url": f"{server}/me", "id": "/account"},
    }


def _memory() -> str | None:
    """A folder in RAM, if there is one: not even a made-up token needs to touch the disk."""
    folder = "/dev/shm"  # noqa: S108 - TemporaryDirectory makes a 0700 folder of a random name in it
    return folder if os.access(folder, os.W_OK) else None
