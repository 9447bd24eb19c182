"""docker-credential-authsome: a driver that follows the protocol, and the real clients that are there."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import secrets
import shutil
import ssl
import subprocess
import threading

import pytest
from cli.program import PROGRAM, remember
from real.git_server import make_certificate
from real.run_folder import connection

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "..", "shims", "bin", "docker-credential-authsome")
NOT_FOUND = "credentials not found in native keychain"
TIMEOUT_S = 60.0

MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": 2,
            "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest(),
        },
        "layers": [],
    }
).encode()


class Failed(Exception):
    """What a helper said on stdout, as Docker's client reads it."""


class Client:
    """As `client` of docker-credential-helpers: action as argument, request on stdin, answer on stdout."""

    def __init__(self, folder, environ) -> None:
        self.program = shutil.which("docker-credential-authsome", path=folder)
        self.environ = {"PATH": f"{folder}:{os.environ['PATH']}", **environ}

    def __call__(self, action, request=""):
        done = subprocess.run(
            [self.program, action],
            input=request,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise Failed(done.stdout.strip())
        self.said = done.stderr
        return done.stdout

    def get(self, server):
        said = json.loads(self("get", server))
        assert self.said == ""
        assert set(said) == {"ServerURL", "Username", "Secret"}
        assert said["ServerURL"] == server
        return said["Username"], said["Secret"]


@pytest.fixture
def folder(tmp_path):
    """Where the program lies that clients look for, as pip puts it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "authsome").symlink_to(PROGRAM)
    shutil.copy(SCRIPT, folder / "docker-credential-authsome")
    return str(folder)


@pytest.fixture
def client(folder):
    return lambda run: Client(folder, run.environ)


def token():
    return remember(b"tok_" + secrets.token_hex(16).encode()).decode()


def registry(name, *hosts, **changes):
    changes = {"fields": {"access_token": token()}, "git_user": "x-acme", **changes}
    return connection(name=name, docker_hosts=list(hosts), **changes)


def test_get(make_run, client):
    github = registry("work", "ghcr.io")
    hub = registry(
        "hub",
        *("index.docker.io", "docker.io"),
        fields={"username": "acme", "token": token()},
        public=["username"],
    )
    ask = client(make_run(github, hub))
    for server in ("ghcr.io", "https://ghcr.io", "https://ghcr.io/v2/", "ghcr.io/acme", "GHCR.io:443"):
        assert ask.get(server) == ("x-acme", github["fields"]["access_token"])
    for server in ("https://index.docker.io/v1/", "docker.io"):
        assert ask.get(server) == ("acme", hub["fields"]["token"])


def test_a_new_token_is_there_at_once(make_run, client):
    mine = registry("work", "ghcr.io")
    run = make_run(mine)
    ask = client(run)
    assert ask.get("ghcr.io")[1] == mine["fields"]["access_token"]
    mine.update(generation=2, fields={"access_token": token()})
    run.write()
    assert ask.get("ghcr.io")[1] == mine["fields"]["access_token"]


@pytest.mark.parametrize(
    "server", ["other.example", "evil.ghcr.io", "ghcr.io.evil", "ghcr.io:8443", "http://ghcr.io", "@", "/"]
)
def test_another_server_is_not_found_in_the_words_that_all_know(make_run, client, server):
    with pytest.raises(Failed) as failed:
        client(make_run(registry("work", "ghcr.io"))).get(server)
    assert str(failed.value) == NOT_FOUND


def test_two_connections_of_one_registry(make_run, client):
    one, two = registry("one", "ghcr.io"), registry("two", "ghcr.io", account="Acme")
    ask = client(make_run(one, two))
    with pytest.raises(Failed, match=r"acme:one, acme:two \(ask for one@ghcr\.io") as failed:
        ask.get("ghcr.io")
    assert "\n" not in str(failed.value)
    assert ask.get("one@ghcr.io")[1] == one["fields"]["access_token"]
    assert ask.get("https://acme@ghcr.io")[1] == two["fields"]["access_token"]
    with pytest.raises(Failed, match="none of the connections"):
        ask.get("mallory@ghcr.io")


def test_list_store_and_erase(make_run, client):
    mine = registry("work", "ghcr.io", "index.docker.io")
    run = make_run(mine, registry("one", "two.example"), registry("two", "two.example"))
    ask = client(run)
    listed = {"ghcr.io": "x-acme", "https://index.docker.io/v1/": "x-acme"}
    assert json.loads(ask("list")) == listed
    assert json.loads(ask("list", "unused")) == listed
    own = {"ServerURL": "ghcr.io", "Username": "me", "Secret": token()}
    with pytest.raises(Failed, match=r"^a login of docker's own is not kept here \(authsome login [^\n]*\)$"):
        ask("store", json.dumps(own))
    assert ask("erase", "ghcr.io") == ""
    assert ask.said == "authsome: acme:work stays logged in (authsome logout acme -c work)\n"
    assert ask("erase", "other.example") == ""
    assert ask.said == ""
    assert ask.get("ghcr.io")[1] == mine["fields"]["access_token"]
    assert ask("version").startswith("docker-credential-authsome ")


@pytest.mark.parametrize("server", ["", "\n", "a\0b", "a\nb", "x" * 100_000, "\x1b[1m"])
def test_malformed_input_fails_in_one_line(make_run, client, server):
    with pytest.raises(Failed) as failed:
        client(make_run(registry("work", "ghcr.io")))("get", server)
    assert str(failed.value) in (NOT_FOUND, "no credentials server URL")


@pytest.mark.parametrize("action", ["", "GET", "rm", "get get"])
def test_an_unknown_action_fails(make_run, client, action):
    with pytest.raises(Failed, match="unknown credential action"):
        client(make_run())(action)


def test_a_dead_token_is_said_to_be_dead(make_run, client):
    with pytest.raises(Failed, match=r"acme:work is expired \(authsome login acme -c work\)"):
        client(make_run(registry("work", "ghcr.io", status="expired"))).get("ghcr.io")


def test_outside_of_runs_the_default_connection(authsome, folder):
    """A registry's key in the vault, found by the bundled definition."""
    key = token()
    for name, user in (("home", "me"), ("work", "acme")):
        fields = {"username": user, "token": "dckr_pat_" + key[4:] + name}
        remember(fields["token"].encode())
        login = ("login", "docker-hub", "-c", name, "--stdin")
        authsome(*login, input=json.dumps(fields).encode(), check=True)
    ask = Client(folder, authsome.environment())
    assert ask.get("https://index.docker.io/v1/") == ("me", "dckr_pat_" + key[4:] + "home")
    assert ask.get("https://work@index.docker.io/v1/") == ("acme", "dckr_pat_" + key[4:] + "work")
    assert json.loads(ask("list"))["https://index.docker.io/v1/"] == "me"


# Real clients


@pytest.fixture
def images(tmp_path):
    """An https registry on loopback that wants Basic; `.wanted`: the only (user, password) that it takes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            sent = self.headers.get("Authorization", "").removeprefix("Basic ")
            allowed = tuple(base64.b64decode(sent).decode().split(":", 1)) == server.wanted
            self.send_response(200 if allowed else 401)
            if not allowed:
                self.send_header("WWW-Authenticate", 'Basic realm="images"')
            body = MANIFEST if allowed and "/manifests/" in self.path else b"{}"
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name is the library's

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.wanted = ()
    server.host = f"localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def of_client(images, folder, tmp_path, run):
    """The environment of a client whose configuration names our helper."""
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {images.host: "authsome"}}))
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path),
        "REGISTRY_AUTH_FILE": str(tmp_path / "config.json"),
        "SSL_CERT_FILE": str(tmp_path / "server.pem"),
        **{name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        **run.environ,
    }


@pytest.mark.parametrize("name", ["docker", "skopeo"])
def test_login_and_logout_of_a_real_client(need, make_run, folder, images, tmp_path, name):
    program = need(name)
    mine = registry("work", images.host)
    environ = of_client(images, folder, tmp_path, make_run(mine))
    before = (tmp_path / "config.json").read_bytes()
    images.wanted = ("me", token())

    def client(*words, **how):
        line = [program, *words, images.host]
        return subprocess.run(line, env=environ, capture_output=True, timeout=TIMEOUT_S, check=False, **how)

    done = client("login", "-u", "me", "--password-stdin", input=images.wanted[1].encode())
    assert done.returncode == 1
    assert b"a login of docker's own is not kept here (authsome login PROVIDER" in done.stderr
    assert images.wanted[1].encode() not in done.stdout + done.stderr
    assert (tmp_path / "config.json").read_bytes() == before
    done = client("logout")
    assert done.returncode == 0
    assert b"acme:work stays logged in (authsome logout acme -c work)" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("docker", "manifest", "inspect", "--insecure", "{}/acme/tool:latest"),
        ("skopeo", "inspect", "--raw", "--tls-verify=false", "docker://{}/acme/tool:latest"),
    ],
    ids=["docker", "skopeo"],
)
def test_a_real_client_before_and_after_a_refresh(need, make_run, folder, images, tmp_path, words):
    program = need(words[0])
    mine = registry("work", images.host)
    run = make_run(mine)
    environ = of_client(images, folder, tmp_path, run)

    def look():
        line = [program, *(word.format(images.host) for word in words[1:])]
        done = subprocess.run(
            line, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        return done.returncode == 0 and "schemaVersion" in done.stdout

    images.wanted = ("x-acme", mine["fields"]["access_token"])
    assert look()
    mine.update(generation=2, fields={"access_token": token()})
    images.wanted = ("x-acme", mine["fields"]["access_token"])
    assert not look()  # the run's folder does not say so yet
    run.write()
    assert look()
