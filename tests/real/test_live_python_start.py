"""A program that is made live starts as any other: what was found is found, and nothing else shows."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import zipfile

import pytest
from real.live_python import SHIM

OTHERS = {
    "none": None,
    "one that speaks": "print(__name__, __file__, __import__('sys').modules[__name__].__file__)",
    "one that fails": "raise ValueError('of the user')",
    "one that lacks a module": "import absent_module",
    "one that has no right syntax": "(",
    "one that ends the program": "raise SystemExit(3)",
    "one that changes the path": "import sys; sys.path.insert(0, '/first'); sys.path.append('/last')",
    "one that replaces the path": "import sys; sys.path = ['/only'] + sys.path",
    "one that looks": "import os; print(os.environ['TOKEN'])",
    "one that has started a child": "import subprocess; subprocess.call(['/bin/sh', '-c', 'echo $TOKEN'])",
}
SHOW = """
import os, sys
other = sys.modules.get("sitecustomize")
for thing in (
    other and (other.__file__, sorted(vars(other))),
    sys.path,
    [getattr(each, "__name__", type(each).__name__) for each in sys.meta_path],
    sorted(sys.path_importer_cache),
    sorted(each for each in sys.modules if not each.startswith(("_authsome_", "_posixsubpro", "sitecus"))),
    type(os.environ),
    repr(os.environ),
    sorted(vars(os)),
    len(os.listdir("/proc/self/fd")),
    len(os.listdir("/proc/self/task")),
    os.system,
    (os.execv.__name__, os.execv.__doc__, os.system.__module__, callable(os.putenv)),
):
    print(repr(thing).replace(", 'time'", "").replace(", 'thread'", ""))
"""


def start(live_run, python, *words, path="/nowhere", shim=True, code=SHOW):
    """What it prints, its errors, and how it ended; with no trace of whether it is live."""
    environ = live_run.environ(TOKEN="one", PYTHONPATH=f"{SHIM}:{path}" if shim else path)
    done = subprocess.run(
        [python, *words, "-c", code], env=environ, cwd="/", capture_output=True, text=True, check=False
    )
    return done.stdout.replace(f"{SHIM}:", ""), done.stderr, done.returncode


@pytest.mark.parametrize("other", OTHERS)
def test_another_sitecustomize_is_found_as_if_ours_were_not_there(python, live_run, tmp_path, other):
    live_run.write(TOKEN="one")
    if OTHERS[other]:
        (tmp_path / "sitecustomize.py").write_text(OTHERS[other] + "\n")
    path = f"/nowhere:{tmp_path}"
    start(live_run, python, path=path, shim=False)  # its byte code is written
    bare, live = (start(live_run, python, path=path, shim=shim) for shim in (False, True))
    if other == "one that ends the program":  # with a traceback of how it came there
        bare, live = ((each[0], each[1].split("\n")[-2:], each[2]) for each in (bare, live))
    assert live[0].split("\n") == bare[0].split("\n")
    assert live[1:] == bare[1:]


def test_it_is_live_beside_another(python, live_run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import os\nos.environ['OTHER'] = 'was here'\n")
    live_run.write(TOKEN="one")
    code = "wait(); say(os.environ['TOKEN'], os.environ['OTHER'], sys.modules['sitecustomize'].__file__)"
    said = live_run.talk(
        python, code, "-B", steps=[{"TOKEN": "two"}], TOKEN="one", PYTHONPATH=f"{SHIM}:{tmp_path}"
    )
    assert said == f"two was here {tmp_path}/sitecustomize.py"


def test_one_of_a_virtual_environment_is_found(live_run, tmp_path):
    live_run.write(TOKEN="one")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/*/site-packages")
    (packages / "sitecustomize.py").write_text("print('of the environment')\n")
    (packages / "usercustomize.py").write_text("print('of the user')\n")
    python = str(tmp_path / "venv" / "bin" / "python")
    start(live_run, python, shim=False)
    bare, live = (start(live_run, python, shim=shim) for shim in (False, True))
    assert live == bare
    assert live[0].startswith("of the environment\n")


def test_two_shims_are_one(python, live_run, tmp_path):
    """Such as of a run in a run, by another installation."""
    shutil.copytree(SHIM, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    live_run.write(TOKEN="one")
    code = """
    wait()
    say(os.environ["TOKEN"], [entry for entry in sys.path if entry in os.environ["PYTHONPATH"].split(":")])
    os.system("echo $TOKEN")
    """
    for path in (f"{SHIM}:{SHIM}:{tmp_path}/other", f"{tmp_path}/other::{SHIM}"):
        live_run.write(TOKEN="one")
        said = live_run.talk(python, code, steps=[{"TOKEN": "two"}], TOKEN="one", PYTHONPATH=path)
        assert said in {"two []\ntwo", "two ['']\ntwo"}  # the folder of a `-c` program


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_flags_that_keep_it_out(python, live_run, flag):
    if flag == "-I" and python.version < (3,):
        flag = "-E"
    live_run.write(TOKEN="one")
    live_run.write(TOKEN="two")
    code = "import os, sys; print(os.environ['TOKEN'], '_authsome_live' in sys.modules)"
    done = start(live_run, python, flag, code=code)
    assert done in {("one False\n", "", 0), ("('one', False)\n", "", 0)}


@pytest.mark.since(3, 8)
def test_who_measures_which_files_are_executed_sees_none_of_ours(python, live_run):
    """Otherwise they would be in a report of coverage. Before 3.8 the name of a file cannot be changed."""
    live_run.write(TOKEN="one")
    code = f"""
    import threading
    seen = set()
    def trace(frame, event, argument):
        seen.add(frame.f_code.co_filename)
        return trace
    wait()
    sys.settrace(trace)
    os.environ["TOKEN"]; os.environ.copy(); repr(os.environ); os.environ.get("TOKEN")
    os.environ["TOKEN"] = "x"
    os.system("true"); os.putenv("TOKEN", "y"); del os.environ["TOKEN"]
    sys.settrace(None)
    say([name for name in seen if {SHIM!r} in name], "<authsome live>" in seen)
    """
    assert live_run.talk(python, code, steps=[{"TOKEN": "two"}], TOKEN="one") == "[] True"


def test_who_measures_before_it_starts_sees_nothing_to_count(live_run, tmp_path):
    """As coverage does in children, by a .pth file: one file shows, that which `site` looks for, and every
    statement of it is excluded.
    """
    live_run.write(TOKEN="one")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/*/site-packages")
    (packages / "measure.py").write_text(
        textwrap.dedent(f"""
        import atexit, sys
        seen = set()
        def trace(frame, event, argument): seen.add(frame.f_code.co_filename)
        sys.settrace(trace)
        atexit.register(lambda: print(*[name for name in seen if {SHIM!r} in name]))
        """)
    )
    (packages / "measure.pth").write_text("import measure\n")
    python = str(tmp_path / "venv" / "bin" / "python")
    assert live_run.run(python, "os.environ['TOKEN']", TOKEN="one") == f"{SHIM}/sitecustomize.py"
    with open(f"{SHIM}/sitecustomize.py", encoding="utf-8") as file:
        _, _, statements = file.read().split('"""', 2)
    for line in statements.split("\n"):
        assert not line or line.startswith("    ") or "# pragma: no cover" in line


def test_the_functions_that_are_wrapped_are_used_as_before(python, live_run):
    live_run.write(TOKEN="one")
    said = live_run.run(
        python,
        """
        import copy, inspect, pickle
        class Shell(object):
            run = os.system  # a builtin does not turn into a method
        say(Shell().run("exit 3") >> 8, pickle.loads(pickle.dumps(os.system)) is os.system)
        say(copy.deepcopy(os.system) is os.system, "subshell" in inspect.getdoc(os.system))
        try: os.execv("/nonexistent", ["x"])
        except OSError as error: say(error.errno)
        try: os.system()
        except TypeError: say("refused")
        if sys.version_info > (3,): say(inspect.signature(os.system), os.system.__qualname__)
        """,
        TOKEN="one",
    )
    expected = ["3 True", "True True", "2", "refused", "(command) system"]
    assert said.split("\n") == expected[: 5 if python.version > (3,) else 4]


def test_copies_need_nothing_of_ours(python, live_run):
    live_run.write(TOKEN="one")
    data = "_data" if python.version > (3,) else "data"
    code = f"""
    import copy, pickle
    wait()
    for each in (copy.copy(os.environ.{data}), pickle.loads(pickle.dumps(os.environ.{data}))):
        say(type(each) is dict, sorted(each.values()) == sorted(os.environ.{data}.values()))
    taken = copy.deepcopy(os.environ)
    wait()
    say(taken["TOKEN"], os.environ["TOKEN"])
    """
    said = live_run.talk(python, code, steps=[{"TOKEN": "two"}, {"TOKEN": "three"}], TOKEN="one")
    assert said.split("\n") == ["True True", "True True", "two three"]


def test_a_shim_that_cannot_be_written_to_or_read(live_run, interpreters, tmp_path):
    """Without byte code; and when what it needs is not there."""
    shutil.copytree(SHIM, tmp_path / "shim", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    live_run.write(TOKEN="one")
    code = "wait(); say(os.environ['TOKEN'])"
    for version in ("2.7", "3.6", "3.11", "3.13"):
        if interpreters.get(version):
            path = tmp_path / "shim"
            live_run.write(TOKEN="one")
            said = live_run.talk(
                interpreters[version], code, "-B", steps=[{"TOKEN": "two"}], TOKEN="one", PYTHONPATH=str(path)
            )
            assert said == "two"
    (tmp_path / "shim" / "_authsome_live.py").unlink()
    for version in ("2.7", "3.6", "3.11", "3.13"):
        if interpreters.get(version):
            said = live_run.talk(
                interpreters[version], code, "-B", steps=[{"TOKEN": "x"}], TOKEN="one", PYTHONPATH=str(path)
            )
            assert said == "one"


def test_a_new_virtual_environment_and_pip_in_a_run(live_run, tmp_path):
    live_run.write(TOKEN="one")
    environ = live_run.environ(TOKEN="one", PIP_DISABLE_PIP_VERSION_CHECK="1")
    wheel = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny.py", "import os\nprint(os.environ['TOKEN'])\n")
        file.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        file.writestr(
            "tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr("tiny-1.dist-info/RECORD", "")
    python = tmp_path / "venv" / "bin" / "python"
    for words in (
        [sys.executable, "-m", "venv", tmp_path / "venv"],
        [python, "-m", "pip", "install", "-q", "--no-index", wheel],
    ):
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
        assert done.stderr == ""
    live_run.write(TOKEN="two")
    done = subprocess.run([python, "-m", "tiny"], env=environ, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("two\n", "")


def test_pytest_in_a_run(live_run, tmp_path):
    """Its own monkeypatch works, and puts back what is live."""
    live_run.write(TOKEN="one")
    (tmp_path / "test_inner.py").write_text(
        textwrap.dedent("""
        import os, subprocess
        def test_set(monkeypatch):
            monkeypatch.setenv("TOKEN", "mine")
            assert os.environ["TOKEN"] == "mine"
            assert subprocess.check_output(["/bin/sh", "-c", "echo $TOKEN"]) == b"mine\\n"
        def test_deleted(monkeypatch):
            monkeypatch.delenv("TOKEN")
            assert "TOKEN" not in os.environ
            monkeypatch.setattr(os, "environ", {"TOKEN": "other"})
            assert os.getenv("TOKEN") == "other"
        def test_put_back(): assert os.environ["TOKEN"] == "two"
        """)
    )
    live_run.write(TOKEN="two")
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "test_inner.py",
    ]
    done = subprocess.run(
        words, env=live_run.environ(TOKEN="one"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_what_is_loaded_at_the_start(python, live_run):
    """Nothing that the interpreter has not loaded itself, hashes neither, but where children are started."""
    live_run.write(TOKEN="one")
    code = "import sys; print(' '.join(name for name in sys.modules if sys.modules[name]))"
    expected = {"_authsome_live"} | ({"_posixsubprocess"} if python.version > (3,) else set())
    bare, live = (set(start(live_run, python, shim=shim, code=code)[0].split()) for shim in (False, True))
    assert (live - bare) - {"time", "thread"} == expected
