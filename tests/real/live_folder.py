"""The folder of a live run, as a keeper writes it, with nobody beside it."""

from __future__ import annotations

import os
import secrets
import tempfile

import pytest

from authsome_env.deliver.live import FILE, Live

SHIMS = os.path.join(os.path.dirname(__file__), "..", "..", "shims")


class LiveFolder:
    """`environ` is what a command gets; `refresh()` gives TOKEN a new value; `token` is the newest."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = os.path.join(path, FILE)
        self.live = Live(path)
        self.values: dict[str, bytes] = {}
        self.refresh()

    def refresh(self, **values: bytes) -> str:
        self.values.update(values or {"TOKEN": b"tok-" + secrets.token_hex(8).encode()})
        self.live.write(self.values)
        return self.token

    @property
    def token(self) -> str:
        return self.values["TOKEN"].decode()

    @property
    def environ(self) -> dict[str, str]:
        base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**base, "TOKEN": self.token, "AUTHSOME_RUN": self.path}

    def overwrite(self, data: bytes) -> None:
        """As another tool would, in place."""
        with open(self.file, "wb") as file:
            file.write(data)


@pytest.fixture
def live_folder():
    with tempfile.TemporaryDirectory(prefix="authsome-test-", dir="/dev/shm") as path:
        yield LiveFolder(path)


def not_whole(text: bytes) -> dict[str, bytes]:
    """Files that readers must leave alone, made of a whole one."""
    return {
        "empty": b"",
        "cut short": text[:-2],
        "cut in a value": text[: text.index(b"\n=") + 9],
        "another version": text.replace(b"authsome-live 1 ", b"authsome-live 2 ", 1),
        "garbage": os.urandom(300) + b"\n.\n",
        "a fingerprint first": text.replace(b"\n=", b"\n-ODD=aa\n=", 1).replace(b"live 1", b"live x"),
    }
