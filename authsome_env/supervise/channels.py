"""All streams of output of one command, together."""

from __future__ import annotations

import os
import select
import sys

from .descriptors import close_all_but
from .pipes import above
from .ready import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Collection

    from authsome_env.clock import Clock

    from .pipes import Channel
else:
    import _signal as signal  # the same functions without the enums, whose import takes milliseconds


class Channels:
    def __init__(self, *, now: Clock) -> None:
        self._now = now
        self._all: list[Channel] = []
        self._held: list[Channel] = []
        self._watch = select.epoll.fromfd(above(_epoll())) if sys.platform == "linux" else None
        """Tells where nobody reads any more, though nothing is written: its writer is to know it at once."""
        self._watched: dict[int, Channel] = {}

    def append(self, channel: Channel) -> None:
        self._all.append(channel)
        if self._watch is not None:
            try:
                self._watch.register(channel.sink.descriptor, 0)  # errors and hang-ups are always told
            except OSError:
                return  # a file, which has no reader
            self._watched[channel.sink.descriptor] = channel
            channel.sink.before_close = (
                self._unwatch
            )  # others may hold the same, so that the kernel would not

    def _unwatch(self, descriptor: int) -> None:
        if self._watch is not None and descriptor in self._watched:
            del self._watched[descriptor]
            self._watch.unregister(descriptor)

    def waits(self) -> tuple[list[int], list[int]]:
        readers, writers = [], []
        for each in self._all:
            more_readers, more_writers = each.waits()
            readers += more_readers
            writers += more_writers
        if self._watch is not None and self._watched:
            readers.append(self._watch.fileno())
        return readers, writers

    def deadline(self) -> float | None:
        return min((when for each in self._all if (when := each.deadline()) is not None), default=None)

    def step(self, readable: Collection[int], writable: Collection[int]) -> None:
        for each in self._all:
            each.step(readable=each.source in readable, writable=each.sink.descriptor in writable)
        if self._watch is not None and self._watch.fileno() in readable:
            for descriptor, _ in self._watch.poll(0):
                self._watched[descriptor].close()

    def add(self, secret: bytes) -> bool:
        """False: it is too short to be masked."""
        done = [each.mask.add(secret) for each in self._all]
        return all(done)

    def forget(self, secret: bytes) -> None:
        for each in self._all:
            each.mask.forget(secret)

    def flush(self) -> None:
        for each in self._all:
            each.flush()

    def command_ended(self) -> None:
        for each in self._all:
            each.command_ended()

    def is_done(self) -> bool:
        return all(each.is_done() for each in self._all)

    def lost(self) -> int:
        """Why there was no space for some of it: an errno, or 0."""
        return max((each.lost for each in self._all), default=0)

    def pump(self) -> None:
        while not self.is_done():
            deadline = self.deadline()
            wait = None if deadline is None else max(deadline - self._now(), 0.0)
            self.step(*wait_for(*self.waits(), wait))

    def part(self) -> None:
        """From those that others still hold, who may go on to write. The rest may have a last piece left."""
        self._held = [each for each in self._all if each.is_done() and each.is_held()]
        self._all = [each for each in self._all if each not in self._held]

    def stay(self) -> None:
        """For these a process of ours stays, which is no child, until all who hold them have ended.

        Also for those that are not done, since their reader takes its time.
        """
        left = [*self._held, *(each for each in self._all if not each.is_done())]
        if left:
            self._stay(left)
        for each in (*self._all, *self._held):
            each.close()
        self._all, self._held = [], []
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _stay(self, held: list[Channel]) -> None:
        try:
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
                return
        except OSError:
            return
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            if os.fork() == 0:
                os.chdir("/")
                close_all_but(*(end for each in held for end in (each.source, each.sink.descriptor)))
                rest = Channels(now=self._now)
                for each in held:
                    rest.append(each)
                rest.pump()
        finally:
            os._exit(0)


def _epoll() -> int:
    made = select.epoll()
    try:
        return os.dup(made.fileno())  # the object would close the one that it has
    finally:
        made.close()
