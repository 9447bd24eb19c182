"""The programs themselves read back the files that we write for them."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import threading
from http.server import BaseHTTPRequestHandler

import dotenv
import pytest

from authsome_env.deliver import dotenv_file, formats
from authsome_env.errors import CannotExpress

PYTHON_DOTENV, BASH, DASH, NODE = "python-dotenv", "bash", "dash", "node"
COMMON = {
    "V_EMPTY": b"",
    "V_PLAIN": b"sk-proj_Abc123",
    "V_BLANKS": b"  a   b\t\tc  ",
    "V_NEWLINES": b"\na\n\nb\n\n",
    "V_PEM": b"-----BEGIN KEY-----\nAb+/=\n-----END KEY-----\n",
    "V_JSON": b'{"a": "b\\n", "c": "$d `e` #f"}',
    "V_APOSTROPHE": b"it's # 'so'!\nisn't it",
    "V_APOSTROPHES": b"'a'",
    "V_LAST": b"a'",
    "V_APOSTROPHE_BACKSLASH": b"it's C:\\docs\\\xc3\xa9 \\0 \\x41 \\ ",
    "V_OPEN": b"} ${HOME ${X:-",
    "V_DOUBLE": b'"a"',
    "V_BACKTICKS": b"`id`",
    "V_DOLLAR": b"$HOME $$ $(id) $",
    "V_BACKSLASH": b'\\n a\\b \\"',
    "V_COMMENT": b" # not a comment",
    "V_ASSIGN": b"A=b\nC=d\nexport E=f",
    "V_HISTORY": b"hi!x !!",
    "V_PERCENT": b"100%s",
    "V_CONTROL": bytes(byte for byte in range(1, 128) if byte not in b"\r\\'"),
    "V_UTF8": "grüße €𝄞\u0085\u00a0\u2028\u2029\ue000\ufdd0\ufeff\uffff\x1c\x1d\x1e".encode(),
}
DIFFERENT = {
    "carriage return": b"a\r\nb",
    "lone carriage return": b"a\rb",
    "not UTF-8": b"\xff",
    "interpolation": b"a${HOME}b",
    "interpolation with a default": b"${X:-y}",
    "doubled backslash": b"a\\\\b",
    "backslash at the end": b"a\\",
    "apostrophe and double quote": b"'\"",
    "apostrophe and dollar": b"'$HOME",
    "apostrophe and backtick": b"'`",
    "apostrophe and backslash sequence": b"'\\n",
    "apostrophe and a doubled backslash": b"'\\\\ ",
    "apostrophe and a line continuation": b"'\\\n ",
    "apostrophe and backslash at the end": b"'\\",
}


@pytest.fixture
def read_back(tmp_path, need):
    """What each of the readers makes of a .env file: variable -> bytes, or None if it gave up."""
    dump = {name: need(name) for name in (BASH, DASH)}
    node = need("node")
    clean = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

    def run(text):
        path = tmp_path / "variables.env"
        path.write_bytes(text)
        seen = {}
        try:
            found = dotenv.dotenv_values(path)
            seen[PYTHON_DOTENV] = {name: (value or "").encode() for name, value in found.items()}
        except UnicodeDecodeError:
            seen[PYTHON_DOTENV] = None
        for name, shell in dump.items():
            command = [shell, "-c", 'set -a; . "$1"; env -0', shell, str(path)]
            done = subprocess.run(command, env=clean, capture_output=True, check=False, timeout=60)
            entries = [entry.partition(b"=") for entry in done.stdout.split(b"\0")]
            seen[name] = {key.decode(): value for key, _, value in entries if key.startswith(b"V_")}
        show = "console.log(JSON.stringify(process.env))"
        done = subprocess.run(
            [node, f"--env-file={path}", "-e", show], env=clean, capture_output=True, check=False, timeout=60
        )
        found = json.loads(done.stdout) if done.returncode == 0 else {}
        seen[NODE] = {
            name: value.encode("utf-8", "surrogatepass")
            for name, value in found.items()
            if name.startswith("V_")
        }
        return seen

    return run


@pytest.mark.parametrize(
    "text",
    [formats.render("dotenv", COMMON), dotenv_file.text(COMMON, 7, "dotenv")],
    ids=["printed", "delivered"],
)
def test_python_dotenv_sh_and_node_read_a_dotenv_file_alike(read_back, text):
    seen = read_back(text)
    assert seen == dict.fromkeys((PYTHON_DOTENV, BASH, DASH, NODE), COMMON)


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_the_readers_of_a_dotenv_file_would_read_differently_is_refused(what):
    with pytest.raises(CannotExpress, match="V_X"):
        formats.render("dotenv", {"V_X": DIFFERENT[what]})


@pytest.mark.parametrize("after", [bytes([byte]) for byte in b"abfnrtv\\'\"$`\n"])
def test_an_escape_of_any_of_the_readers_is_refused_beside_an_apostrophe(after):
    with pytest.raises(CannotExpress, match="V_X"):
        formats.render("dotenv", {"V_X": b"' \\" + after + b" x"})


@pytest.mark.parametrize("what", DIFFERENT)
def test_no_notation_would_make_the_readers_agree_on_what_is_refused(read_back, what):
    value = DIFFERENT[what]
    escaped = value
    for character in (b"\\", b'"', b"$", b"`"):
        escaped = escaped.replace(character, b"\\" + character)
    notations = [
        value,
        b"'%b'" % value,
        b'"%b"' % value,
        b'"%b"' % escaped,
        b"'%b'" % value.replace(b"'", b"'\\''"),
        b"'%b'" % value.replace(b"\\", b"\\\\").replace(b"'", b"\\'"),
    ]
    for notation in notations:
        seen = read_back(b"V_X=%b\n" % notation)
        assert any(found != {"V_X": value} for found in seen.values()), notation


class _Engine(BaseHTTPRequestHandler):
    """As much of the Docker Engine API as `docker create` needs; keeps the `Env` that it was sent."""

    protocol_version = "HTTP/1.1"
    environment: list[str] | None = None

    def _answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def do_HEAD(self):
        self._answer(200, {})

    def do_GET(self):
        self._answer(200, {})

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).environment = sent["Env"]
        self._answer(201, {"Id": "0" * 64, "Warnings": []})

    def log_message(self, *args):
        pass

    def address_string(self):
        return "unix"


@pytest.fixture
def docker_reads(tmp_path):
    """The real client reads an env file and sends it to an engine of ours on a socket."""
    docker = shutil.which("docker")
    if docker is None:  # not `need`: the client comes with the whole engine, and the grammar test remains
        pytest.skip("docker is not installed")
    socket = str(tmp_path / "s")
    with socketserver.ThreadingUnixStreamServer(socket, _Engine) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def read(text):
            _Engine.environment = None
            path = tmp_path / "variables.env"
            path.write_bytes(text)
            done = subprocess.run(
                [docker, "-H", f"unix://{socket}", "create", "--env-file", str(path), "image"],
                env={"HOME": str(tmp_path)},
                capture_output=True,
                check=False,
                timeout=60,
            )
            if done.returncode:
                return done.stderr.decode()
            entries = [entry.partition("=") for entry in _Engine.environment or []]
            return {name: value.encode() for name, _, value in entries}

        yield read
        server.shutdown()
        thread.join()


def test_docker_reads_its_env_file(docker_reads):
    values = {
        "V_EMPTY": b"",
        "V_BLANKS": b"  a   b\t\t ",
        "V_COMMENT": b"# a #b",
        "V_QUOTES": b'it\'s "so" `x` \\n $HOME ${HOME}',
        "V_QUOTE": b"'",
        "V_UNEVEN": b"'a\"",
        "V_ASSIGN": b"=A=b",
        "V_UTF8": "€𝄞\u0085\u2028\ufeff".encode(),
        "V_CONTROL": bytes(byte for byte in range(1, 128) if byte not in b"\r\n"),
        "V_LONG": b"x" * (65536 - len("V_LONG=\n")),
    }
    assert docker_reads(formats.render("docker", values)) == values
    assert docker_reads(dotenv_file.text(values, 7, "docker")) == values


def test_docker_gives_up_at_the_length_that_we_refuse(docker_reads):
    value = b"x" * (65536 - len("V_LONG=\n") + 1)
    with pytest.raises(CannotExpress, match="V_LONG"):
        formats.render("docker", {"V_LONG": value})
    assert "token too long" in docker_reads(b"V_LONG=%b\n" % value)


GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"


def test_systemd_reads_its_environment_file(tmp_path, need):
    """environment.d has the parser of EnvironmentFile= and expands `$` afterwards, hence the doubling."""
    if not os.path.exists(GENERATOR):  # not `need`: it is no program of PATH, and the grammar test remains
        pytest.skip("systemd is not installed")
    values = {
        "V_BLANKS": b"  a   b\t\t ",
        "V_QUOTES": b'it\'s "so" `x` \\n \\\\ \\\n x\\',
        "V_NEWLINES": b"\na\n\nb\r\n\n",
        "V_COMMENT": b"# a ;b\n# c\n;d",
        "V_DOLLAR": b"$HOME ${HOME} $$",
        "V_CONTROL": bytes(range(1, 128)),
        "V_UTF8": "grüße €𝄞\u0085\u2028\ue000".encode(),
    }
    folder = tmp_path / "environment.d"
    folder.mkdir()
    doubled = {name: value.replace(b"$", b"$$") for name, value in values.items()}
    (folder / "a.conf").write_bytes(dotenv_file.text(doubled, 7, "systemd"))
    done = subprocess.run(
        [GENERATOR], env={"XDG_CONFIG_HOME": str(tmp_path)}, capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b""
    # It prints in the notation of bash, `$'…'` or "…" with C escapes.
    lines = [line for line in done.stdout.splitlines() if line.startswith(b"V_")]
    seen = {}
    for line in lines:
        name, _, quoted = line.partition(b"=")
        body = quoted[1:-1] if quoted[:1] == b'"' else quoted
        text = body.replace(b"\\$", b"$").replace(b"\\`", b"`").decode("latin-1")
        seen[name.decode()] = text.encode("latin-1").decode("unicode_escape").encode("latin-1")
    assert seen == values
