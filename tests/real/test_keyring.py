"""The OS keyring with a real gnome-keyring on a D-Bus of its own, and every way in which there is none."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ID = "0f" * 16 + ".a1b2c3d4"
CONTRACT = Path(__file__).parent.parent / "unit" / "test_key_contract.py"

UNLOCKED = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null; "

PRELUDE = f"""if True:
    import os, sys
    from authsome_env.errors import KeyUnavailable
    from authsome_env.vault.keys.keyring import Keyring

    ID = {ID!r}
    place = Keyring(os.environ, no_input=True, wait_s=10)

    def refused(act):
        try:
            act()
        except KeyUnavailable as error:
            return f"{{error}} | {{error.hint}}"
        raise SystemExit("not refused")

    def lock():
        import secretstorage
        from contextlib import closing
        with closing(secretstorage.dbus_init()) as bus:
            secretstorage.get_default_collection(bus).lock()
"""

# Owns the name of the Secret Service, and never answers.
MUTE = """
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection()
daemon = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
request = new_method_call(daemon, "RequestName", "su", ("org.freedesktop.secrets", 0))
assert bus.send_and_get_reply(request).body[0] == 1
print("here", flush=True)
while True:
    bus.receive()
"""

INSTEAD = "; `--key file` or `--key passphrase` does without it"  # while the place is being chosen


@pytest.fixture
def environ(tmp_path):
    """What a login shell without a desktop has; nothing of the person who runs the tests."""
    for name in ("home", "run"):
        (tmp_path / name).mkdir(0o700)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }


@pytest.fixture
def python(environ):
    """Run a body by itself, or in a shell line of a D-Bus session, and give its standard output."""

    def run(body, *, session=None, check=True, **more):
        code = [sys.executable, "-c", f"{PRELUDE}\n{body}"]
        if session is not None:
            code = ["dbus-run-session", "--", "sh", "-c", f"{session}exec {shlex.join(code)}"]
        done = subprocess.run(
            code, env={**environ, **more}, capture_output=True, text=True, check=False, timeout=60
        )
        assert not check or done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def desktop(need):
    need("dbus-run-session")
    need("gnome-keyring-daemon")


def test_it_passes_the_contract_of_all_places(desktop, environ):
    pytest_itself = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CONTRACT)]
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", UNLOCKED + shlex.join(pytest_itself)],
        env={**environ, "AUTHSOME_TEST_KEYRING": "1"},
        cwd=CONTRACT.parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_another_process_finds_the_key_and_secret_storage_sees_it_as_text(desktop, python):
    body = """
key, record = place.create(ID)
import base64, secretstorage
(item,) = secretstorage.search_items(secretstorage.dbus_init(), {"service": "authsome", "username": ID})
kept = base64.b64decode(item.get_secret())
print(record == {}, kept == key == Keyring({}, no_input=True).load(ID, {}))
place.delete(ID)
print(refused(lambda: place.load(ID, {})))
"""
    good, gone = python(body, session=UNLOCKED).splitlines()
    assert good == "True True"
    assert gone.startswith(f"the keyring holds no key {ID} of authsome | ")


def test_the_key_survives_a_restart_of_the_keyring(desktop, python):
    key = python("print(place.create(ID)[0].hex())", session=UNLOCKED)
    assert python("print(place.load(ID, {}).hex())", session=UNLOCKED) == key


def test_a_keyring_that_is_open_is_usable(desktop, python):
    assert python("print(place.usable(), place.problem())", session=UNLOCKED) == "True None"


def test_a_locked_keyring_is_unavailable_without_any_prompt(desktop, python):
    body = """
place.create(ID)
lock()
print(place.usable())
for act in (lambda: place.load(ID, {}), lambda: place.create(ID + "2"), lambda: place.delete(ID)):
    print(refused(act))
"""
    usable, *refusals = python(body, session=UNLOCKED).splitlines()
    assert usable == "False"
    locked = "the keyring is locked | unlock it and try again"
    assert refusals == [locked, locked + INSTEAD, locked]


def test_a_locked_keyring_whose_prompt_cannot_be_shown_is_an_error_not_a_wait(desktop, python):
    body = """
place.create(ID)
lock()
eager = Keyring({"DISPLAY": ":99"}, no_input=False, wait_s=30)
print(eager.usable())
print(refused(lambda: eager.load(ID, {})))
"""
    usable, refusal = python(body, session=UNLOCKED).splitlines()
    assert usable == "True"  # its owner could be asked
    assert refusal == "the keyring is locked | unlock it and try again"


def test_a_keyring_that_was_never_made_is_not_made_here(desktop, python):
    found = python("print(refused(lambda: place.create(ID)))", session="")
    assert found == f"there is no default keyring yet | log in to a desktop once{INSTEAD}"


def test_a_service_that_never_answers_is_given_up(desktop, python):
    service = shlex.join([sys.executable, "-c", MUTE])
    session = f"{service} >~/mute 2>&1 & while ! grep -q here ~/mute; do sleep 0.1; done; "
    body = "place = Keyring({}, no_input=True, wait_s=3)\nprint(refused(lambda: place.load(ID, {})))"
    found = python(body, session=session)
    assert found == "the keyring gave no answer within 3 s | unlock it and try again"


@pytest.mark.parametrize("address", [None, "", "garbage", "autolaunch:", "unix:path=/nonexistent/bus"])
def test_without_a_d_bus_it_is_unavailable_with_what_to_type(python, address):
    more = {} if address is None else {"DBUS_SESSION_BUS_ADDRESS": address}
    body = """
print(place.usable())
print(refused(lambda: place.create(ID)))
print(refused(lambda: place.load(ID, {})))
"""
    usable, *refusals = python(body, **more).splitlines()
    assert usable == "False"
    absent = "no keyring of the operating system is within reach | run it in a desktop session"
    assert refusals == [absent + INSTEAD, absent]


@pytest.fixture
def plaintext(tmp_path):
    """A back end with the module and class name of the plaintext one of keyrings.alt, and what it wrote."""
    folder = tmp_path / "plugins" / "keyrings" / "alt"
    folder.mkdir(parents=True)
    (folder / "file.py").write_text(
        "from keyring.backend import KeyringBackend\n"
        "class PlaintextKeyring(KeyringBackend):\n"
        "    priority = 9\n"
        "    def get_password(self, service, username): return None\n"
        f"    def set_password(self, *words): open({str(tmp_path / 'written')!r}, 'a').write(str(words))\n"
        "    def delete_password(self, *words): pass\n"
    )
    return tmp_path / "plugins", tmp_path / "written"


def test_a_plaintext_back_end_is_refused_by_name_and_never_given_a_key(python, plaintext):
    folder, written = plaintext
    more = {"PYTHONPATH": str(folder), "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    found = python("print(refused(lambda: place.create(ID)))", **more)
    assert found.startswith(
        "the keyring library uses keyrings.alt.file.PlaintextKeyring, "
        "which is no keyring of the operating system | select another (PYTHON_KEYRING_BACKEND, "
    )
    assert not written.exists()


@pytest.mark.parametrize("name", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"])
def test_null_and_fail_back_ends_are_refused(python, name):
    assert "keyring of the operating system" in python(
        "print(refused(lambda: place.create(ID)))", PYTHON_KEYRING_BACKEND=name
    )


@pytest.mark.parametrize("name", ["no.such.module.Keyring", "nodots", "keyring.backends.kwallet.DBusKeyring"])
def test_a_back_end_that_cannot_be_loaded_is_unavailable(python, name):
    found = python("print(refused(lambda: place.load(ID, {})))", PYTHON_KEYRING_BACKEND=name)
    assert found.startswith("the keyring failed (")
    assert found.endswith("| try again")


def test_a_chain_is_searched_for_a_store_that_is_accepted(desktop, python, plaintext):
    folder, written = plaintext
    body = """
import keyring, keyring.backends.chainer, keyrings.alt.file
from keyring.backends import SecretService
class Chain(keyring.backends.chainer.ChainerBackend):
    backends = [keyrings.alt.file.PlaintextKeyring(), SecretService.Keyring()]
keyring.set_keyring(Chain())
key, _ = place.create(ID)
print(place.load(ID, {}) == key)
Chain.backends = Chain.backends[:1]
print(refused(lambda: place.load(ID, {})))
"""
    found, refusal = python(body, session=UNLOCKED, PYTHONPATH=str(folder)).splitlines()
    assert found == "True"
    assert "which is no keyring of the operating system" in refusal
    assert not written.exists()


@pytest.mark.parametrize("content", ["", "zzsecretzz", "A" * 40])
def test_an_entry_that_is_no_key_is_refused_without_a_word_of_it(desktop, python, content):
    body = f"""
import keyring
keyring.set_password("authsome", ID, {content!r})
print(refused(lambda: place.load(ID, {{}})))
"""
    found = python(body, session=UNLOCKED)
    assert "is not the base64 of 32 bytes" in found
    assert "zzsecretzz" not in found


def test_no_part_of_keyring_is_loaded_before_it_is_needed(python):
    assert python("print('keyring' in sys.modules, 'secretstorage' in sys.modules)") == "False False"
