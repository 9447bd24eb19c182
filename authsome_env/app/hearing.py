"""What a keeper is asked by the programs of its run: the fifo `ask` in its folder.

A line is `<connection id> <generation>`: the token of that generation was refused. Whoever can write there is
the keeper's own user, and can do no more than have a token renewed before its time, once for each token.
"""

from __future__ import annotations

import os
import stat

from authsome_env.deliver import ram

from .run_folder import ASK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE = 65536
"""Bytes that are read in one step: a flood delays nothing else."""
_LONGEST_LINE = 512


class Hearing:
    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, ASK)
        self._descriptor: int | None = None
        self._heard = b""
        self._skips = False
        """What comes before the next line's end belongs to one that is too long."""

    def open(self) -> None:
        """Raises StorageError. The folder must be there."""
        try:
            if not _is_fifo(self._path):
                ram.remove_tree(self._path)
                os.mkfifo(self._path, 0o600)
                os.chmod(self._path, 0o600)  # as in ram.create_file
            # For writing too: otherwise it would report its end whenever the last writer has left.
            flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags)
        except OSError as error:
            raise ram.storage_error(error, self._path) from None
        self.close()
        self._descriptor = descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._heard = b""
            self._skips = False

    def lost(self) -> bool:
        """Whether nobody can be heard any more; then `open` is to be called again."""
        if self._descriptor is None:
            return True
        try:
            return not os.path.samestat(os.lstat(self._path), os.fstat(self._descriptor))
        except OSError:
            return True

    def waits(self) -> list[int]:
        return [] if self._descriptor is None else [self._descriptor]

    def hear(self) -> Iterator[tuple[str, int]]:
        """Connection id and generation of each line that has come. Never blocks, never raises."""
        if self._descriptor is None:
            return
        try:
            self._heard += os.read(self._descriptor, _AT_ONCE)
        except OSError:  # there is nothing to read
            return
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            skipped, self._skips = self._skips, False
            words = line.split()
            if not skipped and len(words) == 2 and words[1].isdigit() and len(line) <= _LONGEST_LINE:
                yield words[0].decode("ascii", "replace"), int(words[1])
        if len(self._heard) > _LONGEST_LINE:
            self._heard = b""
            self._skips = True


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.lstat(path).st_mode)
    except OSError:
        return False
