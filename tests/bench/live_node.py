"""What the shims of a live run cost Node and bash, beside the same programs without them.

    python tests/bench/live_node.py [ROUNDS]

The commands take turns, round after round, so that a slow moment of the machine hits all of them;
printed are medians. `cpu` is processor time, user and system, which other programs on the machine change
least; `empty` is that of a Node that preloads an empty file, beside a bare one. Further Nodes: their
paths in AUTHSOME_TEST_NODES, separated by colons. In Node 18 nearly all of it is the first
require('fs'), which most programs ask for as well.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from authsome_env.deliver.live import Live

SHIMS = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "shims"))
LOOKUP = """
const N = 300000; let sum = 0, best = Infinity;
for (let round = 0; round < 5; round++) {
  const begin = process.hrtime.bigint();
  for (let i = 0; i < N; i++) sum += process.env.TOKEN.length;
  best = Math.min(best, Number(process.hrtime.bigint() - begin) / N);
}
console.log(best);
"""
COMMAND_US = "TIMEFORMAT=%U; time for ((i = 0; i < 50000; i++)) do :; done"


class Took(NamedTuple):
    """Medians, in milliseconds."""

    wall: float
    cpu: float


def starts(rounds: int, rows: dict[str, tuple[list[str], dict[str, str]]]) -> dict[str, Took]:
    """By command. Each round begins with another one, so that none always comes after the same."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    names = list(rows)
    for _ in range(rounds):
        names.append(names.pop(0))
        for name in names:
            command, environ = rows[name]
            begin = time.perf_counter()
            process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, command
            spent = time.perf_counter() - begin
            taken[name].append((spent * 1000, (usage.ru_utime + usage.ru_stime) * 1000))
    return {name: Took(*map(statistics.median, zip(*each, strict=True))) for name, each in taken.items()}


def line(name: str, took: dict[str, Took], looks: list[float], unit: str = "") -> None:
    bare, live = took["bare"], took["live"]
    print(
        f"{name:<10}{bare.wall:>9.1f}{live.wall:>7.1f}{live.wall / bare.wall:>7.2f}"
        f"{bare.cpu:>10.1f}{live.cpu:>7.1f}{live.cpu / bare.cpu:>7.2f}"
        f"{took.get('empty', bare).cpu / bare.cpu:>7.2f}{looks[0]:>12.0f}{looks[1]:>7.0f}{unit}",
        flush=True,
    )


def main(rounds: int) -> None:
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        live = Live(folder)
        for value in (b"tok-0", b"tok-1"):
            live.write({"TOKEN": value})
        bare = {**base, "TOKEN": "tok-1", "AUTHSOME_RUN": folder}
        shims = {
            **bare,
            "NODE_OPTIONS": f"--require {SHIMS}/node/live.cjs",
            "BASH_ENV": f"{SHIMS}/bash/live.bash",
        }
        with open(f"{folder}/empty.cjs", "w", encoding="ascii"):
            empty = {**bare, "NODE_OPTIONS": f"--require {folder}/empty.cjs"}
        print(f"{'':<10}{'wall ms':>9}{'live':>7}{'ratio':>7}{'cpu ms':>10}{'live':>7}{'ratio':>7}", end="")
        print(f"{'empty':>7}{'lookup ns':>12}{'live':>7}")
        for node in ["node", *filter(None, os.environ.get("AUTHSOME_TEST_NODES", "").split(":"))]:
            command = [node, f"{folder}/empty.cjs"]
            took = starts(
                rounds, {"bare": (command, bare), "empty": (command, empty), "live": (command, shims)}
            )
            version = subprocess.check_output([node, "--version"], text=True).strip()
            looks = [float(subprocess.check_output([node, "-e", LOOKUP], env=each)) for each in (bare, shims)]
            line(version, took, looks)
        took = starts(rounds * 5, {"bare": (["bash", "-c", ":"], bare), "live": (["bash", "-c", ":"], shims)})
        loops = []
        for environ in (bare, shims):
            done = subprocess.run(
                ["bash", "-c", COMMAND_US], env=environ, stderr=subprocess.PIPE, text=True, check=True
            )
            loops.append(float(done.stderr) / 50_000 * 1e9)
        line("bash", took, loops, "   (a command)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
