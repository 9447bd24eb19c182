"""Connections to a misbehaving server, made in this process by the program's own parts, in milliseconds.

Their clock is an argument, so a token can be due, or dead, from the first moment.
"""

from __future__ import annotations

import json
import os
import time

from cli.misbehaving import CLIENT_ID, good, refresh_then

from authsome_env.app.clients import made_client, save_client
from authsome_env.app.oauth_login import Wishes, login_oauth
from authsome_env.app.workspace import Workspace
from authsome_env.model import Secret
from authsome_env.oauth.grant import Grant

LIFETIME_S = 1000.0
DUE_S = 150.0
"""What a token that is due, and good for a while, has left."""
NEARLY_DEAD_S = 25.0
DEAD_S = -50.0


class Person:
    """Pastes a code. The definition's redirect URI is none of ours, so nothing listens and nothing waits."""

    def __init__(self, code):
        self.code = code

    def say(self, text): ...

    def show_url(self, url): ...

    def open(self, url):
        return False

    def pasted(self):
        reader, writer = os.pipe()
        os.write(writer, self.code.encode() + b"\n")
        os.close(writer)
        self.reader = reader
        return reader


class Acme:
    """The provider `acme` of a server, in the home of `authsome`."""

    def __init__(self, authsome, server, name="acme"):
        self.authsome = authsome
        self.server = server
        self.name = name
        self.workspace = self.at(time.time)
        self.more = {}
        """Keys of the definition besides the usual ones."""
        self.define()
        client = {"client_id": Secret(CLIENT_ID), "client_secret": Secret(server.client_secret)}
        save_client(self.workspace, made_client(name, client))

    def at(self, now):
        return Workspace(self.authsome.environment(), now=now)

    def define(self, flow="pkce", **oauth):
        """`oauth`: more of its section; None takes something away."""
        usual = {
            "authorization_url": f"{self.server.url}/authorize",
            "token_url": f"{self.server.url}/token",
            "revocation_url": f"{self.server.url}/revoke",
            "scopes": ["read", "write"],
            "redirect_uri": "https://app.example/callback",
        }
        definition = {
            "schema_version": 1,
            "name": self.name,
            "auth_type": "oauth2",
            "flow": flow,
            "oauth": {**usual, **oauth},
            "env": {f"{self.name.upper().replace('-', '_')}_TOKEN": "{access_token}"},
            **self.more,
        }
        self.workspace.registry().add(json.dumps(definition).encode(), replace=True)

    def login(self, name="default", play="good", *, left=LIFETIME_S, skew=0.0, force=True, first=good):
        """A connection whose token has `left` seconds; the family behind it, whose refreshes are `play`.

        `first`: how the login is answered. `skew`: by how much the clock was ahead then.
        """
        code, family = self.server.code(first)
        workspace = self.at(lambda: time.time() + skew - (LIFETIME_S - left))
        person = Person(code)
        definition = workspace.registry().load(self.name)
        login_oauth(workspace, definition, name, Wishes(force=force), person)
        os.close(person.reader)
        family.arrived.clear()
        family.rotated.clear()
        family.play = refresh_then(play)
        family.first = family.access
        return family

    def record(self, name):
        """The connection, and its grant, as they are in the vault."""
        with self.workspace.open() as vault:
            found = vault.find(self.name, name)
            return (
                found.connection,
                found.fields["access_token"].reveal(),
                Grant.unpack(vault.renew_part(found)),
            )

    def settle(self, name):
        """Wait until nobody is about to refresh it."""
        with self.workspace.open() as vault:
            lock = self.workspace.lock_of(vault, vault.find(self.name, name).connection.id)
        while not lock.take(time.time()):
            time.sleep(0.02)
        lock.release()

    def token(self, name, *words, **how):
        return self.authsome("token", f"{self.name}:{name}", *words, **how)

    def kept(self, name, family):
        """Whether the vault holds what the server would take."""
        _, access, grant = self.record(name)
        return (access, grant.refresh_token.reveal()) == (family.access, family.refresh)

    def delivered(self, names):
        """The tokens of connections, refreshed by one command, and the lines that it said."""
        maps = [f"--map=TOKEN_{number}={self.name}:{name}" for number, name in enumerate(names)]
        done = self.authsome("env", "--format", "json", "--none", *maps, check=True)
        given = json.loads(done.stdout)
        return [given[f"TOKEN_{number}"] for number in range(len(names))], done.stderr.decode().splitlines()

    def inspected(self):
        """By connection, what `inspect` shows."""
        shown = json.loads(self.authsome("inspect", self.name, "--json", check=True).stdout)
        return {each["connection"]: each for each in shown["connections"]}
