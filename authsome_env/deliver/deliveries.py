"""How the variables of a run reach its command: a table of modules, one for each way.

`env` is none of them: it puts the values into the command's environment, where nothing needs to be kept.
"""

from __future__ import annotations

import os

from authsome_env.errors import UsageError, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .delivery import Delivery

_CLASSES = {"dotenv": ("dotenv_file", "DotenvFile"), "fifo": ("fifo", "Fifo"), "files": ("files", "Files")}
NAMES = ("env", *_CLASSES)

READERS = ("docker", "systemd")
"""Whose notation a file with all variables may be in, instead of the one that most read; see `formats`."""


class Choice:
    """What `--deliver`, `--path` and `--dotenv-for` ask for together."""

    __slots__ = ("kind", "path", "reader")

    def __init__(self, kind: str = "env", path: str | None = None, reader: str | None = None) -> None:
        self.kind = kind
        self.path = path
        """Absolute."""
        self.reader = reader

    @classmethod
    def parse(
        cls, *, deliver: str | None = None, path: str | None = None, dotenv_for: str | None = None
    ) -> Choice:
        """From the words of the command line; a relative `path` is made absolute. Raises UsageError."""
        kind = _known("--deliver", NAMES, deliver) or "env"
        reader = _known("--dotenv-for", READERS, dotenv_for)
        if path is not None:
            if kind not in _CLASSES:
                raise UsageError(
                    "--path needs a delivery by file", f"--deliver dotenv --path {path}; or fifo, or files"
                )
            if not path or path.endswith("/"):
                raise UsageError("--path is to name a file", "as in --deliver dotenv --path .env")
            try:
                path = os.path.abspath(path)
            except FileNotFoundError:
                raise UsageError(
                    f"--path {path}: the working directory is gone", "give a path that begins with /"
                ) from None
        if reader and not (kind in _CLASSES and _class(kind).ONE_FILE):
            raise UsageError(
                "--dotenv-for needs one file with all variables",
                f"--deliver dotenv --dotenv-for {reader}; or --deliver fifo",
            )
        return cls(kind, path, reader)

    @property
    def in_ram(self) -> bool:
        """Whether the folder of the run must be in memory."""
        return self.kind in _CLASSES and _class(self.kind).IN_RAM

    def delivery(self, folder: str) -> Delivery | None:
        """In the folder of a run; None for `env`. Raises NotAllowed if `path` is taken."""
        if self.kind not in _CLASSES:
            return None
        return _class(self.kind)(folder, self.path, self.reader or "dotenv")


def _class(kind: str) -> type[Delivery]:
    module, name = _CLASSES[kind]
    # As in `formats`: only what is wanted is loaded, and without importlib.
    found: type[Delivery] = getattr(__import__(f"{__package__}.{module}", fromlist=(name,)), name)
    return found


def _known(flag: str, names: tuple[str, ...], given: str | None) -> str | None:
    if given is not None and given not in names:
        raise UsageError(
            f"{flag} {given}: there is no such one{nearest(given, names)}", f"use one of {', '.join(names)}"
        )
    return given
