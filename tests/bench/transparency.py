"""How transparent each wrapper is: the tests of tests/real by wrapper, as the table that the README quotes.

    python tests/bench/transparency.py [WRAPPER...]

A row is a behaviour (one test), a cell whether it is as with the bare command, or in how many of its cases.
Programs that are not ours (tini, dumb-init) were made for other ends; they show what the tests can see. Some
hang under them, so each test is a process of its own with a time limit.
"""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WRAPPERS = ("bare", "authsome", "keeper", "supervisor", "mask", "tini", "dumb-init")
FILES = ("test_exec_transparency.py", "test_transparency_flow.py", "test_transparency_terminal.py")
REAL = Path(__file__).resolve().parent.parent / "real"
LIMIT_S = 100.0


def behaviours() -> list[tuple[str, str]]:
    """File and name of each test that takes a wrapper, directly or by the terminal's fixtures."""
    found = []
    for name in FILES:
        for node in ast.parse((REAL / name).read_text()).body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            if {"wrapper", "line"} & {argument.arg for argument in node.args.args}:
                found.append((name, node.name))
    return found


def cell(file: str, test: str, wrapper: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        report = f"{folder}/report.xml"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-q", "-n", "0", "-W", "ignore", "-p", "no:cacheprovider"),
                *(f"--junitxml={report}", f"{REAL / file}::{test}"),
            ],
            env={**os.environ, "TRANSPARENCY": wrapper, "TRANSPARENCY_TIMEOUT_S": "10"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "hangs"
        outcomes: dict[str, bool] = {}  # a failure, and an error of the test's clean-up, are two entries
        for case in ET.parse(report).iter("testcase"):
            if case.find("skipped") is None:
                passed = case.find("failure") is None and case.find("error") is None
                name = case.get("name") or ""
                outcomes[name] = outcomes.get(name, True) and passed
        cases = list(outcomes.values())
    if not cases:
        return "-"
    return "yes" if all(cases) else f"{sum(cases)} of {len(cases)}"


def main(wrappers: tuple[str, ...]) -> None:
    rows = behaviours()
    jobs = [(file, test, wrapper) for file, test in rows for wrapper in wrappers]
    with ThreadPoolExecutor(2) as pool:
        cells = dict(zip(jobs, pool.map(lambda job: cell(*job), jobs), strict=True))
    print(f"| behaviour | {' | '.join(wrappers)} |")
    print(f"|---{'|---' * len(wrappers)}|")
    for file, test in rows:
        words = test.removeprefix("test_").replace("_", " ")
        print(f"| {words} | {' | '.join(cells[file, test, wrapper] for wrapper in wrappers)} |")
    same = [sum(cells[file, test, wrapper] == "yes" for file, test in rows) for wrapper in wrappers]
    print(f"| **as bare, of {len(rows)}** | {' | '.join(f'**{count}**' for count in same)} |")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or WRAPPERS)
