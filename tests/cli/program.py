"""The real program in a home of its own, and the search for secrets in whatever it left or said."""

from __future__ import annotations

import base64
import json
import os
import random
import string
import subprocess
import sys
import tempfile
import urllib.parse

import pytest

PROGRAM = os.path.join(os.path.dirname(sys.executable), "authsome")
WARM = os.path.join(os.path.dirname(__file__), "probes", "warm.py")
TIMEOUT_S = 120.0

# Commands whose standard output is there to hold secrets.
REVEALING = {"run", "env", "token", "export", "--show-secret"}
REVEALING |= {"git-credential", "docker-credential", "aws-credentials"}

_LETTERS = string.ascii_letters + string.digits
_SHAPES = {"openai": ("sk-", 40), "anthropic": ("sk-ant-", 48), "groq": ("gsk_", 44)}

# Every form of every secret of this session, by its beginning. Whatever one test leaks, the search of a later
# one may find too. There are thousands, so what is searched is cut up once, and not gone through for each.
_BEGINNING = 8
_drawn: dict[bytes, set[bytes]] = {}


class Authsome:
    """`authsome("login", "openai", "--stdin", input=key)` runs the installed command in a fresh home."""

    def __init__(self, folder: str) -> None:
        self.program = PROGRAM
        self.folder = folder
        self.home = os.path.join(folder, "home")
        self.temporary = os.path.join(folder, "tmp")
        os.mkdir(self.temporary, 0o700)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "AUTHSOME_HOME": self.home,
            "TMPDIR": self.temporary,
            "LANG": "C.UTF-8",
        }
        self.said: list[tuple[str, bytes]] = []
        """What the program printed where no secret may be: (which stream of which command, bytes)."""

    def __call__(self, *arguments, input=b"", env=None, check=False, through=(), timeout=TIMEOUT_S, **how):  # noqa: A002
        """A CompletedProcess with bytes. `env` is added to `.environ`; None in it takes a variable away.

        `through`: words before the program, such as a shell that changes something and becomes it.
        """
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        done = subprocess.run(
            [*through, PROGRAM, *arguments],
            input=input,
            env=self.environment(env),
            start_new_session=True,  # no controlling terminal, so no prompt
            check=False,
            timeout=timeout,
            **how,
        )
        self.heard(arguments, done.stdout, done.stderr)
        assert b"Traceback" not in (done.stderr or b""), done.stderr.decode()
        if check:
            assert done.returncode == 0, (arguments, done.returncode, done.stderr.decode())
        return done

    def by(self, warm, *arguments, env=None):
        """As a call with `check`, in a fifth of the time: for what is on the way to what a test is about."""
        done = warm(argv=arguments, environ=self.environment(env))
        out, err = done["out"].encode(), done["err"].encode()
        self.heard(arguments, out, err)
        assert done["status"] == 0, (arguments, done)
        return subprocess.CompletedProcess(arguments, 0, out, err)

    def start(self, *arguments, env=None, through=(), **how):
        """A Popen of the same command. Its standard streams are /dev/null unless `how` says otherwise."""
        how = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL) | how
        return subprocess.Popen(
            [*through, PROGRAM, *arguments], env=self.environment(env), start_new_session=True, **how
        )

    def environment(self, added=None):
        merged = {**self.environ, **(added or {})}
        return {name: value for name, value in merged.items() if value is not None}

    def heard(self, arguments, out, err):
        command = " ".join(arguments)
        if out and not REVEALING & set(arguments):
            self.said.append((f"stdout of {command}", out))
        if err and "run" not in arguments:
            self.said.append((f"stderr of {command}", err))

    def leaks(self):
        """Where a secret of this session lies in clear, or merely encoded: in files, or in what was said."""
        kept = [key for home, _, names in os.walk(self.folder) for key in self._master_keys(home, names)]
        found = [where for where, data in self.said if holds_secret(data) or any(key in data for key in kept)]
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        if holds_secret(file.read()):
                            found.append(path)
        return found

    @staticmethod
    def _master_keys(folder, names):
        """What the key files in `folder` hold: plaintext secrets that have their place there alone."""
        if os.path.basename(folder) == "keys":
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    yield file.read().strip() or b"an empty key file"


def holds_secret(data: bytes | bytearray) -> bool:
    data = bytes(data)  # whose pieces can be told apart by a set
    pieces = {data[at : at + _BEGINNING] for at in range(len(data))}
    found = [form for piece in pieces & _drawn.keys() for form in _drawn[piece]]
    return any(form in data for form in found)


def _forms(secret: bytes) -> set[bytes]:
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    forms.add(urllib.parse.quote_from_bytes(secret, safe="").encode())
    for before in range(3):  # base64 of a text that the secret is a part of
        encoded = base64.b64encode(b"\0" * before + secret)
        inner = encoded[-(-before * 4 // 3) : -4]  # without the letters that its neighbours share
        forms |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


@pytest.fixture
def authsome():
    """The program in a fresh home. Afterwards no secret that was drawn may lie or have been said anywhere."""
    in_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # thousands of durable writes
    with tempfile.TemporaryDirectory(prefix="authsome-test-", dir=in_memory) as folder:
        program = Authsome(folder)
        yield program
        assert program.leaks() == []


@pytest.fixture(scope="session")
def made_up_key():
    """`made_up_key("openai")`: a new key (bytes) of the provider's pattern that is nobody's."""

    def draw(provider="openai"):
        prefix, length = _SHAPES[provider]
        return remember((prefix + "".join(random.choices(_LETTERS, k=length))).encode())

    return draw


@pytest.fixture(scope="session")
def secret():
    """`secret(b"…")`: that text is a secret as well from now on (a passphrase, a master key)."""
    return remember


def remember(value: bytes) -> bytes:
    for form in _forms(value):
        assert len(form) >= _BEGINNING, "too short to be looked for"
        _drawn.setdefault(form[:_BEGINNING], set()).add(form)
    return value


@pytest.fixture(scope="session")
def warm():
    """`warm(argv=…, environ=…, …)`: the program without the wait for its imports; see probes/warm.py."""
    server = subprocess.Popen(
        [sys.executable, WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert json.loads(server.stdout.readline()) == "ready"

    def ask(**request):
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    yield ask
    server.stdin.close()
    assert server.wait(10) == 0
    server.stdout.close()
