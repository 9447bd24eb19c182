"""What makes Python, Node and `bash -c` load our shims: added to what the user has, never instead.

    PYTHONPATH         our folder, then the user's
    NODE_OPTIONS       the user's, then --require of our file (node_preload.py)
    BASH_ENV           our file, which reads the user's first: AUTHSOME_BASH_ENV

The shims themselves lie in `shims/`.
"""

from __future__ import annotations

import os

from . import node_preload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PYTHON, _BASH = "python", os.path.join("bash", "live.bash")
USERS_BASH_ENV = "AUTHSOME_BASH_ENV"


def shims() -> str:
    """Where the shims lie: in this package when it was installed, beside it in a checkout. Empty: nowhere."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (os.path.join(package, "shims"), os.path.join(os.path.dirname(package), "shims")):
        if os.path.exists(os.path.join(folder, _PYTHON, "sitecustomize.py")):
            return folder
    return ""


def additions(present: Mapping[bytes, bytes], folder: str) -> dict[str, bytes]:
    """By variable. `present`: the environment without them; `folder`: that of the shims."""
    made = {}
    ours = os.fsencode(os.path.join(folder, _PYTHON))
    if os.pathsep.encode() not in ours:  # which no PYTHONPATH can hold
        # An empty one is as none: with a separator before it, it would be the current folder.
        made["PYTHONPATH"] = os.pathsep.encode().join(filter(None, (ours, present.get(b"PYTHONPATH"))))
    if option := node_preload.option(present, folder):
        made["NODE_OPTIONS"] = b" ".join(filter(None, (present.get(b"NODE_OPTIONS"), option)))
    if users := present.get(b"BASH_ENV"):
        made[USERS_BASH_ENV] = users
    made["BASH_ENV"] = os.fsencode(os.path.join(folder, _BASH))
    return made


def without(name: bytes, value: bytes, present: Mapping[bytes, bytes], folder: str) -> bytes | None:
    """What that variable was before `additions`, as far as it shows, if nobody put it down; None: absent.

    Such as in what a run has left to a process that outlived it.
    """
    if name == b"PYTHONPATH":
        ours = os.fsencode(os.path.join(folder, _PYTHON))
        if value == ours:
            return None
        return value.removeprefix(ours + os.pathsep.encode())
    if name == b"NODE_OPTIONS":
        for option in node_preload.options(present, folder):
            if value == option:
                return None
            value = value.removesuffix(b" " + option)
        return value
    if name == b"BASH_ENV" and value == os.fsencode(os.path.join(folder, _BASH)):
        return present.get(USERS_BASH_ENV.encode())
    return None if name == USERS_BASH_ENV.encode() else value
