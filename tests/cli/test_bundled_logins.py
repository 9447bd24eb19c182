"""Bundled definitions at work: the real command against a server of that provider's shape.

The server takes the requests that the definition describes, and only those: the client proves itself in that
way, the parameters are there, the body is written so. Its answers are the documented ones.
"""

from __future__ import annotations

import base64
import json
import random
import socket
import string
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from authsome_env.providers import source

FOLLOW = "import sys, urllib.request as u; u.urlopen(sys.argv[1]).read()"

# Providers to what their token answer holds besides the usual, and the account that is learnt.
SHAPES = {
    "github": ({"scope": "repo,read:user"}, "ada"),
    "gitlab": ({"created_at": 1}, "ada"),
    "google-drive": ({"scope": "openid email https://www.googleapis.com/auth/drive"}, "ada"),
    "notion": ({"bot_id": "b-1", "workspace_name": "ada"}, "ada"),
    "linear": ({"scope": ["read", "write"]}, "ada"),
    "slack": ({"ok": True, "token_type": "bot", "team": {"id": "T1", "name": "ada"}}, "ada"),
    "jira": ({"scope": "read:jira-work"}, "ada"),
    "microsoft": ({"ext_expires_in": 3600}, "ada"),
    "salesforce": ({"instance_url": "https://x.my.salesforce.com", "id": "ada", "expires_in": None}, "ada"),
    "reddit": ({}, "ada"),
    "airtable": ({"refresh_expires_in": 5184000}, "ada"),
    "dropbox": ({"account_id": "ada", "uid": "1"}, "ada"),
    "supabase": ({}, "ada"),
    "notion-mcp": ({}, None),
}


def draw(length=40):
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service(ThreadingHTTPServer):
    """One provider. `problems`: where a request was not as the definition says."""

    daemon_threads = True

    def __init__(self, document, answer, remember):
        super().__init__(("127.0.0.1", 0), Handler)
        self.document, self.answer = document, answer
        self.oauth = document["oauth"]
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.client_id, self.client_secret = "client-" + draw(8), remember(draw().encode()).decode()
        self.code, self.remember = draw(), remember
        self.refresh_token = self.access_token = self.challenge = None
        self.grants, self.problems = [], []

    def here(self, url):
        """The URL at this server, without query or fragment."""
        return self.url + urllib.parse.urlsplit(url).path

    def expect(self, what, *, is_so):
        if not is_so:
            self.problems.append(what)

    def authorize(self, query):
        oauth = self.oauth
        for name, value in oauth.get("authorization_params", {}).items():
            self.expect(f"authorization parameter {name}", is_so=query.get(name) == value)
        scopes = oauth.get("scope_separator", " ").join(oauth.get("scopes", []))
        self.expect("scope", is_so=query.get("scope", "") == scopes)
        self.expect("code_challenge", is_so=("code_challenge" in query) == oauth.get("pkce", True))
        return (
            f"{query['redirect_uri']}?{urllib.parse.urlencode({'code': self.code, 'state': query['state']})}"
        )

    def token(self, headers, raw):
        oauth, as_json = self.oauth, self.oauth.get("token_request") == "json"
        fields = json.loads(raw) if as_json else dict(urllib.parse.parse_qsl(raw))
        kind = "application/json" if as_json else "application/x-www-form-urlencoded"
        self.expect("content type", is_so=headers["Content-Type"] == kind)
        method = oauth.get("token_endpoint_auth_method", "client_secret_basic")
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        proof = headers["Authorization"], fields.get("client_id"), fields.get("client_secret")
        expected = {
            "client_secret_basic": (f"Basic {pair}", None, None),
            "client_secret_post": (None, self.client_id, self.client_secret),
            "none": (None, self.client_id, None),
        }
        self.expect(f"client by {method}", is_so=proof == expected[method])
        self.grants.append(fields["grant_type"])
        if fields["grant_type"] == "refresh_token":
            self.expect("refresh token", is_so=fields["refresh_token"] == self.refresh_token)
        else:
            self.expect("code", is_so=fields["code"] == self.code)
        self.access_token, self.refresh_token = (self.remember(draw().encode()).decode() for _ in range(2))
        answer = {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            **self.answer,
        }
        return {name: value for name, value in answer.items() if value is not None}

    def account(self, headers):
        self.expect("bearer", is_so=headers["Authorization"] == f"Bearer {self.access_token}")
        answer = None
        for key, value in (("id", "1"), ("label", "ada")):
            answer = put(answer, self.document["account"].get(key, "/ada").split("/")[1:], value)
        return answer


def put(place, path, value):
    """`place` with `value` at the pointer's `path`; numbers are positions in a list."""
    if not path:
        return value
    first, *rest = path
    if first.isdigit():
        return [put(place[0] if place else None, rest, value)]
    place = place or {}
    return {**place, first: put(place.get(first), rest, value)}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        if parts.path == urllib.parse.urlsplit(self.server.oauth["authorization_url"]).path:
            self.send_response(302)
            self.send_header("Location", self.server.authorize(dict(urllib.parse.parse_qsl(parts.query))))
            self.end_headers()
        else:
            self.send(self.server.account(self.headers))

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == urllib.parse.urlsplit(self.server.oauth.get("registration_endpoint", "/-")).path:
            wish = json.loads(raw)
            self.send({**wish, "client_id": self.server.client_id}, 201)
        elif self.path == urllib.parse.urlsplit(self.server.oauth["token_url"]).path:
            self.send(self.server.token(self.headers, raw))
        else:
            self.send(self.server.account(self.headers))

    def send(self, document, status=200):
        raw = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


@pytest.fixture
def moved(authsome, tmp_path, secret):
    """`moved("github")`: its definition, registered with this machine in the place of its hosts."""
    serving = []

    def move(name):
        document = json.loads(Path(source.BUNDLED, f"{name}.json").read_text())
        service = Service(document, SHAPES[name][0], secret)
        serving.append(service)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        oauth = document["oauth"]
        oauth.pop("issuer", None)
        if "base_url" in oauth:
            path = urllib.parse.urlsplit(oauth["base_url"]).path
            oauth["base_url"] = service.url + path
            for key in ("authorization_url", "token_url", "registration_endpoint"):
                if key in oauth:
                    oauth[key] = oauth[key].replace("{base_url}", service.url + path)
        for place, keys in (
            (oauth, ("authorization_url", "token_url", "registration_endpoint")),
            (document.get("account", {}), ("url",)),
        ):
            for key in keys:
                if key in place:
                    place[key] = service.here(place[key].replace("{base_url}", service.url))
        if "redirect_uri" in oauth:
            oauth["redirect_uri"] = oauth["redirect_uri"].replace("7999", str(free_port()))
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
        authsome("provider", "add", str(tmp_path / f"{name}.json"), "--replace", check=True)
        return service

    yield move
    for service in serving:
        service.shutdown()
        service.server_close()


def set_client(authsome, service):
    words = ("client", "set", service.document["name"], "--client-id", service.client_id, "--stdin")
    authsome(*words, input=service.client_secret.encode(), check=True)


def log_in(authsome, service, folder):
    name = service.document["name"]
    if name == "slack":  # its browser ends at a page that cannot load, so the code is pasted
        return authsome("login", name, "--no-browser", input=f"{service.code}\n".encode())
    (folder / "browser.py").write_text(FOLLOW)
    return authsome("login", name, env={"BROWSER": f"{sys.executable} {folder / 'browser.py'} %s"})


@pytest.mark.parametrize("name", SHAPES)
def test_a_login_and_a_refresh_at_a_server_of_its_shape(authsome, moved, tmp_path, name):
    service = moved(name)
    if name != "notion-mcp":
        set_client(authsome, service)
    done = log_in(authsome, service, tmp_path)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    account = SHAPES[name][1]
    assert account is None or f"the account of {account}" in said
    assert service.problems == []

    run = authsome("run", "-p", name, "--", sys.executable, "-c", DUMP, check=True)
    filled = json.loads(run.stdout)
    document = service.document
    assert set(document["env"]) <= set(filled)
    tokens = [variable for variable, text in document["env"].items() if text == "{access_token}"]
    assert tokens
    assert {filled[variable] for variable in tokens} == {service.access_token}

    if name not in ("slack", "notion"):
        authsome("refresh", name, check=True)
        assert service.grants == ["authorization_code", "refresh_token"]
    assert service.problems == []
    assert authsome("token", name, check=True).stdout.decode().strip() == service.access_token


DUMP = "import json, os; print(json.dumps(dict(os.environ)))"

KEYS = {
    "anthropic": {"api_key": "sk-ant-{}"},
    "stripe": {"api_key": "rk_test_{}"},
    "datadog": {"api_key": "0123456789abcdef" * 2, "site": "datadoghq.eu"},
    "jira-api-token": {
        "site": "https://x.atlassian.net",
        "email": "a@example.org",
        "token": "ATATT3{}",
    },
    "docker-hub": {"username": "adalove", "token": "dckr_pat_{}"},
    "pypi": {"api_key": "pypi-{}"},
    "cloudflare": {"api_key": "{}"},
    "telegram": {"api_key": "12345:" + "A" * 35},
    "terraform-cloud": {"api_key": "{}"},
    "gitlab-pat": {"api_key": "glpat-{}"},
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_fills_every_variable_that_its_tools_read(authsome, secret, name):
    given = {field: text.format(draw()) for field, text in KEYS[name].items()}
    definition = json.loads(Path(source.BUNDLED, f"{name}.json").read_text())
    typed = json.dumps(given) if "fields" in definition else given["api_key"]
    authsome("login", name, "--stdin", input=typed.encode(), check=True)
    filled = json.loads(authsome("env", "--format", "json", "-p", name, check=True).stdout)
    for variable, text in definition["env"].items():
        names = {field for field in given if f"{{{field}}}" in text}
        if text.startswith("{") and text[1:-1] in given:
            assert filled[variable] == given[text[1:-1]]
        elif "{" not in text:
            assert filled[variable] == text
        elif names and ":" not in text:
            assert given[names.pop()] in filled[variable]


def test_a_key_beside_optional_fields_can_be_given_as_it_is(authsome, secret):
    key = secret(draw().encode())
    authsome("login", "cloudflare", "--stdin", input=key + b"\n", check=True)
    assert authsome("token", "cloudflare#api_key", check=True).stdout.strip() == key
    environ = {"K": key.decode()}
    authsome("login", "cloudflare", "-c", "two", "--from-env", "K", env=environ, check=True)
    assert authsome("token", "cloudflare:two#api_key", check=True).stdout.strip() == key
    both = json.dumps({"api_key": key.decode(), "account_id": "0" * 32}).encode()
    authsome("login", "cloudflare", "-c", "three", "--stdin", input=both, check=True)
    filled = json.loads(authsome("env", "--format", "json", "-p", "cloudflare:three", check=True).stdout)
    assert filled["CLOUDFLARE_ACCOUNT_ID"] == "0" * 32


def test_a_secret_on_stdin_is_never_taken_for_a_client_id(authsome, secret):
    """A client's secret is optional, but its id is no secret and would be shown."""
    done = authsome("client", "set", "github", "--stdin", input=secret(draw().encode()))
    assert done.returncode == 9
    assert b"not a JSON object of texts" in done.stderr
    assert authsome("login", "cloudflare", "--stdin", input=b'{"api_key": ').returncode == 9


def test_docker_reads_what_it_is_given(authsome):
    given = {field: text.format(draw()) for field, text in KEYS["docker-hub"].items()}
    authsome("login", "docker-hub", "--stdin", input=json.dumps(given).encode(), check=True)
    filled = json.loads(authsome("env", "--format", "json", "-p", "docker-hub", check=True).stdout)
    entry = json.loads(filled["DOCKER_AUTH_CONFIG"])["auths"]["https://index.docker.io/v1/"]
    assert base64.b64decode(entry["auth"]).decode() == f"{given['username']}:{given['token']}"


def test_two_ways_to_one_service_are_told_apart_by_who_runs(authsome, moved, tmp_path, secret):
    """With both connected a plain run says what it left out and what to type; one that is named gets it."""
    service = moved("github")
    set_client(authsome, service)
    assert log_in(authsome, service, tmp_path).returncode == 0
    for name in ("github-pat", "github-mcp"):
        authsome("login", name, "--stdin", input=secret(f"ghp_{draw(36)}".encode()), check=True)
    done = authsome("run", "--", sys.executable, "-c", DUMP, check=True)
    filled, said = json.loads(done.stdout), done.stderr.decode()
    assert "GITHUB_PERSONAL_ACCESS_TOKEN" in filled
    assert not {"GITHUB_TOKEN", "GH_TOKEN"} & set(filled)
    assert "GITHUB_TOKEN, GH_TOKEN is left out: github:default and github-pat:default fill the same" in said
    assert "--map GITHUB_TOKEN=github:default" in said
    for name in ("github", "github-pat"):
        done = authsome("run", "-p", name, "--", sys.executable, "-c", DUMP, check=True)
        assert {"GITHUB_TOKEN", "GH_TOKEN"} <= set(json.loads(done.stdout))
        assert done.stderr == b""
