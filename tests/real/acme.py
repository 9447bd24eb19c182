"""The provider `acme`, which is the authorization server of these tests, and a person who logs in to it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time

import pytest

TIMEOUT_S = 120.0


class Acme:
    def __init__(self, program, server, browser, folder, remember) -> None:
        self.program = program
        self.server = server
        self.browser = browser
        self._folder = folder
        self._remember = remember

    def define(self, flow="pkce", client="native", name="acme", **oauth):
        """Register the definition: an issuer, and nothing else about where things are."""
        by_person = ("pkce", "device_code", "dcr_pkce")
        definition = {
            "schema_version": 1,
            "name": name,
            "display_name": "Acme",
            "auth_type": "oauth2",
            "flow": flow,
            "flows": by_person if flow in by_person else (flow,),
            "oauth": {
                "issuer": self.server.url,
                "scopes": ["openid", "email", "api:read"],
                "token_endpoint_auth_method": "none",
                **oauth,
            },
            "client": {"client_id": client},
            "env": {"ACME_TOKEN": "{access_token}"},
        }
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(definition))
        self.program("provider", "add", str(path), "--replace", check=True)

    @contextlib.contextmanager
    def begin(self, *words, env=None, **how):
        """A login that waits for its person, as a Popen; it is over when the block ends."""
        how = {"stderr": subprocess.PIPE, "env": {**self.browser.environ, **(env or {})}, **how}
        process = self.program.start("login", *words, **how)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for stream in filter(None, (process.stdin, process.stderr)):
                stream.close()

    def end(self, process, *words):
        """(exit code, what it said); no more than that is left to do for it."""
        said = process.stderr.read()
        assert b"Traceback" not in said, said.decode()
        self.program.heard(("login", *words), None, said)
        return process.wait(TIMEOUT_S), said.decode()

    def login(self, *words, account="alice", provider="acme", through=(), **how):
        """In Chromium, by a person whom the server has not seen before: (exit code, what was said, page).

        `only`, `deny`: see `agree`. `through`: words before the program.
        """
        self.browser.forget()
        with self.begin(provider, *words, through=through) as process:
            page = self.browser.arrived()
            sign_in(page, account)
            agree(page, **how)
            return *self.end(process, provider, *words), page

    def token(self, reference="acme"):
        """A fresh one. It is a secret from now on."""
        done = self.program("token", reference, check=True)
        return self._remember(done.stdout.strip()).decode()

    def alive(self, token):
        return self.server.introspect(token)["active"]

    def outlive(self, name="default"):
        """Wait until its token has expired by our clock, too; the server counts in whole seconds."""
        expires_at = self.shown(name)["expires_at"]
        wait_until(lambda: time.time() > expires_at)

    def shown(self, name="default"):
        """What `list` says of a connection; None if there is none."""
        listed = json.loads(self.program("list", "--json", check=True).stdout)["connections"]
        return next((each for each in listed if each["connection"] == name), None)


def sign_in(page, account):
    page.get_by_label("Account").fill(account)
    page.get_by_role("button", name="Sign in").click()


def agree(page, *, only=None, deny=False):
    """Answer the consent page. `only`: the scopes that stay ticked."""
    if only is not None:
        for box in page.get_by_role("checkbox").all():
            box.set_checked(box.get_attribute("value") in only)
    page.get_by_role("button", name="Deny" if deny else "Allow").click()


def wait_until(so):
    """Of what takes its time, such as a token's death."""
    deadline = time.monotonic() + TIMEOUT_S
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def acme(authsome, authorization_server, browser, tmp_path, secret):
    """Defined for the public client `native`, whose tokens live an hour; nobody is logged in."""
    secret(authorization_server.hard_secret.encode())
    authorization_server.set(access_ttl=3600, approve="form", device_interval=1, answer_delay=0)
    made = Acme(authsome, authorization_server, browser, tmp_path, secret)
    made.define()
    return made
