"""`authsome docker-credential`: the credential helper of Docker and of all who speak its protocol.

{"credHelpers": {"ghcr.io": "authsome"}}        in ~/.docker/config.json
"""

from __future__ import annotations

import authsome_env
from authsome_env.app import docker_request
from authsome_env.errors import AuthsomeError, NotAllowed, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .credentials import Asked

_FAILED = 1


def answer(asked: Asked) -> int:
    """Its errors are data, on stdout.

    `erase`, of a logout, is no error even so: of a client that makes do with what it is told, such as Skopeo
    1.9, that is the end. Where a login of ours stays is said on stderr, which clients pass on.
    """
    try:
        asked.invocation.data(_answer(asked))
    except AuthsomeError as error:
        from .credentials import one_line

        asked.invocation.data(one_line(error) + "\n")
        return _FAILED
    return 0


def _answer(asked: Asked) -> bytes:
    action = " ".join(asked.words)
    if action == "version":
        return f"docker-credential-authsome (authsome-env) {authsome_env.__version__}\n".encode()
    if action == "list":
        return docker_request.listing(asked.served().connections())
    if action == "store":
        asked.read(docker_request.MAX_BYTES)  # what it holds is not looked at
        raise NotAllowed(
            "a login of docker's own is not kept here",
            "authsome login PROVIDER instead, or take the server out of credHelpers",
        )
    if action not in ("get", "erase"):
        raise UsageError(f"unknown credential action: {action or 'none'}")
    raw = asked.read(docker_request.MAX_BYTES)
    if len(raw) > docker_request.MAX_BYTES:
        raise UsageError("no credentials server URL")
    server = docker_request.Server(raw.decode("utf-8", "surrogateescape").strip())
    served = asked.served()
    if action == "erase":
        for told in docker_request.serving(server, served.connections()):
            logout = f"authsome logout {told.provider} -c {told.name}"
            asked.invocation.tell(f"authsome: {told.reference} stays logged in ({logout})")
        return b""
    chosen = docker_request.choose(server, served.connections())
    if chosen is None:
        raise AuthsomeError(docker_request.NOT_FOUND)
    return docker_request.answer(server, served.fresh(chosen))
