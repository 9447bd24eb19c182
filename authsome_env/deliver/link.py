"""The symlink of `--path`: a name of the user's choice for what lies in the run's folder.

What is there already stays, unless it is a symlink of ours that leads nowhere, as a run leaves it that was
killed together with its keeper.
"""

from __future__ import annotations

import os

from authsome_env.errors import NotAllowed

from . import ram

_BASES = (b"authsome", b"authsome-%d" % os.geteuid())
"""The names of the folders that hold those of runs; see `ram`."""
TARGETS = ("variables.env", "variables.fifo", "set")
"""What of a run's folder a symlink leads to: the FILE of each delivery."""


class Link:
    """`path`: absolute. `target`: in the folder of the run."""

    __slots__ = ("_made", "_path", "_target")

    def __init__(self, path: str, target: str) -> None:
        """Raises NotAllowed if it cannot be there: something of somebody else is, or its folder is not.

        Nothing is made yet.
        """
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            raise NotAllowed(f"there is no folder {folder}", "make it first, or choose another --path")
        self._path = path
        self._target = target
        self._made = False
        if not self._is_ours():
            self._check_free()

    def place(self) -> None:
        """Make the symlink. Once it was made it is made again only if its place is empty: what the user puts
        there is the user's. Raises NotAllowed, StorageError.
        """
        note = os.path.join(os.path.dirname(self._target), ram.LINK)
        if not os.path.exists(note):  # before the symlink is: who clears up after us must know of it
            ram.replace_file(note, os.fsencode(self._path))
        if self._is_ours() or (self._made and os.path.lexists(self._path)):
            self._made = True
            return
        self._check_free()
        try:
            ram.remove_file(self._path)
            os.symlink(self._target, self._path)
        except OSError as error:
            raise ram.storage_error(error, self._path) from None
        self._made = True

    def remove(self) -> None:
        """If it still is ours. Never raises."""
        if self._is_ours():
            try:
                os.unlink(self._path)
            except OSError:
                pass

    def _is_ours(self) -> bool:
        try:
            return os.readlink(self._path) == self._target
        except OSError:
            return False

    def _check_free(self) -> None:
        try:
            target = os.readlink(os.fsencode(self._path))
        except FileNotFoundError:
            return
        except OSError:
            target = b""
        folder, name = os.path.split(target)
        base = os.path.basename(os.path.dirname(folder))
        if not (target.startswith(b"/") and base in _BASES and os.fsdecode(name) in TARGETS):
            raise NotAllowed(
                f"{self._path} exists, and is not ours to replace", "move it away, or choose another --path"
            )
        if os.path.lexists(target):
            raise NotAllowed(
                f"{self._path} belongs to a run that is not over",
                "choose another --path, or end that run (`authsome ps` lists them)",
            )
