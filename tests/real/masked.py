"""Programs under the mask-run probe, in pipes and at terminals that tmux shows."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

MASK_RUN = [sys.executable, "-I", "-S", str(Path(__file__).parent / "probes" / "mask_run.py")]
TIMEOUT_S = float(os.environ.get("TRANSPARENCY_TIMEOUT_S", "60"))


def made_up(length=40):
    return secrets.token_urlsafe(length)[:length]


@pytest.fixture
def masking(tmp_path):
    """`masking(*secrets, **more)`: an environment in which MASK_RUN masks these, named S0, S1…"""

    def make(*secrets, **more):
        (tmp_path / "secrets").write_text(",".join(secret.encode().hex() for secret in secrets))
        named = {f"S{number}": secret for number, secret in enumerate(secrets)}
        own = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "MASK_SECRETS": str(tmp_path / "secrets")}
        return {**own, **named, **more}

    return make


def until(true, what="it"):
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} has not come"
        time.sleep(0.02)
    return found


class Screen:
    """One pane of a tmux server of its own, with an interactive bash in it."""

    def __init__(self, folder, environ):
        """`close` it, whatever comes."""
        self._words = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        shell = "PS1='at your service> ' exec bash --norc --noprofile -i"  # a shell in between forgets PS1
        size = ("-x", "80", "-y", "24")
        environ = {"HOME": str(folder), **environ}
        words = [*self._words, "new-session", "-d", *size, shell]
        subprocess.run(words, env=environ, check=True, timeout=TIMEOUT_S)

    def tmux(self, *words):
        done = subprocess.run(
            [*self._words, *words], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        return done.stdout

    def type(self, *keys):
        """Names of keys as tmux has them; other text as it is, a line with Enter in it."""
        for key in keys:
            self.tmux("send-keys", key)

    def line(self, text):
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Enter")

    def run(self, *command):
        """Type the command, to be run by MASK_RUN."""
        self.line(shlex.join([*MASK_RUN, *command]))

    def text(self):
        return self.tmux("capture-pane", "-p", "-J", "-S", "-200")

    def colored(self):
        return self.tmux("capture-pane", "-p", "-e")

    def visible(self):
        return self.tmux("capture-pane", "-p")

    def wait_for(self, text, *, times=1, visible=False, regular=False):
        look = self.visible if visible else self.text
        expression = text if regular else re.escape(text)
        try:
            until(lambda: len(re.findall(expression, look())) >= times, text)
        except AssertionError:
            pytest.fail(f"{text!r} has not come {times} times; there is\n{look()}")

    def close(self):
        self.tmux("kill-server")
