"""The bundled definitions: a new file is picked up by these tests on its own."""

import json
import os
import re
from dataclasses import fields

import pytest

from authsome_env.providers import schema, source
from authsome_env.providers.registry import Registry
from authsome_env.providers.template import fields_of

FILES = sorted(os.listdir(source.BUNDLED))
REGISTRY = Registry("/nonexistent")

# What the bundled definitions do without for now; tests of other files have made-up samples of it.
UNUSED = {
    "variable_exceptions",
    "oauth.registration_endpoint",
    "oauth.token_params",
    "client.client_id",
    "oauth.basic_encoding",
    "oauth.exchange",
    *(f"oauth.exchange.{field.name}" for field in fields(schema.Exchange)),
    *(f"oauth.assertion.{key}" for key in ("audience", "key", "key_id")),
    *(f"oauth.refresh_answer.{field.name}" for field in fields(schema.Answer)),
}
UNUSED -= {f"oauth.refresh_answer.{key}" for key in ("ok", "token_types", "fields")}

TWINS = {("github", "github-app")}
"""Two ways to the same service, of which one is meant."""


@pytest.fixture(params=FILES)
def document(request):
    return read(request.param)


def read(file):
    with open(os.path.join(source.BUNDLED, file), encoding="utf-8") as opened:
        return json.load(opened)


OWN_NAMES = {"env", "oauth.answer.fields"} | {
    f"oauth.{section}" for section in ("authorization_params", "token_params", "headers")
}


def keys(value, prefix=""):
    """Dotted paths of the schema's keys; what lies in maps of the author's own names is no key."""
    for key, inner in value.items():
        path = prefix + key
        yield path
        own_names = path in OWN_NAMES
        if (
            isinstance(inner, dict)
            and not own_names
            and path not in {"account.body", "oauth.revocation.body"}
        ):
            yield from keys(inner, path + ".")
        elif path in {"fields", "oauth.assertion.fields"}:
            for entry in inner:
                yield from keys(entry, "fields.")


SECTIONS = {
    "": schema.Definition,
    "oauth.": schema.OAuth,
    "oauth.revocation.": schema.Revocation,
    "oauth.answer.": schema.Answer,
    "oauth.refresh_answer.": schema.Answer,
    "oauth.assertion.": schema.Assertion,
    "oauth.exchange.": schema.Exchange,
    "client.": schema.Client,
    "api_key.": schema.ApiKey,
    "account.": schema.Account,
    "fields.": schema.Field,
}
KNOWN = {prefix + field.name for prefix, section in SECTIONS.items() for field in fields(section)}
KNOWN = KNOWN - {"unknown_keys", "oauth.refresh_answer.fields"} | {"schema_version", "variable_exceptions"}


def test_the_twelve_are_there():
    llms, clouds = {"openai", "anthropic", "groq"}, {"aws", "twilio", "datadog"}
    apps = {"github", "gitlab", "google", "slack", "notion", "linear"}
    assert {f"{name}.json" for name in llms | clouds | apps} <= set(FILES)


def test_a_bundled_definition_is_right_and_says_nothing_unknown(document):
    definition = REGISTRY.load(document["name"])
    assert definition.unknown_keys == ()
    assert definition.docs
    assert definition.display_name != definition.name
    assert document["schema_version"] == 1


def test_it_fills_variables_and_each_field_fills_one(document):
    definition = REGISTRY.load(document["name"])
    assert definition.env
    used = {field for template in definition.env.values() for field in fields_of(template)}
    assert {field.name for field in definition.fields} <= used


def test_a_pattern_is_anchored_and_told_in_words(document):
    for field in REGISTRY.load(document["name"]).fields:
        if field.pattern is not None:
            assert re.fullmatch(r"\^.*\$", field.pattern)
            assert field.pattern_hint


def test_an_oauth_definition_names_its_client_and_whose_account_it_is(document):
    definition = REGISTRY.load(document["name"])
    if definition.auth_type == "oauth2":
        # A machine's credential is nobody's account, and its key is the client.
        machine = definition.flow == "jwt_bearer"
        assert machine or definition.client.client_id_env
        assert machine or definition.account is not None
        assert definition.oauth.revocation is not None


def test_no_two_providers_fill_the_same_variable():
    """A plain `run` takes every provider, and a clash would leave both out."""
    filled = {}
    for file in FILES:
        for variable in REGISTRY.load(file.removesuffix(".json")).env:
            filled.setdefault(variable, []).append(file.removesuffix(".json"))
    assert {tuple(sorted(files)) for files in filled.values() if len(files) > 1} == TWINS


def test_between_them_they_use_the_whole_schema():
    used = {path for file in FILES for path in keys(read(file))}
    assert used <= KNOWN
    assert KNOWN - used == UNUSED


def test_the_drawing_of_the_format_names_every_key():
    assert {key for key in KNOWN if f'"{key.rpartition(".")[2]}"' not in schema.__doc__} == set()


def test_a_secret_is_never_in_a_definition(document):
    text = json.dumps(document)
    for pattern in ("sk-[A-Za-z0-9]{16}", "gh[pousr]_[A-Za-z0-9]{20}", "AKIA[A-Z0-9]{16}", "xox[bp]-"):
        assert not re.search(pattern, text)
