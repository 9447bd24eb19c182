"""What Docker asks a credential helper. See github.com/docker/docker-credential-helpers: the server on stdin,
JSON on stdout, and errors there too, of which one text is known to all who ask.
"""

from __future__ import annotations

import json

from authsome_env.errors import NoDefault, UsageError
from authsome_env.providers.hosts import canonical

from .git_request import by_name, unambiguous

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .told import Told

NOT_FOUND = "credentials not found in native keychain"
"""Whoever asks goes on without a login, then."""

MAX_BYTES = 64 * 1024

_HUB = ("index.docker.io", "https://index.docker.io/v1/")
"""The one server that clients call by an address of its own."""


class Server:
    """`ghcr.io`, `https://index.docker.io/v1/`, `work@ghcr.io`, `ghcr.io/acme`: host, and whose login."""

    __slots__ = ("host", "text", "user")

    def __init__(self, text: str) -> None:
        """Raises UsageError for what is none."""
        if not text or not text.isprintable():
            raise UsageError("no credentials server URL")
        self.text = text
        scheme, mark, rest = text.partition("://")
        if not mark:
            scheme, rest = "https", text
        user, _, host = rest.partition("/")[0].rpartition("@")
        self.user = user
        local = host.partition(":")[0] in ("localhost", "127.0.0.1")
        self.host = canonical(scheme, host) if scheme == "https" or local else ""


def serving(server: Server, connections: Iterable[Told]) -> list[Told]:
    """Those that are good for it."""
    return [each for each in connections if server.host and server.host in each.docker_hosts]


def choose(server: Server, connections: Iterable[Told]) -> Told | None:
    """The connection that is meant; None if none is good for it. Raises NoDefault."""
    mine = serving(server, connections)
    if not mine:
        return None
    found = by_name(server.user, mine) if server.user else [each for each in mine if each.implied]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.reference for each in found or mine)
    how = f"ask for {unambiguous(mine[0], mine)}@{server.host}, or authsome set-default"
    if found:
        raise NoDefault(f"several connections are good for {server.host}: {names}", how)
    raise NoDefault(f"none of the connections for {server.host} is the one that is meant: {names}", how)


def answer(server: Server, told: Told) -> bytes:
    """Raises UsageError for a login that JSON, or Docker, cannot be told."""
    secret = told.password()
    if secret is None:
        raise UsageError(f"{told.reference} has several secret fields, of which docker can have one")
    try:
        secret.reveal().encode()
    except UnicodeEncodeError:
        raise UsageError(f"{told.reference} is not UTF-8, which docker wants") from None
    said = {"ServerURL": server.text, "Username": told.user(), "Secret": secret.reveal()}
    return json.dumps(said).encode() + b"\n"


def listing(connections: Sequence[Told]) -> bytes:
    """The servers that `get` has an answer for, and their user names."""
    listed = {}
    for host in dict.fromkeys(host for each in connections for host in each.docker_hosts):
        try:
            told = choose(Server(host), connections)
        except NoDefault:
            continue
        if told is not None:
            listed[_HUB[1] if host == _HUB[0] else host] = told.user()
    return json.dumps(listed).encode() + b"\n"
