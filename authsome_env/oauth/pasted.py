"""What a person pastes, line by line, while a browser may come back at the same time."""

from __future__ import annotations

import os
import stat

_CHUNK = 1 << 16


class Pasted:
    """Lines of a terminal, a pipe or a file. Reading blocks unless the descriptor is ready."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._ended = False
        self.is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        """It is always ready, which no selector takes."""

    def fileno(self) -> int:
        return self._descriptor

    def line(self) -> bytes | None:
        """One that has been read; b"" at the end of all; None: there is no whole one yet."""
        line, end, rest = self._rest.partition(b"\n")
        if end or self._ended:
            self._rest = rest
            return line + end
        return None

    def read(self) -> None:
        chunk = os.read(self._descriptor, _CHUNK)
        self._rest += chunk
        self._ended = self._ended or not chunk
