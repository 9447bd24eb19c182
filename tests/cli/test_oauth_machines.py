"""Clients, logins of machines, revocation and the Python client, against a small provider on loopback."""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import anyio
import httpx2
import pexpect
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jwt

import authsome_env


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        server = self.server
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        as_json = self.headers.get("Content-Type") == "application/json"
        fields = json.loads(raw) if as_json and raw else dict(parse_qsl(raw))
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with server.lock:
            server.requests.append((self.command, self.path, fields, dict(self.headers)))
            status, body = server.say.get(parts.path, server.usual)(parts.path, fields, bearer)
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        for name, value in server.more.items() if status == 429 else ():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the library's names

    def log_message(self, *_):
        pass


class Provider(ThreadingHTTPServer):
    """`/token` gives tokens, `/me` knows the living ones, `/ci` is a CI system, all else says yes."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.Lock()
        self.requests = []
        self.say = {}
        self.more = {}
        self.living = set()

    def usual(self, path, _, bearer):
        if path == "/token":
            token = f"made-up-{secrets.token_hex(16)}"
            self.living.add(token)
            return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        if path == "/me":
            return (200, {"id": "robot"}) if bearer in self.living else (401, {})
        if path == "/ci":
            return 200, {"value": f"job.{bearer}.token"}
        return 200, {}

    def to(self, path):
        """The requests to that path: (method, fields, headers)."""
        with self.lock:
            return [(method, fields, has) for method, where, fields, has in self.requests if where == path]

    def last(self, path="/token"):
        return self.to(path)[-1]


@pytest.fixture(scope="module")
def listening():
    with Provider() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def provider(listening):
    listening.requests.clear()
    listening.say.clear()
    listening.living.clear()
    return listening


@pytest.fixture
def define(authsome, provider, tmp_path):
    """`define("acme", flow=…, oauth={…})`: registers a provider at the server."""

    def make(name="acme", *, flow="client_credentials", client=None, **oauth):
        document = {
            "schema_version": 1,
            "name": name,
            "display_name": name.title(),
            "docs": f"https://{name}.example/settings/tokens",
            "auth_type": "oauth2",
            "flow": flow,
            "oauth": {"base_url": provider.url, "token_url": "{base_url}/token", **oauth},
            "client": client or {},
            "account": {"url": "{base_url}/me", "id": "/id"},
            "env": {f"{name.upper()}_TOKEN": "{access_token}"},
        }
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        authsome("provider", "add", str(path), "--replace", check=True)

    return make


@pytest.fixture
def draw(secret):
    """A new secret, which must be found nowhere in clear."""
    return lambda: secret(f"made-up-{secrets.token_hex(12)}".encode()).decode()


@pytest.fixture
def set_client(authsome, draw):
    """`set_client("acme", "cid")` gives the client a secret, and returns that."""

    def put(name="acme", client_id="cid"):
        value = draw()
        line = ("client", "set", name, "--client-id", client_id, "--stdin")
        done = authsome(*line, input=value.encode(), check=True)
        return value, done.stderr.decode()

    return put


def basic(headers):
    return base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()


def shown(authsome, name="acme", **env):
    return json.loads(authsome("client", "show", name, "--json", env=env, check=True).stdout)


# The client


@pytest.mark.parametrize("way", ["secret on stdin", "both on stdin", "variables", "half and half"])
def test_a_client_is_given_without_a_secret_in_the_arguments(authsome, define, provider, draw, way):
    define()
    value = draw()
    line, given, env = {
        "secret on stdin": (["--client-id", "c 1", "--stdin"], f"{value}\n", {}),
        "both on stdin": (["--stdin"], json.dumps({"client_id": "c 1", "client_secret": value}), {}),
        "variables": (
            ["--from-env", "client_id=ID", "--from-env", "client_secret=SECRET"],
            "",
            {"ID": "c 1", "SECRET": value},
        ),
        "half and half": (["--client-id", " c 1 ", "--from-env", "SECRET"], "", {"SECRET": value}),
    }[way]
    done = authsome("client", "set", "acme", *line, input=given.encode(), env=env, check=True)
    assert done.stderr.splitlines()[-1] == b"saved the client of acme"
    assert shown(authsome) == {
        "provider": "acme",
        "client_id": "c 1",
        "source": "vault",
        "secret": True,
        "auth_method": "client_secret_basic",
        "redirect_uri": "http://127.0.0.1/callback",
        "connections": [],
    }
    done = authsome("login", "acme", check=True)
    assert b"saved acme:default, the account of robot" in done.stderr
    assert basic(provider.last()[2]) == f"c+1:{value}"


def test_a_client_without_a_secret_is_said_to_be_one(authsome, define):
    define(flow="device_code", device_authorization_url="https://acme.example/device")
    done = authsome("client", "set", "acme", "--client-id", "cid", check=True)
    assert done.stderr.splitlines()[-1] == b"saved the client of acme, which has no secret"
    assert [shown(authsome)[name] for name in ("client_id", "secret", "auth_method")] == [
        "cid",
        False,
        "none",
    ]
    text = authsome("client", "show", "acme", check=True).stdout.decode()
    assert dict(line.split("  ", 1) for line in text.splitlines() if "  " in line)
    assert "secret            none" in text


BAD_CLIENTS = [
    (["--client-id", ""], b"", 9, "is empty"),
    (["--client-id", "a\nb"], b"", 9, "that is no Acme client id"),
    (["--client-id", "ü", "--stdin"], b"s", 9, "that is no Acme client id"),
    (["--client-id", "c", "--stdin"], b"", 9, "the Acme client secret of acme is empty"),
    (["--client-id", "c", "--stdin"], b"a\x00b", 9, "NUL"),
    (["--client-id", "c", "--stdin", "--from-env", "X"], b"", 2, "--stdin excludes --from-env"),
    (["--client-id", "c", "--from-env", "NO_SUCH"], b"", 9, "the variable NO_SUCH is not set"),
    (["--from-env", "secret=X"], b"", 2, "no field secret"),
    (["--stdin"], b'{"client_secret": "x"}', 9, "the Acme client id of acme is empty"),
    (["--stdin"], b"just-a-secret", 9, "not a JSON object"),
    ([], b"", 9, "no terminal to ask for client_id"),
]


def test_a_client_that_cannot_be_is_refused(authsome, define):
    define()
    for line, given, code, words in BAD_CLIENTS:
        done = authsome("client", "set", "acme", *line, input=given)
        assert (done.returncode, words in done.stderr.decode()) == (code, True), (line, done.stderr)
    assert shown(authsome)["client_id"] is None


def test_a_client_is_asked_for_at_a_terminal_the_secret_unseen(authsome, define, draw):
    define()
    value = draw()
    environ = {**authsome.environment(), "TERM": "dumb"}
    child = pexpect.spawn(
        authsome.program, ["client", "set", "acme"], env=environ, timeout=60, dimensions=(24, 200)
    )
    child.delaybeforesend = None
    child.expect_exact("https://acme.example/settings/tokens")
    child.expect_exact("Acme client id: ")
    child.sendline("cid")
    child.expect_exact("Acme client secret [none]: ")
    child.waitnoecho(30)
    child.sendline(value)
    child.expect_exact("saved the client of acme")
    seen = child.before
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert value.encode() not in seen
    assert [shown(authsome)[name] for name in ("client_id", "secret")] == ["cid", True]


def test_where_a_client_comes_from_is_shown(authsome, define):
    define(client={"client_id": "built-in", "client_secret_env": "ACME_SECRET"})
    assert [shown(authsome)[name] for name in ("client_id", "source", "auth_method")] == [
        "built-in",
        "definition or environment",
        "none",
    ]
    with_secret = shown(authsome, ACME_SECRET="x")
    assert [with_secret[name] for name in ("secret", "auth_method")] == [True, "client_secret_basic"]
    define("other", client={"client_id_env": "OTHER_ID"}, redirect_uri="http://localhost:7999/cb")
    nothing = shown(authsome, "other")
    assert [nothing[name] for name in ("client_id", "source", "redirect_uri")] == [
        None,
        "none yet",
        "http://localhost:7999/cb",
    ]
    assert shown(authsome, "other", OTHER_ID="from-here")["client_id"] == "from-here"


def test_a_built_in_client_logs_in_with_its_secret_from_the_variable(authsome, define, provider, draw):
    value = draw()
    define(client={"client_id": "built-in", "client_secret_env": "ACME_SECRET"})
    authsome("login", "acme", env={"ACME_SECRET": value}, check=True)
    assert basic(provider.last()[2]) == f"built-in:{value}"
    assert shown(authsome)["source"] == "vault"  # so that a refresh needs no variable
    authsome("refresh", "acme", check=True)
    assert basic(provider.last()[2]) == f"built-in:{value}"
    assert len(provider.to("/token")) == 2


def test_a_client_that_is_changed_leaves_its_connections_behind(authsome, define, set_client, provider):
    define()
    first, _ = set_client()
    authsome("login", "acme", check=True)
    value, said = set_client()  # a new secret of the same client
    assert "warning" not in said
    authsome("refresh", "acme", check=True)
    assert basic(provider.last()[2]) == f"cid:{value}"
    done = authsome(
        "client", "set", "acme", "--client-id", "other", "--stdin", "--json", input=b"made-up", check=True
    )
    assert json.loads(done.stdout) == {"provider": "acme", "replaced": ["acme:default"]}
    assert b"cannot be refreshed any more: acme:default; log in again" in done.stderr
    before = len(provider.to("/token"))
    failed = authsome("refresh", "acme")
    assert failed.returncode == 5
    assert b"was logged in by is not in the vault any more" in failed.stderr
    assert b"authsome client set acme" in failed.stderr
    assert len(provider.to("/token")) == before
    set_client()
    authsome("refresh", "acme", check=True)
    assert first not in basic(provider.last()[2])


def test_a_client_is_removed_after_asking(authsome, define, set_client):
    define()
    missing = authsome("client", "remove", "acme")
    assert missing.returncode in (3, 10)  # no client, or no vault yet
    set_client()
    authsome("login", "acme", check=True)
    silent = authsome("client", "remove", "acme")
    assert (silent.returncode, b"give --yes" in silent.stderr) == (2, True)
    no = pexpect.spawn(authsome.program, ["client", "remove", "acme"], env=authsome.environment(), timeout=60)
    no.expect_exact("acme:default may need it. Remove it? [y/N] ")
    no.sendline("n")
    no.expect_exact("nothing was removed")
    no.expect(pexpect.EOF)
    no.close()
    assert no.exitstatus == 9
    assert shown(authsome)["client_id"] == "cid"
    done = authsome("client", "remove", "acme", "--yes", "--json", check=True)
    assert json.loads(done.stdout) == {"provider": "acme", "removed": True}
    assert authsome("client", "remove", "acme").returncode == 3
    assert authsome("refresh", "acme").returncode == 5


# Machines


def test_scopes_are_those_asked_for_or_none(authsome, define, set_client, provider):
    define(scopes=["a", "b"], scope_separator=",")
    set_client()
    for words, sent, kept in (
        ([], "a,b", ["a", "b"]),
        (["--scopes", "x,y z"], "x,y,z", ["x", "y", "z"]),
        (["--scopes", ""], None, []),
        (["--scopes", " , "], None, []),
    ):
        done = authsome("login", "acme", "--force", "--json", *words, check=True)
        assert provider.last()[1].get("scope") == sent
        assert json.loads(done.stdout)["scopes"] == kept
    authsome("refresh", "acme", check=True)
    assert "scope" not in provider.last()[1]


KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@pytest.mark.parametrize("way", ["key file", "variables"])
def test_a_key_file_logs_in_and_is_used_again_at_a_refresh(authsome, define, provider, secret, way):
    for line in PEM.splitlines()[1:-1]:
        secret(line.encode())
    define(flow="jwt_bearer", scopes=["read"])
    if way == "key file":
        file = {"type": "service_account", "project_id": "p", "client_email": "robot@x", "private_key": PEM}
        authsome("login", "acme", "--stdin", input=json.dumps(file, indent=2).encode(), check=True)
    else:
        words = ["--from-env", "client_email=MAIL", "--from-env", "private_key=KEY"]
        authsome("login", "acme", *words, env={"MAIL": "robot@x", "KEY": PEM}, check=True)
    done = authsome("refresh", "acme", check=True)
    assert b"refreshed acme:default, good for" in done.stderr
    asked = [fields for _, fields, _ in provider.to("/token")]
    assert len(asked) == 2
    claims = [
        jwt.decode(each["assertion"], jwk.import_key(PUBLIC, "RSA"), algorithms=["RS256"]).claims
        for each in asked
    ]
    assert {(each["iss"], each["aud"]) for each in claims} == {("robot@x", f"{provider.url}/token")}
    assert claims[0]["jti"] != claims[1]["jti"]
    assert [each["scope"] for each in asked] == ["read", "read"]


def test_a_key_file_of_no_use_is_told(authsome, define, provider):
    define(flow="jwt_bearer")
    for given, words in (
        (b"", b"not a JSON object"),
        (b'{"client_email": "robot@x"}', b"private key of acme is empty"),
        (b'{"client_email": "robot@x", "private_key": "junk"}', b"the private key cannot be used"),
    ):
        done = authsome("login", "acme", "--stdin", input=given)
        assert (done.returncode, words in done.stderr) == (9, True), done.stderr
    assert provider.to("/token") == []


def test_a_ci_jobs_token_is_exchanged(authsome, define, provider, draw):
    define(flow="token_exchange", exchange={"subject_audience": "acme"})
    bearer, given = draw(), draw()
    github = {
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{provider.url}/ci?v=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer,
    }
    authsome("login", "acme", env=github, check=True)
    assert provider.to("/ci?v=1&audience=acme")[0][2]["Authorization"] == f"Bearer {bearer}"
    assert provider.last()[1]["subject_token"] == f"job.{bearer}.token"
    authsome("refresh", "acme", check=True)  # asks the CI system anew, for its tokens are short
    assert len(provider.to("/ci?v=1&audience=acme")) == 2
    gitlab = {"GITLAB_CI": "true", "ACME_ID_TOKEN": given}
    words = ("--from-env", "subject_token=ACME_ID_TOKEN")
    authsome("login", "acme", "-c", "gitlab", *words, env=gitlab, check=True)
    assert provider.last()[1]["subject_token"] == given
    for env, hint in (
        ({"GITHUB_ACTIONS": "true"}, b"permissions: id-token: write"),
        ({"GITLAB_CI": "true"}, b"subject_token=NAME"),
        ({}, b"subject_token=VAR"),
    ):
        done = authsome("login", "acme", "-c", "none", env=env)
        assert (done.returncode, hint in done.stderr) == (9, True), done.stderr


def test_another_place_is_kept_with_the_connection(authsome, define, set_client, provider):
    define(base_url="https://acme.example")
    set_client()
    authsome("login", "acme", "--base-url", f"{provider.url}/", check=True)
    got = json.loads(authsome("get", "acme", "--json", check=True).stdout)
    assert got["base_url"] == provider.url
    authsome("refresh", "acme", check=True)
    assert len(provider.to("/token")) == 2
    assert len(provider.to("/me")) == 1


def test_what_makes_no_sense_is_said_before_anything_is_asked(authsome, define, provider):
    define()
    for words, hint in (
        (["--flow", "client_credential"], "did you mean client_credentials?"),
        (["--flow", "pkce"], "its flows: client_credentials"),
        (["--base-url", "http://acme.example"], "write it like https://"),
        (["--base-url", "https://acme.example?x=1"], "write it like https://"),
        (["--base-url", "acme.example"], "write it like https://"),
        (["--base-url", ""], "write it like https://"),
        (["--port", "8080"], "leave it out"),
        (["-c", "a b"], "letters, digits"),
    ):
        done = authsome("login", "acme", *words)
        assert (done.returncode, hint in done.stderr.decode()) == (2, True), (words, done.stderr)
    assert provider.requests == []


def test_a_refusal_says_what_to_look_at(authsome, define, set_client, provider):
    define()
    value, _ = set_client()
    provider.say["/token"] = lambda *_: (401, {"error": "invalid_client", "error_description": f"no {value}"})
    done = authsome("login", "acme")
    assert done.returncode == 9
    assert b"acme refused the login (invalid_client: no ***)" in done.stderr
    assert b"authsome client" in done.stderr


# Refresh


def test_a_key_is_not_refreshed_and_a_machine_asks_anew(authsome, define, set_client, made_up_key, provider):
    authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
    failed = authsome("refresh", "openai")
    assert (failed.returncode, b"is an API key, which stays as it is" in failed.stderr) == (4, True)
    define()
    set_client()
    tokens = iter(("first", "second"))
    provider.say["/token"] = lambda *_: (200, {"access_token": next(tokens), "token_type": "bearer"})
    authsome("login", "acme", check=True)  # no lifetime, so it is never due
    authsome("refresh", "acme", check=True)
    assert authsome("token", "acme", check=True).stdout == b"second\n"


def test_a_server_that_asks_to_be_left_alone_is_unless_forced(authsome, define, set_client, provider):
    define()
    set_client()
    authsome("login", "acme", check=True)
    provider.say["/token"] = lambda *_: (429, {})
    provider.more = {"Retry-After": "600"}
    assert authsome("refresh", "acme").returncode == 8
    asked = len(provider.to("/token"))
    waits = authsome("refresh", "acme")
    assert (waits.returncode, b"asks to be left alone for" in waits.stderr) == (8, True)
    assert b"authsome refresh acme -c default --force" in waits.stderr
    assert len(provider.to("/token")) == asked
    del provider.say["/token"]
    authsome("refresh", "acme", "--force", check=True)
    assert len(provider.to("/token")) == asked + 1
    done = authsome("refresh", "acme", "--json", check=True)  # all is forgotten that stood in the way
    assert json.loads(done.stdout)["status"] == "connected"


def test_no_browser_is_opened_where_none_is_wanted(authsome, define, provider, tmp_path):
    define(flow="pkce", authorization_url=f"{provider.url}/authorize", client={"client_id": "cid"})
    mark = tmp_path / "opened"
    environ = {"BROWSER": f"touch {mark} %s"}
    authsome("login", "acme", "--no-browser", input=b"made-up-code\n", env=environ, check=True)
    assert not mark.exists()
    assert provider.last()[1]["code"] == "made-up-code"


# Revoke

OWN_WAY = {
    "method": "DELETE",
    "url": "{base_url}/apps/{client_id}/token",
    "auth": "client_basic",
    "body_format": "json",
    "body": {"access_token": "{token}"},
    "tokens": ["access_token"],
}


def revoked(authsome, *words, **how):
    done = authsome("revoke", "acme", *words, "--json", **how)
    return done.returncode, json.loads(done.stdout)


def test_a_provider_is_told_in_its_own_way(authsome, define, set_client, provider):
    define(revocation=OWN_WAY)
    value, _ = set_client()
    authsome("login", "acme", check=True)
    (token,) = provider.living
    code, said = revoked(authsome, "-c", "default")
    assert (code, said["connections"]) == (
        0,
        [{"connection": "default", "revoked": ["access_token"], "problems": []}],
    )
    ((method, fields, headers),) = provider.to("/apps/cid/token")
    assert (method, fields, basic(headers)) == ("DELETE", {"access_token": token}, f"cid:{value}")
    assert authsome("get", "acme").returncode == 3


def test_where_there_is_no_way_it_says_where_to_do_it(authsome, define, set_client, provider):
    define()
    set_client()
    authsome("login", "acme", check=True)
    code, said = revoked(authsome, "-c", "default")
    assert code == 0
    assert said["connections"][0]["revoked"] == []
    (problem,) = said["connections"][0]["problems"]
    assert problem == (
        "Acme has no way to revoke a token from here; do it there: https://acme.example/settings/tokens"
    )
    assert json.loads(authsome("list", "--json", check=True).stdout)["connections"] == []


def test_another_place_is_not_asked_at_the_usual_one(authsome, define, set_client, provider):
    define(base_url="https://acme.example", revocation={**OWN_WAY, "url": "https://api.acme.example/token"})
    set_client()
    authsome("login", "acme", "--base-url", provider.url, check=True)
    code, said = revoked(authsome, "-c", "default")
    assert (code, said["connections"][0]["revoked"]) == (0, [])
    assert "do it there" in said["connections"][0]["problems"][0]


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ((400, {"error": "unsupported_token_type"}), 5, "the provider refused: unsupported_token_type"),
        ((500, {}), 8, "the provider answered HTTP 500"),
        (None, 8, "cannot connect to"),
    ],
)
def test_whatever_the_provider_says_it_is_deleted_here(
    authsome, define, set_client, provider, answer, code, words
):
    define(revocation_url="{base_url}/revoke" if answer else "http://127.0.0.1:1/revoke")
    provider.say["/revoke"] = lambda *_: answer
    set_client()
    authsome("login", "acme", check=True)
    ended, said = revoked(authsome, "-c", "default")
    assert ended == code
    assert words in said["connections"][0]["problems"][0]
    assert authsome("get", "acme").returncode == 3


def test_all_of_a_provider_and_its_client_go_after_asking(authsome, define, set_client, provider):
    define(revocation_url="{base_url}/revoke")
    set_client()
    for name in ("default", "work"):
        authsome("login", "acme", "-c", name, check=True)
    silent = authsome("revoke", "acme")
    assert (silent.returncode, b"give --yes" in silent.stderr) == (2, True)
    environ = {**authsome.environment(), "TERM": "dumb"}
    for answer, status in (("", 9), ("y", 0)):
        child = pexpect.spawn(
            authsome.program, ["revoke", "acme"], env=environ, timeout=60, dimensions=(24, 200)
        )
        child.expect_exact("Revoke and delete acme:default, acme:work and the client of acme? [y/N] ")
        assert provider.to("/revoke") == []
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == status
    assert {fields["token"] for _, fields, _ in provider.to("/revoke")} == provider.living
    assert len(provider.living) == 2
    assert shown(authsome)["client_id"] is None
    assert authsome("revoke", "acme", "--yes").returncode == 3


def test_revoking_all_without_asking_says_what_became_of_each(authsome, define, set_client, provider):
    define(revocation_url="{base_url}/revoke")
    set_client()
    for name in ("default", "work"):
        authsome("login", "acme", "-c", name, check=True)
    answers = [(400, {"error": "x"}), (200, {})]
    provider.say["/revoke"] = lambda *_: answers.pop(0)
    code, said = revoked(authsome, "--yes")
    assert code == 5
    assert said == {
        "provider": "acme",
        "connections": [
            {
                "connection": "default",
                "revoked": [],
                "problems": ["access token: the provider refused: x"],
            },
            {"connection": "work", "revoked": ["access_token"], "problems": []},
        ],
        "left": [],
        "new_default": None,
    }


# The Python client


@pytest.fixture
def vault(authsome, define, set_client):
    define()
    set_client()
    authsome("login", "acme", check=True)
    with authsome_env.open_vault(environ=authsome.environment()) as opened:
        yield opened


def test_a_token_that_is_refused_is_replaced_once_for_all_threads(vault, provider):
    auth = vault.httpx_auth("acme")
    with httpx2.Client(auth=auth, trust_env=False) as client:
        assert client.get(f"{provider.url}/me").json() == {"id": "robot"}
        asked = len(provider.to("/token"))
        provider.living.clear()
        statuses = []
        threads = [
            threading.Thread(target=lambda: statuses.append(client.get(f"{provider.url}/me").status_code))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 6
        assert len(provider.to("/token")) - asked == 1
        provider.living.clear()  # a token that is new, and refused all the same
        assert [client.get(f"{provider.url}/me").status_code for _ in range(3)] == [401] * 3
        assert len(provider.to("/token")) - asked == 1


def test_the_same_without_threads(vault, provider):
    auth = vault.httpx_auth("acme")
    provider.living.clear()
    asked = len(provider.to("/token"))

    async def main():
        async with httpx2.AsyncClient(auth=auth, trust_env=False) as client:
            statuses = []

            async def get():
                statuses.append((await client.get(f"{provider.url}/me")).status_code)

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(get)
            return statuses

    assert anyio.run(main) == [200] * 4
    assert len(provider.to("/token")) - asked == 1


def test_a_token_that_another_process_replaced_is_taken_without_a_refresh(authsome, vault, provider):
    flow = vault.httpx_auth("acme").sync_auth_flow(httpx2.Request("GET", f"{provider.url}/me"))
    request = next(flow)
    old = request.headers["Authorization"]
    authsome("refresh", "acme", check=True)
    asked = len(provider.to("/token"))
    again = flow.send(httpx2.Response(401, request=request))
    assert again.headers["Authorization"] == f"Bearer {vault.get_access_token('acme')}" != old
    assert len(provider.to("/token")) == asked


def test_a_client_stays_with_the_account_that_it_began_with(authsome, vault, provider):
    auth = vault.httpx_auth("acme")
    with httpx2.Client(auth=auth, trust_env=False) as client:
        client.get(f"{provider.url}/me")
        before = provider.last("/me")[2]["Authorization"]
        authsome("login", "acme", "-c", "other", "--force", check=True)  # the default from now on
        client.get(f"{provider.url}/me")
        assert provider.last("/me")[2]["Authorization"] == before
        assert f"Bearer {vault.get_access_token('acme')}" != before


def test_a_server_that_refuses_to_renew_leaves_the_401(vault, provider):
    provider.living.clear()
    provider.say["/token"] = lambda *_: (400, {"error": "invalid_client"})
    with httpx2.Client(auth=vault.httpx_auth("acme"), trust_env=False) as client:
        assert client.get(f"{provider.url}/me").status_code == 401
    assert len(provider.to("/me")) == 2  # the login's, and one


def test_an_api_key_is_sent_as_its_provider_wants_it(authsome, made_up_key, provider):
    key = made_up_key("anthropic")
    authsome("login", "anthropic", "--stdin", input=key, check=True)
    vault = authsome_env.open_vault(environ=authsome.environment())
    with httpx2.Client(auth=vault.httpx_auth("anthropic"), trust_env=False) as client:
        assert client.get(f"{provider.url}/me").status_code == 401
    ((_, _, headers),) = provider.to("/me")
    sent = {name.lower(): value for name, value in headers.items()}
    assert sent["x-api-key"] == key.decode()
    assert "authorization" not in sent


def test_the_folder_of_locks_holds_no_secret(authsome, vault):
    authsome("refresh", "acme", check=True)
    locks = os.path.join(authsome.home, "locks")
    assert all(os.path.getsize(os.path.join(locks, name)) == 0 for name in os.listdir(locks))
