"""What the keeper costs: to the command's first instruction, in memory, in wake-ups, at the end.

    python tests/bench/keeper.py [ROUNDS]

The first is a ratio to a bare Python start of the same interpreter, in one run; the commands take turns.
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
from authsome_env.model import Connection, Secret
from authsome_env.vault.store import new_id

AUTHSOME = os.path.join(os.path.dirname(sys.executable), "authsome")
IDLE_S = 65.0
"""Twice the cap of its waits, and a bit."""


def make_home(folder: str) -> dict[str, str]:
    """Two keys, and an OAuth token that lives for long; returns the environment."""
    environ = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environ |= {"HOME": folder, "AUTHSOME_HOME": f"{folder}/home", "XDG_RUNTIME_DIR": folder}
    workspace = Workspace(environ, now=time.time)
    workspace.create("default", "file")
    common = {"name": "x", "created_at": 1.0, "logged_in_at": 1.0, "is_default": True}
    with workspace.open() as vault, vault.transaction():
        for provider in ("anthropic", "openai"):
            connection = Connection(id=new_id(), provider=provider, auth_type="api_key", **common)
            vault.put(connection, {"api_key": Secret(f"sk-{secrets.token_hex(20)}")})
        times = {"expires_at": time.time() + 86400, "lifetime": 86400.0, "renewable": True}
        oauth = Connection(id=new_id(), provider="github", auth_type="oauth2", **times, **common)
        vault.put(oauth, {"access_token": Secret(f"gho_{secrets.token_hex(18)}")}, renew=b"")
        workspace.lock_of(vault, oauth.id).take(0)  # as after its first refresh
    return environ


def starts(rounds: int, environ: dict[str, str]) -> None:
    program = ["true"]  # which takes less than a millisecond from its first instruction to its end
    rows = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "exec": [AUTHSOME, "run", "-p", "openai", "-p", "anthropic", "--", *program],
        "keeper, env": [AUTHSOME, "run", "--", *program],
        "keeper, dotenv": [AUTHSOME, "run", "--deliver", "dotenv", "--", *program],
    }
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, command in rows.items():
            begin = time.perf_counter()
            subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
            seconds[name].append(time.perf_counter() - begin)
    bare = statistics.median(seconds["python -c pass"])
    for name, found in seconds.items():
        median = statistics.median(found)
        print(
            f"{name:<20}{median * 1000:8.1f} ms{median / bare:8.2f}"
            + ("   limit 4" if "keeper" in name else "")
        )


def idle(environ: dict[str, str]) -> None:
    process = subprocess.Popen([AUTHSOME, "run", "--deliver", "dotenv", "--", "sleep", "600"], env=environ)
    base = f"{environ['XDG_RUNTIME_DIR']}/authsome"
    while not (
        os.path.isdir(base) and os.listdir(base) and os.path.exists(f"{base}/{os.listdir(base)[0]}/record")
    ):
        time.sleep(0.01)
    folder = f"{base}/{os.listdir(base)[0]}"
    with open(f"{folder}/record", encoding="ascii") as file:
        keeper = json.load(file)["keeper_pid"]
    time.sleep(1)
    before = told(keeper, "voluntary_ctxt_switches")
    time.sleep(IDLE_S)
    print(f"RSS {told(keeper, 'VmRSS') / 1024:.1f} MiB (limit 16)")
    woken = told(keeper, "voluntary_ctxt_switches") - before
    print(f"{woken} wake-ups in {IDLE_S:.0f} s (limit {IDLE_S // 30:.0f})")
    process.kill()
    process.wait()
    begin = time.perf_counter()
    while os.path.exists(folder):
        pass
    print(f"files gone {(time.perf_counter() - begin) * 1000:.1f} ms after the command's end (limit 100)")


def told(pid: int, name: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith(name)).split()[1])


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        environ = make_home(folder)
        print(f"Python {sys.version.split()[0]}, {rounds} rounds, medians")
        starts(rounds, environ)
        idle(environ)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
