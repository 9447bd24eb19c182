"""The terminal of a masked command: a new one between it and the one that our caller gave us.

    outer     the caller's: raw while we are in its foreground, so that every key is a byte which the inner
              one turns into a line, an echo, a signal
    inner     the command's: modes and size of the outer one at the start, its own from then on

With a `session` (below) the inner one is the controlling terminal of the command. Without, it is only where
output goes: then the outer one stays as it is, and does what is done to output (newlines) by itself.
"""

from __future__ import annotations

import fcntl
import os
import termios

from .pipes import FIRST_FREE, above, open_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any

    Modes = list[Any]
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

_READ_SIZE = 4096
_IN, _OUT, _CONTROL, _LOCAL, _CHARACTERS = 0, 1, 2, 3, 6
"""Places in what tcgetattr returns."""
_SIZE_BYTES = 8
_COOKED = (termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP) | (
    termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
)
"""What a terminal may do to keys, as in cfmakeraw(3)."""


class Terminal:
    def __init__(self, descriptor: int, *, with_input: bool) -> None:
        """`descriptor`: the outer one. Raises OSError."""
        opened = open_terminal(descriptor, os.O_RDWR)
        self.outer = (
            opened if opened is not None else fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
        )
        self.with_input = with_input
        master, slave = os.openpty()
        self.master, self.slave = above(master), above(slave)
        os.set_blocking(self.master, False)
        self._before: Modes | None = None
        """Of the outer one, while it is raw."""
        self._pending = b""
        self.is_hung_up = False
        try:
            modes = termios.tcgetattr(self.outer)
            if not with_input:
                modes[_OUT] &= ~termios.OPOST
            termios.tcsetattr(self.slave, termios.TCSANOW, modes)
            self._at_start = termios.tcgetattr(self.slave)
        except termios.error as error:
            raise OSError(*error.args) from None
        self.copy_size()

    def in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.outer) == os.getpgrp()
        except OSError:
            return False

    def is_raw(self) -> bool:
        return self._before is not None

    def make_raw(self) -> None:
        """The outer one; only in the foreground: else it is somebody else's."""
        try:
            self._before = termios.tcgetattr(self.outer)
            raw = termios.tcgetattr(self.outer)
            raw[_IN] &= ~_COOKED
            raw[_OUT] &= ~termios.OPOST
            raw[_CONTROL] = raw[_CONTROL] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
            raw[_LOCAL] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
            characters = raw[_CHARACTERS]
            characters[termios.VMIN], characters[termios.VTIME] = 1, 0
            _set(self.outer, raw)
        except termios.error:
            pass  # it is hung up, which the next read tells

    def forget(self) -> None:
        """That it is raw: somebody else has taken it, and its modes are theirs."""
        self._before = None

    def restore(self, *, keep: bool = False) -> None:
        """The outer one as it was before; with `keep`, with what the command has changed of the inner one."""
        modes, self._before = self._before, None
        if modes is None:
            return
        try:
            if keep:
                modes = _changed(modes, self._at_start, termios.tcgetattr(self.master))
            if self.in_foreground():
                _set(self.outer, modes)
        except termios.error:
            pass

    def copy_size(self) -> bool:
        """Whether it was another one."""
        try:
            size = fcntl.ioctl(self.outer, termios.TIOCGWINSZ, bytes(_SIZE_BYTES))
            if size == fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(_SIZE_BYTES)):
                return False
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)  # it sends WINCH to the foreground
        except OSError:
            return False
        return True

    def waits(self) -> tuple[list[int], list[int]]:
        if not self.is_raw() or self.is_hung_up or self.is_closed:
            return [], []
        return ([], [self.master]) if self._pending else ([self.outer], [])

    def step(self, *, readable: bool, writable: bool) -> None:
        """Keys. Nothing more is read before the inner one has taken all: it has bounds of its own."""
        if readable and not self._pending:
            try:
                self._pending = os.read(self.outer, _READ_SIZE)
                self.is_hung_up = not self._pending
            except BlockingIOError:
                return
            except OSError:
                self.is_hung_up = True
        if self._pending and (readable or writable):
            try:
                self._pending = self._pending[os.write(self.master, self._pending) :]
            except BlockingIOError:
                pass
            except OSError:
                self._pending = b""

    @property
    def is_closed(self) -> bool:
        return self.master < 0

    def close(self) -> None:
        for each in (self.master, self.slave, self.outer):
            os.close(each)
        self.master = self.slave = self.outer = -1


def _set(descriptor: int, modes: Modes) -> None:
    # Nothing is waited for and nothing thrown away: what was typed ahead is the command's.
    # Blocked, lest we be stopped where somebody has taken the foreground since we looked.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTTOU,))
    try:
        termios.tcsetattr(descriptor, termios.TCSANOW, modes)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _changed(outer: Modes, start: Modes, end: Modes) -> Modes:
    """`outer` with every flag and character that differs between `start` and `end` as in `end`."""
    found = list(outer)
    for place in (_IN, _OUT, _CONTROL, _LOCAL):
        differs = start[place] ^ end[place]
        found[place] = outer[place] & ~differs | end[place] & differs
    found[_CHARACTERS] = [
        now if now != then else before
        for before, then, now in zip(outer[_CHARACTERS], start[_CHARACTERS], end[_CHARACTERS], strict=True)
    ]
    return found
