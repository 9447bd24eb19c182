"""A web server for one login: on loopback, for some minutes, for one browser that we sent there.

It runs in the thread that waits for it, between a call of `serve` and its return, so nothing goes on behind
anybody's back and ^C works as ever. Any number of clients may connect, say nothing, or say half of something:
each has some seconds and a few kilobytes, and holds up nobody. Who asks for another host than ours (DNS
rebinding) gets nothing but an error.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from authsome_env.errors import LoginFailed

from .pages import Page, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATIENCE_S = 5.0
"""For a whole request."""

LIMIT = 1 << 16
"""Bytes of a request, body included."""

_MOST = 128
"""Connections at once; beyond it the one that has waited longest goes."""

_HEAD_LIMIT = 1 << 15


class Heard:
    """One request. `query` and `fields` keep repeated names."""

    __slots__ = ("_body", "headers", "method", "path", "query")

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        parts = urlsplit(target)
        self.path = parts.path
        self.query: Mapping[str, Sequence[str]] = parse_qs(
            parts.query, keep_blank_values=True, max_num_fields=100
        )
        self.headers = headers
        self._body = body

    def form(self) -> dict[str, bytes]:
        """The fields of a posted form; the last one of a name counts. Raises ValueError for another body."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise ValueError
        found = parse_qs(self._body.decode("ascii"), keep_blank_values=True, encoding="latin-1")
        return {name: values[-1].encode("latin-1") for name, values in found.items()}


class _Client:
    __slots__ = ("received", "since", "socket")

    def __init__(self, connection: socket.socket, since: float) -> None:
        self.socket = connection
        self.since = since
        self.received = bytearray()


HOLD = "hold"
"""What a handler returns for a request whose page is not known yet; `serve` ends then."""


class Loopback:
    """Bound from the beginning, before any browser is sent here, until it is closed (RFC 8252 section 8.3).

    `host`: 127.0.0.1, ::1, or localhost, which is both. `port` 0: any. Raises LoginFailed if it is taken.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._held: list[_Client] = []
        self._clients: dict[int, _Client] = {}
        name = f"[{host}]" if ":" in host else host
        try:
            self.port = self._listen("127.0.0.1" if host == "localhost" else host, port)
        except OSError as error:
            self.close()
            raise LoginFailed(
                f"cannot listen at port {port} of this machine: {(error.strerror or 'error').lower()}",
                "end what listens there, or choose another port with --port",
            ) from None
        if host == "localhost":
            try:
                self._listen("::1", self.port)
            except OSError:
                pass  # a machine without IPv6
        self.host = f"{name}:{self.port}"
        self.origin = f"http://{self.host}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for client in [*self._clients.values(), *self._held]:
            client.socket.close()
        for listener in self._listeners:
            listener.close()
        self._selector.close()

    def serve(
        self,
        handle: Callable[[Heard], Page | str],
        *,
        until: float,
        also_read: int | None = None,
    ) -> bytes | bool:
        """Answer requests until one of them ends it.

        `handle` gives the page, or HOLD. Returns True when a request is held, or when a page was sent that is
        the last one; a line of bytes that was read from the descriptor `also_read`; False at the time `until`
        (time.monotonic).
        """
        if also_read is not None and not self._watch(also_read):
            also_read = None
        try:
            while (left := until - time.monotonic()) > 0:
                for key, _ in self._selector.select(min(left, 1.0)):
                    if key.data == "listen":
                        self._accept(key.fileobj)  # type: ignore[arg-type]
                    elif key.data == "read":
                        line = os.read(key.fd, 1 << 16)
                        if line:
                            return line
                        self._selector.unregister(key.fd)  # end of input; the browser may still come
                        also_read = None
                    elif key.data.socket.fileno() in self._clients and self._receive(key.data, handle):
                        return True
                self._drop_late()
            return False
        finally:
            if also_read is not None:
                self._selector.unregister(also_read)

    def release(self, page: Page) -> None:
        """Show `page` to those whose requests are held."""
        for client in self._held:
            self._send(client, page)
        self._held.clear()

    def _listen(self, address: str, port: int) -> int:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        self._listeners.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of a login some seconds ago
        listener.bind((address, port))
        listener.listen(_MOST)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, "listen")
        return int(listener.getsockname()[1])

    def _watch(self, descriptor: int) -> bool:
        try:
            self._selector.register(descriptor, selectors.EVENT_READ, "read")
        except (OSError, ValueError):  # a plain file, which is always ready; epoll refuses it
            return False
        return True

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        client = _Client(connection, time.monotonic())
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, client)
        if len(self._clients) > _MOST:
            self._forget(min(self._clients.values(), key=lambda each: each.since))

    def _receive(self, client: _Client, handle: Callable[[Heard], Page | str]) -> bool:
        """Whether this request ends the serving."""
        try:
            chunk = client.socket.recv(LIMIT)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self._forget(client)
            return False
        client.received += chunk
        heard = self._parse(bytes(client.received))
        if heard is None:
            return False
        page = handle(heard) if isinstance(heard, Heard) else heard
        self._release_from_selector(client)
        if isinstance(page, str):
            self._held.append(client)
            return True
        self._send(client, page)
        return page.last

    def _parse(self, raw: bytes) -> Heard | Page | None:
        """The request; a page that refuses it; None: more is to come."""
        head, end, body = raw.partition(b"\r\n\r\n")
        if len(raw) > LIMIT or len(head) > _HEAD_LIMIT:
            return plain(431, "too large")
        if not end:
            return None
        try:
            method, target, headers = _head(head)
            length = int(headers.get("content-length", "0"))
            if headers.get("host", "").lower() != self.host:
                return plain(421, "this is not the place that you look for")
            if len(body) < length:
                return plain(413, "too large") if len(head) + length > LIMIT else None
            return Heard(method, target, headers, body[: max(length, 0)])
        except ValueError:
            return plain(400, "not understood")

    def _send(self, client: _Client, page: Page) -> None:
        try:
            client.socket.settimeout(1.0)  # a page fits the kernel's buffer, so this is for no one in earnest
            client.socket.sendall(page.raw())
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        client.socket.close()

    def _drop_late(self) -> None:
        now = time.monotonic()
        for client in [each for each in self._clients.values() if now - each.since > PATIENCE_S]:
            self._forget(client)

    def _forget(self, client: _Client) -> None:
        self._release_from_selector(client)
        client.socket.close()

    def _release_from_selector(self, client: _Client) -> None:
        self._selector.unregister(client.socket)
        del self._clients[client.socket.fileno()]


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target and headers by lower-case name. Raises ValueError for what is not strictly HTTP/1."""
    line, *rest = head.decode("ascii").split("\r\n")
    method, target, version = line.split(" ")
    headers: dict[str, str] = {}
    for each in rest:
        name, colon, value = each.partition(":")
        name = name.lower()
        repeated = name in headers and name in _ONCE
        if not colon or not name or name != name.strip() or repeated:
            raise ValueError
        headers[name] = value.strip()
    if version not in ("HTTP/1.0", "HTTP/1.1") or target[:1] != "/" or "transfer-encoding" in headers:
        raise ValueError
    return method, target, headers


_ONCE = ("host", "content-length", "origin", "content-type")
