"""The Python API: the command line's answers and errors, as values."""

from __future__ import annotations

import base64
import secrets
import threading

import httpx2
import pytest

import authsome_env
from authsome_env import api
from authsome_env.app.workspace import Workspace
from authsome_env.errors import (
    ConnectionNotFound,
    CredentialUnusable,
    NoDefault,
    NotAllowed,
    ProviderNotFound,
    VaultNotFound,
)
from authsome_env.model import Connection, Secret
from authsome_env.vault.store import new_id

NOW = 1_800_000_000.0
KEYS = {name: f"sk-{secrets.token_hex(20)}" for name in ("default", "work")}


def put(vault, provider, name, fields, **changes):
    connection = Connection(
        **{
            "id": new_id(),
            "provider": provider,
            "name": name,
            "auth_type": "api_key",
            "created_at": NOW,
            "logged_in_at": NOW,
            **changes,
        }
    )
    with vault.transaction():
        vault.put(connection, {field: Secret(value) for field, value in fields.items()})


@pytest.fixture
def environ(tmp_path):
    environ = {"AUTHSOME_HOME": str(tmp_path)}
    workspace = Workspace(environ, now=lambda: NOW)
    workspace.create("default", "file")
    with workspace.open() as vault:
        put(vault, "openai", "default", {"api_key": KEYS["default"]}, is_default=True)
        put(vault, "openai", "work", {"api_key": KEYS["work"]})
        put(vault, "groq", "old", {"api_key": "x"}, is_default=True, expires_at=NOW - 1)
        put(vault, "anthropic", "one", {"api_key": "x"})
        put(vault, "twilio", "main", {"account_sid": "AC1", "auth_token": "t"}, is_default=True)
    return environ


@pytest.fixture
def vault(environ):
    with authsome_env.open_vault(environ=environ, now=lambda: NOW) as vault:
        yield vault


def test_connections_are_listed_default_first(vault):
    assert [each.name for each in vault.connections("openai")] == ["default", "work"]
    assert {each.provider for each in vault.connections()} == {"openai", "groq", "anthropic", "twilio"}


def test_a_token_is_the_default_connections_or_the_named_ones(vault):
    assert vault.get_access_token("openai") == KEYS["default"]
    assert vault.get_access_token("openai", connection="work") == KEYS["work"]
    assert vault.get_access_token("twilio", field="account_sid") == "AC1"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"provider": "opennai"}, ProviderNotFound),
        ({"provider": "slack"}, ConnectionNotFound),
        ({"provider": "openai", "connection": "wrok"}, ConnectionNotFound),
        ({"provider": "anthropic"}, NoDefault),
        ({"provider": "groq"}, CredentialUnusable),
    ],
)
def test_errors_are_those_of_the_command_line(vault, arguments, error):
    with pytest.raises(error) as report:
        vault.get_access_token(**arguments)
    assert isinstance(report.value, authsome_env.AuthsomeError)
    assert report.value.hint


def test_a_missing_vault_is_an_error_at_once(tmp_path):
    with pytest.raises(VaultNotFound):
        authsome_env.open_vault(environ={"AUTHSOME_HOME": str(tmp_path / "nothing")})
    assert not (tmp_path / "nothing").exists()


def test_the_environment_of_named_connections(vault):
    assert vault.environment("openai:work", maps={"OTHER": "openai"}) == {
        "OPENAI_API_KEY": KEYS["work"],
        "OTHER": KEYS["default"],
    }


def test_the_environment_of_all_defaults_tells_what_is_left_out(vault):
    with pytest.warns(UserWarning, match=r"groq:old is left out|anthropic is left out"):
        found = vault.environment()
    assert found.keys() == {"OPENAI_API_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"}
    with pytest.raises(CredentialUnusable):
        vault.environment(strict=True)


def test_one_vault_serves_many_threads(vault):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(vault.get_access_token("openai"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [KEYS["default"]] * 8


def test_importing_the_package_loads_nothing_else(run_python):
    code = "import sys, authsome_env; print(sorted(m for m in sys.modules if m.startswith('authsome_env')))"
    assert run_python(code) == "['authsome_env']\n"


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError):
        _ = authsome_env.nothing


def test_a_call_leaves_the_package_as_it_was(vault):
    """A module that is loaded becomes an attribute of the package, over what had its name."""
    vault.httpx_auth("stripe")
    assert authsome_env.httpx_auth is api.httpx_auth


def carried(auth):
    """The headers of a request with `auth`."""
    request = httpx2.Request("GET", "https://api.example/")
    sent = next(auth.sync_auth_flow(request))
    return sent.headers


def test_a_request_carries_a_credential_as_its_definition_says(vault, environ):
    with Workspace(environ, now=lambda: NOW).open() as store:
        put(store, "datadog", "d", {"api_key": "k" * 32}, is_default=True)
        put(store, "aws", "a", {"access_key_id": "AKIA", "secret_access_key": "s"}, is_default=True)
        put(store, "stripe", "s", {"api_key": "rk_test_1"}, is_default=True)
    basic = base64.b64encode(b"AC1:t").decode()
    assert carried(vault.httpx_auth("twilio"))["Authorization"] == f"Basic {basic}"
    assert carried(vault.httpx_auth("datadog"))["DD-API-KEY"] == "k" * 32
    assert carried(vault.httpx_auth("stripe"))["Authorization"] == "Bearer rk_test_1"
    with pytest.raises(NotAllowed, match="in no header"):
        vault.httpx_auth("aws")
