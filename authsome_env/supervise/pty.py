"""The terminal of a masked command: a new one between it and the one that our caller gave us.

    outer     the caller's: raw while we are in its foreground, so that every key is a byte which the inner
              one turns into a line, an echo, a signal
    inner     the command's: modes and size of the outer one at the start; of the modes its own, once it has
              changed them

With a session of its own the inner one is the controlling terminal of the command. Without (shared), the
outer one is that, and others use it too: then it stays as it is, until the command makes the inner one raw,
since it asks for keys there (`less` and `vim -`, whose stdin is a pipe). Then the outer one becomes the same.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
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
_SIGNALS = ((termios.VINTR, signal.SIGINT), (termios.VQUIT, signal.SIGQUIT))
_COOKED = (termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP) | (
    termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
)
"""What a terminal may do to keys, as in cfmakeraw(3)."""


class Terminal:
    def __init__(self, descriptor: int, *, is_shared: bool) -> None:
        """`descriptor`: the outer one. Raises OSError."""
        opened = open_terminal(descriptor, os.O_RDWR)
        self.outer = (
            opened if opened is not None else fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
        )
        self._is_shared = is_shared
        master, slave = os.openpty()
        self.master, self.slave = above(master), above(slave)
        os.set_blocking(self.master, False)
        self._before: Modes | None = None
        """Of the outer one, while it has others from us."""
        self._mirrored: Modes | None = None
        """Of the inner one, when the outer one got the same."""
        self._pending = b""
        self.typed: list[tuple[int, int]] = []
        """Signals that the inner one has made of keys, and the process groups that it had in front then."""
        self.is_hung_up = False
        try:
            termios.tcsetattr(self.slave, termios.TCSANOW, termios.tcgetattr(self.outer))
            self._at_start = termios.tcgetattr(self.slave)
        except termios.error as error:
            raise OSError(*error.args) from None
        self.copy_size()

    def in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.outer) == os.getpgrp()
        except OSError as error:
            self.is_hung_up = error.errno == errno.EIO  # ENOTTY: it never was our controlling one
            return False

    def has_keys(self) -> bool:
        """Whether they are ours, since the outer one is raw."""
        return self._before is not None

    def doubles_newlines(self) -> bool:
        """Whether both put a carriage return before each newline."""
        return self._is_shared and self._before is None

    def look(self) -> None:
        """Change the modes of the outer one, if they are to be others by now. Only in the foreground."""
        if not self._is_shared:
            if self._before is None:
                self._make_raw()
            return
        try:
            modes = termios.tcgetattr(self.master)
            if modes == self._mirrored:
                return
            if modes[_LOCAL] & termios.ICANON or modes == self._at_start:
                self.restore()
                return
            self._mirrored = modes
            outer = termios.tcgetattr(self.outer)
            self._before = self._before or termios.tcgetattr(self.outer)
            outer[_IN], outer[_LOCAL], outer[_CHARACTERS] = modes[_IN], modes[_LOCAL], modes[_CHARACTERS]
            outer[_OUT] &= ~termios.OPOST  # the inner one does it
            _set(self.outer, outer)
        except termios.error:
            pass

    def _make_raw(self) -> None:
        try:
            self._before = termios.tcgetattr(self.outer)
            if termios.tcgetattr(self.master) == self._at_start:
                # In the background they may have been those of a shell that reads its own line.
                _set(self.master, self._before)
                self._at_start = termios.tcgetattr(self.master)
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
        """What it was before: somebody else has taken it, and its modes are theirs."""
        self._before = self._mirrored = None

    def restore(self, *, keep: bool = False) -> None:
        """The outer one as it was before; with `keep`, with what the command has changed of the inner one."""
        modes = self._before
        if modes is None or not self.in_foreground():
            self.forget()
            return
        try:
            if keep and not self._is_shared:
                modes = _changed(modes, self._at_start, termios.tcgetattr(self.master))
            if self._is_shared:
                self.give_back()
            _set(self.outer, modes)
        except termios.error:
            pass
        self.forget()

    def give_back(self) -> None:
        """What was typed ahead is the next program's. Some kernels do not allow it: then it is lost."""
        if not self.has_keys() or not self.in_foreground() or self.slave < 0:
            return
        try:
            # A description of our own, for others may hold the slave; raw, so that a part of a line is read.
            slave = os.open(os.ttyname(self.slave), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return
        typed, self._pending = self._pending, b""
        try:
            modes = termios.tcgetattr(slave)
            raw = termios.tcgetattr(slave)
            raw[_LOCAL] &= ~termios.ICANON
            _set(slave, raw)
            try:
                typed = os.read(slave, _READ_SIZE) + typed
            except BlockingIOError:
                pass
            _set(slave, modes)
            if typed and _may_give_back():
                typed += self._unread()  # which came later, so that it must not be read earlier
            for each in typed.replace(b"\0", b""):  # an end of file is kept as that
                fcntl.ioctl(self.outer, termios.TIOCSTI, bytes((each,)))
        except (OSError, termios.error):
            pass
        finally:
            os.close(slave)

    def _unread(self) -> bytes:
        poll = select.poll()
        poll.register(self.outer, select.POLLIN)
        found = b""
        while poll.poll(0) and (chunk := os.read(self.outer, _READ_SIZE)):
            found += chunk
        return found

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
        if not self.has_keys() or self.is_hung_up or self.is_closed:
            return [], []
        return ([], [self.master]) if self._pending else ([self.outer], [])

    def step(self, *, readable: bool, writable: bool) -> None:
        """Keys. Nothing more is read before the inner one has taken all: it has bounds of its own."""
        if readable and self.has_keys() and not self._pending:  # else they are others' by now
            try:
                self._pending = os.read(self.outer, _READ_SIZE)
            except OSError:
                pass
            if self._pending:
                self.typed += self._signals_of(self._pending)
            else:
                self.is_hung_up = not _is_there(self.outer)  # else it is not ours any more (EIO as well)
        if self._pending and (readable or writable):
            try:
                self._pending = self._pending[os.write(self.master, self._pending) :]
            except BlockingIOError:
                pass
            except OSError:
                self._pending = b""

    def _signals_of(self, keys: bytes) -> list[tuple[int, int]]:
        if self._is_shared:
            return []  # the outer one makes them, of keys that do not get here
        try:
            modes = termios.tcgetattr(self.master)
            group = os.tcgetpgrp(self.master)
        except (OSError, termios.error):
            return []
        if not modes[_LOCAL] & termios.ISIG:
            return []
        characters = modes[_CHARACTERS]
        return [
            (number, group)
            for place, number in _SIGNALS
            if characters[place] != b"\0" and characters[place] in keys
        ]

    @property
    def is_closed(self) -> bool:
        return self.master < 0

    def close_slave(self) -> None:
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1

    def close(self) -> None:
        self.close_slave()
        os.close(self.master)
        os.close(self.outer)
        self.master = self.outer = -1


def _may_give_back() -> bool:
    """TIOCSTI: some kernels allow it to root alone."""
    try:
        with open("/proc/sys/dev/tty/legacy_tiocsti", encoding="ascii") as file:
            return file.read().strip() != "0" or os.geteuid() == 0
    except OSError:
        return True


def _is_there(descriptor: int) -> bool:
    """Not hung up."""
    try:
        termios.tcgetattr(descriptor)
        return True
    except termios.error:
        return False


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
