"""Start a program with exactly what is asked for, by execve(2) itself: the caller that the tests play.

    python -I -S start.py SETUP COUNT [ENTRY]*COUNT ARGUMENT...

SETUP is Python text, run last; it may change signals, descriptors, limits, and the lists `environment` and
`argv` (of bytes). Nothing of the package is used here, so that its faults cannot hide themselves.
"""

import ctypes
import fcntl  # noqa: F401 - these four are for SETUP
import os
import resource  # noqa: F401
import signal
import sys
import tempfile  # noqa: F401

setup, count = sys.argv[1], int(sys.argv[2])
strings = [os.fsencode(string) for string in sys.argv[3:]]
environment, argv = strings[:count], strings[count:]
libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_SETMASK, [])  # whatever CPython or the caller of the tests has changed
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
exec(setup)
program = argv[0] if b"/" in argv[0] else b"/usr/bin/" + argv[0]
libc.execve(
    program,
    (ctypes.c_char_p * (len(argv) + 1))(*argv),
    (ctypes.c_char_p * (len(environment) + 1))(*environment),
)
sys.exit(f"start.py: {program!r}: {os.strerror(ctypes.get_errno())}")
