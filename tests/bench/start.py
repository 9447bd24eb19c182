"""How long a start takes, as ratios to a bare Python start of the same interpreter, measured in one run.

    python tests/bench/start.py [ROUNDS]

The commands take turns, round after round, so that a slow moment of the machine hits all of them; printed
are medians. Whole processes, `true` included; three connections; no refresh.
"""

from __future__ import annotations

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time

from authsome_env.app.workspace import Workspace
from authsome_env.model import Connection, Secret
from authsome_env.vault.store import new_id

AUTHSOME = os.path.join(os.path.dirname(sys.executable), "authsome")
PROVIDERS = ("anthropic", "groq", "openai")


def make_home(path: str, *, connections: int, key: str, environ: dict[str, str]) -> dict[str, str]:
    """A home with that many connections, three of them defaults; returns its environment."""
    environ = {**environ, "AUTHSOME_HOME": path}
    workspace = Workspace(environ, now=time.time)
    workspace.create("default", key)
    with workspace.open() as vault, vault.transaction():
        for number in range(connections):
            provider = PROVIDERS[number % len(PROVIDERS)]
            connection = Connection(
                id=new_id(),
                provider=provider,
                name=f"c{number}",
                auth_type="api_key",
                created_at=1.0,
                logged_in_at=1.0,
                is_default=number < len(PROVIDERS),
            )
            vault.put(connection, {"api_key": Secret(f"sk-{secrets.token_hex(20)}")})
    return environ


def main(rounds: int) -> None:
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        small = make_home(f"{folder}/small", connections=3, key="file", environ=base)
        large = make_home(f"{folder}/large", connections=10_000, key="file", environ=base)
        typed = {**base, "AUTHSOME_PASSPHRASE": secrets.token_hex(8)}
        cached = make_home(f"{folder}/cached", connections=3, key="passphrase", environ=typed)
        # Once with the passphrase: from then on the kernel has the vault key, if it may.
        subprocess.run([AUTHSOME, "list"], env=cached, stdout=subprocess.DEVNULL, check=True)
        del cached["AUTHSOME_PASSPHRASE"]
        run = [AUTHSOME, "run", "--", "true"]
        rows = {
            "python -c pass": ([sys.executable, "-c", "pass"], base, ""),
            "authsome run -- true": (run, small, "3.2"),
            "authsome env": ([AUTHSOME, "env", "--format", "bash"], small, "3.2"),
            "run, key in the kernel's cache": (run, cached, "3.6"),
            "run, 10,000 connections": (run, large, "1.1 x of run"),
        }
        if subprocess.run(run, env=cached, stderr=subprocess.DEVNULL, check=False).returncode:
            del rows["run, key in the kernel's cache"]
            print("the kernel's cache cannot be used here, so its row is missing")
        seconds: dict[str, list[float]] = {name: [] for name in rows}
        for _ in range(rounds):
            for name, (command, environ, _) in rows.items():
                begin = time.perf_counter()
                subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
                seconds[name].append(time.perf_counter() - begin)
    bare = statistics.median(seconds["python -c pass"])
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, medians")
    print(f"{'':<34}{'ms':>8}{'ratio':>8}   limit")
    for name, (_, _, limit) in rows.items():
        median = statistics.median(seconds[name])
        print(f"{name:<34}{median * 1000:8.1f}{median / bare:8.2f}   {limit}")
    ratio = statistics.median(seconds["run, 10,000 connections"]) / statistics.median(
        seconds["authsome run -- true"]
    )
    print(f"10,000 connections / 3 connections: {ratio:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
