"""Runs of a supervisor for tests: started as by `authsome run`, and told what happens to their value."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

PROBE = Path(__file__).parent / "probes" / "supervised.py"
PYTHON = [sys.executable, "-I", "-S"]
TIMEOUT_S = float(os.environ.get("TRANSPARENCY_TIMEOUT_S", "60"))
TELL = """
import os, signal, sys, time
def say(*words): os.write(1, (" ".join(map(str, words)) + chr(10)).encode())
def tell(*numbers):
    for number in numbers: signal.signal(number, lambda number, frame: say("got", int(number)))
def forever():
    while True: signal.pause()
"""
"""What the commands of tests begin with."""


def words(on_expiry="none", grace=10.0, fifo="-"):
    return [*PYTHON, str(PROBE), on_expiry, str(grace), str(fifo), "--"]


def python(code):
    """A command that runs `code` after TELL."""
    return [*PYTHON, "-c", TELL + code]


def wait_for(what):
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return found


def lives(pid):
    """False for a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] not in b"ZX"
    except OSError:
        return False


class Run:
    """One run, in a process group of its own (so that it is no orphaned one) unless `how` says otherwise."""

    def __init__(self, command, *, on_expiry="none", grace=10.0, fifo="-", before=(), **how):
        self.fifo = fifo
        if fifo != "-" and not os.path.exists(fifo):
            os.mkfifo(fifo)
        how = {"stdout": subprocess.PIPE, "bufsize": 0, "process_group": 0, **how}
        self.process = subprocess.Popen([*before, *words(on_expiry, grace, fifo), *command], **how)
        self.pid = self.process.pid
        self._read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr, self.process.stdin):
            if stream is not None:
                stream.close()

    def tell(self, text):
        with open(self.fifo, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    def line(self, timeout=TIMEOUT_S):
        """What the command writes next; None if it writes nothing for so long."""
        while b"\n" not in self._read:
            if not select.select([self.process.stdout], [], [], timeout)[0]:
                return None
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                return None
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def rest(self):
        """All that it writes until its output ends."""
        read, self._read = self._read, b""
        return read + self.process.stdout.read()

    def expect(self, *lines):
        for each in lines:
            assert self.line() == each

    def is_silent(self, seconds=0.3):
        """That nothing happens cannot be waited for; what is wrong is seen in most runs."""
        assert self.line(seconds) is None

    def end(self):
        return self.process.wait(TIMEOUT_S)

    def children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def told(self, name):
        """A number of /proc/PID/status."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))

    def said(self):
        try:
            with open(f"{self.fifo}.said", encoding="utf-8") as file:
                return file.read()
        except OSError:
            return ""
