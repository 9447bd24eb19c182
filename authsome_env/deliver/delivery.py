"""What every delivery but the environment itself can do. See `deliveries` for the table of them."""

from __future__ import annotations

import os

from . import ram
from .link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


class Delivery:
    """The variables of one run, in its folder.

    It may be made anew in another process, by the same arguments. Whoever made it calls `write` at the start
    and after each change, `remove` at the end, and in between, now and then, `lost`.
    """

    FILE = ""
    """The name in the folder of what a reader opens; what --path leads to."""
    IN_RAM = True
    """Whether the folder must be in memory."""
    ONE_FILE = True
    """Whether all variables are in one text, of which there are several styles."""

    def __init__(self, folder: str, path: str | None = None, style: str = "dotenv") -> None:
        """`path`: absolute, of the symlink that is wanted. `style`: a format with comments; see `formats`.

        Raises NotAllowed if the path is somebody else's.
        """
        self.folder = folder
        self._style = style
        self.file = os.path.join(folder, self.FILE)
        self._link = Link(path, self.file) if path else None

    def environment(self, names: Iterable[str]) -> dict[str, bytes]:
        """What the command's environment gets instead of the variables `names`."""
        raise NotImplementedError

    def write(self, values: Mapping[str, bytes], generation: int) -> None:
        """Replace the whole set by `values`, in one step. `generation` rises with every change.

        Makes the folder again if somebody removed it. Raises CannotExpress (before anything is changed),
        NotAllowed, StorageError; the set is then the one from before, if there was one.
        """
        raise NotImplementedError

    def lost(self) -> bool:
        """Whether somebody removed what was written; then `write` is to be called again."""
        return not os.path.exists(self.file)

    def remove(self) -> None:
        """Leave nothing behind. Never raises."""
        if self._link:
            self._link.remove()
        ram.clear(self.folder)

    def serve(self) -> None:
        """In the process that stays with the run: begin to answer readers, where they need one who does."""

    def waits(self) -> tuple[list[int], list[int]]:
        """Descriptors for select(2), to read and to write, at which `step` has something to do."""
        return [], []

    def processes(self) -> Collection[int]:
        """Those that `serve` has started."""
        return ()

    def step(self) -> None:
        """Do what can be done now. Never blocks, never raises."""

    def _make_folder(self) -> None:
        ram.make_folder(self.folder, in_ram=self.IN_RAM)

    def _place_link(self) -> None:
        if self._link:
            self._link.place()
