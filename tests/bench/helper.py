"""How long git waits for us, as ratios to a bare Python start of the same interpreter, measured in one run.

    python tests/bench/helper.py [ROUNDS]

The commands take turns, round after round, so that a slow moment of the machine hits all of them; printed
are medians. Whole processes. Outside of a run, the vault has three connections and its key in a file.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time

from authsome_env.app.workspace import Workspace
from authsome_env.deliver import helpers, ram
from authsome_env.model import Connection, Secret
from authsome_env.vault.store import new_id

AUTHSOME = os.path.join(os.path.dirname(sys.executable), "authsome")
QUESTION = b"protocol=https\nhost=github.com\n\n"
CONNECTIONS = (3, 50)


def make_run(folder: str, number: int) -> tuple[list[str], dict[str, str]]:
    """A run's folder with that many connections: the line that git is told, and its environment."""
    usual = {"provider": "github", "named": True, "base_url": None, "account_id": None, "account": None}
    usual |= {"status": "connected", "expires_at": None, "generation": 1, "git_user": "x-access-token"}
    connections = [
        {
            **usual,
            "id": new_id(),
            "name": f"c{place}",
            "git_hosts": ["github.com"] if place == 0 else [],
            "docker_hosts": [],
            "fields": {"access_token": secrets.token_urlsafe(40)},
            "public": [],
        }
        for place in range(number)
    ]
    document = json.dumps({"version": 1, "connections": connections})
    ram.replace_file(os.path.join(folder, "connections"), document.encode())
    line = helpers.command("git-credential", connections[:1], "default").decode()
    return ["sh", "-c", f"{line} get"], {"AUTHSOME_RUN": folder}


def make_home(path: str, environ: dict[str, str]) -> dict[str, str]:
    environ = {**environ, "AUTHSOME_HOME": path}
    workspace = Workspace(environ, now=time.time)
    workspace.create("default", "file")
    with workspace.open() as vault, vault.transaction():
        for provider in ("github-pat", "openai", "groq"):
            connection = Connection(
                id=new_id(),
                provider=provider,
                name="default",
                auth_type="api_key",
                created_at=1.0,
                logged_in_at=1.0,
                is_default=True,
            )
            vault.put(connection, {"api_key": Secret(secrets.token_hex(20))})
    return environ


def main(rounds: int) -> None:
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        rows = {"python -c pass": ([sys.executable, "-c", "pass"], base)}
        rows["python -I -S -c pass, by sh"] = (["sh", "-c", f"'{sys.executable}' -I -S -c pass"], base)
        for number in CONNECTIONS:
            folder = os.path.join(place, str(number))
            os.mkdir(folder, 0o700)
            line, added = make_run(folder, number)
            rows[f"get in a run, {number} connections"] = (line, {**base, **added})
        home = make_home(os.path.join(place, "home"), base)
        rows["get from the vault"] = ([AUTHSOME, "git-credential", "get"], home)
        measured: dict[str, list[float]] = {name: [] for name in rows}
        for _ in range(rounds):
            for name, (line, environ) in rows.items():
                began = time.perf_counter()
                done = subprocess.run(line, input=QUESTION, env=environ, stdout=subprocess.PIPE, check=True)
                measured[name].append(time.perf_counter() - began)
                assert (b"password=" in done.stdout) == name.startswith("get"), name
    bare = statistics.median(measured["python -c pass"])
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, medians")
    print(f"{'':<34}{'ms':>8}{'ratio':>8}")
    for name, seconds in measured.items():
        median = statistics.median(seconds)
        print(f"{name:<34}{median * 1000:8.1f}{median / bare:8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
