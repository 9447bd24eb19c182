"""Whatever happens to folder, file or program: nothing raises, nothing is said, and the last value stays."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from authsome_env.deliver import live

LOOK_TWICE = """
for _ in range(2):
    wait()
    say(os.environ["TOKEN"])
os.system("echo $TOKEN")
"""


def text(value: str) -> bytes:
    """A whole file in which `one` is followed by `value`."""
    former = [live._fingerprint(b"one")]
    return live.text({"TOKEN": value.encode()}, {"TOKEN": former}, 2)


def place(run, data: bytes) -> None:
    """Put a file there in one step."""
    with open(run.path + ".test", "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(data)
    os.replace(run.path + ".test", run.path)


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def test_a_folder_that_is_gone_and_comes_back(python, live_run):
    def again():
        os.mkdir(live_run.folder, 0o700)
        place(live_run, text("two"))

    live_run.write(TOKEN="one")
    said = live_run.talk(
        python, LOOK_TWICE, steps=[lambda: shutil.rmtree(live_run.folder), again], TOKEN="one"
    )
    assert said.split("\n") == ["one", "two", "two"]


def fifo(run):
    remove(run.path)
    os.mkfifo(run.path, 0o600)


def folder(run):
    remove(run.path)
    os.mkdir(run.path, 0o700)


def symlink(run):
    place(run, text("bad"))
    os.rename(run.path, run.path + ".other")
    os.symlink(run.path + ".other", run.path)


def somebodys(run):
    place(run, text("bad"))
    os.chown(run.path, 4321, 4321)


def writable(run):
    place(run, text("bad"))
    os.chmod(run.path, 0o620)


def huge(run):
    """And whole."""
    place(run, text("bad")[:-2] + b"=PAD=" + b"x" * (1 << 26) + b"\n.\n")


BAD = {
    "empty": lambda run: place(run, b""),
    "half": lambda run: place(run, text("bad")[: len(text("bad")) // 2]),
    "no end": lambda run: place(run, text("bad")[:-2]),
    "no newline at the end": lambda run: place(run, text("bad")[:-1]),
    "garbage": lambda run: place(run, bytes(range(256)) * 100),
    "garbage with an end": lambda run: place(run, b"authsome-live 2 1\n=TOKEN=bad\n.\n"),
    "a NUL": lambda run: place(run, text("bad\0")),
    "no lines": lambda run: place(run, b"authsome-live 1 "),
    "no value": lambda run: place(run, b"authsome-live 1 7\n=\n=TOKEN\n-TOKEN\n.\n"),
    "huge": huge,
    "a fifo": fifo,
    "a folder": folder,
    "a symlink": symlink,
    "of another user": somebodys,
    "writable by others": writable,
    "gone": lambda run: remove(run.path),
}


@pytest.mark.parametrize("how", BAD)
def test_a_file_that_is_not_to_be_believed(live_run, interpreters, how):
    if how == "of another user" and os.geteuid():
        pytest.skip("only root can give files away")

    def good():
        remove(live_run.path)
        place(live_run, text("two"))

    for version in ("2.7", "3.6", "3.11", "3.13"):
        if interpreters.get(version):
            remove(live_run.path)
            place(live_run, text("one"))
            said = live_run.talk(
                interpreters[version], LOOK_TWICE, steps=[lambda: BAD[how](live_run), good], TOKEN="one"
            )
            assert said.split("\n") == ["one", "two", "two"], version


def test_a_file_that_another_tool_writes_in_place(live_run, interpreters):
    """Cut at every byte, and whole at last."""
    whole = text("two")
    cuts = range(0, len(whole), 3)

    def step(cut):
        def write():
            with open(live_run.path, "wb") as file:
                file.write(whole[:cut])

        return write

    place(live_run, text("one"))
    said = live_run.talk(
        interpreters["3.11"],
        f"for _ in range({len(cuts) + 1}): wait(); say(os.environ['TOKEN'])",
        steps=[*map(step, cuts), step(len(whole))],
        TOKEN="one",
    )
    assert said.split("\n") == ["one"] * len(cuts) + ["two"]


def test_rights_that_are_mended_are_noticed(python, live_run):
    place(live_run, text("one"))
    said = live_run.talk(
        python,
        LOOK_TWICE,
        steps=[lambda: writable(live_run), lambda: os.chmod(live_run.path, 0o600)],
        TOKEN="one",
    )
    assert said.split("\n") == ["one", "bad", "bad"]


@pytest.mark.parametrize(
    "case", ["unset", "empty", "relative", "absent", "a symlink", "a file", "open to others"]
)
def test_a_run_that_is_none(live_run, interpreters, tmp_path, case):
    place(live_run, text("bad"))
    link = tmp_path / "link"
    link.symlink_to(live_run.folder)
    if case == "open to others":
        os.chmod(live_run.folder, 0o777)
    name = {
        "unset": "",
        "empty": "",
        "relative": os.path.relpath(live_run.folder, "/"),
        "absent": "/nonexistent",
        "a symlink": str(link),
        "a file": live_run.path,
        "open to others": live_run.folder,
    }[case]
    code = "import os; print(os.environ['TOKEN'], type(os.environ._data).__name__)"
    for version in ("3.6", "3.11", "3.13"):
        if interpreters.get(version):
            environ = live_run.environ(AUTHSOME_RUN=name, TOKEN="one")
            if case == "unset":
                del environ["AUTHSOME_RUN"]
            done = subprocess.run(
                [interpreters[version], "-c", code], cwd="/", env=environ, capture_output=True, check=True
            )
            assert (done.stdout, done.stderr) == (b"one dict\n", b""), version


def test_no_descriptor_is_left(python, live_run):
    """A stat(2) needs none, reading does: it is read as soon as there is one."""
    live_run.write(TOKEN="one")
    said = live_run.talk(
        python,
        """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        taken = []
        try:
            while True: taken.append(os.dup(0))
        except OSError: pass
        wait()
        say(os.environ["TOKEN"])
        while taken: os.close(taken.pop())
        time.sleep(0.001)
        say(os.environ["TOKEN"])
        """,
        steps=[{"TOKEN": "two"}],
        TOKEN="one",
    )
    assert said.split("\n") == ["one", "two"]


def test_no_descriptor_stays_open(python, live_run):
    live_run.write(TOKEN="one")
    code = """
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        wait()
        say(os.environ["TOKEN"])
    say(before == sorted(os.listdir("/proc/self/fd")))
    """
    steps = [{"TOKEN": "two"}, lambda: place(live_run, b"garbage"), {"TOKEN": "three"}]
    assert live_run.talk(python, code, steps=steps, TOKEN="one") == "two\ntwo\nthree\nTrue"


def change_on(run, number: int, seconds: float):
    """A step that leaves a writer behind it, a hundred changes a second; numbers as values."""
    import threading
    import time

    def write():
        for each in range(1, number + 1):
            run.write(TOKEN=f"{each:06}")
            time.sleep(seconds)

    return threading.Thread(target=write).start


def test_a_thousand_threads_that_look_at_once(python, live_run):
    """Nobody sees half a value, nor an older one after a newer one; the last is seen by all."""
    live_run.write(TOKEN="000000")
    said = live_run.talk(
        python,
        """
        import threading
        wrong, ends = [], []
        def look():
            last = "000000"
            try:
                while last < "000100":
                    found = os.environ["TOKEN"]
                    if not (len(found) == 6 and found >= last): wrong.append((last, found))
                    last = found
                    time.sleep(0.01)
                ends.append(last)
            except BaseException as error:
                wrong.append(repr(error))
        if hasattr(threading, "stack_size"): threading.stack_size(1 << 18)
        threads = [threading.Thread(target=look) for _ in range(1000)]
        wait()
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        say(wrong, len(ends))
        """,
        steps=[change_on(live_run, 100, 0.01)],
        TOKEN="000000",
    )
    assert said == "[] 1000"


def test_threads_that_set_and_delete_while_it_changes_win(python, live_run):
    """For C too: its environment is what os.environ says, whoever wrote last."""
    live_run.write(TOKEN="000000")
    said = live_run.talk(
        python,
        """
        import subprocess, threading
        sys.setswitchinterval(0.0001) if sys.version_info > (3,) else sys.setcheckinterval(1)
        stop = []
        def look():
            while not stop:
                try: os.environ["TOKEN"]
                except KeyError: pass
        lookers = [threading.Thread(target=look) for _ in range(4)]
        wait()
        for thread in lookers: thread.start()
        wrong = 0
        for _ in range(40):
            time.sleep(0.005)
            os.environ["TOKEN"] = "mine"
            wrong += os.environ["TOKEN"] != "mine"
            wrong += subprocess.Popen(["/bin/sh", "-c", "test $TOKEN = mine"]).wait()
            del os.environ["TOKEN"]
            wrong += "TOKEN" in os.environ
            wrong += subprocess.Popen(["/bin/sh", "-c", "test -z ${TOKEN+x}"]).wait()
            os.environ["TOKEN"] = "000000"
        stop.append(1)
        for thread in lookers: thread.join()
        say(wrong)
        """,
        steps=[change_on(live_run, 100, 0.003)],
        TOKEN="000000",
    )
    assert said == "0"


def test_forks_beside_threads_that_look(python, live_run):
    """Some of these children are born while a thread has the lock, which in them nobody gives back."""
    live_run.write(TOKEN="000000")
    said = live_run.talk(
        python,
        """
        import threading
        sys.setswitchinterval(0.0001) if sys.version_info > (3,) else sys.setcheckinterval(1)
        stop = []
        def look():
            while not stop: os.environ["TOKEN"]
        lookers = [threading.Thread(target=look) for _ in range(3)]
        wait()
        for thread in lookers: thread.start()
        children = []
        for _ in range(50):
            child = os.fork()
            if not child:
                while os.environ["TOKEN"] != "000100": time.sleep(0.001)
                os._exit(0)
            children.append(child)
            time.sleep(0.01)
        say([status for status in (os.waitpid(child, 0)[1] for child in children) if status])
        stop.append(1)
        for thread in lookers: thread.join()
        """,
        "-W", "ignore",  # newer ones warn of forks beside threads
        steps=[change_on(live_run, 100, 0.006)],
        TOKEN="000000",
    )  # fmt: skip
    assert said == "[]"


@pytest.mark.since(3, 7)
def test_a_fork_while_another_thread_looks(python, live_run):
    """The child has a new lock at once. Versions that cannot be told of a fork find out after a while."""
    live_run.write(TOKEN="one")
    code = """
    os.environ._data.lock.acquire()
    wait()
    os.environ._data.begun = os.environ._data.clock()
    say(os.environ["TOKEN"])
    child = os.fork()
    if not child:
        time.sleep(0.001)
        say(os.environ["TOKEN"])
        os._exit(0)
    os.waitpid(child, 0)
    """
    assert live_run.talk(python, code, steps=[{"TOKEN": "two"}], TOKEN="one") == "one\ntwo"


def test_a_look_that_was_interrupted_for_good_ends_nothing(python, live_run):
    live_run.write(TOKEN="one")
    data = "_data" if python.version > (3,) else "data"
    code = f"""
    os.environ.{data}.lock.acquire()
    wait()
    first = os.environ["TOKEN"]
    time.sleep(1.1)
    say(first, os.environ["TOKEN"])
    """
    assert live_run.talk(python, code, steps=[{"TOKEN": "two"}], TOKEN="one") in {"one two", "two two"}


def test_a_signal_handler_that_looks(python, live_run):
    live_run.write(TOKEN="000000")
    said = live_run.talk(
        python,
        """
        import signal
        last, wrong, calls = ["000000"], [], [0]
        def look(*_):
            calls[0] += 1
            before = last[0]  # another signal may come in between
            found = os.environ["TOKEN"]
            if found < before: wrong.append((before, found))
            last[0] = max(last[0], found)
        signal.signal(signal.SIGALRM, look)
        wait()
        signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
        while last[0] < "000100":
            found = os.environ["TOKEN"]
        signal.setitimer(signal.ITIMER_REAL, 0)
        say(wrong, calls[0] > 0)
        """,
        steps=[change_on(live_run, 100, 0.005)],
        TOKEN="000000",
    )
    assert said == "[] True"


@pytest.mark.since(3, 0)
@pytest.mark.parametrize("holder", ["last", "sys.kept"])
def test_looks_at_the_end_of_the_interpreter(python, live_run, holder):
    if python.pypy:
        pytest.skip("nothing looks so late")
    live_run.write(TOKEN="one")
    said = live_run.talk(
        python,
        f"""
        import atexit
        class Last(object):
            def __init__(self, environ, write): self.environ, self.write = environ, write
            def __del__(self): self.write(1, ("del %s\\n" % self.environ["TOKEN"]).encode())
        {holder} = Last(os.environ, os.write)
        atexit.register(lambda: say("atexit", os.environ["TOKEN"]))
        wait()
        """,
        steps=[{"TOKEN": "two"}],
        TOKEN="one",
    )
    assert said.split("\n") == ["atexit two", "del two"]


def test_a_program_that_goes_to_another_root(python, live_run, tmp_path):
    if os.geteuid():
        pytest.skip("only root can")
    live_run.write(TOKEN="one")
    code = f"os.chroot({str(tmp_path)!r}); wait(); say(os.environ['TOKEN'])"
    assert live_run.talk(python, code, steps=[{"TOKEN": "two"}], TOKEN="one") == "one"


@pytest.mark.since(3, 8)
def test_sub_interpreters(python, live_run):
    if python.pypy:
        pytest.skip("none of this version can be made by a program")
    live_run.write(TOKEN="one")
    said = live_run.talk(
        python,
        """
        try: import _interpreters as interpreters
        except ImportError: import _xxsubinterpreters as interpreters
        inner = interpreters.create()
        code = "import os; os.write(1, (os.environ['TOKEN'] + chr(10)).encode())"
        for _ in range(2):
            wait()
            interpreters.run_string(inner, code)
            os.system("echo $TOKEN")
        """,
        steps=[{"TOKEN": "two"}, {"TOKEN": "three"}],
        TOKEN="one",
    )
    assert said.split("\n") == ["two", "two", "three", "three"]


def test_time_that_a_test_stops(python, live_run):
    """As freezegun does it: by replacing the functions of `time`, wherever a module has them."""
    live_run.write(TOKEN="one")
    code = """
    frozen = {name: getattr(time, name, None) for name in ("time", "monotonic", "perf_counter", "clock")}
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()) if module and hasattr(module, "__dict__") else ():
            for function in frozen.values():
                if function and value is function: setattr(module, name, lambda: 1.0)
    os.environ["TOKEN"]
    wait()
    say(os.environ["TOKEN"])
    """
    assert live_run.talk(python, code, "-W", "ignore", steps=[{"TOKEN": "two"}], TOKEN="one") == "two"
