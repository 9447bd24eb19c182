"""A server of warm starts: forks the real program with all of its modules loaded, so that a kill after a few
milliseconds hits its work and not its imports.

One JSON object a line on stdin:  argv, environ, and one of  kill_after (seconds)  or  trace (words that
`-p PID` is appended to: the program waits until that tracer has attached)
One JSON object a line on stdout: status (as os.waitstatus_to_exitcode gives it), elapsed (seconds), out, err
"""

from __future__ import annotations

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


def become(request, out, err):
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(request["environ"])
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
        _, status = os.waitpid(pid, 0)
        elapsed = time.perf_counter() - began
        if tracer is not None:
            tracer.communicate()
        return {
            "status": os.waitstatus_to_exitcode(status),
            "elapsed": elapsed,
            "out": os.pread(out.fileno(), 1 << 20, 0).decode(),
            "err": os.pread(err.fileno(), 1 << 20, 0).decode(),
        }


if __name__ == "__main__":
    load_everything()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)
