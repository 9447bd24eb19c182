"""Programs in Python that see the newest values: wherever they look, and in the children that they start."""

from __future__ import annotations

import pytest

LOOKUPS = (
    "os.environ['TOKEN']",
    "os.environ.get('TOKEN')",
    "os.getenv('TOKEN')",
    "held['TOKEN']",
    "dict(os.environ)['TOKEN']",
    "os.environ.copy()['TOKEN']",
    "dict(os.environ.items())['TOKEN']",
    "[value for value in os.environ.values() if value.startswith('value ')][0]",
    "[os.environ[name] for name in os.environ if name == 'TOKEN'][0]",
    "os.environ.setdefault('TOKEN', 'mine')",
    "'TOKEN' in os.environ and '%(TOKEN)s' % os.environ",
    "os.path.expandvars('$TOKEN')",
    "copy.copy(os.environ)['TOKEN']",
    "copy.deepcopy(os.environ)['TOKEN']",
    "repr(os.environ).partition('value ')[1] + repr(os.environ).partition('value ')[2][:2].strip(chr(39))",
    "getenv(b'TOKEN').decode()",
)
LOOKUPS_2 = (
    "dict(os.environ.iteritems())['TOKEN']",
    "[value for value in os.environ.itervalues() if value.startswith('value ')][0]",
    "os.environ == dict(os.environ) and os.environ['TOKEN']",
)
LOOKUPS_3 = (
    "os.environb[b'TOKEN'].decode()",
    "os.getenvb(b'TOKEN').decode()",
    "os.environ == dict(os.environ) and os.environ['TOKEN']",
)
LOOKUPS_39 = ("(os.environ | {})['TOKEN']", "({} | os.environ)['TOKEN']")


def test_every_way_to_look_finds_the_newest_value(python, live_run):
    expressions = [*LOOKUPS, *(LOOKUPS_3 if python.version > (3,) else LOOKUPS_2)]
    expressions += LOOKUPS_39 if python.version >= (3, 9) else ()
    live_run.write(TOKEN="value -")
    said = live_run.talk(
        python,
        f"""
        import copy, ctypes
        c_getenv = ctypes.CDLL(None).getenv
        c_getenv.restype = ctypes.c_char_p
        def getenv(name):  # C's own, which is right when anybody has looked
            os.environ["PATH"]
            return c_getenv(name)
        held = os.environ
        for expression in {expressions!r}:
            wait()
            say(eval(expression))
        """,
        steps=[{"TOKEN": f"value {number}"} for number in range(len(expressions))],
        TOKEN="value -",
    )
    assert dict(zip(expressions, said.split("\n"), strict=True)) == {
        expression: f"value {number}" for number, expression in enumerate(expressions)
    }


SH = "['/bin/sh', '-c', 'echo $TOKEN']"
IN_A_CHILD = "child = os.fork()\nif not child: {}\nos.waitpid(child, 0)"
CHILDREN = (
    f"subprocess.call({SH})",
    f"subprocess.call({SH}, env=dict(os.environ))",
    f"subprocess.call({SH}, close_fds=False, cwd='/')",
    f"subprocess.Popen({SH}, preexec_fn=lambda: None).wait()",
    "subprocess.check_call('echo $TOKEN', shell=True)",
    "os.system('echo $TOKEN')",
    "say(os.popen('echo $TOKEN').read().strip())",
    f"os.spawnv(os.P_WAIT, '/bin/sh', {SH})",
    f"os.spawnve(os.P_WAIT, '/bin/sh', {SH}, os.environ)",
    f"os.spawnvp(os.P_WAIT, 'sh', {SH})",
    IN_A_CHILD.format(f"os.execv('/bin/sh', {SH})"),
    IN_A_CHILD.format(f"os.execve('/bin/sh', {SH}, os.environ)"),
    IN_A_CHILD.format(f"os.execvp('sh', {SH})"),
    IN_A_CHILD.format("os.execl('/bin/sh', 'sh', '-c', 'echo $TOKEN')"),
    IN_A_CHILD.format("(say(os.environ['TOKEN']), os._exit(0))"),
    IN_A_CHILD.format("(os.system('echo $TOKEN'), os._exit(0))"),
    # A live program as the child, which was given an old value by somebody who is not live.
    "subprocess.call(['/usr/bin/env', 'TOKEN=value -', sys.executable, '-c', SHOW])",
)
CHILDREN_3 = (
    *(
        f"child = multiprocessing.get_context('{way}').Process(target=os.system, args=('echo $TOKEN',))\n"
        "child.start(); child.join()"
        for way in ("fork", "spawn", "forkserver")
    ),
)
IN_ASYNCIO = """
async def start(): await (await asyncio.create_subprocess_exec('/bin/sh', '-c', 'echo $TOKEN')).wait()
asyncio.run(start())
"""
CHILDREN_37 = (IN_ASYNCIO,)
CHILDREN_38 = (f"os.waitpid(os.posix_spawn('/bin/sh', {SH}, os.environ), 0)",)
CHILDREN_313 = (f"os.waitpid(os.posix_spawn('/bin/sh', {SH}, None), 0)",)


def test_every_child_is_given_the_newest_value_by_a_program_that_never_looks(python, live_run):
    statements = list(CHILDREN)
    for version, more in (
        ((3,), CHILDREN_3),
        ((3, 7), CHILDREN_37),
        ((3, 8), CHILDREN_38),
        ((3, 13), CHILDREN_313),
    ):
        statements += more if python.version >= version and not (python.pypy and more is CHILDREN_38) else ()
    live_run.write(TOKEN="value -")
    said = live_run.talk(
        python,
        f"""
        import multiprocessing, subprocess
        SHOW = "import os; print(os.environ['TOKEN'])"
        if sys.version_info >= (3, 7): import asyncio
        for statement in {statements!r}:
            wait()
            exec(statement)
        """,
        "-W", "ignore",  # of a fork beside threads, which asyncio starts
        steps=[{"TOKEN": f"value {number}"} for number in range(len(statements))],
        TOKEN="value -",
    )  # fmt: skip
    assert dict(zip(statements, said.split("\n"), strict=True)) == {
        statement: f"value {number}" for number, statement in enumerate(statements)
    }


def test_the_values_of_a_start_are_brought_up_to_date_before_anything_looks(python, live_run):
    for value in ("one", "two", "three"):
        live_run.write(TOKEN=value, OTHER="same")
    code = (
        "import ctypes; f = ctypes.CDLL(None).getenv; f.restype = ctypes.c_char_p; say(f(b'TOKEN').decode())"
    )
    assert live_run.run(python, code, TOKEN="one", OTHER="same") == "three"


@pytest.mark.parametrize(
    "value",
    [
        b"a\nb",
        b"\\n",
        b"\\",
        b"\\\\n\n\\",
        b"",
        b"=",
        b"\n=TOKEN=x",
        b"\n.\n",
        "ü".encode(),
        b"\xff\xfe",
        b"x" * 40000,
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_value_is_exact(live_run, interpreters, value):
    live_run.write(TOKEN="before")
    for version in ("2.7", "3.11"):
        if interpreters.get(version):
            said = live_run.talk(
                interpreters[version],
                """
                import binascii
                def show(value):
                    say(binascii.hexlify(value if isinstance(value, bytes) else os.fsencode(value)).decode())
                wait()
                show(os.environ["TOKEN"])
                os.system("printf %s \\"$TOKEN\\" | od -An -v -tx1 | tr -d ' \\n'; echo")
                """,
                steps=[{"TOKEN": value}],
                TOKEN="before",
            )
            assert said == f"{value.hex()}\n{value.hex()}".rstrip()
            live_run.write(TOKEN="before")


def test_what_the_program_sets_or_deletes_or_took_stays(python, live_run):
    live_run.write(MINE="one", GONE="one", BACK="one", TAKEN="one")
    said = live_run.talk(
        python,
        """
        os.environ["MINE"] = "mine"
        del os.environ["GONE"]
        taken = dict(os.environ)
        wait()
        os.environ["PATH"]  # the change is noticed
        os.environ["BACK"] = "one"  # which the run delivered once, so it is the run's
        say(os.environ["MINE"], os.environ.get("GONE"), os.environ["BACK"], taken["TAKEN"])
        os.system("echo $MINE ${GONE-None} $BACK $TAKEN")
        wait()
        say(os.environ["MINE"], os.environ.get("GONE"), os.environ["BACK"], os.environ.pop("BACK"))
        os.system("echo $MINE ${GONE-None} ${BACK-None}")
        """,
        steps=[
            {"MINE": "two", "GONE": "two", "BACK": "two", "TAKEN": "two"},
            {"MINE": "three", "GONE": "three", "BACK": "three"},
        ],
        MINE="one",
        GONE="one",
        BACK="one",
        TAKEN="one",
    )
    assert said.split("\n") == [
        "mine None two one",
        "mine None two two",
        "mine None three three",
        "mine None None",
    ]


def test_what_was_there_at_the_start_instead_of_a_value_of_the_run_stays(python, live_run):
    live_run.write(TOKEN="one", ABSENT="one")
    live_run.write(TOKEN="two", ABSENT="two")
    said = live_run.talk(
        python,
        """
        say(os.environ["TOKEN"], "ABSENT" in os.environ, "ABSENT" in list(os.environ))
        wait()
        say(os.environ["TOKEN"], os.environ.get("ABSENT"))
        os.system("echo $TOKEN ${ABSENT-None}")
        """,
        steps=[{"TOKEN": "three", "ABSENT": "three"}],
        TOKEN="mine",
    )
    assert said.split("\n") == ["mine False False", "mine None", "mine None"]


def test_what_the_program_gives_to_c_itself_stays_there(python, live_run):
    live_run.write(PUT="one", UNSET="one", BACK="one")
    said = live_run.talk(
        python,
        """
        os.putenv("PUT", "mine")
        os.unsetenv("UNSET")
        os.putenv("BACK", "mine")
        os.environ["BACK"] = "one"
        wait()
        say(os.environ["PUT"], os.environ["UNSET"], os.environ["BACK"])
        os.system("echo $PUT ${UNSET-None} $BACK")
        """,
        steps=[{"PUT": "two", "UNSET": "two", "BACK": "two"}],
        PUT="one",
        UNSET="one",
        BACK="one",
    )
    assert said.split("\n") == ["two two two", "mine None two"]


def test_a_value_is_known_that_is_too_old_for_the_file(python, live_run):
    def more():
        for number in range(600):
            live_run.write(TOKEN=str(number))

    live_run.write(TOKEN="one")
    code = "for _ in range(3): wait(); say(os.environ['TOKEN'])"
    assert live_run.talk(python, code, steps=[more, more, more], TOKEN="one") == "599\n599\n599"


def test_tricks_to_put_the_environment_back_leave_it_live(python, live_run):
    live_run.write(TOKEN="one")
    said = live_run.talk(
        python,
        """
        saved = dict(os.environ)
        wait()
        os.environ.clear()
        say(os.environ.get("TOKEN"))
        os.environ.update(saved)
        say(os.environ["TOKEN"])
        wait()
        say(os.environ["TOKEN"])
        if sys.version_info > (3,):
            from unittest.mock import patch
            with patch.dict(os.environ, TOKEN="mine"):
                wait()
                say(os.environ["TOKEN"])
            with patch.dict(os.environ, clear=True):
                say(os.environ.get("TOKEN"))
            say(os.environ["TOKEN"])
        else:
            wait()
            say("mine\\nNone\\nfour")
        os.system("echo $TOKEN")
        """,
        steps=[{"TOKEN": "two"}, {"TOKEN": "three"}, {"TOKEN": "four"}],
        TOKEN="one",
    )
    # A child sees `four` in Python 2 as well, since starting one is a look.
    assert said.split("\n") == ["None", "two", "three", "mine", "None", "four", "four"]


def test_a_program_that_replaces_os_environ_has_what_it_put_there(python, live_run):
    live_run.write(TOKEN="one")
    said = live_run.talk(
        python,
        """
        import subprocess
        os.environ = dict(os.environ)
        wait()
        say(os.environ["TOKEN"], os.getenv("TOKEN"))
        subprocess.call(["/bin/sh", "-c", "echo $TOKEN"], env=os.environ)
        os.environ = {}
        say(os.getenv("TOKEN"))
        wait()
        subprocess.call(["/bin/sh", "-c", "echo $TOKEN"], env={"TOKEN": "mine"})
        """,
        steps=[{"TOKEN": "two"}, {"TOKEN": "three"}],
        TOKEN="one",
    )
    assert said.split("\n") == ["one one", "one", "None", "mine"]


def test_os_loaded_again_is_live(python, live_run):
    live_run.write(TOKEN="one")
    code = """
    try: from importlib import reload
    except ImportError: pass
    reload(os)
    wait()
    say(os.environ["TOKEN"])
    os.environ["TOKEN"] = "mine"
    wait()
    say(os.environ["TOKEN"])
    os.system("echo $TOKEN")
    """
    said = live_run.talk(python, code, steps=[{"TOKEN": "two"}, {"TOKEN": "three"}], TOKEN="one")
    assert said == "two\nmine\nmine"


def test_a_change_of_one_variable_leaves_the_others(python, live_run):
    live_run.write(ONE="a", TWO="b")
    live_run.write(TWO="b")
    code = "wait(); say(os.environ['ONE'], os.environ['TWO'])"
    assert live_run.talk(python, code, steps=[{"ONE": "c"}], ONE="a", TWO="b") == "c b"
