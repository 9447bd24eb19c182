"""The bundled definitions: a new file is picked up by these tests on its own."""

import json
import os
import re
from dataclasses import fields

import pytest

from authsome_env.model import Secret
from authsome_env.providers import schema, source
from authsome_env.providers.kinds import KINDS, OTHER
from authsome_env.providers.registry import Registry
from authsome_env.providers.template import fields_of, render

FILES = sorted(os.listdir(source.BUNDLED))
REGISTRY = Registry("/nonexistent")

# What the bundled definitions do without for now; tests of other files have made-up samples of it.
UNUSED = {
    "variable_exceptions",
    "oauth.token_params",
    "client.client_id",
    "oauth.basic_encoding",
    "oauth.exchange",
    *(f"oauth.exchange.{field.name}" for field in fields(schema.Exchange)),
    *(f"oauth.assertion.{key}" for key in ("audience", "key", "key_id")),
    *(f"oauth.refresh_answer.{field.name}" for field in fields(schema.Answer)),
}
UNUSED -= {f"oauth.refresh_answer.{key}" for key in ("ok", "token_types", "fields")}

_WITH_A_TOKEN = (
    *("airtable", "asana", "digitalocean", "gitea", "heroku", "hubspot", "huggingface"),
    *("monday", "netlify", "notion", "sentry", "slack", "supabase", "todoist"),
)
TWINS = {
    ("github", "github-app", "github-pat"),
    ("gitlab", "gitlab-pat"),
    *((name, f"{name}-token") for name in _WITH_A_TOKEN),
}
"""Ways to the same service, of which one is meant."""

NO_ACCOUNT = {"klaviyo-oauth", "linear-mcp", "notion-mcp", "sentry-mcp", "github-app"}
"""Where no answer tells whose account it is, or nobody's is."""

AZURE = {"AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET"}
"""The credential of a service principal, which its SDKs log in with themselves."""


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
    assert document["display_name"] == definition.display_name
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
        # A machine's key is its client, and dcr_pkce makes one.
        if definition.flow not in ("jwt_bearer", "dcr_pkce"):
            assert definition.client.client_id_env
            assert definition.client.client_secret_env
        assert (definition.account is None) == (definition.name in NO_ACCOUNT)
        assert definition.oauth.revocation is not None or (
            document["oauth"].get("revocation") == "none" or definition.flow == "dcr_pkce"
        )


def test_there_are_enough_of_them_and_each_has_a_kind():
    definitions = [REGISTRY.load(file.removesuffix(".json")) for file in FILES]
    assert len(definitions) >= 150
    assert sum(definition.oauth is not None for definition in definitions) >= 40
    assert {definition.kind for definition in definitions} == set(KINDS) - {OTHER}
    assert all("kind" in read(file) for file in FILES)


def test_a_file_is_named_for_its_provider(document, request):
    assert request.node.callspec.params["document"] == f"{document['name']}.json"


def test_no_two_differ_in_their_names_alone():
    """Whatever is there for people is part of the name."""
    seen = {}
    for file in FILES:
        rest = {
            key: value
            for key, value in read(file).items()
            if key not in ("name", "display_name", "kind", "docs", "note", "example")
        }
        assert seen.setdefault(json.dumps(rest, sort_keys=True), file) == file


def test_only_ways_to_the_same_service_fill_the_same_variable():
    """A plain `run` takes every provider, and a clash leaves both out, so it must be plain what clashed."""
    filled = {}
    for file in FILES:
        for variable in REGISTRY.load(file.removesuffix(".json")).env:
            filled.setdefault(variable, []).append(file.removesuffix(".json"))
    assert {tuple(sorted(files)) for files in filled.values() if len(files) > 1} == TWINS


def test_an_oauth_token_never_comes_without_the_companion_that_its_reader_wants():
    assert REGISTRY.load("gitlab").env["GLAB_IS_OAUTH2"] == "true"
    assert REGISTRY.load("gitlab-pat").env["GLAB_IS_OAUTH2"] == "false"


def test_no_client_is_exported_and_no_credential_is_read_as_a_client():
    exported, read_ones = set(), set()
    for file in FILES:
        definition = REGISTRY.load(file.removesuffix(".json"))
        exported |= set(definition.env)
        read_ones |= {definition.client.client_id_env, definition.client.client_secret_env}
    assert not exported & read_ones
    assert {name for name in exported if "CLIENT_SECRET" in name} == AZURE


def test_its_templates_render_with_every_field_given(document):
    definition = REGISTRY.load(document["name"])
    values = {field.name: Secret(f"value-of-{field.name}") for field in definition.fields}
    if definition.oauth and definition.oauth.base_url:
        values["base_url"] = Secret(definition.oauth.base_url)
    for variable, template in definition.env.items():
        value = render(template, values).reveal()
        assert "{" not in value or json.loads(value), variable


def test_how_a_request_carries_it_names_fields_that_are_always_there(document):
    """A template over an optional field would have no value."""
    definition = REGISTRY.load(document["name"])
    if definition.api_key is not None:
        given = {field.name for field in definition.fields if not field.optional}
        assert set(fields_of(definition.api_key.header_value or "")) <= given
        if len(definition.fields) > 1:
            assert definition.api_key.header_value is not None


def test_it_speaks_of_providers_that_exist(document):
    """A note names others as in `Without an app: github-pat`."""
    known = {file.removesuffix(".json") for file in FILES}
    said = re.sub("`[^`]*`", "", document.get("note", ""))
    for word in re.findall(r"[a-z0-9-]+", said):
        if re.fullmatch(r"[a-z0-9]+-(token|pat|oauth|mcp|bot|project)", word):
            assert word in known


def test_between_them_they_use_the_whole_schema():
    used = {path for file in FILES for path in keys(read(file))}
    assert used <= KNOWN
    assert KNOWN - used == UNUSED


def test_the_drawing_of_the_format_names_every_key():
    assert {key for key in KNOWN if f'"{key.rpartition(".")[2]}"' not in schema.__doc__} == set()


def test_a_secret_is_never_in_a_definition(document):
    text = json.dumps(document)
    for pattern in ("sk-[A-Za-z0-9]{16}", "gh[pousr]_[A-Za-z0-9]{20}", "AKIA[A-Z0-9]{16}", "xox[bp]-[0-9]"):
        assert not re.search(pattern, text)


@pytest.mark.parametrize(
    "family",
    [
        ("github", "github-app", "github-pat"),
        ("gitlab", "gitlab-pat"),
        ("huggingface", "huggingface-token"),
        ("gitea", "gitea-token"),
    ],
)
def test_tokens_of_one_service_are_good_for_the_same_git_hosts(family):
    hosts = {(REGISTRY.load(name).git_hosts, REGISTRY.load(name).git_user) for name in family}
    assert len(hosts) == 1
    assert hosts.isdisjoint({((), ""), ((), None)})


def test_git_is_told_a_user_name_wherever_it_may_log_in(document):
    definition = REGISTRY.load(document["name"])
    assert bool(definition.git_user) == bool(definition.git_hosts)
