"""Run a command with its output masked, by the supervisor as `authsome run --mask` does.

    python -I -S mask_run.py COMMAND…

MASK_SECRETS    a file of what to mask, in hex, with commas; not passed on
MASK_ADD        a file: each line that is written to it becomes a secret as well (in hex)
"""

import os
import sys
import time

PROBES = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.abspath(f"{PROBES}/../../.."))


class Work:
    def __init__(self, secrets, news):
        self.found = set(secrets)
        self.news = os.open(news, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC) if news else None

    def waits(self):
        return ([] if self.news is None else [self.news]), []

    def deadline(self):
        return None

    def step(self, readable):
        if self.news in readable:
            lines = os.read(self.news, 1 << 20)
            self.found |= {bytes.fromhex(line.decode()) for line in lines.split()}
            if not lines:
                self.news = None

    def stumble(self, error):
        raise error

    def values(self):
        return {}

    def changed(self):
        return None

    def is_dead(self):
        return False

    def secrets(self):
        return set(self.found)

    def processes(self):
        return ()

    def say(self, text):
        pass

    def end(self):
        pass


def main(descriptor):
    from authsome_env.packed import unpack
    from authsome_env.supervise.ends import end_as
    from authsome_env.supervise.exec import CommandFailed
    from authsome_env.supervise.supervising import Supervisor

    supervisor = Supervisor(descriptor, now=time.time, ticks=time.monotonic)
    told = unpack(supervisor.brief.work)
    secrets = [bytes.fromhex(each) for each in told["secrets"].decode().split(",") if each]
    try:
        status = supervisor.run(Work(secrets, told["news"].decode()))
    except CommandFailed as failure:
        status = failure.exit_code
    end_as(status)


def start():
    from authsome_env.packed import pack
    from authsome_env.supervise import inherited
    from authsome_env.supervise.brief import Brief
    from authsome_env.supervise.supervisor import become_supervisor

    inherited.hold_stdio()
    entries = dict(entry.partition(b"=")[::2] for entry in inherited.environment())
    with open(entries.pop(b"MASK_SECRETS"), "rb") as file:
        work = {"secrets": file.read(), "news": entries.pop(b"MASK_ADD", b"")}
    brief = Brief(
        inherited.arguments(len(sys.argv) - 1),
        [name + b"=" + value for name, value in entries.items()],
        delivered={},
        on_expiry="none",
        grace=10.0,
        masked=True,
        work=pack(work),
    )
    become_supervisor("mask_run", brief, {}, folders=[PROBES])


if __name__ == "__main__":
    start()
