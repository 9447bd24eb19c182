"""Imports go to lower layers only, there are no cycles, and `run` and `env` start light."""

from __future__ import annotations

import ast
import base64
import graphlib
import os
import pathlib
import secrets
import subprocess
import sys

import pytest

import authsome_env

PACKAGE = pathlib.Path(authsome_env.__file__).parent
LAUNCHER = PACKAGE.parent / "shims" / "bin" / "authsome"

LAYERS = ("deliver", "providers", "vault", "oauth", "supervise", "app", "cli")
"""From low to high. Below them lie the single modules of values; the Python API is beside `cli`."""
VALUES = ("errors", "model", "clock", "durable", "packed", "printable")
API = len(LAYERS) - 1

HEAVY = {
    *("typing", "re", "enum", "json", "dataclasses", "functools", "pathlib", "subprocess", "logging"),
    *(
        "argparse",
        "tomllib",
        "ctypes",
        "base64",
        "hashlib",
        "keyring",
        "psutil",
        "typer",
        "authlib",
        "httpx2",
    ),
}

MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def layer(module):
    """The folder of `module` and its height. The package itself and its single files form a layer beside."""
    first = module.split(".")[1] if "." in module else ""
    if first in LAYERS:
        return first, LAYERS.index(first)
    if first == "__main__":
        return first, len(LAYERS)
    return ("values", -1) if first in VALUES else ("api", API)


def nodes(tree, *, in_functions):
    for node in ast.iter_child_nodes(tree):
        yield node
        if in_functions or not isinstance(node, ast.FunctionDef):
            yield from nodes(node, in_functions=in_functions)


def imports(module, *, in_functions=True):
    """All of ours that `module` imports: for type checking too."""
    path = MODULES[module]
    found = set()
    for node in nodes(ast.parse(path.read_bytes()), in_functions=in_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            up = node.level - (path.name == "__init__.py")
            base = ".".join([*(parts[: len(parts) - up] if node.level else []), *filter(None, [node.module])])
            # `from package import name` may mean a module or something in it
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
    return {name for name in found if name in MODULES}


def test_the_modules_are_found():
    assert {"authsome_env.cli.main", "authsome_env.model"} <= set(MODULES)
    assert "authsome_env.cli.flags" in imports("authsome_env.cli.light")
    assert "authsome_env.errors" in imports("authsome_env.cli.invocation")
    assert {
        name.split(".")[1] for name, path in MODULES.items() if path.name == "__init__.py" and "." in name
    } <= {*LAYERS}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_to_lower_layers_only(module):
    own, height = layer(module)
    others = [(name, *layer(name)) for name in imports(module) if name != "authsome_env"]
    assert [name for name, other, rank in others if other != own and rank >= height] == []


def test_no_module_needs_itself_by_way_of_others_to_be_loaded():
    graph = {module: imports(module, in_functions=False) - {"authsome_env"} for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def loaded_by(*arguments, home, script=LAUNCHER):
    """What Python imports for a script until its end, or until it becomes another program."""
    environ = {"AUTHSOME_HOME": str(home), "PATH": os.environ["PATH"], "HOME": str(home)}
    environ["AUTHSOME_MASTER_KEY_FILE"] = str(key_file(home))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", script, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.splitlines()
    told = [line for line in lines if not line.startswith("import time:")]
    assert (done.returncode, told) == (0, []), told
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with three connections and the key in a file; what runs most."""
    home = tmp_path_factory.mktemp("home")
    keys = {"openai": "sk-", "groq": "gsk_", "anthropic": "sk-ant-"}
    for provider, start in keys.items():
        subprocess.run(
            [sys.executable, LAUNCHER, "login", provider, "--stdin"],
            env={"AUTHSOME_HOME": str(home), "AUTHSOME_MASTER_KEY_FILE": str(key_file(home))},
            input=start.encode() + secrets.token_hex(20).encode(),
            capture_output=True,
            check=True,
        )
    return home


def key_file(home):
    path = home / "master"
    if not path.exists():
        path.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    return path


@pytest.mark.parametrize(
    "line",
    [
        ("run", "--", "true"),
        ("run", "--deliver", "dotenv", "--", "true"),
        ("run", "-p", "openai", "--map", "OTHER=groq", "--drop", "X*", "--", "true"),
        ("env", "--format", "bash"),
        ("env", "--format", "fish"),
    ],
)
def test_run_and_env_load_nothing_heavy(line, home, tmp_path):
    bare = tmp_path / "bare.py"
    bare.write_text("import _sqlite3")  # which brings functools along
    ours = loaded_by(*line, home=home) - loaded_by(home=tmp_path, script=bare)
    assert {"authsome_env.cli.light", "authsome_env.vault.store"} <= ours
    assert ours & HEAVY == set()
    assert {name.partition(".")[0] for name in ours} & HEAVY == set()
