"""A line said on the terminal that a command was started at: there, as text, and on no other."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tty

import pytest

from authsome_env.supervise import terminal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# In a session of its own, with that terminal as the controlling one; goes on after a hang-up.
STAYS = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.setsid()
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)
os.close(descriptor)
print("ready", flush=True)
sys.stdin.read()
"""


class Session:
    """A pseudo-terminal, and a process that has it for its own."""

    def __init__(self):
        self.descriptors = self.primary, secondary = os.openpty()
        tty.setraw(secondary)  # as an editor does
        self.path = os.ttyname(secondary)
        self.process = subprocess.Popen(
            [sys.executable, "-c", STAYS, self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout.readline() == b"ready\n"

    def hang_up(self):
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()

    def shown(self):
        ready, _, _ = select.select([self.primary], [], [], 0)
        return os.read(self.primary, 65536) if ready else b""

    def end(self):
        self.process.communicate()
        self.hang_up()


@pytest.fixture
def session():
    sessions = []

    def begin():
        sessions.append(Session())
        return sessions[-1]

    yield begin
    for each in sessions:
        each.end()


def test_what_would_move_its_cursor_is_shown_as_text(session):
    there = session()
    assert terminal.say(there.path, "cannot write /a\x1b[2J\r\nb\u202e\udcff", pid=there.process.pid)
    assert there.shown() == b"\rcannot write /a\\x1b[2J\\r\\nb\\u202e\\xff\r\n"


def test_the_next_terminal_of_the_same_name_is_told_nothing(session):
    first = session()
    first.hang_up()
    second = session()
    assert second.path == first.path, "the kernel gives the lowest number that is free"
    assert not terminal.say(first.path, "of the first", pid=first.process.pid)
    assert second.shown() == b""
    assert terminal.say(second.path, "of the second", pid=second.process.pid)
    assert second.shown() == b"\rof the second\r\n"


def test_a_terminal_that_is_not_the_processs_own_is_told_nothing(session):
    first, second = session(), session()
    assert not terminal.say(second.path, "of the first", pid=first.process.pid)
    assert second.shown() == b""
