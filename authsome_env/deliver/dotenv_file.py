"""The delivery `dotenv`: one file with all variables, read again by whoever wants fresh ones.

It is replaced by rename(2), so whoever has opened it reads the set of that moment to its end. Its first line
is a comment that counts the sets.
"""

from __future__ import annotations

import os

from . import formats, ram
from .delivery import Delivery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLE = "AUTHSOME_ENV_FILE"


def text(values: Mapping[str, bytes], generation: int, style: str) -> bytes:
    """The whole file. `style`: dotenv, docker or systemd, whose readers all take `#` for a comment.

    Raises CannotExpress for a value that the format cannot hold.
    """
    return b"# authsome: generation %d\n" % generation + formats.render(style, values)


class DotenvFile(Delivery):
    FILE = "variables.env"

    def environment(self, names: Iterable[str]) -> dict[str, bytes]:  # noqa: ARG002 - the same for all
        return {VARIABLE: os.fsencode(self.file)}

    def write(self, values: Mapping[str, bytes], generation: int) -> None:
        content = text(values, generation, self._style)
        self._make_folder()
        ram.replace_file(self.file, content)
        self._place_link()
