"""What goes back to a browser, as HTTP/1.1, with the headers that keep it to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    413: "Content Too Large",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
}


class Page:
    """An answer. `last`: nothing more is to come after it."""

    __slots__ = ("body", "headers", "last", "status")

    def __init__(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, last: bool = False
    ) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.last = last

    def raw(self) -> bytes:
        """As HTTP/1.1."""
        headers = {
            "Content-Length": str(len(self.body)),
            "Connection": "close",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Page:
    """For who is not our browser."""
    return Page(
        status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
    )


def not_allowed(*methods: str) -> Page:
    """RFC 9110 section 15.5.6: with those that are."""
    return plain(405, "not here", {"Allow": ", ".join(methods)})


def nothing_here() -> Page:
    return plain(404, "there is nothing here")


def see_other(path: str, *, last: bool = False) -> Page:
    """What was sent (a code, a secret) stands neither in the address nor in the history of the page there."""
    return Page(303, b"", {"Location": path}, last=last)
