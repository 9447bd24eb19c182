"""One request as a browser sends it: HTTP/1 (RFC 9112), read strictly.

What two readers could understand differently is refused, and so is every name of ours but the right one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from .page import Page, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

LIMIT = 1 << 16
"""Bytes of a request, body included."""

_HEAD_LIMIT = 1 << 15
"""Bytes of its head: cookies of whatever else was served at this host come along."""

_MOST_FIELDS = 100
_END = b"\r\n\r\n"

_ONCE = ("host", "content-length", "content-type", "origin", "sec-fetch-site")


class Heard:
    """One request. `query` keeps repeated names; `headers` are by lower-case name."""

    __slots__ = ("_body", "headers", "method", "path", "query")

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises ValueError for a query of very many fields."""
        self.method = method
        self.path, _, query = target.partition("?")  # no URL parser: a path may begin with two slashes
        self.query: Mapping[str, Sequence[str]] = parse_qs(
            query, keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
        self.headers = headers
        self._body = body

    def form(self) -> dict[str, bytes]:
        """The fields of a posted form; the last one of a name counts. Raises ValueError for another body."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise ValueError
        text = self._body.decode("ascii")
        found = parse_qs(text, keep_blank_values=True, encoding="latin-1", max_num_fields=_MOST_FIELDS)
        return {name: values[-1].encode("latin-1") for name, values in found.items()}


def read_request(raw: bytes, hosts: Collection[str]) -> Heard | Page | None:
    """The request; a page that refuses it; None: more is to come. `hosts`: what we are called by."""
    head, end, body = raw.partition(_END)
    if len(head) > _HEAD_LIMIT or len(raw) > LIMIT:
        return plain(431, "too large")
    if not end:
        return None
    try:
        method, target, headers = _read_head(head)
        length = _length(headers.get("content-length", "0"))
        if headers.get("host", "").lower() not in hosts:
            return plain(421, "this is not the place that you look for")
        if len(head) + len(_END) + length > LIMIT:
            return plain(413, "too large")
        return Heard(method, target, headers, body[:length]) if len(body) >= length else None
    except ValueError:
        return plain(400, "not understood")


def _read_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target and headers. Raises ValueError for what is not strictly HTTP/1 to an origin server."""
    line, *rest = head.decode("latin-1").split("\r\n")  # a cookie of somebody else's may be in any encoding
    method, target, version = line.split(" ")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError
    if target[:1] != "/" or "#" in target or not all("!" <= character <= "~" for character in target):
        raise ValueError
    headers: dict[str, str] = {}
    for each in rest:
        name, colon, value = each.partition(":")
        name = name.lower()
        repeated = name in headers and name in _ONCE
        if not colon or not name or name != name.strip() or repeated or {"\0", "\r", "\n"} & set(each):
            raise ValueError
        headers[name] = value.strip(" \t")
    if "transfer-encoding" in headers:
        raise ValueError
    return method, target, headers


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)
