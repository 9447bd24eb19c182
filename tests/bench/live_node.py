"""What the shims of a live run cost Node and bash, beside the same programs without them.

    python tests/bench/live_node.py [ROUNDS]

The commands take turns, round after round, so that a slow moment of the machine hits all of them; printed are
medians. Further Nodes: their paths in AUTHSOME_TEST_NODES, separated by colons.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

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


def starts(rounds: int, rows: dict[str, tuple[list[str], dict[str, str]]]) -> dict[str, float]:
    """Median milliseconds of each command."""
    taken: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, (command, environ) in rows.items():
            begin = time.perf_counter()
            subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
            taken[name].append((time.perf_counter() - begin) * 1000)
    return {name: statistics.median(each) for name, each in taken.items()}


def main(rounds: int) -> None:
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        live = Live(folder)
        for value in (b"tok-0", b"tok-1"):
            live.write({"TOKEN": value})
        bare = {**base, "TOKEN": "tok-1", "AUTHSOME_RUN": folder}
        shims = {
            **bare,
            "NODE_OPTIONS": f"--require={SHIMS}/node/live.cjs",
            "BASH_ENV": f"{SHIMS}/bash/live.bash",
        }
        print(f"{'':<12}{'start ms':>10}{'live':>8}{'ratio':>7}   {'lookup ns':>10}{'live':>8}")
        for node in ["node", *filter(None, os.environ.get("AUTHSOME_TEST_NODES", "").split(":"))]:
            took = starts(rounds, {"bare": ([node, "-e", "0"], bare), "live": ([node, "-e", "0"], shims)})
            version = subprocess.check_output([node, "--version"], text=True).strip()
            looks = [float(subprocess.check_output([node, "-e", LOOKUP], env=each)) for each in (bare, shims)]
            print(
                f"{version:<12}{took['bare']:>10.1f}{took['live']:>8.1f}{took['live'] / took['bare']:>7.2f}"
                f"   {looks[0]:>10.0f}{looks[1]:>8.0f}"
            )
        took = starts(rounds * 5, {"bare": (["bash", "-c", ":"], bare), "live": (["bash", "-c", ":"], shims)})
        loops = []
        for environ in (bare, shims):
            done = subprocess.run(
                ["bash", "-c", COMMAND_US], env=environ, stderr=subprocess.PIPE, text=True, check=True
            )
            loops.append(float(done.stderr) / 50_000 * 1e9)
        print(
            f"{'bash':<12}{took['bare']:>10.2f}{took['live']:>8.2f}{took['live'] / took['bare']:>7.2f}"
            f"   {loops[0]:>10.0f}{loops[1]:>8.0f}   (a command)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
