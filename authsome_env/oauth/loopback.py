"""A web server for one login: on loopback, for some minutes, for one browser that we sent there.

It runs in the thread that waits for it, between a call of `serve` and its return, so nothing goes on behind
anybody's back and ^C works as ever. Any number of clients may connect, say nothing, or say half of something:
each has some seconds and a few kilobytes, and holds up nobody. Who asks for another host than ours (DNS
rebinding) gets nothing but an error.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from typing import TYPE_CHECKING, Self

from authsome_env.errors import LoginFailed

from .heard import LIMIT, Heard, read_request
from .pasted import Pasted

if TYPE_CHECKING:
    from collections.abc import Callable

    from .page import Page

PATIENCE_S = 5.0

TAKEN = "end what listens there, or choose another port with --port"

_MOST = 128
"""Connections at once; beyond it the one that has waited longest goes."""


class _Client:
    __slots__ = ("answered", "received", "since", "socket")

    def __init__(self, connection: socket.socket, since: float) -> None:
        self.socket = connection
        self.since = since
        self.received = bytearray()
        self.answered = False


HOLD = "hold"
"""What a handler returns for a request whose page is not known yet; `serve` ends then."""


class Loopback:
    """Bound from the beginning, before any browser is sent here, until it is closed (RFC 8252 section 8.3).

    `host`: 127.0.0.1, ::1, or localhost, which is both. `port` 0: any. Raises LoginFailed if it is taken;
    `hint` says what to do then. `patience_s`: for a whole request, and for its sender to go away.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hint: str = TAKEN,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._patience_s = patience_s
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._held: list[_Client] = []
        self._clients: dict[int, _Client] = {}
        name = f"[{host}]" if ":" in host else host
        try:
            self.port = self._listen("127.0.0.1" if host == "localhost" else host, port)
            if host == "localhost":
                self._listen_beside(self.port)
        except OSError as error:
            self.close()
            reason = (error.strerror or "error").lower()
            raise LoginFailed(f"cannot listen at port {port} of this machine: {reason}", hint) from None
        self.host = f"{name}:{self.port}"
        # A browser leaves the port out where it is the scheme's own.
        self._hosts = {self.host, name} if self.port == 80 else {self.host}
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
        pasted: Pasted | None = None,
    ) -> bytes | bool:
        """Answer requests until one of them ends it.

        `handle` gives the page, or HOLD. Returns True when a request is held, or when a page was sent that is
        the last one; a line that was pasted; False at the time `until` (time.monotonic).
        """
        line = self._watch(pasted)
        if line:
            return line
        try:
            while (left := until - time.monotonic()) > 0:
                for key, _ in self._selector.select(min(left, self._patience_s, 1.0)):
                    if key.data == "listen":
                        self._accept(key.fileobj)  # type: ignore[arg-type]
                    elif isinstance(key.fileobj, Pasted):
                        key.fileobj.read()
                        line = key.fileobj.line()
                        if line:
                            return line
                        if line is not None:  # the end of the input; the browser may still come
                            self._unwatch()
                    elif key.data.socket.fileno() in self._clients and self._receive(key.data, handle):
                        return True
                self._drop_late()
            return False
        finally:
            self._unwatch()

    def release(self, page: Page) -> bool:
        """Show `page` to those whose requests are held; whether there are any."""
        held, self._held = self._held, []
        for client in held:
            self._send(client, page)
            client.socket.close()
        return bool(held)

    def _watch(self, pasted: Pasted | None) -> bytes | None:
        """What needs no waiting for, as Pasted.line gives it; else `serve` waits for it, too."""
        if pasted is None:
            return None
        while (line := pasted.line()) is None and pasted.is_file:
            pasted.read()
        if line is None:
            self._selector.register(pasted, selectors.EVENT_READ)
        return line

    def _unwatch(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, Pasted):
                self._selector.unregister(key.fileobj)

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

    def _listen_beside(self, port: int) -> None:
        """A browser may take `localhost` for ::1 first: nobody else may have the port there."""
        try:
            self._listen("::1", port)
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):  # a machine without IPv6
                raise

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
        if client.answered:
            return False
        client.received += chunk
        heard = read_request(bytes(client.received), self._hosts)
        if heard is None:
            return False
        page = handle(heard) if isinstance(heard, Heard) else heard
        if isinstance(page, str):
            self._release_from_selector(client)
            self._held.append(client)
            return True
        self._send(client, page)
        return page.last

    def _send(self, client: _Client, page: Page) -> None:
        """What comes after it is read and dropped: closed now, the kernel might reset what was sent."""
        client.answered = True
        try:
            client.socket.settimeout(1.0)  # a page fits the kernel's buffer, so this is for no one in earnest
            client.socket.sendall(page.raw())
            client.socket.shutdown(socket.SHUT_WR)
            client.socket.setblocking(False)
        except OSError:
            pass

    def _drop_late(self) -> None:
        now = time.monotonic()
        for client in [each for each in self._clients.values() if now - each.since > self._patience_s]:
            self._forget(client)

    def _forget(self, client: _Client) -> None:
        self._release_from_selector(client)
        client.socket.close()

    def _release_from_selector(self, client: _Client) -> None:
        self._selector.unregister(client.socket)
        del self._clients[client.socket.fileno()]
