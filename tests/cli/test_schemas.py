"""What every command prints with --json is pinned by a JSON schema in `schemas`, and so are errors.

Each command has examples here, which between them show every form that its answer has. A command without a
schema or an example fails a test.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from authsome_env.cli.program import COMMANDS
from authsome_env.cli.provider import definition_as_json
from authsome_env.providers.registry import Registry as Providers

FOLDER = Path(__file__).parent / "schemas"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
REGISTRY = Registry().with_resources(
    (f"{name}.json", Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)
NOUNS = {"provider", "client", "vault"}
WORDS = [row.words for row in COMMANDS if row.words not in NOUNS]
SERVICE = {"schema_version": 1, "name": "internal", "auth_type": "api_key", "env": {"INTERNAL": "{api_key}"}}
MACHINE = {
    "schema_version": 1,
    "name": "machine",
    "auth_type": "oauth2",
    "flow": "client_credentials",
    "env": {"MACHINE_TOKEN": "{access_token}"},
}
AWS = {"access_key_id": "AKIA" + "A" * 16, "secret_access_key": "a" * 40}


def check(name, document):
    Draft202012Validator(SCHEMAS[name], registry=REGISTRY).validate(document)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored") / "home"


@pytest.fixture(scope="module")
def tokens():
    """The URL of a server that gives a token to every client that asks for itself, and revokes any."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = {"access_token": secrets.token_hex(20), "token_type": "Bearer", "expires_in": 3600}
            body = json.dumps(answer if self.path == "/token" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def connected(authsome, stored, made_up_key, tokens, tmp_path):
    """openai: default, work; aws: prod; machine: default. Two vaults; registered providers, a broken one."""
    (tmp_path / "internal.json").write_text(json.dumps({**SERVICE, "color": "red"}))
    if not stored.exists():
        authsome("login", "openai", "--stdin", input=made_up_key(), check=True)
        authsome("login", "openai", "-c", "work", "--stdin", input=made_up_key(), check=True)
        authsome("login", "aws", "-c", "prod", "--stdin", input=json.dumps(AWS).encode(), check=True)
        authsome("provider", "add", str(tmp_path / "internal.json"), check=True)
        machine = {**MACHINE, "oauth": {"token_url": f"{tokens}/token", "revocation_url": f"{tokens}/revoke"}}
        (tmp_path / "machine.json").write_text(json.dumps(machine))
        authsome("provider", "add", str(tmp_path / "machine.json"), check=True)
        authsome("client", "set", "machine", "--client-id", "m", "--stdin", input=made_up_key(), check=True)
        authsome("login", "machine", check=True)
        authsome("vault", "create", "spare", "--key", "file", check=True)
        Path(authsome.home, "providers/broken.json").write_text("{")
        shutil.copytree(authsome.home, stored)
    else:
        shutil.copytree(stored, authsome.home)
    return authsome


# The words of a command, its arguments, and what is read from stdin ("key": a new key of openai).
EXAMPLES = [
    ("run", ["--explain"], ""),
    ("run", ["--explain", "-p", "aws", "--map", "KEY=openai:work"], ""),
    ("ps", [], ""),
    ("env", [], ""),
    ("env", ["--none"], ""),
    ("env", ["--prefix", "X_", "-p", "aws"], ""),
    ("export", ["aws", "-c", "prod"], ""),
    ("token", ["openai:work"], ""),
    ("token", ["aws#access_key_id"], ""),
    ("login", ["openai", "-c", "new", "--stdin"], "key"),
    ("login", ["openai", "-c", "new", "--stdin", "--force"], "key"),
    ("login", ["internal", "--stdin"], "key"),
    ("list", [], ""),
    ("list", ["--all"], ""),
    ("inspect", ["openai"], ""),
    ("inspect", ["openai", "-c", "work"], ""),
    ("inspect", ["internal"], ""),
    ("get", ["aws"], ""),
    ("get", ["openai", "-c", "work", "--show-secret"], ""),
    ("check", [], ""),
    ("check", ["openai:work", "aws", "--min-ttl", "1h"], ""),
    ("refresh", ["machine"], ""),
    ("revoke", ["openai", "--yes"], ""),
    ("revoke", ["machine", "-c", "default"], ""),
    ("client set", ["github", "--client-id", "made-up", "--stdin"], "key"),
    ("client show", ["machine"], ""),
    ("client show", ["github"], ""),
    ("client remove", ["machine", "--yes"], ""),
    ("set-default", ["openai", "work"], ""),
    ("set-default", ["openai", "default"], ""),
    ("rename", ["openai", "work", "other"], ""),
    ("logout", ["openai"], ""),
    ("logout", ["openai", "--all"], ""),
    ("init", ["--vault", "third", "--key", "file"], ""),
    ("whoami", [], ""),
    ("provider list", [], ""),
    ("provider show", ["twilio"], ""),
    ("provider show", ["slack"], ""),
    ("provider add", ["internal.json", "--replace"], ""),
    ("provider remove", ["internal"], ""),
    ("provider test", ["internal"], ""),
    ("provider list", ["--search", "internal"], ""),
    ("provider test", ["github"], ""),
    ("provider test", ["machine", "--online"], ""),
    ("vault list", [], ""),
    ("vault create", ["other", "--key", "file"], ""),
    ("vault use", ["spare"], ""),
    ("vault remove", ["spare", "--yes"], ""),
    ("vault lock", [], ""),
    ("vault unlock", ["spare"], ""),
    ("vault rekey", [], ""),
    ("demo", [], ""),
]


def test_every_command_has_a_schema_and_an_example_and_no_schema_is_left_over():
    assert {words for words, _, _ in EXAMPLES} == set(WORDS)
    assert {name for name in SCHEMAS if name[0] != "_"} == {words.replace(" ", "-") for words in WORDS}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_every_schema_is_one_and_takes_no_property_that_it_does_not_name(schema):
    Draft202012Validator.check_schema(schema)

    def objects(part):
        if isinstance(part, dict):
            yield from ([part] if "properties" in part else ())
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from objects(inner)

    shared = schema in (SCHEMAS["_connection"], SCHEMAS["_definition"])
    for each in objects({key: value for key, value in schema.items() if not shared or key != "properties"}):
        closed = each.get("additionalProperties", each.get("unevaluatedProperties"))
        assert closed is False or shared, each
    with pytest.raises(ValidationError):
        check("list", {"connections": [], "more": 1})


@pytest.mark.parametrize(
    ("words", "arguments", "typed"),
    EXAMPLES,
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_the_answer_of_every_command_is_of_its_schema(
    connected, made_up_key, tmp_path, words, arguments, typed
):
    key = made_up_key() if typed else b""
    done = connected(*words.split(), *arguments, "--json", input=key, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") == 1
    check(words.replace(" ", "-"), json.loads(done.stdout))
    for line in done.stderr.splitlines():
        check("_warning", json.loads(line))


def test_every_bundled_definition_is_shown_in_the_schemas_form(tmp_path):
    providers = Providers(str(tmp_path))
    assert providers.names()
    for name in providers.names():
        shown = json.dumps(definition_as_json(providers.load(name), bundled=True))
        check("provider-show", json.loads(shown))


def test_what_the_answers_say(connected, made_up_key):
    def answer(*line, **how):
        return json.loads(connected(*line, "--json", **how).stdout)

    assert answer("refresh", "machine")["refreshed_at"] is not None
    assert answer("logout", "machine")["deleted"] == ["default"]
    assert answer("token", "aws#access_key_id") == {
        "provider": "aws",
        "connection": "prod",
        "token": AWS["access_key_id"],
        "expires_at": None,
    }
    assert [each["connection"] for each in answer("list")["connections"]] == ["prod", "default", "work"]
    assert answer("get", "aws")["fields"] == {
        "access_key_id": AWS["access_key_id"],  # by the definition no secret
        "secret_access_key": "***",
    }
    assert answer("get", "openai", "--field", "default") is True
    assert answer("get", "openai", "--field", "api_key") == "***"
    key = made_up_key()
    assert answer("login", "openai", "-c", "new", "--force", "--stdin", input=key)["was_default"] == "default"
    assert answer("get", "openai", "--field", "api_key", "--show-secret") == key.decode()
    assert answer("rename", "openai", "new", "newer") == {
        "provider": "openai",
        "connection": "newer",
        "was": "new",
        "default": True,
    }
    assert answer("set-default", "openai", "work") == {
        "provider": "openai",
        "default": "work",
        "was": "newer",
    }
    assert answer("logout", "openai", "-c", "newer")["left"] == ["default", "work"]
    assert answer("logout", "openai")["new_default"] == "default"
    assert answer("check") == {
        "ok": True,
        "connections": [
            {
                "provider": name,
                "connection": connection,
                "status": "connected",
                "expires_at": None,
                "ok": True,
            }
            for name, connection in (("aws", "prod"), ("openai", "default"))
        ],
    }


def test_a_newcomers_answers_are_of_the_schemas_too(authsome):
    for line in (["list"], ["list", "--all"], ["whoami"], ["inspect", "openai"], ["vault", "list"]):
        done = authsome(*line, "--json")
        assert (done.returncode, done.stderr) == (0, b"")
        check(
            "-".join(word for word in line if word != "--all" and word != "openai"), json.loads(done.stdout)
        )
    assert os.listdir(authsome.folder) == ["tmp"]


@pytest.mark.parametrize(
    "line",
    [
        ["token", "openia"],
        ["frobnicate"],
        [],
        ["provider"],
        ["login", "openai", "--stdin"],
        ["run", "--", "no-such-command"],
        ["run", "--none", "--", "no-such-command"],
        ["env", "--format", "bash", "-p", "nope"],
        ["vault", "remove", "default"],
    ],
    ids=" ".join,
)
def test_every_error_is_of_its_schema(connected, line):
    done = connected("--json", *line)
    assert done.returncode != 0
    assert done.stdout in (b"", b"(exit 4)\n")
    *warnings, error = done.stderr.splitlines()
    check("_error", json.loads(error))
    for each in warnings:
        check("_warning", json.loads(each))
