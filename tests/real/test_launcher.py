"""`authsome` where pip has put it, also in a folder whose path no kernel takes as an interpreter's."""

from __future__ import annotations

import os
import site
import subprocess
import sys

import pytest

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
TIMEOUT_S = 120.0
PLACES = {"usual": "venv", "blank": "my work", "long": os.path.join("deep" * 50, "down" * 50)}


@pytest.fixture(scope="module", params=PLACES)
def installed(request, tmp_path_factory):
    """(the place's name, the folder of programs of a virtual environment there)."""
    for name in ("hatchling", "pip"):  # nothing is downloaded
        pytest.importorskip(name)
    place = tmp_path_factory.mktemp("installed") / PLACES[request.param]

    def run(*words):
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=TIMEOUT_S).stdout

    run(sys.executable, "-m", "venv", "--without-pip", place)
    python = place / "bin" / "python"
    own = run(python, "-c", "import site; print(site.getsitepackages()[0])").strip()
    with open(os.path.join(own, "ours.pth"), "w", encoding="utf-8") as file:
        file.writelines(f"{each}\n" for each in site.getsitepackages())
    install = ("install", "-q", "--no-index", "--no-build-isolation", "--no-deps", "--ignore-installed")
    run(python, "-m", "pip", *install, "--disable-pip-version-check", ROOT)
    return request.param, place / "bin"


def test_it_starts_and_so_do_the_programs_for_git_and_docker(installed, tmp_path):
    place, folder = installed
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def run(name, *words, **how):
        line = [folder / name, *words]
        return subprocess.run(
            line, check=True, capture_output=True, text=True, timeout=TIMEOUT_S, env=environ, **how
        ).stdout

    assert run("authsome", "run", "--none", "--", "echo", "a  b") == "a  b\n"
    assert run("git-credential-authsome", "get", input="protocol=ssh\n\n") == ""
    assert run("docker-credential-authsome", "version").startswith("docker-credential-authsome ")
    if place == "usual":
        with open(folder / "authsome", encoding="utf-8") as file:
            launcher = file.read().splitlines()
        assert launcher[0] == f"#!{folder / 'python'}"
        assert [line for line in launcher if line.startswith("import ")] == ["import sys"]  # and not `re`
