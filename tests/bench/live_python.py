"""What the live environment costs a Python program, measured in one run.

    python tests/bench/live_python.py [ROUNDS [PYTHON …]]

Starts: whole processes of an empty program, bare and live, in turns; medians and their ratio. Once with the
newest value in the environment, and once with a former one, which has to be recognised. Lookups: ns, and how
many more than before, of a variable of the run, of another one, and after a pause, when a look is due.
Freshness: from the change of the file to the new value in a program that only looks.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

from authsome_env.deliver.live import Live

SHIM = os.path.join(os.path.dirname(__file__), "..", "..", "shims", "python")
LOOKUPS = """
import os, sys, time, timeit
def ns(statement):
    timer = timeit.Timer(statement, "from os import environ; environ['TOKEN']")
    return min(timer.repeat(7, 50000)) / 50000 * 1e9
def paused():
    clock = getattr(time, "perf_counter", time.time)
    found = []
    for _ in range(500):
        time.sleep(0.001)
        begin = clock()
        os.environ["TOKEN"]
        found.append(clock() - begin)
    return sorted(found)[250] * 1e9
print("%f %f %f" % (ns("environ['TOKEN']"), ns("environ['PATH']"), paused()))
"""
FRESH = """
import os, sys, time
for _ in range(100):
    before = os.environ["TOKEN"]
    sys.stdout.write("next\\n"); sys.stdout.flush()
    while os.environ["TOKEN"] == before: pass
    sys.stdout.write("%.9f\\n" % time.time()); sys.stdout.flush()
"""
HOT = """
import copy, os, timeit
data = [{"a": i, "b": [1, 2, 3]} for i in range(100)]
print(min(timeit.repeat(lambda: copy.deepcopy(data), number=100, repeat=7)) * 1e4)
"""


def starts(python: str, environs: dict[str, dict[str, str]], rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in environs}
    for _ in range(rounds):
        for name, environ in environs.items():
            begin = time.perf_counter()
            subprocess.run([python, "-c", "pass"], env=environ, check=True)
            seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(each) for name, each in seconds.items()}


def freshness(python: str, environ: dict[str, str], live: Live) -> list[float]:
    """Seconds, sorted."""
    words = [python, "-c", FRESH]
    found = []
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for number in range(100):
            program.stdout.readline()
            time.sleep(0.002)
            live.write({"TOKEN": b"fresh-%d-%f" % (number, time.time())})
            begin = time.time()
            found.append(float(program.stdout.readline()) - begin)
    return sorted(found)


def main(rounds: int, pythons: list[str]) -> None:
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    for python in pythons:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            live = Live(folder)
            live.write({"TOKEN": b"former"})
            live.write({"TOKEN": b"newest"})
            shim = {**base, "PYTHONPATH": os.path.abspath(SHIM), "AUTHSOME_RUN": folder}
            environs = {
                "bare": base,
                "live": {**shim, "TOKEN": "newest"},
                "live, former value": {**shim, "TOKEN": "former"},
            }
            for environ in environs.values():  # byte code is written
                subprocess.run([python, "-c", "pass"], env=environ, check=True)
            medians = starts(python, environs, rounds)
            print(f"{python}, {rounds} rounds")
            for name, median in medians.items():
                print(f"  start, {name:<22}{median * 1000:8.2f} ms{median / medians['bare']:8.3f}")
            bare, shimmed = (
                [float(word) for word in subprocess.check_output([python, "-c", LOOKUPS], env=each).split()]
                for each in ({**base, "TOKEN": "newest"}, environs["live"])
            )
            names = ("of the run's variable", "of another", "after a pause")
            for name, one, other in zip(names, bare, shimmed, strict=True):
                print(f"  lookup {name:<22}{other:8.0f} ns, {other - one:+.0f}")
            one, other = (
                float(subprocess.check_output([python, "-c", HOT], env=each)) for each in (base, shim)
            )
            print(f"  deepcopy, live / bare        {other / one:8.3f}")
            found = freshness(python, environs["live"], live)
            print(
                f"  seen after                   {found[50] * 1000:8.3f} ms, at most {found[-1] * 1000:.3f}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60, sys.argv[2:] or [sys.executable])
