"""Host names, apart from URLs, whose parser costs more than a helper's whole start."""

from __future__ import annotations

_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


def check_host(host: str) -> None:
    """An exact host name without port. Raises ValueError."""
    labels = host.split(".")
    if (
        not _HOST.issuperset(host)
        or len(host) > 253
        or any(not label or len(label) > 63 or label[0] == "-" or label[-1] == "-" for label in labels)
    ):
        raise ValueError("is not an exact host name in lower case, such as api.github.com")


def check_server(server: str) -> None:
    """An exact host name, with a port if it is not the usual one, as git says it. Raises ValueError."""
    host, mark, port = server.partition(":")
    check_host(host)
    if mark and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536 and port != "443"):
        raise ValueError("has no port of 1 to 65535 behind the colon, or the usual one, which is left out")


def host_of(base_url: str) -> str:
    """Host, and port if there is one, of a base URL, which was checked when it was kept."""
    scheme, _, rest = base_url.partition("://")
    return canonical(scheme, rest.partition("/")[0])


def canonical(scheme: str, host: str) -> str:
    """`host[:port]` in lower case, without the port that goes without saying."""
    return host.lower().removesuffix({"https": ":443", "http": ":80"}.get(scheme, ":"))
