"""The keeper's loop: it is left when the command has ended, and for nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from authsome_env.supervise.keeping import keep
from authsome_env.supervise.process import Watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a pidfd")


class Clumsy:
    """Work that fails in one of its methods, as often as it is told to; then it ends the command."""

    def __init__(self, command, fails, times, error):
        self.command = command
        self.fails = fails
        self.left = times
        self.error = error
        self.stumbled = []

    def _perhaps(self, name):
        if name == self.fails and self.left:
            self.left -= 1
            raise self.error

    def waits(self):
        self._perhaps("waits")
        return [], []

    def deadline(self):
        self._perhaps("deadline")
        return 0.0

    def step(self, readable):
        self._perhaps("step")
        self.command.kill()

    def stumble(self, error):
        self.stumbled.append(error)


@pytest.fixture
def command():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def watch(process):
    return Watch(process.pid, os.pidfd_open(process.pid))


@pytest.mark.parametrize(
    ("fails", "error"),
    [("waits", OSError(24, "too many")), ("deadline", MemoryError()), ("step", KeyError(1))],
)
def test_what_nobody_foresaw_does_not_end_it(command, fails, error):
    work = Clumsy(command, fails, 1, error)
    keep(watch(command), work, now=time.time)
    assert command.wait(0) is not None
    assert work.stumbled == [error]
    assert work.left == 0


def test_it_ends_with_the_command_also_while_all_fails(command):
    class Hopeless(Clumsy):
        def stumble(self, error):
            super().stumble(error)
            if len(self.stumbled) == 2:
                self.command.kill()
            raise error

    work = Hopeless(command, "deadline", -1, OSError(24, "too many"))
    keep(watch(command), work, now=time.time)
    assert command.wait(0) is not None
    assert len(work.stumbled) == 2


def test_a_descriptor_that_somebody_has_closed_is_no_end(command):
    class Closed(Clumsy):
        def waits(self):
            return ([closed], []) if not self.stumbled else ([], [])

    watched = watch(command)
    closed = os.dup(0)
    os.close(closed)
    work = Closed(command, "", 0, None)
    keep(watched, work, now=time.time)
    assert [type(error) for error in work.stumbled] == [ValueError]
