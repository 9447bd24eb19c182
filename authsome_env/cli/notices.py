"""What keepers had to say and could not, for want of a terminal: the next authsome says it, once."""

from __future__ import annotations

import os

from authsome_env.deliver import ram
from authsome_env.errors import StorageError
from authsome_env.supervise import runs

from .invocation import Invocation
from .ps import read

_TOLD = "told"
"""A file in the run's folder: when that was noticed which was said last."""


def say(invocation: Invocation) -> None:
    for folder in runs.live(invocation.environ):
        record = read(folder)
        if record is None or record["notice"] is None or record["shown"]:
            continue
        noticed = repr(record["noticed_at"]).encode()
        path = os.path.join(folder, _TOLD)
        try:
            with open(path, "rb") as file:
                if file.read() == noticed:
                    continue
        except OSError:
            pass
        try:
            ram.replace_file(path, noticed)
        except StorageError:
            continue  # it would be said again and again; `ps` shows it
        invocation.warn(f"{record['command']} (process {record['pid']}): {record['notice']}")
