"""What is installed from the wheel: it has the shims, and finds them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIMS = [
    os.path.relpath(os.path.join(folder, name), ROOT)
    for kind in ("python", "node", "bash")
    for folder, _, names in os.walk(os.path.join(ROOT, "shims", kind))
    for name in names
    if not name.endswith(".pyc")
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A virtual environment with the wheel alone; what it needs is lent by ours."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", str(folder), ROOT], check=True)
    [wheel] = folder.glob("*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    subprocess.run(
        [*pip, "--python", str(venv / "bin" / "python"), "install", "-q", "--no-deps", str(wheel)], check=True
    )
    [packages] = venv.glob("lib/python3.*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return venv, packages


def test_the_shims_are_installed_where_a_live_run_looks(installed, authsome, made_up_key):
    venv, packages = installed
    assert len(SHIMS) >= 3
    for name in SHIMS:
        with (
            open(os.path.join(ROOT, name), "rb") as ours,
            open(packages / "authsome_env" / name, "rb") as theirs,
        ):
            assert ours.read() == theirs.read()
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    done = subprocess.run(
        [venv / "bin" / "authsome", "run", "--live", "--", "printenv", "PYTHONPATH"],
        env=authsome.environment(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip() == str(packages / "authsome_env" / "shims" / "python")
