"""Start the process that renews one connection, and hear from it. See `renewer` for the other side."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time

from authsome_env.errors import AuthsomeError
from authsome_env.packed import pack, unpack
from authsome_env.supervise import process, sigchld

from .surroundings import built_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace

MODULE = "authsome_env.app.renewer"

_PID_BYTES = 4
"""Before all else it says who it is."""
_SENT = b"s"
_TIME_BYTES = 8

_AGAIN = "try again"


def sent_word() -> bytes:
    """The helper's next word: the request is on its way since then (ms of the clock that all share)."""
    return _SENT + int(time.monotonic() * 1000).to_bytes(_TIME_BYTES, "big")


class HelperDied(AuthsomeError):
    """It ended without a word; what it had begun, only the vault can tell."""


class Helper:
    """One running helper. Keys and names go over a socket pair: never in argv, never in its environment.

    It is told which parts of the vault it may open, and gets the keys of those alone.
    """

    def __init__(self, workspace: Workspace, vault: Vault, credential: Credential, lock: int) -> None:
        connection = credential.connection
        was_pending = sigchld.is_pending()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                starter = subprocess.Popen(
                    [sys.executable, "-P", "-m", MODULE, str(lock)],
                    env=built_environment(workspace.environ),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    pass_fds=(lock,),
                    start_new_session=True,  # ^C is for the command that is waited for
                )
            except OSError as error:
                ours.close()
                reason = (error.strerror or "error").lower()
                raise AuthsomeError(f"cannot start the process that refreshes: {reason}", _AGAIN) from None
        order = {
            "home": workspace.home.path.encode("utf-8", "surrogateescape"),
            "vault": vault.name.encode(),
            "vault_id": vault.id.encode(),
            "connection": connection.id.encode(),
            "generation": str(connection.generation).encode(),
            **{f"key.{name}": key for name, key in vault.part_keys(credential).items()},
        }
        try:
            ours.sendall(pack(order))
            ours.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass  # it could not start; `wait` finds no word of it
        self._socket = ours
        self._heard = b""
        self._began = time.monotonic()
        starter.wait()  # it forks itself off at once, so that no command of ours has it for a child
        sigchld.take_back(was_pending=was_pending)

    def wait(self, patience_s: float, start_s: float) -> tuple[str, str, str] | None:
        """Until it is done or `patience_s` after its request: None; or the failure that it told.

        That is the name, message and hint of an AuthsomeError. Raises HelperDied. Who waits for one after
        another waits no longer than for the slowest: times count from what happened, not from this call.
        """
        deadline = self._began + start_s
        with self._socket:
            while True:
                left = max(deadline - time.monotonic(), 0.0)
                if not select.select([self._socket], [], [], left)[0]:
                    return None
                try:
                    chunk = self._socket.recv(65536)
                except ConnectionError:
                    chunk = b""
                if not chunk:
                    break
                self._heard += chunk
                sent_at, _ = self._words()
                if sent_at is not None:
                    deadline = sent_at + patience_s
        self._bury()
        try:
            told = unpack(self._words()[1])
        except ValueError:
            told = {}
        if not told:
            raise HelperDied("the process that refreshes was killed or failed", _AGAIN)
        name, message, hint = (told.get(key, b"").decode() for key in ("name", "message", "hint"))
        return (name, message, hint) if name else None

    def _words(self) -> tuple[float | None, bytes]:
        """When the request was sent, and what is told behind that."""
        heard = self._heard[_PID_BYTES:]
        first = len(_SENT) + _TIME_BYTES
        if not heard.startswith(_SENT):
            return None, heard
        at = int.from_bytes(heard[len(_SENT) : first], "big") / 1000 if len(heard) >= first else None
        return at, heard[first:]

    def _bury(self) -> None:
        """It has ended, or is about to. Process 1 and a subreaper have got it for a child by then."""
        pid = int.from_bytes(self._heard[:_PID_BYTES], "big")
        if pid and process.parent_of(pid) == os.getpid():
            was_pending = sigchld.is_pending()
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass  # our caller ignores SIGCHLD
            sigchld.take_back(was_pending=was_pending)
