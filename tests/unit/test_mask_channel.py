"""One stream of masked output, by itself."""

from __future__ import annotations

import os
import time

from authsome_env.supervise.mask import Mask
from authsome_env.supervise.pipes import Channel, Sink, pipe


def test_what_is_kept_goes_to_a_terminal_as_it_is_when_it_goes_there():
    """Read while the outer terminal was raw; by now it puts a carriage return before each newline itself."""
    source, command = pipe()
    shown, outer = os.pipe()
    mask = Mask([b"ready" + os.urandom(8).hex().encode()])
    channel = Channel(source, Sink(outer), mask, now=time.time)
    os.close(outer)
    os.write(command, b"one\r\nready\r\n")
    channel.step(readable=True, writable=False)
    channel.doubles_newlines = True
    os.close(command)
    channel.step(readable=True, writable=False)
    with open(shown, "rb") as file:
        assert file.read() == b"one\r\nready\n"
