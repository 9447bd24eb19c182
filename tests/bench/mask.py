"""What `authsome run --mask` costs: throughput through a pipe, and the time added to the echo of a key.

    python tests/bench/mask.py [MEGABYTES]

Each throughput stands beside that of the same pipe without us, in one run. The limits are those for plain
text; colors are the slowest case there is.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import secrets
import select
import statistics
import subprocess
import sys
import tempfile
import time

AUTHSOME = os.path.join(os.path.dirname(sys.executable), "authsome")
LIMITS = {3: 200, 10: 100}
ROUNDS = 5
PLAIN = b"2026-11-25T13:36:43Z INFO request id=8437 path=/api/v1/items status=200 took 12ms user=alice\n"
COLORS = b"\x1b[32m2026-11-25T13:36:43Z\x1b[0m INFO \x1b[1;34m/api/v1/items\x1b[0m status=200 user=alice\n"


def texts() -> dict[str, bytes]:
    return {
        "log": PLAIN * 11_000,
        "log with colors": COLORS * 10_000,
        "base64": base64.encodebytes(os.urandom(786_432)),
        "binary": os.urandom(1 << 20),
    }


def environ_of(folder: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": folder}


def connect(folder: str, count: int) -> None:
    """A provider, and a connection, of so many secrets."""
    names = [f"s{number}" for number in range(count)]
    definition = {
        "schema_version": 1,
        "name": f"of{count}",
        "display_name": f"Of {count}",
        "auth_type": "api_key",
        "fields": [{"name": name, "label": name, "secret": True} for name in names],
        "env": {f"V{name.upper()}": f"{{{name}}}" for name in names},
    }
    with open(f"{folder}/of{count}.json", "w", encoding="ascii") as file:
        json.dump(definition, file)
    keys = json.dumps({name: secrets.token_urlsafe(30) for name in names}).encode()
    for words, given in (
        (["provider", "add", f"{folder}/of{count}.json"], b""),
        (["login", f"of{count}", "--stdin"], keys),
    ):
        subprocess.run(
            [AUTHSOME, *words], input=given, env=environ_of(folder), check=True, capture_output=True
        )


def masked(count: int) -> list[str]:
    return [AUTHSOME, "run", "--mask", "-p", f"of{count}", "--"]


def seconds_through(words: list[str], path: str, size: int, environ: dict[str, str]) -> float:
    code = "import os\nwith open({!r}, 'rb') as f: d = f.read()\nfor _ in range({}): os.write(1, d)"
    code = code.format(path, size // os.path.getsize(path))
    child = subprocess.Popen(
        [*words, sys.executable, "-S", "-c", code], env=environ, stdout=subprocess.PIPE, bufsize=0
    )
    assert child.stdout is not None
    begin = 0.0
    got = 0
    while data := os.read(child.stdout.fileno(), 1 << 20):
        begin = begin or time.perf_counter()
        got += len(data)
    took = time.perf_counter() - begin
    child.stdout.close()
    assert child.wait() == 0
    assert got == size // os.path.getsize(path) * os.path.getsize(path)
    return took


def throughput(folder: str, size: int) -> None:
    for name, text in texts().items():
        path = f"{folder}/text"
        with open(path, "wb") as file:
            file.write(text)
        bare = statistics.median(seconds_through([], path, size, environ_of(folder)) for _ in range(ROUNDS))
        print(f"{name:<18}{'bare':>12}{size / bare / 1e6:8.0f} MB/s")
        for count, limit in LIMITS.items():
            took = statistics.median(
                seconds_through(masked(count), path, size, environ_of(folder)) for _ in range(ROUNDS)
            )
            told = f"{size / took / 1e6:8.0f} MB/s{took / bare:8.1f} x"
            print(
                f"{name:<18}{count:>4} secrets{told}"
                + (f"   limit {limit} MB/s" if "colors" not in name else "")
            )


def echo(folder: str) -> None:
    """`cat` on a terminal in raw mode sends each key back."""
    results = {}
    for name, words in (("bare", []), ("masked", masked(10))):
        pid, master = pty.fork()
        if not pid:
            command = [*words, "sh", "-c", "stty raw -echo; echo begun; exec cat"]
            os.execvpe(command[0], command, environ_of(folder))
        told = b""
        while b"begun" not in told:
            told += os.read(master, 4096)
        time.sleep(0.3)
        found = []
        for number in range(300):
            key = b"%c" % (97 + number % 26)
            begin = time.perf_counter()
            os.write(master, key)
            got = b""
            while key not in got:
                select.select([master], [], [])
                got += os.read(master, 4096)
            found.append((time.perf_counter() - begin) * 1000)
            time.sleep(0.005)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(master)
        results[name] = sorted(found)
        print(
            f"{'echo of a key':<18}{name:>12}{statistics.median(found):8.2f} ms median"
            f"{results[name][int(len(found) * 0.95)]:8.2f} ms at 95 %"
        )
    added = statistics.median(results["masked"]) - statistics.median(results["bare"])
    print(f"{'echo of a key':<18}{'added':>12}{added:8.2f} ms median   limit 5 ms")


def main() -> None:
    size = int(sys.argv[1]) * 1_000_000 if len(sys.argv) > 1 else 500_000_000
    with tempfile.TemporaryDirectory() as folder:
        for count in LIMITS:
            connect(folder, count)
        throughput(folder, size)
        echo(folder)


main()
