"""Run a command with its output masked, by the smallest loop that does: mask_run.py COMMAND…

MASK_SECRETS    a file of what to mask, in hex, with commas; not passed on
MASK_ADD        a file: each line that is written to it becomes a secret as well (in hex)
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))

from authsome_env.supervise.streams import Streams

PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGUSR1)


def main():
    with open(os.environ.pop("MASK_SECRETS"), encoding="ascii") as file:
        secrets = [bytes.fromhex(each) for each in file.read().split(",") if each]
    news = os.environ.pop("MASK_ADD", None)
    news = os.open(news, os.O_RDONLY | os.O_NONBLOCK) if news else None
    streams = Streams(secrets, now=time.time)
    wake, tell = os.pipe()
    for each in (wake, tell):
        os.set_blocking(each, False)
    for number in (*PASSED_ON, signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(tell)
    pid = streams.fork()
    if not pid:
        signal.set_wakeup_fd(-1)
        for number in (
            *PASSED_ON,
            signal.SIGCHLD,
            signal.SIGWINCH,
            signal.SIGCONT,
            signal.SIGPIPE,
            signal.SIGXFSZ,
        ):
            signal.signal(number, signal.SIG_DFL)
        try:
            os.execvp(sys.argv[1], sys.argv[1:])
        finally:
            os._exit(127)
    loop = Loop(streams, pid)
    while loop.status is None or not streams.is_done():
        readers, writers = streams.waits()
        deadline = streams.deadline()
        wait = 30.0 if deadline is None else max(deadline - time.time(), 0.0)
        if news is not None:
            readers.append(news)
        readable, writable, _ = select.select([wake, *readers], writers, (), wait)
        if news in readable:
            lines = os.read(news, 1 << 20)
            for line in lines.split():
                streams.add(bytes.fromhex(line.decode()))
            if not lines:
                news = None
        streams.step(readable, writable)
        if wake in readable:
            for number in os.read(wake, 4096):
                loop.take(number)
    if loop.status < 0:
        streams.finish()
        signal.signal(-loop.status, signal.SIG_DFL) if -loop.status != signal.SIGKILL else None
        os.kill(os.getpid(), -loop.status)
    streams.finish(keep_modes=True)
    os._exit(loop.status)


class Loop:
    def __init__(self, streams, pid):
        self.streams, self.pid, self.status = streams, pid, None

    def take(self, number):
        if number == signal.SIGCHLD:
            while self.status is None:
                found, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
                if not found:
                    return
                if os.WIFSTOPPED(status):
                    stop = os.WSTOPSIG(status)
                    if self.streams.suspend(stop):
                        if stop != signal.SIGSTOP:
                            signal.signal(stop, signal.SIG_DFL)
                        os.kill(os.getpid(), stop)
                        if stop != signal.SIGSTOP:
                            signal.signal(stop, lambda *_: None)
                else:
                    self.status = os.waitstatus_to_exitcode(status)
                    self.streams.command_ended()
        elif number == signal.SIGWINCH:
            self.streams.resized()
        elif number == signal.SIGCONT:
            self.streams.resume()
        elif self.status is None and (self.streams.own_session or number in {signal.SIGTERM, signal.SIGUSR1}):
            os.kill(self.pid, number)


main()
