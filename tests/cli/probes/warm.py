"""A server of warm starts: forks the real program with all of its modules loaded.

So a kill after a few milliseconds hits its work and not its imports, and fifty of them really work at once.

One JSON object a line on stdin:  argv, environ, and perhaps one of
    kill_after  seconds
    trace       words that `-p PID` is appended to: the program waits until that tracer has attached
or `together`, a list of such objects (without those two) that are let go at the same moment.
One line on stdout for each:  status (as os.waitstatus_to_exitcode gives it), elapsed (seconds), out, err;
for `together` a list of them.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import time

import authsome_env
from authsome_env.cli.main import main


def load_everything():
    for module in pkgutil.walk_packages(authsome_env.__path__, "authsome_env."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    # Typer and what it needs are imported inside functions; a command that opens no vault loads them.
    for argv in (["provider", "list", "--json"], ["login", "--from-env"]):
        with tempfile.TemporaryFile() as swallow:
            spared = [os.dup(1), os.dup(2)]
            os.dup2(swallow.fileno(), 1)
            os.dup2(swallow.fileno(), 2)
            main(argv)
            os.dup2(spared[0], 1)
            os.dup2(spared[1], 2)


def become(request, out, err, gate=None):
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(request["environ"])
    if gate is not None:
        os.read(gate, 1)  # until the other end is closed
    if "trace" in request:
        os.kill(os.getpid(), signal.SIGSTOP)
    code = 120
    try:
        code = main(request["argv"])
    finally:
        os._exit(code)


def attach(words, pid):
    """The tracer, once it is at work. It says so on stderr."""
    os.waitpid(pid, os.WUNTRACED)
    tracer = subprocess.Popen([*words, "-p", str(pid)], stderr=subprocess.PIPE)
    said = b""
    while b"attached" not in said:
        chunk = os.read(tracer.stderr.fileno(), 4096)
        if not chunk:
            raise SystemExit(f"the tracer did not start: {said!r}")
        said += chunk
    os.kill(pid, signal.SIGCONT)
    return tracer


def serve(request):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            become(request, out, err)
        tracer = attach(request["trace"], pid) if "trace" in request else None
        if "kill_after" in request:
            watch = os.pidfd_open(pid)
            if not select.select([watch], [], [], request["kill_after"])[0]:
                os.kill(pid, signal.SIGKILL)
            os.close(watch)
        done = finished(pid, began, out, err)
        if tracer is not None:
            tracer.communicate()
        return done


def finished(pid, began, out, err):
    _, status = os.waitpid(pid, 0)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "elapsed": time.perf_counter() - began,
        "out": os.pread(out.fileno(), 1 << 20, 0).decode(),
        "err": os.pread(err.fileno(), 1 << 20, 0).decode(),
    }


def serve_together(requests):
    gate, opener = os.pipe()
    running = []
    with contextlib.ExitStack() as files:
        for request in requests:
            out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            pid = os.fork()
            if pid == 0:
                os.close(opener)
                become(request, out, err, gate)
            running.append((pid, out, err))
        os.close(gate)
        began = time.perf_counter()
        os.close(opener)
        return [finished(pid, began, out, err) for pid, out, err in running]


if __name__ == "__main__":
    load_everything()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        done = serve_together(asked["together"]) if "together" in asked else serve(asked)
        print(json.dumps(done), flush=True)
