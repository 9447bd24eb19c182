"""What many bundled definitions cost: each command with all of them, as a ratio to the same with twelve.

    python tests/bench/bundle.py [ROUNDS]

Two copies of the package, which differ in that alone, take turns; printed are medians of whole processes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from start import make_home

import authsome_env

PACKAGE = os.path.dirname(os.path.abspath(authsome_env.__file__))
TWELVE = (
    *("anthropic", "aws", "datadog", "github", "gitlab", "google"),
    *("groq", "linear", "notion", "openai", "slack", "twilio"),
)
COMMANDS = {
    "authsome list": (["list"], "1.2"),
    "authsome list --all": (["list", "--all"], "1.2"),
    "authsome run -- true": (["run", "--", "true"], "1.2"),
    "authsome env": (["env", "--format", "bash"], "1.2"),
    "authsome provider list": (["provider", "list"], "reads all"),
    "authsome provider show github": (["provider", "show", "github"], "looks into all"),
}
START = "import sys; sys.path.insert(0, {folder!r}); from authsome_env.cli.main import main; sys.exit(main())"


def copy(folder: str, *, twelve: bool) -> list[str]:
    """The words that start the program of a copy in `folder`, with its byte code written."""
    target = os.path.join(folder, "authsome_env")
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    bundled = os.path.join(target, "providers", "bundled")
    for file in os.listdir(bundled):
        if twelve and file.removesuffix(".json") not in TWELVE:
            os.unlink(os.path.join(bundled, file))
    subprocess.run([sys.executable, "-m", "compileall", "-q", target], check=True)
    # The program drops paths of PYTHONPATH, so it gets this one by itself; -P keeps the folder of here out.
    return [sys.executable, "-P", "-c", START.format(folder=folder)]


def main(rounds: int) -> None:
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(f"{folder}/home", connections=3, key="file", environ=base)
        few = copy(f"{folder}/few", twelve=True)
        many = copy(f"{folder}/many", twelve=False)
        count = len(os.listdir(f"{folder}/many/authsome_env/providers/bundled"))
        seconds: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for name, (words, _) in COMMANDS.items():
                for number, program in enumerate((few, many)):
                    begin = time.perf_counter()
                    subprocess.run(
                        [*program, *words],
                        env=home,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        check=True,
                    )
                    seconds.setdefault((name, number), []).append(time.perf_counter() - begin)
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, medians; {count} definitions and twelve")
    print(f"{'':<32}{'twelve, ms':>12}{'all, ms':>10}{'ratio':>8}   limit")
    for name, (_, limit) in COMMANDS.items():
        one, other = (statistics.median(seconds[name, number]) for number in (0, 1))
        print(f"{name:<32}{one * 1000:12.1f}{other * 1000:10.1f}{other / one:8.2f}   {limit}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
