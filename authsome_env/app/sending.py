"""A keeper's helper on its errand: started, spoken to over a socket pair, heard, and buried."""

from __future__ import annotations

import _socket
import os
import sys

from authsome_env.packed import unpack

from .errand import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .errand import Errand

MODULE = "authsome_env.app.updater"


class Sent:
    """One helper. It goes on if we end; keys go over the socket, never in argv or environment."""

    __slots__ = ("_heard", "_pid", "_socket", "errand")

    def __init__(self, errand: Errand, environ: Mapping[str, str]) -> None:
        """Raises OSError if no process can be started."""
        self.errand = errand
        self._heard = bytearray()
        self._socket, theirs = _socket.socketpair()
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", MODULE],
                environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
            )
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        try:
            self._socket.sendall(errand.pack())
            self._socket.shutdown(_socket.SHUT_WR)
        except OSError:
            pass  # it could not begin; nothing is heard of it then
        self._socket.setblocking(False)

    @property
    def pid(self) -> int:
        return self._pid

    def fileno(self) -> int:
        return self._socket.fileno()

    def hear(self) -> dict[str, Finding] | None:
        """What it found, by connection id; empty if it ended without a word. None: it is still at it."""
        try:
            while chunk := self._socket.recv(65536):
                self._heard += chunk
        except BlockingIOError:
            return None
        except OSError:
            pass
        self._socket.close()
        try:
            os.waitpid(self._pid, 0)  # it closes the socket when it ends
        except ChildProcessError:
            pass  # a supervisor waits for all
        try:
            return {name: Finding.unpack(found) for name, found in unpack(bytes(self._heard)).items()}
        except ValueError:  # it was killed while it spoke
            return {}
