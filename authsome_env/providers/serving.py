"""What a connection may be asked for by git and by Docker: the hosts, and the user name that goes with it.

Read when a helper needs it, and not with the variables: most starts do not.
"""

from __future__ import annotations

from . import source
from .hosts import check_server, host_of
from .problem import Problem
from .quick import members

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container, Mapping
    from typing import Any

KEYS = frozenset({"git_hosts", "git_user", "docker_hosts"})


class Serving:
    """The three keys of a definition; `git_user` is empty where it does not say."""

    __slots__ = ("docker_hosts", "git_hosts", "git_user")

    def __init__(
        self, git_hosts: tuple[str, ...] = (), git_user: str = "", docker_hosts: tuple[str, ...] = ()
    ) -> None:
        self.git_hosts = git_hosts
        self.git_user = git_user
        self.docker_hosts = docker_hosts

    def at(self, server: str | None, usual: str | None) -> Serving:
        """For a connection to the address `server` (see `server_of`); `usual`: the definition's base URL.

        A token of somebody's own server is nothing for the hosts of the public one. What that serves at the
        host of its base URL, the other serves at its own.
        """
        if not server:
            return self
        own, public = host_of(server), host_of(usual) if usual else None
        if own == public or own in (*self.git_hosts, *self.docker_hosts):
            return self
        git = (own,) if self.git_hosts and (public is None or public in self.git_hosts) else ()
        return Serving(git, self.git_user, (own,) if public in self.docker_hosts else ())


def server_of(base_url: str | None, fields: Mapping[str, str], public: Container[str]) -> str | None:
    """The server that a connection is good for, if it is not the usual one: its base URL, or a field that is
    no secret and holds an address. `fields`: of the credential, as texts.
    """
    if base_url:
        return base_url
    addresses = [
        text for name, text in fields.items() if name in public and text.startswith(("https://", "http://"))
    ]
    return addresses[0] if addresses else None


def serving(document: Mapping[str, Any]) -> Serving:
    """From a definition's document, as plain values. Raises Problem."""
    user = document.get("git_user")
    if user is not None and (not isinstance(user, str) or not user or not user.isprintable()):
        raise Problem(("git_user",), "is not a text", "write the user name that git is to send")
    return Serving(_hosts(document, "git_hosts"), user or "", _hosts(document, "docker_hosts"))


def of_provider(name: str, folder: str, db: sqlite3.Connection) -> Serving:
    """As `quick.hot_path`, which has found the definition before. Nothing is served for one that is gone.

    Raises InvalidDefinition.
    """
    found = source.find(name, folder)
    if found is None:
        return Serving()
    try:
        return serving(members(db, source.decode(found.raw, found.path), KEYS))
    except Problem as problem:
        raise problem.located(found.path) from None


def _hosts(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Problem((key,), "is not a list", 'write ["…", "…"]')
    for index, entry in enumerate(value):
        if not isinstance(entry, str):
            raise Problem((key, index), "is not a text", 'write it in double quotes: "…"')
        if entry in value[:index]:
            raise Problem((key, index), f"{entry[:40]!a} is there twice", "leave one of them")
        try:
            check_server(entry)
        except ValueError as error:
            raise Problem(
                (key, index), str(error), "a name, or name:port; patterns and URLs are not taken"
            ) from None
    return tuple(value)
