"""What a run says of itself: a file in its folder, and the folder's name.

    <pid>-<start>-<namespace>-<random>/     the command (see `process`): whether it lives is told by the name
        record                              JSON, no secret: see FIELDS; replaced as a whole

The command keeps pid and start when authsome becomes it. A folder belongs to a live run as long as that
process lives, whatever became of its keeper; afterwards it is to be swept away.
"""

from __future__ import annotations

import os

from authsome_env.deliver import json_text, ram

from . import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Value = str | int | float | None | list[str]

VERSION = 1
FIELDS = (
    *("version", "pid", "start", "boot", "namespace", "keeper_pid", "keeper_start", "command"),
    *(
        "vault",
        "connections",
        "delivery",
        "path",
        "live",
        "helpers",
        "masked",
        "on_expiry",
        "started_at",
        "next_refresh",
        "notice",
        "noticed_at",
        "shown",
    ),
)
"""`path`: the symbolic link that goes with the run, or null. `live`: programs see new values by shims;
`helpers`: git and others ask the run; `masked`: its output is. `keeper_pid` may be a supervisor's. Times are
Unix seconds. `shown`: it was said at the terminal.
"""


def new_name() -> str:
    """The folder's name for the command that this process is about to become."""
    pid = os.getpid()
    return f"{pid}-{process.start_of(pid) or 0}-{process.namespace()}-{os.urandom(4).hex()}"


class Run:
    """The command that a folder's name tells of."""

    __slots__ = ("namespace", "pid", "start")

    def __init__(self, pid: int, start: int, namespace: int) -> None:
        self.pid = pid
        self.start = start
        self.namespace = namespace

    @classmethod
    def of(cls, name: str) -> Run | None:
        """None for a name that is not of ours."""
        parts = name.split("-")
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts[:3]):
            return None
        return cls(*map(int, parts[:3]))

    @property
    def is_over(self) -> bool:
        """False also where it cannot be told: in another pid namespace, or as `process.start_of` says."""
        own = process.namespace()
        try:
            return self.namespace == own != 0 and process.start_of(self.pid) != self.start
        except OSError:
            return False


def write(folder: str, fields: Mapping[str, Value]) -> None:
    """Raises StorageError."""
    ram.replace_file(os.path.join(folder, ram.RECORD), (json_text.write(fields) + "\n").encode())


def is_of_another_boot(folder: str) -> bool:
    """Whether the machine was booted since, so that pids and starts say nothing. False if it is not told."""
    try:
        with open(os.path.join(folder, ram.RECORD), "rb") as file:
            written = file.read()
    except OSError:
        return False
    key = b'"boot": "'
    _, found, rest = written.partition(key)
    boot = process.boot_id().encode()
    return bool(found and boot) and not rest.startswith((b'"', boot + b'"'))
