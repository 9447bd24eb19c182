"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest

# Some CI, and nohup, start us with these ignored, which every program here would inherit: ^C would end none.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

pytest_plugins = (
    "cli.program",
    "cli.demo_provider",
    "cli.live",
    "real.browser",
    "real.authorization_server.fixture",
    "real.acme",
    "real.run_folder",
    "real.live_python",
    "real.live_folder",
    "real.masked",
)


@pytest.fixture(scope="session")
def need():
    """`need("fish")` is the path of that program. Without it the test is skipped; in CI it fails."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None and os.environ.get("CI"):
            pytest.fail(f"{program} is not installed, and CI skips nothing")
        if path is None:
            pytest.skip(f"{program} is not installed")
        return path

    return find


@pytest.fixture
def run_python():
    """`run_python(code)` is what that program prints; it must end well."""

    def run(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    return run
