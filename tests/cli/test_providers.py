"""`authsome provider`: the list of many, one in words, and the test of its endpoints."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import string
import struct
import subprocess
import sys
import termios
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from authsome_env.cli.invocation import Invocation
from authsome_env.cli.provider_words import all_lines, page
from authsome_env.oauth.probe import MADE_UP
from authsome_env.providers.kinds import KINDS
from authsome_env.providers.registry import Registry

REGISTRY = Registry("/nonexistent")


def listed(done):
    """{heading: [names]} of a list as people see it."""
    groups, heading = {}, None
    head, *lines = done.stdout.decode().splitlines()
    assert head.split() == ["NAME", "SERVICE", "LOGIN", "VARIABLES"]
    for before, line in zip([head, *lines], lines, strict=False):
        if line and not before:
            heading = line
            groups[heading] = []
        elif line:
            groups[heading].append(line.split()[0])
    return groups


def login(authsome, provider, key, *words):
    authsome("login", provider, *words, "--stdin", input=key, check=True)


def test_a_list_is_grouped_by_kind_and_connected_ones_come_first(authsome, made_up_key):
    groups = listed(authsome("provider", "list", check=True))
    assert list(groups) == [heading for kind, heading in KINDS.items() if kind != "other"]
    assert sum(map(len, groups.values())) == len(REGISTRY.names())
    login(authsome, "openai", made_up_key())
    login(authsome, "groq", made_up_key("groq"))
    after = listed(authsome("provider", "list", check=True))
    assert next(iter(after)) == "Connected"
    assert after.pop("Connected") == ["groq", "openai"]
    groups["AI models and tools"] = [
        name for name in groups["AI models and tools"] if name not in ("groq", "openai")
    ]
    assert after == groups


def test_a_list_asks_for_no_key(authsome, made_up_key):
    login(authsome, "openai", made_up_key())
    authsome("vault", "lock", check=True)
    assert listed(authsome("provider", "list", check=True))["Connected"] == ["openai"]
    Path(authsome.home, "vaults/default.db").write_bytes(b"no database" * 1000)
    assert "Connected" not in listed(authsome("provider", "list", check=True))


def test_a_list_fits_a_small_terminal_and_still_shows_variables(authsome):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {**authsome.environ, "NO_COLOR": "1"}
    listing = subprocess.Popen([authsome.program, "provider", "list"], stdout=theirs, env=environ)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the terminal's other end is closed
            break
    os.close(ours)
    assert listing.wait(60) == 0
    lines = shown.decode().splitlines()
    assert len(lines) > len(REGISTRY.names())
    assert max(map(len, lines)) <= 80
    assert any("OPENAI_API_KEY" in line for line in lines)


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("twilio", {"twilio"}),
        ("TWILIO_AUTH", {"twilio"}),
        ("twitter", {"x"}),
        ("imap", {"google-gmail"}),
        ("outlook", {"microsoft"}),
        ("gh_token", {"github", "github-app", "github-pat"}),
        ("graph.microsoft.com", {"microsoft"}),
        ("calendar", {"google-calendar", "microsoft"}),
        ("commerce", {"shopify", "square", "stripe"}),
        ("payments", {"shopify", "square", "stripe"}),
        ("sms", {"twilio"}),
        ("claude", {"anthropic"}),
    ],
)
def test_a_search_finds_by_whatever_people_remember(authsome, word, names):
    groups = listed(authsome("provider", "list", "--search", word, check=True))
    found = {name for group in groups.values() for name in group}
    assert found == names


def test_a_search_without_a_hit_says_what_was_near_and_how_to_add_one(authsome):
    done = authsome("provider", "list", "--search", "mailchmp")
    assert (done.returncode, done.stdout) == (4, b"")
    said = done.stderr.decode()
    assert "no provider has to do with mailchmp (did you mean mailchimp?)" in said
    assert "authsome provider add FILE" in said


def test_a_broken_file_is_listed_as_broken_and_stops_no_other(authsome, made_up_key):
    login(authsome, "openai", made_up_key())
    folder = Path(authsome.home, "providers")
    folder.mkdir(mode=0o700)
    (folder / "mine.json").write_text('{"schema_version": 1,\n "name": "mine"')
    (folder / "gone.json").symlink_to(folder / "nowhere")
    (folder / "groq.json").write_text("{")
    groups = listed(authsome("provider", "list", check=True))
    assert groups["Others"] == ["gone", "groq", "mine"]
    assert groups["Connected"] == ["openai"]
    said = authsome("provider", "list", "--search", "mine", check=True).stdout.decode()
    assert "broken: " in said
    assert "mine.json, line 2" in said
    run = authsome("run", "--", "sh", "-c", 'test -n "$OPENAI_API_KEY"')
    assert (run.returncode, run.stderr) == (0, b"")
    assert authsome("provider", "show", "anthropic").returncode == 0
    assert authsome("login", "mine", "--stdin", input=b"x").returncode == 4


def test_a_search_finds_a_kind_by_what_people_look_for(authsome):
    for word, names in (("email", {"google-gmail", "sendgrid"}), ("LLM", {"anthropic", "openai"})):
        groups = listed(authsome("provider", "list", "--search", word, check=True))
        assert names <= {name for group in groups.values() for name in group}


@pytest.mark.parametrize("wanted", ["zapier", "linkedin", "k8s"])
def test_another_service_is_not_taken_for_a_slip_of_the_pen(authsome, wanted):
    said = authsome("login", wanted).stderr.decode()
    assert f"there is no provider {wanted} [" in said


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("gmail", "google-gmail"),
        ("gmial", "google-gmail"),
        ("opneai", "openai"),
        ("pat", "github-pat or gitlab-pat"),
        ("twitter", "x"),
        ("twiter", "x"),
        ("outlook", "microsoft"),
        ("claude", "anthropic"),
        ("gcp", "google"),
        ("s3", "aws"),
        ("slack-mcp", "slack"),
        ("email", "google-gmail"),
    ],
)
def test_an_unknown_name_is_answered_with_what_was_meant(authsome, wanted, meant):
    for words in (("login", wanted), ("provider", "show", wanted), ("inspect", wanted)):
        done = authsome(*words)
        assert done.returncode == 4
        assert f"there is no provider {wanted} (did you mean {meant}?)" in done.stderr.decode()
        assert "`authsome provider add FILE` registers your own, a JSON file" in done.stderr.decode()


# One provider in words


def told_of(name):
    """{label: text} with the lines that go on joined by newlines."""
    told = {}
    label = None
    for each, text in all_lines(REGISTRY.load(name), REGISTRY):
        if each:
            label = each
        told[label] = f"{told[label]}\n{text}" if not each else text
    return told


@pytest.mark.parametrize("name", REGISTRY.names())
def test_every_page_says_where_to_get_it_and_what_to_type(name):
    definition = REGISTRY.load(name)
    told = told_of(name)
    assert definition.docs in " ".join(told.values())
    assert told["log in"].startswith(f"authsome login {name}")
    assert told["then"].startswith(f"authsome run -p {name} -- ")
    assert [line.split()[0] for line in told["fills"].splitlines()] == list(definition.env)
    if definition.oauth is None:
        assert len(told["asks for"].splitlines()) == len(definition.fields)
    elif definition.flow == "pkce":
        assert f"authsome client set {name}" in told["keep it"]
        assert definition.client.client_id_env in told["keep it"]
        assert told["redirect URI"].startswith(definition.oauth.redirect_uri or "http://127.0.0.1/callback")
    for flow in definition.flows:
        assert flow == definition.flow or f"--flow {flow}" in told["log in"]


def test_a_page_of_each_sort(authsome):
    shown = authsome("provider", "show", "slack", check=True).stdout.decode()
    assert "to the letter; that page cannot load, and you paste its address" in shown
    shown = authsome("provider", "show", "github", check=True).stdout.decode()
    assert "with any port" in shown
    assert "GITHUB_TOKEN, GH_TOKEN with github-pat" in shown
    assert "-p github" in shown
    shown = authsome("provider", "show", "notion-mcp", check=True).stdout.decode()
    assert "client that authsome registers itself" in shown
    assert "client set" not in shown
    shown = authsome("provider", "show", "datadog", check=True).stdout.decode()
    assert "Application key (optional)" in shown


def test_a_terminal_has_a_page_wrapped_to_its_width():
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        invocation = Invocation(
            environ={}, now=lambda: 0.0, random=os.urandom, stdin=None, stdout=theirs, stderr=None
        )
        lines = all_lines(REGISTRY.load("okta"), REGISTRY)
        narrow = page(lines, invocation).splitlines()
        assert len(narrow) > len(lines)
        assert all(len(line) <= 60 or "https://" in line for line in narrow)
        note = next(text for label, text in lines if label == "note")
        assert note in " ".join(line[10:].strip() for line in narrow)
    finally:
        os.close(ours)
        os.close(theirs)


# The endpoints


@pytest.fixture(scope="module")
def server():
    """Answers as an authorization server does to a client that it does not know; `.asked`: all that came."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.server.asked.append((self.command, self.path, str(self.headers), body.decode()))
            url = f"http://127.0.0.1:{self.server.server_port}"
            status, document = {
                "/.well-known/oauth-authorization-server": (
                    200,
                    {"issuer": url, "token_endpoint": f"{url}/token", "revocation_endpoint": f"{url}/moved"},
                ),
                "/token": (401, {"error": "invalid_client"}),
                "/soft": (200, {"error": "bad_client"}),
                "/device": (404, {"error": "Not Found"}),
                "/authorize": (400, {}),
                "/me": (401, {}),
                "/revoke": (405, {}),
                "/register": (405, {}),
                "/docs": (404, {}),
                "/broken": (500, {}),
                "/page": (200, {}),
            }.get(self.path, (404, None))
            raw = b"<html>" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.asked = []
        serving.url = f"http://127.0.0.1:{serving.server_port}"
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def define(authsome, server, tmp_path):
    """Register `acme`, whose endpoints are the server's, with changes."""

    def add(**oauth):
        definition = {
            "schema_version": 1,
            "name": "acme",
            "auth_type": "oauth2",
            "flow": "pkce",
            "docs": f"{server.url}/page",
            "oauth": {
                "authorization_url": f"{server.url}/authorize",
                "token_url": f"{server.url}/token",
                "device_authorization_url": f"{server.url}/device",
                "revocation_url": f"{server.url}/revoke",
                "registration_endpoint": f"{server.url}/register",
                **oauth,
            },
            "client": {"client_id_env": "ACME_CLIENT_ID", "client_secret_env": "ACME_CLIENT_SECRET"},
            "account": {"url": f"{server.url}/me", "id": "/id"},
            "env": {"ACME_TOKEN": "{access_token}"},
        }
        (tmp_path / "acme.json").write_text(json.dumps(definition))
        authsome("provider", "add", str(tmp_path / "acme.json"), "--replace", check=True)
        server.asked.clear()

    return add


def asked_online(authsome, **how):
    done = authsome("provider", "test", "acme", "--online", "--json", **how)
    return done.returncode, {
        each["what"]: (each["verdict"], each["status"]) for each in json.loads(done.stdout)["online"]
    }


def test_endpoints_that_are_there_are_told_with_their_status(authsome, server, define):
    define(issuer=server.url)
    code, found = asked_online(authsome)
    assert code == 0
    assert found == {
        "issuer": ("ok", 200),
        "authorization_url": ("ok", 400),
        "token_url": ("ok", 401),
        "device_authorization_url": ("ok", 404),
        "registration_endpoint": ("ok", 405),
        "revocation_url": ("ok", 405),
        "account.url": ("ok", 401),
        "docs": ("ok", 200),
    }
    said = authsome("provider", "test", "acme", "--online", check=True).stdout.decode()
    assert "refuses a made-up client (invalid_client)" in said
    assert f"the metadata says {server.url}/moved" in said
    assert "/register" not in {path for method, path, *_ in server.asked if method == "POST"}


@pytest.mark.parametrize(
    ("change", "what", "verdict", "code"),
    [
        ({"token_url": "{url}/soft"}, "token_url", ("ok", 200), 0),
        ({"token_url": "{url}/nowhere"}, "token_url", ("failed", 404), 8),
        ({"token_url": "{url}/broken"}, "token_url", ("doubtful", 500), 0),
        ({"token_url": "{url}/page"}, "token_url", ("doubtful", 200), 0),
        ({"token_url": "https://{host}/token"}, "token_url", ("failed", None), 8),
        ({"authorization_url": "http://127.0.0.1:1/authorize"}, "authorization_url", ("failed", None), 8),
        ({"issuer": "{url}/elsewhere"}, "issuer", ("failed", None), 8),
    ],
)
def test_what_is_not_there_is_named_and_fails(authsome, server, define, change, what, verdict, code):
    host = server.url.removeprefix("http://")
    define(**{key: text.format(url=server.url, host=host) for key, text in change.items()})
    returned, found = asked_online(authsome)
    assert found[what] == verdict
    assert returned == code
    done = authsome("provider", "test", "acme", "--online")
    assert (what in done.stderr.decode()) == (code == 8)


def test_no_secret_is_sent(authsome, server, define, secret):
    """With a client in the vault and in the environment, and a connection: none of it goes out."""
    define(token_url=f"{server.url}/token")
    kept = secret("".join(random.choices(string.ascii_letters, k=40)).encode())
    given = secret("".join(random.choices(string.ascii_letters, k=40)).encode()).decode()
    authsome("client", "set", "acme", "--client-id", "our-client", "--stdin", input=kept, check=True)
    environ = {"ACME_CLIENT_ID": "their-client", "ACME_CLIENT_SECRET": given, "ACME_TOKEN": given}
    authsome("provider", "test", "acme", "--online", env=environ, check=True)
    sent = json.dumps(server.asked)
    assert MADE_UP in sent
    for word in (kept.decode(), given, "our-client", "their-client", "Authorization"):
        assert word not in sent


def test_without_online_nothing_is_sent(authsome, server, define):
    define()
    authsome("provider", "test", "acme", check=True)
    assert server.asked == []


# What a command reads

WATCH = """
import os, sys
opened = set()
def watch(event, given):
    if event == "open" and isinstance(given[0], str) and given[0].endswith(".json"):
        opened.add(os.path.basename(given[0]))
sys.addaudithook(watch)
from authsome_env.cli.main import main
code = main([*sys.argv[1:]])
print("opened:", *sorted(opened), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["env", "--format", "json"], ["groq.json", "openai.json"]),
        (["env", "--format", "json", "-p", "groq"], ["groq.json"]),
        (["list"], []),
        (["list", "--all"], []),
        (["token", "openai"], ["openai.json"]),
    ],
)
def test_a_command_reads_the_definitions_of_its_connections_alone(authsome, made_up_key, words, files):
    login(authsome, "openai", made_up_key())
    login(authsome, "groq", made_up_key("groq"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", WATCH, *words],
        env=authsome.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1].split() == ["opened:", *files]
