"""Which launcher a wheel gets: ours, or that of whoever installs it (an entry point).

Ours costs nothing: shims/bin/authsome is Python from its first line on, in which pip names the interpreter.
The wrapper that pip before 25.3 makes for an entry point imports `re`, a quarter of a Python start on every
`authsome run`. But only for entry points has pip a way out where no kernel takes that line: in a path that
holds a blank, or is long. The interpreter that builds is the one that is installed for, unless it is in a
folder of its own: uv's and `build`'s are, and uv has the way out for scripts as well.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_LONGEST = 512 if sys.platform == "darwin" else 127
"""Of a first line, with #! and its end; as pip has it. Linux takes 255 since 5.1."""


def is_for_the_kernel(interpreter: str) -> bool:
    raw = os.fsencode(interpreter)
    return len(raw) + 3 <= _LONGEST and not raw.split()[1:]


class CustomMetadataHook(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        ours = is_for_the_kernel(sys.executable)
        metadata["scripts"] = {} if ours else {"authsome": "authsome_env.cli.main:main"}


class CustomBuildHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface's
        if is_for_the_kernel(sys.executable):
            build_data["shared_scripts"][os.path.join(self.root, "shims", "bin", "authsome")] = "authsome"
