"""A notice that no terminal took: a file in the run's folder, until some authsome has said it, once.

The keeper replaces it or takes it away; whoever says it renames it first, so that of several only one does.
Cheap where there is none: `run` and `env` look as well.
"""

from __future__ import annotations

import os

from authsome_env.deliver import ram

_FILE = "unsaid"


def leave(folder: str, text: str) -> None:
    """In the place of one from before; an empty one takes that away. Raises StorageError."""
    path = os.path.join(folder, _FILE)
    if text:
        ram.replace_file(path, text.encode("utf-8", "surrogateescape"))
        return
    try:
        ram.remove_file(path)
    except OSError as error:
        raise ram.storage_error(error, path) from None


def take(folder: str) -> str:
    """What is to be said now; empty for nothing."""
    path = os.path.join(folder, _FILE)
    own = f"{path}.{os.getpid()}"
    try:
        os.rename(path, own)
        with open(own, "rb") as file:
            text = file.read()
        os.unlink(own)
    except OSError:
        return ""
    return text.decode("utf-8", "surrogateescape")
