"""A bound on a whole exchange over HTTP: when the time is over the connection is shut, whatever it waits for.

httpx2's own time-outs are for each read, so a server that drips would hold us for ever. An exception out of a
signal handler would not do: raised inside a finalizer, it is swallowed there.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Deadline:
    """Give `trace` to each request made within its block (httpx2's extension of that name)."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if not event.endswith("connect_tcp.complete"):
            return
        theirs = info["return_value"].get_extra_info("socket")
        # A descriptor of our own: theirs becomes another object when TLS starts, and is closed at any time.
        connection = socket.socket(fileno=os.dup(theirs.fileno()))
        with self._lock:
            self._connections.append(connection)
            if self.passed:
                _shut(connection)

    def _pass(self) -> None:
        with self._lock:
            self.passed = True
            for connection in self._connections:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended already
