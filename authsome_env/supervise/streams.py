"""The standard streams of a command whose output is masked.

    stdin and stdout are our controlling terminal    a terminal and a session of its own; all keys pass by us
                                                     (pty.py, session.py)
    else an output that is a terminal                an inner terminal for output alone; session, process
                                                     group, stdin and so the keys are the caller's: in
                                                     `a | b | less` all three share one terminal
    an output that is none                           a pipe; one for both, where they lead to the same place,
                                                     so that their order is kept
    stdin; /dev/null; what is closed                 as it is

    streams = Streams(secrets, now=now)
    pid = streams.fork()                0 in the command, with descriptors 0 to 2 in their places
    …waits, deadline, step in the loop of the supervisor…
    streams.command_ended(); until is_done() the loop goes on; streams.finish()

Nothing but the constructor and `fork` raises. One object is for one start of the command.
"""

from __future__ import annotations

import fcntl
import os
import stat

from . import session
from .channels import Channels
from .mask import Mask
from .pipes import Channel, Sink, pipe
from .pty import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Collection, Iterable

    from authsome_env.clock import Clock
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds

IN, OUT, ERR = 0, 1, 2
_LOOK_S = 1.0
"""A shell that brings a running job to the foreground tells it nothing: in the background we look."""


class Streams:
    holds = False
    """Our own descriptors 0 to 2 may be closed once this object is made: it has copies."""

    def __init__(self, secrets: Iterable[bytes], *, now: Clock) -> None:
        """Raises OSError."""
        self._now = now
        self._secrets = list(secrets)
        self._channels = Channels(now=now)
        self._given: dict[int, int] = {}
        """Which descriptor of ours the command gets for which of its own."""
        self._terminal: Terminal | None = None
        self._shown: Channel | None = None
        """What comes from it."""
        self._leader: session.Leader | None = None
        self._group = 0
        """The command's, if it is in a session of its own."""
        self._in_foreground = False
        self._was_moved = False
        """To the foreground, while the command ran."""
        self._is_parted = False
        """From the terminal's session, and from those who may go on to write: the command has ended."""
        terminal = next((each for each in (OUT, ERR) if os.isatty(each)), None)
        self.own_session = terminal == OUT and _is_ours(IN) and _is_ours(OUT)
        """Every signal that we get is to be passed on then: none of the terminal's reaches the command."""
        if terminal is not None:
            self._make_terminal(terminal)
        self._make_pipes()

    def fork(self) -> int:
        """As os.fork. Raises OSError."""
        terminal = self._terminal
        if terminal is not None and self.own_session:
            self._in_foreground = terminal.in_foreground()
            pid, self._leader = session.fork(terminal.slave, in_foreground=self._in_foreground)
        else:
            pid = os.fork()
        if not pid:
            for descriptor, ours in self._given.items():
                os.dup2(ours, descriptor)  # all that we opened is closed by exec
            return 0
        self._close_given()
        self._group = pid if self.own_session else 0
        self._look()
        return pid

    def processes(self) -> list[int]:
        """Ours below us, which are no part of what the command has started."""
        return [self._leader.pid, self._leader.second] if self._leader is not None else []

    def waits(self) -> tuple[list[int], list[int]]:
        """(descriptors to wait for until they can be read, until they can be written)."""
        readers, writers = self._channels.waits()
        if self._terminal is not None and not self._is_parted:
            more_readers, more_writers = self._terminal.waits()
            readers += more_readers
            writers += more_writers
        return readers, writers

    def typed(self) -> set[int]:
        """Signals that the command has got by keys since this was asked last, and that we have not.

        Without us all of our group would have got them, such as a script that waits for us: so they do.
        """
        if self._terminal is None:
            return set()
        typed, self._terminal.typed = self._terminal.typed, []
        found = {number for number, group in typed if group == self._group}
        for number in found:
            os.killpg(0, number)
        return found

    def deadline(self) -> float | None:
        """When `step` is to be called though nothing is ready, in Unix seconds."""
        found = self._channels.deadline()
        if self._group and not self._in_foreground and self._terminal and not self._terminal.is_closed:
            look = self._now() + _LOOK_S
            return look if found is None else min(look, found)
        return found

    def step(self, readable: Collection[int] = (), writable: Collection[int] = ()) -> None:
        """Do what can be done without waiting."""
        self._look()
        terminal = self._terminal
        if terminal is not None and not terminal.is_closed:
            terminal.step(readable=terminal.outer in readable, writable=terminal.master in writable)
        self._channels.step(readable, writable)
        if self._shown is not None and not self._shown.is_open:  # nobody shows it any more
            self.hung_up()
        self._look()  # the command sets modes, then draws

    def add(self, secret: bytes) -> bool:
        """From now on. False: it is too short to be masked."""
        return self._channels.add(secret)

    def forget(self, secret: bytes) -> None:
        """One that has long been dead: each costs throughput, and a long run has many."""
        self._channels.forget(secret)

    def resized(self) -> None:
        """The outer terminal was (WINCH)."""
        terminal = self._terminal
        if terminal is None or terminal.is_closed:
            return
        if terminal.copy_size() and not self.own_session:
            # The command has got its WINCH from the outer one, perhaps before the inner one had the size.
            os.killpg(0, signal.SIGWINCH)

    def suspend(self, number: int = 0) -> bool:
        """The command was stopped by that signal: whether we are to stop as well, by the same.

        Not where it has stopped to read, while we did not know yet that we are in the foreground.
        """
        self._channels.flush()
        terminal = self._terminal
        if terminal is None or terminal.is_closed:
            return True
        self._look()
        if self._was_moved and number in {signal.SIGTTIN, signal.SIGTTOU}:
            self.resume()
            return False
        terminal.restore()
        self._set_foreground(in_foreground=False)
        return True

    def resume(self) -> None:
        """We go on after a stop (CONT), and so does the command, if it is in a session of its own."""
        self._look()
        self._was_moved = False
        self.resized()
        if self._group:
            try:
                os.killpg(self._group, signal.SIGCONT)
            except OSError:
                pass  # it has ended

    def hung_up(self) -> None:
        """The outer terminal is gone; so is the inner one, and the kernel sends HUP to its foreground."""
        terminal = self._terminal
        if terminal is None or terminal.is_closed:
            return
        if self._shown is not None:
            self._shown.close()
        leader, self._leader = self._leader, None
        terminal.close()
        if leader is not None:
            leader.dismiss(hang_up=True)

    def command_ended(self) -> None:
        """What is there now is the last of its output."""
        self._channels.command_ended()

    def is_done(self) -> bool:
        """After `command_ended`: whether all its output was passed on."""
        if not self._is_parted and self._channels.is_done():
            self._part()
        return self._is_parted and self._channels.is_done()

    def lost(self) -> int:
        """Before `finish`: why there was no space for some of its output, an errno; 0: there was."""
        return self._channels.lost()

    def finish(self, *, keep_modes: bool = False) -> None:
        """The outer terminal is as it was.

        `keep_modes`: the command ended by itself: what it has changed of the terminal is meant to stay.
        What it has started may go on to write: a process of ours stays for that until they have ended, and
        for what is not passed on by now.
        """
        if not self._is_parted:
            self._part()
        terminal = self._terminal
        if terminal is not None and not terminal.is_closed:
            terminal.restore(keep=keep_modes)
            if self._shown is not None:
                self._shown.doubles_newlines = True
        self._channels.stay()
        if terminal is not None and not terminal.is_closed:
            terminal.close()
        self._terminal = self._shown = None
        self._group = 0

    def _part(self) -> None:
        """While the outer terminal is raw still: there may be a last piece to come."""
        self._is_parted = True
        self._close_given()
        terminal = self._terminal
        if terminal is not None and not terminal.is_closed:
            terminal.give_back()
            leader, self._leader = self._leader, None
            if leader is not None:
                leader.dismiss()
            terminal.close_slave()
        self._channels.part()

    def _close_given(self) -> None:
        for ours in set(self._given.values()):
            if self._terminal is None or ours != self._terminal.slave:
                os.close(ours)
        self._given.clear()

    def _make_terminal(self, descriptor: int) -> None:
        self._terminal = terminal = Terminal(descriptor, is_shared=not self.own_session)
        device = os.fstat(descriptor).st_rdev
        for each in (IN, OUT, ERR) if self.own_session else (OUT, ERR):
            if os.isatty(each) and os.fstat(each).st_rdev == device:
                self._given[each] = terminal.slave
        self._shown = self._add_channel(terminal.master, descriptor, is_terminal=True)

    def _make_pipes(self) -> None:
        made: dict[tuple[int, ...], int] = {}
        for each in (OUT, ERR):
            place = _place(each)
            if place is None or each in self._given:
                continue
            if place not in made:
                ours, made[place] = pipe()
                self._add_channel(ours, each)
            self._given[each] = made[place]

    def _add_channel(self, source: int, descriptor: int, *, is_terminal: bool = False) -> Channel:
        mask = Mask(self._secrets)
        channel = Channel(source, Sink(descriptor), mask, now=self._now, is_terminal=is_terminal)
        self._channels.append(channel)
        return channel

    def _look(self) -> None:
        """Whether we are in the foreground of the outer terminal, and what follows from it."""
        terminal = self._terminal
        if terminal is None or terminal.is_closed:
            return
        in_foreground = terminal.in_foreground()
        if terminal.is_hung_up:
            self.hung_up()
            return
        if in_foreground:
            terminal.look()
        if in_foreground != self._in_foreground:
            self._set_foreground(in_foreground=in_foreground)
        if self._shown is not None:
            self._shown.doubles_newlines = terminal.doubles_newlines()

    def _set_foreground(self, *, in_foreground: bool) -> None:
        self._in_foreground = in_foreground
        self._was_moved = in_foreground and self._group > 0
        if not in_foreground and self._terminal is not None:
            self._terminal.forget()
        if self._leader is not None:
            self._leader.set_foreground(in_foreground=in_foreground)


def _is_ours(descriptor: int) -> bool:
    """Whether it is our controlling terminal."""
    try:
        os.tcgetpgrp(descriptor)
        return True
    except OSError:
        return False


def _place(descriptor: int) -> tuple[int, ...] | None:
    """Where output goes; None: it is closed, not for output, or thrown away, so that it is left as it is."""
    try:
        found = os.fstat(descriptor)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:
        return None
    if flags & os.O_ACCMODE == os.O_RDONLY:
        return None
    if (
        stat.S_ISCHR(found.st_mode)
        and os.path.exists(os.devnull)
        and found.st_rdev == os.stat(os.devnull).st_rdev
    ):
        return None
    at = 0
    if stat.S_ISREG(found.st_mode):
        at = os.lseek(descriptor, 0, os.SEEK_CUR)  # two that were opened apart write over each other
    return found.st_dev, found.st_ino, flags, at
