"""`authsome demo`: the main job in a home of its own, with keys made up on the spot."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile

from authsome_env.errors import AuthsomeError
from authsome_env.vault.keys.text import KEY_BYTES, encode

from .invocation import Invocation

# What the demonstration runs: a program that tells which variables it got, and no value.
_PROGRAM = (
    "import os; v = os.environ['OPENAI_API_KEY'];"
    " print(f'  the program sees OPENAI_API_KEY={v[:7]}*** ({len(v)} characters)')"
)


def demo(invocation: Invocation) -> None:
    """Logs in two connections of one provider, lists them, and runs a program with the one and the other.
    Nothing of yours is touched, and nothing is left behind.

    Example: authsome demo
    """
    with tempfile.TemporaryDirectory(prefix="authsome-demo-", dir=_memory()) as home:
        tour = _Tour(home, invocation)
        tour.show(
            "Two accounts of one provider, logged in once each. A key comes from stdin, never from argv:"
        )
        tour.step("login openai --stdin", typed=tour.key("personal"))
        tour.step("login openai --connection work --stdin", typed=tour.key("work"))
        tour.show("They lie in an encrypted vault; nothing shows a secret unless it is asked to:")
        tour.step("list")
        tour.step("get openai")
        tour.show("A program gets the default account, or the one that is named, in its environment:")
        tour.step("run", command=[sys.executable, "-c", _PROGRAM])
        tour.step("run -p openai:work", command=[sys.executable, "-c", _PROGRAM])
        tour.step("set-default openai work")
        tour.step("run", command=[sys.executable, "-c", _PROGRAM])
    if invocation.json:
        invocation.data(json.dumps({"steps": tour.steps}) + "\n")
    tour.show("That was all in a folder that is gone again. Now yours: authsome login openai")


class _Tour:
    def __init__(self, home: str, invocation: Invocation) -> None:
        self.home = home
        self.invocation = invocation
        self.steps: list[dict[str, str]] = []
        self.master_key = encode(invocation.random(KEY_BYTES)).decode()

    def key(self, owner: str) -> bytes:
        return f"sk-{owner}-{self.invocation.random(20).hex()}".encode()

    def show(self, text: str) -> None:
        if not self.invocation.json:
            self.invocation.data(f"\n{text}\n\n")

    def step(self, line: str, *, command: list[str] | None = None, typed: bytes = b"") -> None:
        """Run one command of this program as it would be typed, and show both."""
        shown = f"authsome {line}" + (" -- python -c '…'" if command else "")
        if not self.invocation.json:
            self.invocation.data(f"$ {shown}\n")
        words = shlex.split(line) + (["--", *command] if command else [])
        environ = {
            name: value
            for name, value in self.invocation.environ.items()
            if not name.startswith(("AUTHSOME_", "OPENAI_", "PYTHON"))
        }
        # A key of its own: the first login would else leave one in the keyring of the desktop.
        environ["AUTHSOME_MASTER_KEY"] = self.master_key
        done = subprocess.run(
            [sys.executable, "-P", "-m", "authsome_env", *words],
            env={**environ, "AUTHSOME_HOME": os.path.join(self.home, "authsome")},
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = done.stdout.decode("utf-8", "replace")
        self.steps.append({"command": shown, "output": output})
        if not self.invocation.json:
            self.invocation.data(output)
        if done.returncode:
            raise AuthsomeError(f"the step {shown!r} failed", "run `authsome --verbose demo`")


def _memory() -> str | None:
    """A folder in RAM, if there is one: not even a made-up key needs to touch the disk."""
    folder = "/dev/shm"  # noqa: S108 - TemporaryDirectory makes a 0700 folder of a random name in it
    return folder if os.access(folder, os.W_OK) else None
