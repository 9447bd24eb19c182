"""Fixtures for tests that meet the kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

AUTHSOME = os.path.join(os.path.dirname(sys.executable), "authsome")

PROBES = Path(__file__).parent / "probes"
WRAPPERS = {
    "bare": [],
    "launcher": [sys.executable, "-I", "-S", str(PROBES / "launcher.py")],
    "supervisor": [sys.executable, "-I", "-S", str(PROBES / "supervised.py"), "none", "10", "-", "--"],
    "restart": [sys.executable, "-I", "-S", str(PROBES / "supervised.py"), "restart", "10", "-", "--"],
    "mask": [sys.executable, "-I", "-S", str(PROBES / "supervised.py"), "none,mask", "10", "-", "--"],
    "authsome": [AUTHSOME, "run", "--none", "--"],
    "keeper": [AUTHSOME, "run", "--none", "--deliver", "files", "--"],  # no variable, so nothing but a keeper
    "tini": ["/usr/bin/tini", "-s", "--"],
    "dumb-init": ["/usr/bin/dumb-init", "--"],
}
"""Programs that run a command. Those that are not ours are for tests/bench/transparency.py alone."""

OURS = ("bare", "launcher", "supervisor", "mask", "authsome", "keeper")


def pytest_generate_tests(metafunc):
    if "wrapper" in metafunc.fixturenames:
        names = os.environ.get("TRANSPARENCY", ",".join(OURS)).split(",")
        if "TRANSPARENCY" not in os.environ and metafunc.definition.get_closest_marker("parametrize"):
            # What tables vary has nothing to do with the streams; test_mask_pipes has a table of its own.
            names.remove("mask")
        metafunc.parametrize("wrapper", names, indirect=True)


@pytest.fixture
def wrapper(request):
    """The words before a command."""
    words = WRAPPERS[request.param]
    if words and shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return words


@pytest.fixture
def mount(tmp_path):
    """`mount("tmpfs", "size=1m")`: a folder with a file system of that kind, until the test ends."""
    at = tmp_path / "mounted"
    at.mkdir(mode=0o700)

    def make(kind, *options):
        words = ["mount", "-t", kind, *(("-o", ",".join(options)) if options else ()), kind, str(at)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"nothing can be mounted here: {done.stderr.strip().partition(chr(10))[0]}"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
        at.chmod(0o700)
        return str(at)

    yield make
    if os.path.ismount(at):
        subprocess.run(["umount", at], check=True)
