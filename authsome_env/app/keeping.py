"""The keeper's process: from its plan to its end. `python -I -S`, see `supervise.keeper` for how it begins.

Imports no more than it needs: it stays as long as the command does, beside each of them.
"""

from __future__ import annotations

import _socket
import os
import sys

from authsome_env.clock import system
from authsome_env.deliver import ram
from authsome_env.errors import AuthsomeError
from authsome_env.supervise import keeper
from authsome_env.supervise.harden import harden, ignore
from authsome_env.supervise.keeping import keep
from authsome_env.supervise.process import Watch

from .plan import Plan
from .tending import Tending

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

_HEAD = 4
"""Bytes of the plan's length."""


def main() -> None:
    # It ends with its command, not before; whoever ends all processes of a user ends that one, too.
    ignore((signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.umask(0o077)
    harden()
    channel = _socket.socket(fileno=keeper.CHANNEL)
    os.set_inheritable(keeper.CHANNEL, False)
    packed = _receive(channel)
    if packed is None:
        return
    _attend(Plan.unpack(packed), channel)


def _watched() -> int | None:
    """What was opened for us to see the end of the command by; see `process.open_self`."""
    if sys.platform != "linux":
        return None
    os.set_inheritable(keeper.COMMAND, False)
    return keeper.COMMAND


def _receive(channel: _socket.socket) -> bytes | None:
    """The plan; None if who was to send it is gone."""
    received = bytearray()
    length = _HEAD
    while len(received) < length:
        chunk = channel.recv(65536)
        if not chunk:
            return None
        received += chunk
        if len(received) >= _HEAD:
            length = _HEAD + int.from_bytes(received[:_HEAD], "big")
    return bytes(received[_HEAD:])


def _attend(plan: Plan, channel: _socket.socket) -> None:
    """Be there until the command has ended, and leave nothing of the run."""
    command = Watch(plan.pid, _watched())
    tending = None
    try:
        try:
            tending = Tending(plan, command, now=system)
            tending.begin()
        except AuthsomeError as error:
            channel.send(keeper.failure(_told(error)))
            return
        channel.send(keeper.READY)
        if not _dismissed(channel):
            keep(command, tending, now=system)
    finally:
        if tending is not None:
            tending.end()
        ram.clear(plan.folder)
        channel.close()


def _dismissed(channel: _socket.socket) -> bool:
    """Waits until it has become the command, which nobody may signal before, or could not."""
    try:
        return channel.recv(1) == keeper.DISMISS
    except OSError:  # it was killed; its end is seen by the other descriptor
        return False


def _told(error: AuthsomeError) -> dict[str, bytes]:
    told = {"name": error.name, "message": error.message, "hint": error.hint}
    return {name: text.encode("utf-8", "replace") for name, text in told.items()}
