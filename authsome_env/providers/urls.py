"""Which URLs a definition may name.

Credentials go to them, so they are https with a host, without a user part and without a fragment (RFC 6749
section 3.1 and 3.2). Plain http is for loopback addresses only, and for those by number: the name
`localhost` may be resolved to anything (RFC 8252 section 8.3). `{base_url}` may stand at the beginning.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from authsome_env.errors import UsageError

BASE_URL = "{base_url}"


def fill_base_url(url: str, base_url: str | None) -> str:
    """`url` for one connection; `base_url` is the connection's own or the definition's."""
    return url.replace(BASE_URL, (base_url or "").rstrip("/"), 1) if url.startswith(BASE_URL) else url


def check_base_url(text: str) -> str:
    """The form in which `login --base-url` is kept. Raises UsageError."""
    try:
        check_url(text)
        if "?" in text:
            raise ValueError("has a query")
    except ValueError as error:
        raise UsageError(
            f"the base URL {error}", "write it like https://github.example.com, without query and fragment"
        ) from None
    return text.rstrip("/")


def check_url(
    url: str,
    *,
    base_url: str | None = None,
    placeholders: tuple[str, ...] = (),
    loopback_name: bool = False,
) -> None:
    """Raises ValueError, whose text goes behind the URL's name ("is not an https URL").

    `placeholders`: names that may stand in braces in path and query. `loopback_name`: http://localhost is
    right too, for redirect URIs of providers that register nothing else.
    """
    if BASE_URL in url and base_url is None:
        raise ValueError("uses {base_url}, but oauth.base_url is not given")
    url = fill_base_url(url, base_url)
    # urlsplit drops tabs and line ends silently, and browsers take a backslash for a slash
    if not all("!" <= character <= "~" for character in url) or "\\" in url or len(url) > 2048:
        raise ValueError("is too long or has a character that a URL cannot hold")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("is not an https URL")
    if "@" in parts.netloc or "#" in url:
        raise ValueError("has a user part or a fragment")
    _check_braces(parts.netloc, parts.path + parts.query, placeholders)
    if parts.scheme == "http" and not (is_loopback(host) or (loopback_name and host == "localhost")):
        raise ValueError("is plain http, which is for loopback addresses such as 127.0.0.1 only")


def _check_braces(host: str, rest: str, placeholders: tuple[str, ...]) -> None:
    """A placeholder in the host would let a value choose where credentials go."""
    for name in placeholders:
        rest = rest.replace(f"{{{name}}}", "")
    if any(brace in host + rest for brace in "{}"):
        allowed = ", ".join(f"{{{name}}}" for name in ("base_url", *placeholders))
        raise ValueError(f"has a placeholder in a wrong place or of a wrong name; known are {allowed}")


def origin(url: str) -> str:
    """Scheme, host and port. Raises ValueError for what is no URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
