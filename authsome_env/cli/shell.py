"""Which shell asks: `authsome env` without --format prints for that one."""

from __future__ import annotations

import os
import sys

from authsome_env.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMATS = {
    "bash": "bash",
    "zsh": "zsh",
    "fish": "fish",
    "pwsh": "powershell",
    "powershell": "powershell",
    **dict.fromkeys(("sh", "dash", "ash", "busybox", "ksh", "ksh93", "mksh", "oksh", "yash"), "sh"),
}
_UNSUPPORTED = ("csh", "tcsh", "nu", "elvish", "xonsh")


def calling_shell(environ: Mapping[str, str], parent: str | None) -> str:
    """The format for the shell that called: by the name of the parent process, then $SHELL, then sh.

    Raises UsageError for a shell whose language we do not write.
    """
    for candidate in (parent, os.path.basename(environ.get("SHELL", ""))):
        name = (candidate or "").lstrip("-")
        if name in _FORMATS:
            return _FORMATS[name]
        if name in _UNSUPPORTED:
            raise UsageError(
                f"{name} is not supported", "start the program with authsome run, or give --format json"
            )
    return "sh"


def parent_name() -> str | None:
    """The name of the process that started us; None if it cannot be told."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{os.getppid()}/comm", encoding="utf-8", errors="replace") as file:
                return file.read().rstrip("\n")
        except OSError:
            return None
    import subprocess  # macOS has no /proc; not tested there

    answer = subprocess.run(
        ["/bin/ps", "-o", "comm=", "-p", str(os.getppid())], capture_output=True, text=True, check=False
    )
    return os.path.basename(answer.stdout.strip()) or None
