"""The delivery `files`: a file for each variable, and its path in `NAME_FILE`, as container images take them.

    set -> set.7        a symlink, replaced by rename(2): so all files change in one step
    set.7/NAME          the bytes of the value, and nothing else
    set.6/NAME          the set before, until the next change

A path through `set` leads to a file of the newest set. Who wants several of one set opens the folder `set`
and reads them relative to it; the set before stays for those who were at it.
"""

from __future__ import annotations

import os

from . import ram
from .delivery import Delivery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Files(Delivery):
    FILE = "set"
    ONE_FILE = False

    _names: Iterable[str] = ()

    def environment(self, names: Iterable[str]) -> dict[str, bytes]:
        folder = os.fsencode(self.file)
        return {f"{name}_FILE": folder + b"/" + name.encode() for name in names}

    def write(self, values: Mapping[str, bytes], generation: int) -> None:
        self._make_folder()
        try:
            self._replace_set(values, f"{self.FILE}.{generation}")
        except OSError as error:
            raise ram.storage_error(error, self.file) from None
        self._names = tuple(values)
        self._place_link()

    def lost(self) -> bool:
        return not all(os.path.exists(os.path.join(self.file, name)) for name in self._names)

    def _replace_set(self, values: Mapping[str, bytes], new: str) -> None:
        try:
            current = os.readlink(self.file)
        except FileNotFoundError:
            current = ""
        if current == new and os.path.exists(self.file):  # written again: what is there may be read right now
            new += "+"
        for name in os.listdir(self.folder):
            if name.startswith(self.FILE + ".") and name != current:
                ram.remove_tree(os.path.join(self.folder, name))
        folder = os.path.join(self.folder, new)
        draft = self.file + ".new"
        try:
            os.mkdir(folder, 0o700)
            os.chmod(folder, 0o700)  # as in ram.create_file
            for name, value in values.items():
                ram.create_file(os.path.join(folder, name), value)
            os.symlink(new, draft)
            os.rename(draft, self.file)
        except OSError:
            ram.remove_tree(folder)
            ram.remove_tree(draft)
            raise
