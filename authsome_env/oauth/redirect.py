"""Where the browser comes back to (RFC 8252 section 7.3)."""

from __future__ import annotations

from urllib.parse import urlsplit

from authsome_env.errors import UsageError

HOST = "127.0.0.1"
PATH = "/callback"

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Redirect:
    """A place of ours to listen at: `port` 0 is any. `uri`: a fixed one, to be used to the letter."""

    __slots__ = ("host", "path", "port", "uri")

    def __init__(self, host: str = HOST, port: int = 0, path: str = PATH, uri: str | None = None) -> None:
        self.host = host
        self.port = port
        self.path = path
        self.uri = uri


def find_redirect(fixed: str | None, port: int | None) -> Redirect | None:
    """What to listen at, for a definition's `redirect_uri` and the port that the user wants.

    None: the fixed one is no place where we can listen (https, another host), so its address is pasted.
    Raises UsageError for a port that the definition rules out.
    """
    if fixed is None:
        if port is not None and not 0 < port < 65536:
            raise UsageError(f"--port {port} is no port", "give one from 1 to 65535")
        return Redirect(port=port or 0)
    parts = urlsplit(fixed)
    fixed_port = parts.port or (443 if parts.scheme == "https" else 80)
    if port is not None and port != fixed_port:
        raise UsageError(
            f"the provider sends the browser to {fixed}, whatever --port says", "leave --port out"
        )
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        return None
    return Redirect(parts.hostname, fixed_port, parts.path or "/", fixed)


def to_register(fixed: str | None) -> str:
    """The redirect URI that a client is registered with at the provider."""
    return fixed or f"http://{HOST}{PATH}"
