"""Python programs of every version that is found, in a run whose file `live` the test itself writes."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
import textwrap
from glob import glob

import pytest

from authsome_env.deliver.live import Live

SHIM = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "shims", "python"))

WANTED = ("2.7", "3.6", "3.8", "3.11", "3.13")
"""Where something changed that the shim touches; of these what is there, and newer ones, and PyPy."""

PRELUDE = """
from __future__ import print_function
import os, sys, time
def say(*words):
    print(*words)
    sys.stdout.flush()
def wait():
    say("ready")
    sys.stdin.readline()
    time.sleep(0.001)  # what a look may be late
"""


@functools.cache
def _version(path: str) -> str:
    """Such as 3.11, or pypy-3.9; empty if it does not start."""
    code = "import sys; print('pypy-' * hasattr(sys, 'pypy_version_info') + '%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _is_newer(version: str) -> bool:
    return version.startswith("pypy") or tuple(map(int, version.split("."))) > (3, 13)


@functools.cache
def _interpreters() -> dict[str, str]:
    found: dict[str, str] = {}
    folders = os.environ.get("PATH", "").split(":")
    paths = glob(os.path.expanduser("~/.pyenv/versions/*/bin/python"))
    paths += [path for folder in folders for path in glob(f"{folder}/python[23].[0-9]*[0-9]")]
    paths += [path for name in ("python3", "pypy3", "pypy") if (path := shutil.which(name))]
    for path in paths:
        version = _version(path)
        if version and version not in found and (version in WANTED or _is_newer(version)):
            found[version] = path
    if os.path.exists("/usr/bin/python3"):
        found["system"] = "/usr/bin/python3"  # which has a sitecustomize of its own in Debian
    return found


@pytest.fixture(scope="session")
def interpreters():
    return _interpreters()


def pytest_configure(config):
    config.addinivalue_line("markers", "since(major, minor): for this version of Python and newer ones")


def pytest_generate_tests(metafunc):
    if "python" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("since")
        fit = [
            name
            for name, path in _interpreters().items()
            if mark is None or Interpreter(path).version >= mark.args
        ]
        metafunc.parametrize("python", fit, indirect=True)


@pytest.fixture
def python(request, interpreters):
    """The path of an interpreter; `python.version` is a tuple."""
    return Interpreter(interpreters[request.param])


class Interpreter(str):
    __slots__ = ()

    @property
    def pypy(self) -> bool:
        return _version(self).startswith("pypy")

    @property
    def version(self) -> tuple[int, ...]:
        return tuple(int(word) for word in _version(self).rpartition("-")[2].split("."))


class LiveRun:
    """The folder of a run, and programs in it."""

    def __init__(self, folder: str, home: str) -> None:
        self.folder = folder
        self.home = home
        self.live = Live(folder)

    def write(self, **values: str | bytes) -> None:
        self.live.write({name: os.fsencode(value) for name, value in values.items()})

    @property
    def path(self) -> str:
        return os.path.join(self.folder, "live")

    def environ(self, **more: str) -> dict[str, str]:
        environ = {"PATH": "/usr/bin:/bin", "HOME": self.home, "AUTHSOME_RUN": self.folder}
        return environ | {"PYTHONPATH": SHIM} | more

    def run(self, python: str, code: str, *words: str, **environ: str) -> str:
        """What the program prints. It must end well, and say nothing else."""
        return self.talk(python, code, *words, **environ)

    def talk(self, python: str, code: str, *words: str, steps=(), **environ: str) -> str:
        """The same of a program that calls `wait()` before each step: values to write, or a function."""
        program = subprocess.Popen(
            [python, *words, "-c", PRELUDE + textwrap.dedent(code)],
            env=self.environ(**environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
        )
        said, rest = "", list(steps)
        with program:
            for line in program.stdout:
                if line != "ready\n":
                    said += line
                    continue
                step = rest.pop(0)
                step() if callable(step) else self.write(**step)
                program.stdin.write("\n")
                program.stdin.flush()
            errors = program.stderr.read()
        assert (program.returncode, errors, rest) == (0, "", []), errors + said
        return said.rstrip("\n")


@pytest.fixture
def live_run(tmp_path):
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="authsome-test-", dir=memory)
    yield LiveRun(folder, str(tmp_path))
    if os.path.isdir(folder):
        shutil.rmtree(folder)
