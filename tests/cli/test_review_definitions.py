"""A definition that is changed after the login."""

from __future__ import annotations

import json

import pytest

OAUTH = {
    "flow": "pkce",
    "oauth": {"authorization_url": "https://acme.test/a", "token_url": "https://acme.test/t"},
}


@pytest.fixture
def define(authsome, tmp_path):
    def add(**definition):
        file = tmp_path / "acme.json"
        file.write_text(json.dumps({"name": "acme", **definition}))
        authsome("provider", "add", str(file), "--replace", check=True)

    return add


@pytest.fixture
def acme(authsome, define, secret):
    """acme:default, an API key that fills ACME_KEY."""
    define(auth_type="api_key", env={"ACME_KEY": "{api_key}"})
    authsome("login", "acme", "--stdin", input=secret(b"one-key-of-acme"), check=True)
    return authsome


@pytest.mark.parametrize(
    "changed",
    [
        {"auth_type": "oauth2", **OAUTH, "env": {"ACME_KEY": "{access_token}", "ACME_IS_OAUTH": "true"}},
        {"auth_type": "api_key", "fields": [{"name": "key"}], "env": {"ACME_KEY": "{key}"}},
    ],
    ids=["to OAuth", "to another field"],
)
def test_a_connection_that_its_definition_has_left_behind_is_not_passed_over_in_silence(
    acme, define, made_up_key, changed
):
    acme("login", "openai", "--stdin", input=made_up_key(), check=True)
    define(**changed)
    named = acme("run", "-p", "acme", "--", "true")
    assert named.returncode == 125
    assert b"hint: authsome login acme -c default --force" in named.stderr
    program = ["sh", "-c", 'echo "${ACME_KEY-unset} ${ACME_IS_OAUTH-unset}"']
    implicit = acme("run", "--", *program, env={"ACME_KEY": "of somebody else"}, check=True)
    assert implicit.stdout == b"unset unset\n"
    assert b"acme:default is left out" in implicit.stderr


def test_a_provider_without_default_and_without_definition_leaves_the_others_alone(acme, made_up_key, secret):
    key = made_up_key()
    acme("login", "openai", "--stdin", input=key, check=True)
    for name in ("two", "three"):
        acme("login", "acme", "-c", name, "--stdin", input=secret(f"key-{name}-of-acme".encode()), check=True)
    acme("logout", "acme", check=True)
    acme("provider", "remove", "acme", check=True)
    done = acme("run", "--", "printenv", "OPENAI_API_KEY", check=True)
    assert done.stdout == key + b"\n"
    assert b"acme is left out" in done.stderr


def test_a_newline_behind_a_key_is_no_part_of_it_where_a_pattern_says_what_a_key_is(authsome, made_up_key):
    key = made_up_key()
    env = {"OF_MINE": key.decode() + "\n"}
    authsome("login", "openai", "--from-env", "OF_MINE", env=env, check=True)
    assert authsome("token", "openai", check=True).stdout == key + b"\n"


def test_explain_says_taken_out_only_of_what_the_command_does_not_get(acme, define, made_up_key):
    define(auth_type="api_key", env={"ACME_KEY": "{api_key}", "ACME_OTHER": "{api_key}"})
    env = {"ACME_KEY": "mine"}
    acme("login", "acme", "-c", "two", "--stdin", input=made_up_key(), check=True)
    acme("login", "acme", "-c", "three", "--stdin", input=made_up_key(), check=True)
    acme("logout", "acme", check=True)  # two are left: no default, so its variables are taken out
    explained = acme("run", "--keep-existing", "--explain", "--json", env=env, check=True)
    assert json.loads(explained.stdout)["removed"] == ["ACME_OTHER"]
