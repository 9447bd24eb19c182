"""What git asks a credential helper, and which connection is meant. See git-credential(1), gitcredentials(7).

    protocol=https          one `key=value` a line, to an empty line or the end. Known here: protocol, host
    host=github.com         (with port), path, username, password. The others are for helpers that can more
    path=acme/tool.git      (capability[], wwwauth[], …)
    username=work

Nobody gets another account by guess: it is the one that was named, or the only one there is.
"""

from __future__ import annotations

from authsome_env.errors import AuthsomeError, NoDefault, UsageError
from authsome_env.providers.hosts import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .told import Told

MAX_BYTES = 256 * 1024
"""Many times what git sends. Its own readers take lines of 64 KiB."""

GENERIC_USERS = frozenset(("x-access-token", "x-token-auth", "oauth2", "git"))
"""User names that stand for whoever the token belongs to."""

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Malformed(AuthsomeError):
    """It is not what git would say. The message holds nothing of it: it may hold a password."""

    name = "malformed"


class Request:
    """`host` as in `canonical`; empty strings for what was not said."""

    __slots__ = ("host", "password", "path", "protocol", "username")

    def __init__(self, said: dict[str, str]) -> None:
        self.protocol = said.get("protocol", "")
        self.host = canonical(self.protocol, said.get("host", ""))
        self.path = said.get("path", "")
        self.username = said.get("username", "")
        self.password = said.get("password", "")

    @property
    def is_safe(self) -> bool:
        """Whether a token may be sent there: by https, or without leaving this machine."""
        if self.protocol == "http":
            name, mark, port = self.host.rpartition(":")
            return (name if mark and port.isdigit() else self.host) in _LOOPBACK
        return self.protocol == "https" and bool(self.host)

    @property
    def owner(self) -> str:
        """The first part of the path: whose repository it is."""
        return self.path.lstrip("/").partition("/")[0] if "/" in self.path.strip("/") else ""


def parse(raw: bytes) -> Request:
    """Raises Malformed."""
    if len(raw) > MAX_BYTES:
        raise Malformed("this is too much for a question of git")
    said: dict[str, str] = {}
    for line in raw.split(b"\n"):
        if not line:
            break
        key, mark, value = line.partition(b"=")
        if not mark or not key:
            raise Malformed("a line of git's question is not key=value")
        if b"\0" in line:
            raise Malformed("a line of git's question holds a NUL byte")
        said[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
    return Request(said)


def serving(request: Request, connections: Iterable[Told]) -> list[Told]:
    """Those that are good for the place that is asked about."""
    if not request.is_safe:
        return []
    return [each for each in connections if request.host in each.git_hosts]


def choose(request: Request, connections: Sequence[Told]) -> Told | None:
    """The one that is meant, of `connections`, which all serve that host; None if there are none.

    A user name that is somebody's is a choice, and so is the owner in the path; without them it is the only
    one that may be meant without being named. Raises NoDefault where that does not tell.
    """
    if not connections:
        return None
    user = request.username
    if user and user not in GENERIC_USERS and user not in {each.git_user for each in connections}:
        found = by_name(user, connections)
        if not found and len(connections) == 1 and connections[0].account is None:
            found = list(connections)  # nobody has learned whose it is, so it may well be theirs
    else:
        found = by_name(request.owner, connections)
        if len(found) != 1:
            found = [each for each in found or connections if each.implied]
    if len(found) == 1:
        return found[0]
    raise _cannot_tell(request, connections, found)


def by_name(name: str, connections: Sequence[Told]) -> list[Told]:
    """By the connection's name or reference; else by the account's label, whose case means nothing; else by
    the account's id.
    """
    if not name:
        return []
    return (
        [each for each in connections if name in (each.name, each.reference)]
        or [each for each in connections if each.account and each.account.casefold() == name.casefold()]
        or [each for each in connections if each.account_id == name]
    )


def unambiguous(told: Told, connections: Sequence[Told]) -> str:
    """What names it among them."""
    return told.name if len(by_name(told.name, connections)) == 1 else told.reference


def _cannot_tell(request: Request, connections: Sequence[Told], found: Sequence[Told]) -> NoDefault:
    place = f"{request.protocol}://{request.host}"
    names = ", ".join(each.reference for each in found or connections)
    what = f"several connections are good for {place}: {names}"
    if not found:
        what = f"none of the connections for {place} is the one that is meant: {names}"
    return NoDefault(what, "; ".join(_ways(request, connections, found or connections)))


def _ways(request: Request, connections: Sequence[Told], choice: Iterable[Told]) -> Iterator[str]:
    """What to type for each."""
    place = f"{request.protocol}://{request.host}"
    where = place + (f"/{request.owner}" if request.owner else "")
    for each in choice:
        name = unambiguous(each, connections)
        in_url = name.replace(":", "%3A").replace("@", "%40")
        yield (
            f"for {each.reference}: git config --global credential.{where}.username {name}"
            f" (or {request.protocol}://{in_url}@{request.host}/… as the URL)"
        )
    if not request.owner:
        yield f"to tell them by a repository's owner: git config --global credential.{place}.useHttpPath true"


def answer(told: Told) -> bytes:
    """What is said to git. Raises UsageError for what its lines cannot hold."""
    secret = told.password()
    if secret is None:
        raise UsageError(f"{told.reference} has several secret fields, of which git can have one")
    lines = [("username", told.user()), ("password", secret.reveal())]
    if told.expires_at is not None:
        lines.append(("password_expiry_utc", str(int(told.expires_at))))
    for _, value in lines:
        if "\n" in value or "\0" in value or "\r" in value:
            raise UsageError(f"{told.reference} holds a line end, which git cannot be told")
    return "".join(f"{key}={value}\n" for key, value in lines).encode("utf-8", "surrogateescape")
