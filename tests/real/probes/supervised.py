"""Run a command by the supervisor, as `authsome run` does where a keeper cannot be, or does not suffice.

    python -I -S supervised.py ON_EXPIRY GRACE FIFO -- ARGUMENT...

ON_EXPIRY: `none`, `stop`, `restart`; with `,mask` behind it, so is the output. What is written to FIFO, if
that is not `-`, is what happens to the run's one value, VALUE: `renew TEXT`, `more SECONDS` (others are
expected for so long), `die`, `stumble TEXT` (renew, and raise what nobody foresaw). What it says goes to
FIFO.said.
"""

import os
import sys
import time

PROBES = os.path.dirname(os.path.abspath(__file__))
VERSION = "{}.{}".format(*sys.version_info)
SITE = os.path.abspath(f"{sys.executable}/../../lib/python{VERSION}/site-packages")
sys.path.insert(0, os.path.abspath(f"{PROBES}/../../.."))


class Work:
    def __init__(self, path):
        self.path = path
        self.fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.value = b"first"
        self.all = set()
        self.told = None
        self.until = 0.0
        self.dead = False

    def waits(self):
        return [self.fifo], []

    def deadline(self):
        return None

    def step(self, readable):
        if self.fifo not in readable:
            return
        for line in os.read(self.fifo, 4096).decode().splitlines():
            word, _, rest = line.partition(" ")
            if word == "renew":
                self.value = rest.encode()
            elif word == "more":
                self.until = time.time() + float(rest)
            elif word == "die":
                self.dead = True
            elif word == "stumble":
                self.value = rest.encode()
                raise RuntimeError

    def values(self):
        self.told = self.value
        return {"VALUE": self.value}

    def changed(self):
        return None if self.value == self.told else self.until - time.time()

    def is_dead(self):
        return self.dead

    def secrets(self):
        self.all.add(self.value)
        return set(self.all)

    def processes(self):
        return ()

    def say(self, text):
        with open(f"{self.path}.said", "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def end(self):
        pass

    def stumble(self, error):
        self.say(type(error).__name__)


def main(descriptor):
    from authsome_env.supervise.ends import end_as
    from authsome_env.supervise.exec import CommandFailed
    from authsome_env.supervise.supervising import Supervisor
    from authsome_env.supervise.work import NoWork

    supervisor = Supervisor(descriptor, now=time.time, ticks=time.monotonic)
    path = supervisor.brief.work.decode()
    try:
        status = supervisor.run(Work(path) if path else NoWork({}))
    except CommandFailed as failure:
        os.write(2, f"{failure}\n{failure.hint}\n".encode())
        status = failure.exit_code
    end_as(status)


def start():
    from authsome_env.deliver import environ
    from authsome_env.supervise import inherited
    from authsome_env.supervise.brief import Brief
    from authsome_env.supervise.supervisor import become_supervisor

    inherited.hold_stdio()
    at = sys.argv.index("--")
    on_expiry, grace, fifo = sys.argv[1:at]
    on_expiry, _, masked = on_expiry.partition(",")
    fifo = fifo.removeprefix("-")
    values = {"VALUE": b"first"} if fifo else {}
    brief = Brief(
        inherited.arguments(len(sys.argv) - 1 - at),
        environ.build(inherited.environment(), values),
        delivered=values,
        on_expiry=on_expiry,
        grace=float(grace),
        masked=bool(masked),
        folders=[SITE],
        work=fifo.encode(),
    )
    become_supervisor("supervised", brief, {}, folders=[PROBES])


if __name__ == "__main__":
    start()
