"""What a supervisor costs: to the command's first instruction, between two commands, in memory, in wake-ups.

    python tests/bench/supervisor.py [ROUNDS]

Times are ratios to a bare Python start of the same interpreter, in one run; they take turns. It is the
supervisor alone (tests/real/probes/supervised.py), with nothing to renew; `authsome run` has its own start.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

PROBE = os.path.abspath(f"{__file__}/../../real/probes/supervised.py")
PYTHON = [sys.executable, "-I", "-S"]
IDLE_S = 65.0
"""Twice the cap of its waits, and a bit."""
COMMAND = """
import os, signal, time
def end(*_):
    os.write(1, b"end %d\\n" % time.monotonic_ns())
    os._exit(0)
os.write(1, b"begin %d\\n" % time.monotonic_ns())
signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ["VALUE"] == "deaf" else end)
os.write(1, b"ready 0\\n")
while True: signal.pause()
"""


def run(on_expiry: str, fifo: str, *command: str) -> subprocess.Popen[str]:
    words = [*PYTHON, PROBE, on_expiry, "0.2", fifo, "--", *command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def tell(fifo: str, text: str) -> None:
    with open(fifo, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def starts(rounds: int) -> float:
    rows = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -I -S -c pass": [*PYTHON, "-c", "pass"],
        "supervisor, true": [*PYTHON, PROBE, "none", "10", "-", "--", "true"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, command in rows.items():
            begin = time.perf_counter()
            subprocess.run(command, check=True)
            seconds[name].append(time.perf_counter() - begin)
    bare = statistics.median(seconds["python -c pass"])
    for name, found in seconds.items():
        median = statistics.median(found)
        print(f"{name:<32}{median * 1000:8.1f} ms{median / bare:8.2f}")
    return bare


def gaps(rounds: int, bare: float, fifo: str) -> None:
    found = []
    with run("restart", fifo, *PYTHON, "-c", COMMAND) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for number in range(rounds):
            process.stdout.readline()
            tell(fifo, f"renew {number}")
            end, begin = (int(process.stdout.readline().split()[1]) for _ in range(2))
            found.append((begin - end) / 1e9)
        process.stdout.readline()
        print(f"{'resident, having restarted':<32}{told(process.pid, 'VmRSS') / 1024:8.1f} MiB   limit 24")
        tell(fifo, "renew deaf")
        for _ in range(3):
            process.stdout.readline()
        tell(fifo, "renew late")
        for _ in range(2):
            process.stdout.readline()
        print(f"{'resident, having killed':<32}{told(process.pid, 'VmRSS') / 1024:8.1f} MiB   limit 24")
        process.kill()
    median = statistics.median(found)
    print(f"{'gap of a restart':<32}{median * 1000:8.1f} ms{median / bare:8.2f}   limit 6")


def idle() -> None:
    with run("none", "-", "sleep", "600") as process:
        time.sleep(1)
        before = told(process.pid, "voluntary_ctxt_switches")
        print(f"{'resident':<32}{told(process.pid, 'VmRSS') / 1024:8.1f} MiB   limit 24")
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        for pid in children:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                own = sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
            print(f"{f'  child {pid}, its own':<32}{own / 1024:8.1f} MiB")
        time.sleep(IDLE_S)
        count = told(process.pid, "voluntary_ctxt_switches") - before
        print(f"{f'wake-ups in {IDLE_S:.0f} s':<32}{count:8}        limit {int(IDLE_S / 30)}")
        process.terminate()


def told(pid: int, name: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fifo = f"{folder}/fifo"
        os.mkfifo(fifo)
        gaps(rounds, starts(rounds), fifo)
    idle()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
