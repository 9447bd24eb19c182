"""Every error of a command line: its exit code, its name, what it says, and what it says to type.

One row is one command line; it must print nothing on stdout and exactly two lines on stderr, or one with
--json. A class of `errors` that the program raises and that no row shows fails a test. Most lines are carried
out in this process, which takes a hundredth of the time; the first row of each class is the real program.
"""

# ruff: noqa: E501 - rows of a table

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

import authsome_env
from authsome_env import errors
from authsome_env.cli.invocation import Invocation
from authsome_env.cli.main import perform
from authsome_env.cli.program import COMMANDS

PACKAGE = Path(authsome_env.__file__).parent
AWS = {"access_key_id": "AKIA" + "A" * 16, "secret_access_key": "a" * 40}
DATADOG = {"api_key": "0" * 32}
OTHER_KEY = "A" * 43 + "="


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored") / "home"


@pytest.fixture
def connected(authsome, stored, made_up_key):
    """openai: default, work · anthropic: a, b, none of them default · aws: prod, dev · datadog without a site
    · twin: fills what openai fills."""
    if stored.exists():
        shutil.copytree(stored, authsome.home)
        return authsome

    def login(provider, name, typed):
        authsome("login", provider, "-c", name, "--stdin", input=typed, check=True)

    twin = {
        "schema_version": 1,
        "name": "twin",
        "auth_type": "api_key",
        "env": {"OPENAI_API_KEY": "{api_key}"},
    }
    definition = Path(authsome.folder, "twin.json")
    definition.write_text(json.dumps(twin))
    authsome("provider", "add", str(definition), check=True)
    login("twin", "t", made_up_key())
    login("openai", "default", made_up_key())
    login("openai", "work", made_up_key())
    for name in ("gone", "a", "b"):
        login("anthropic", name, made_up_key("anthropic"))
    authsome("logout", "anthropic", check=True)
    login("aws", "prod", json.dumps({**AWS, "session_token": "s"}).encode())
    login("aws", "dev", json.dumps(AWS).encode())
    login("datadog", "default", json.dumps(DATADOG).encode())
    shutil.copytree(authsome.home, stored)
    return authsome


class Row:
    def __init__(self, error, line, said, hint, *, code=None, typed=b"", env=None, before=None):
        self.error, self.line, self.said, self.hint = error, line, said, hint
        self.code = error.exit_code if code is None else code
        self.name = error.name
        self.typed, self.env, self.before = typed, env, before

    def __repr__(self):
        return " ".join(str(word) for word in self.line)[:60] + (
            f" ({self.before.__name__})" if self.before else ""
        )


# What is done to the home before


def locked(program):
    program("vault", "lock", check=True)


def no_key_file(program):
    shutil.rmtree(os.path.join(program.home, "keys"))


def no_database(program):
    Path(program.home, "vaults/default.db").write_bytes(b"x" * 4096)


def newer_format(program):
    with sqlite3.connect(os.path.join(program.home, "vaults/default.db")) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def unknown_key_in_config(program):
    Path(program.home, "config.toml").write_text('vualt = "work"\n')


def folder_for_a_home(program):
    shutil.rmtree(program.home)
    Path(program.home).write_text("")


def broken_definition(program):
    Path(program.home, "providers/twin.json").write_text('{"schema_version": 1, "name": "twin"')


def definition_in_a_file(program):
    Path(program.folder, "d.json").write_text(
        '{"schema_version": 1, "name": "openai", "auth_type": "api_key"}'
    )


def wrong_definition_in_a_file(program):
    Path(program.folder, "d.json").write_text(
        '{"schema_version": 1, "name": "x", "auth_type": "api_key", "env": {"LD_PRELOAD": "{api_key}"}}'
    )


def bytes_that_are_no_text(program):
    program("login", "twin", "-c", "raw", "--stdin", input=b"\xff\xfe\xfd", check=True)


E = errors
LOGIN_AWS = ["login", "aws", "-c", "new", "--stdin"]
ROWS = [
    # A wrong line
    Row(E.UsageError, ["frobnicate"], "no such command 'frobnicate'$", "`authsome --help`"),
    Row(E.UsageError, ["lst"], r"no such command 'lst' \(did you mean list\?\)", "`authsome --help`"),
    Row(E.UsageError, ["vault", "creat"], r"'creat' \(did you mean create\?\)", "`authsome vault --help`"),
    Row(E.UsageError, ["list", "--al"], r"no such option: --al \(did you mean --all\?\)", "authsome list --help"),
    Row(E.UsageError, ["login"], "missing argument 'PROVIDER'", "`authsome login --help`"),
    Row(E.UsageError, ["get", "openai", "work"], "too many arguments", "`authsome get --help`"),
    # Names that are not allowed
    Row(E.UsageError, ["login", "openai", "-c", "a b"], "'a b' cannot be a name", "use up to 64 letters"),
    Row(E.UsageError, ["login", "openai", "-c", ""], "'' cannot be a name", "use up to 64 letters"),
    Row(E.UsageError, ["login", "openai", "-c", "x" * 65], "cannot be a name", "use up to 64 letters"),
    Row(E.UsageError, ["rename", "openai", "work", "../x"], "'../x' cannot be a name", "use up to 64"),
    Row(E.UsageError, ["rename", "openai", "work", "ä"], "'ä' cannot be a name", "use up to 64"),
    Row(E.UsageError, ["get", "openai", "-c", ""], "'' cannot be a name", "use up to 64"),
    Row(E.UsageError, ["get", "openai", "-c", "a/b"], "'a/b' cannot be a name", "use up to 64"),
    Row(E.UsageError, ["export", "openai", "-c", "a b", "--format", "json"], "'a b' cannot be a name", "use up to 64"),
    Row(E.UsageError, ["vault", "create", "a/b"], "'a/b' cannot be a name", "use up to 64"),
    Row(E.UsageError, ["--vault", "a/b", "list"], "'a/b' cannot be a name", "use up to 64"),
    Row(E.UsageError, ["login", "Open AI"], "'Open AI' cannot be a provider name", "lower-case"),
    Row(E.UsageError, ["token", "openai:"], "'openai:' is not a reference", "provider.:connection..#field."),
    Row(E.UsageError, ["token", "openai#"], "'openai#' is not a reference", "provider.:connection..#field."),
    Row(E.UsageError, ["token", ":work"], "':work' is not a reference", "provider.:connection..#field."),
    # Names that are unknown: the nearest one is suggested
    Row(E.ProviderNotFound, ["login", "opneai"], r"no provider opneai \(did you mean openai\?\)", "provider list"),
    Row(E.ProviderNotFound, ["inspect", "opneai"], r"did you mean openai\?", "authsome provider list"),
    Row(E.ProviderNotFound, ["token", "qqqqq"], "there is no provider qqqqq$", "authsome provider add FILE"),
    Row(E.ProviderNotFound, ["export", "awss", "--format", "json"], r"did you mean aws\?", "provider list"),
    Row(E.ProviderNotFound, ["provider", "show", "opneai"], r"did you mean openai\?", "provider list"),
    Row(E.ProviderNotFound, ["provider", "test", "opneai"], r"did you mean openai\?", "provider list"),
    Row(E.ProviderNotFound, ["provider", "remove", "twn"], r"did you mean twin\?", "provider list"),
    Row(E.ConnectionNotFound, ["get", "openai", "-c", "wrok"], r"openai has no connection wrok \(did you mean "
        r"work\?\); it has default, work", "authsome login openai -c wrok$"),
    Row(E.ConnectionNotFound, ["token", "openai:wrok"], r"did you mean work\?", "authsome login openai -c wrok$"),
    Row(E.ConnectionNotFound, ["set-default", "openai", "wrok"], r"did you mean work\?", "login openai -c wrok$"),
    Row(E.ConnectionNotFound, ["rename", "openai", "wrok", "x"], r"did you mean work\?", "login openai -c wrok$"),
    Row(E.ConnectionNotFound, ["logout", "openai", "-c", "wrok"], r"did you mean work\?", "login openai -c wrok$"),
    Row(E.ConnectionNotFound, ["check", "openai:wrok"], r"did you mean work\?", "login openai -c wrok$"),
    Row(E.ConnectionNotFound, ["inspect", "openai", "-c", "wrok"], r"did you mean work\?", "login openai -c wrok"),
    Row(E.ConnectionNotFound, ["get", "twilio"], "twilio is not connected", "authsome login twilio$"),
    Row(E.ConnectionNotFound, ["logout", "twilio", "--all"], "twilio is not connected", "authsome login twilio$"),
    Row(E.NoDefault, ["token", "anthropic"], "anthropic has no default connection; it has a, b",
        "authsome set-default anthropic a$"),
    Row(E.NoDefault, ["get", "anthropic"], "it has a, b$", "authsome set-default anthropic a$"),
    Row(E.NoDefault, ["logout", "anthropic"], "it has a, b$", "authsome set-default anthropic a$"),
    Row(E.NoDefault, ["check", "anthropic"], "it has a, b$", "authsome set-default anthropic a$"),
    Row(E.NoDefault, ["env", "--format", "json", "-p", "anthropic"], "it has a, b$", "set-default anthropic a$"),
    Row(E.NoDefault, ["env", "--format", "json", "--strict"], "it has a, b$", "set-default anthropic a$"),
    Row(E.UsageError, ["token", "aws:prod#acess_key_id"], r"aws:prod has no field acess_key_id \(did you mean "
        r"access_key_id\?\)", "its fields: access_key_id, secret_access_key, session_token, region"),
    Row(E.UsageError, ["get", "openai", "--field", "acount"], r"did you mean account\?", "its fields: api_key, "),
    Row(E.UsageError, ["token", "aws"], "aws:prod has several fields: access_key_id, ", "aws:prod#access_key_id$"),
    Row(E.UsageError, ["check", "aws#region"], "a field cannot be checked", "authsome check aws$"),
    Row(E.UsageError, ["check", "--min-ttl", "soon"], "'soon' is not a duration", "5m, 1h"),
    Row(E.VaultNotFound, ["list", "--vault", "defualt"], r"no vault defualt \(did you mean default\?\)",
        "default.*, or make it: authsome vault create defualt"),
    Row(E.VaultNotFound, ["vault", "use", "defualt"], r"did you mean default\?", "authsome vault create defualt"),
    Row(E.VaultNotFound, ["vault", "remove", "work", "--yes"], "there is no vault work$", "vault create work"),
    Row(E.VaultNotFound, ["vault", "lock", "work"], "there is no vault work$", "vault create work"),
    Row(E.VaultNotFound, ["login", "openai", "--vault", "work", "--stdin"], "there is no vault work$", "create work"),
    Row(E.UsageError, ["env", "--format", "bsh"], r"unknown format 'bsh' \(did you mean bash\?\)",
        "use one of sh, bash, zsh, fish, powershell, dotenv, json, github, gitlab, docker, systemd"),
    Row(E.UsageError, ["export", "openai", "--format", "jsn"], r"did you mean json\?", "use one of sh, bash"),
    Row(E.UsageError, ["vault", "create", "x", "--key", "keyrnig"], r"did you mean keyring\?", "use one of keyring"),
    Row(E.UsageError, ["list"], r"config.toml, line 1: vualt: unknown key \(did you mean vault\?\)",
        "known keys: vault, key, unlock-ttl, min-ttl, browser", before=unknown_key_in_config),
    # Login
    Row(E.LoginFailed, ["login", "openai", "-c", "new", "--stdin"], "the .* of openai is empty", "login openai"),
    Row(E.LoginFailed, ["login", "openai", "-c", "new", "--stdin"], "is empty", "login openai", typed=b" \n"),
    Row(E.LoginFailed, ["login", "openai", "-c", "new", "--stdin"], "that is no .*: OpenAI keys begin with sk-",
        "authsome provider show openai", typed=b"gsk_abcdefghijklmnopqrstuvwxyz"),
    Row(E.LoginFailed, ["login", "openai", "-c", "new", "--stdin"], "more than 1 MiB", "give the key alone",
        typed=b"sk-" + b"a" * (1 << 20)),
    Row(E.LoginFailed, ["login", "openai", "-c", "new", "--from-env", "NOPE"], "the variable NOPE is not set",
        "export NOPE=… and try again"),
    Row(E.LoginFailed, ["login", "openai", "-c", "new", "--from-env", "EMPTY"], "is empty", "login openai",
        env={"EMPTY": ""}),
    Row(E.LoginFailed, ["login", "openai", "-c", "new"], "no terminal to ask for api_key",
        "authsome login openai --stdin, or --from-env VAR"),
    Row(E.LoginFailed, ["login", "aws", "-c", "new"], "to ask for access_key_id and secret_access_key",
        "authsome login aws --stdin, or --from-env access_key_id=VAR"),
    Row(E.LoginFailed, ["login", "aws", "-c", "new", "--from-env", "access_key_id=ID"], "ask for secret_access_key",
        "--from-env secret_access_key=VAR", env={"ID": AWS["access_key_id"]}),
    Row(E.LoginFailed, LOGIN_AWS, "not a JSON object of texts, and aws has several fields",
        'give {"access_key_id": …, "secret_access_key": …', typed=b"AKIAIOSFODNN7EXAMPLE"),
    Row(E.LoginFailed, LOGIN_AWS, "not a JSON object of texts", "give {", typed=b'["AKIA"]'),
    Row(E.LoginFailed, LOGIN_AWS, "not a JSON object of texts", "give {", typed=b'{"access_key_id": 7}'),
    Row(E.LoginFailed, LOGIN_AWS, "the Access key ID of aws is empty", "authsome login aws", typed=b"{}"),
    Row(E.LoginFailed, LOGIN_AWS, "the Secret access key of aws is empty", "authsome login aws",
        typed=json.dumps({"access_key_id": AWS["access_key_id"]}).encode()),
    Row(E.LoginFailed, LOGIN_AWS, "that is no Region of aws: a region is written like", "provider show aws",
        typed=json.dumps({**AWS, "region": "Frankfurt"}).encode()),
    Row(E.UsageError, LOGIN_AWS, r"aws has no field acces_key_id \(did you mean access_key_id\?\)",
        "its fields: access_key_id, ", typed=b'{"acces_key_id": "x"}'),
    Row(E.UsageError, ["login", "aws", "-c", "new", "--from-env", "KEY"], "--from-env.*: aws has several fields",
        "--from-env access_key_id=", env={"KEY": "x"}),
    Row(E.UsageError, ["login", "aws", "-c", "new", "--from-env", "regoin=R"], r"did you mean region\?", "its fields",
        env={"R": "x"}),
    Row(E.UsageError, ["login", "aws", "-c", "new", "--from-env", "region=R", "--from-env", "region=R"],
        "--from-env gives region twice", "leave one of them out", env={"R": "eu-central-1"}),
    Row(E.UsageError, ["login", "openai", "--stdin", "--from-env", "K"], "--stdin excludes --from-env", "leave one"),
    Row(E.ConnectionExists, ["login", "openai", "--stdin"], "openai is connected as default already, logged in "
        r"\d+[smh] ago$", "-c OTHER-NAME for a second account, or authsome login openai -c default --force"),
    Row(E.ConnectionExists, ["rename", "openai", "work", "default"], "openai has a connection default already",
        "authsome logout openai -c default"),
    Row(E.UsageError, ["login", "openai", "--flow", "pkce"], "openai logs in with an API key, so --flow", "leave it out"),
    Row(E.UsageError, ["login", "github", "--flow", "pkcs"], r"no flow pkcs \(did you mean pkce\?\)",
        "its flows: pkce, device_code"),
    Row(E.UsageError, ["login", "slack", "--base-url", "https://a.example"], "slack is at one place only", "leave it out"),
    Row(E.UsageError, ["login", "github", "--base-url", "http://a.example"], "the base URL is plain http", "write it like"),
    Row(E.UsageError, ["login", "github", "--port", "70000"], "--port 70000 is no port", "from 1 to 65535"),
    Row(E.NotAllowed, ["refresh", "openai"], "openai:default is an API key", "authsome login openai -c default --force"),
    Row(E.NotAllowed, ["client", "set", "openai"], "openai logs in with an API key and has no client", "login openai"),
    Row(E.NotAllowed, ["client", "show", "openai"], "openai logs in with an API key and has no client", "login openai"),
    Row(E.ConnectionNotFound, ["client", "remove", "github"], "the vault has no client of github", "client set github"),
    Row(E.ConnectionNotFound, ["revoke", "groq", "--yes"], "groq is not connected", "authsome login groq"),
    Row(E.Unreachable, ["login", "google", "--flow", "device_code"], "cannot (connect to|reach) ", "",
        env={"GOOGLE_CLIENT_ID": "made-up", "HTTPS_PROXY": "http://127.0.0.1:9"}),
    Row(E.UsageError, ["revoke", "openai"], "no terminal to ask whether you are sure", "give --yes"),
    Row(E.UsageError, ["logout", "openai", "-c", "work", "--all"], "--all excludes --connection", "leave one"),
    # Choosing variables
    Row(E.UsageError, ["env", "--format", "json", "--none", "-p", "openai"], "--none excludes", "leave one"),
    Row(E.UsageError, ["env", "--format", "json", "--none", "--all"], "--none excludes", "leave one"),
    Row(E.UsageError, ["env", "--format", "json", "-p", "openai#api_key"], "a field cannot be selected, only mapped",
        "--map VARIABLE=openai#api_key"),
    Row(E.UsageError, ["env", "--format", "json", "--map", "openai"], "--map openai: no reference", "--map VARIABLE="),
    Row(E.UsageError, ["env", "--format", "json", "--map", "A-B=openai"], "'A-B' cannot be the name of a variable",
        "letters, digits and underscores"),
    *(
        Row(E.NotAllowed, ["env", "--format", "json", "--map", f"{name}=openai"], f"the variable {name} is refused",
            "GITHUB_TOKEN")
        for name in ("LD_PRELOAD", "PATH", "BASH_ENV", "NODE_OPTIONS", "GIT_SSH_COMMAND", "https_proxy", "AUTHSOME_X")
    ),
    Row(E.NotAllowed, ["env", "--format", "json", "-p", "openai", "--prefix", "LD_"], "LD_OPENAI_API_KEY is refused",
        "GITHUB_TOKEN"),
    Row(E.UsageError, ["env", "--format", "json", "-p", "openai", "-p", "openai:work"],
        "openai:default and openai:work fill the same OPENAI_API_KEY$",
        "choose: --map OPENAI_API_KEY=openai:default$"),
    Row(E.UsageError, ["env", "--format", "json", "-p", "openai:work", "-p", "twin"],
        "openai:work and twin:t fill the same OPENAI_API_KEY$", "choose: --map OPENAI_API_KEY=openai:work$"),
    Row(E.UsageError, ["env", "--format", "json", "-p", "aws:dev", "-p", "aws:prod", "--prefix", "X_"],
        "aws:dev and aws:prod fill the same X_AWS_ACCESS_KEY_ID, X_AWS_SECRET_ACCESS_KEY, X_AWS_SESSION_TOKEN$",
        "choose one of them, as in -p aws:dev$"),
    Row(E.UsageError, ["env", "--format", "json", "-p", "openai", "-p", "twin", "--map", "X=openai"], "fill the same",
        "--map OPENAI_API_KEY=openai:default"),
    Row(E.CredentialUnusable, ["token", "aws:dev#session_token"], "aws:dev was logged in without session_token",
        "authsome login aws -c dev --force"),
    Row(E.UsageError, ["env", "--format", "json", "--unset"], "the format json cannot unset", "use one of sh, bash"),
    Row(E.NotAllowed, ["env", "--format", "github"], "GITHUB_ENV is not set", "GitHub Actions"),
    Row(E.NotAllowed, ["env", "--format", "gitlab"], "an artifact that others can download", "--to-artifact"),
    Row(E.CannotExpress, ["env", "--format", "json", "-p", "twin:raw"], "OPENAI_API_KEY is not UTF-8", "authsome run",
        before=bytes_that_are_no_text),
    Row(E.CannotExpress, ["token", "twin:raw", "--json"], "twin:raw is not UTF-8", "authsome run",
        before=bytes_that_are_no_text),
    Row(E.CannotExpress, ["get", "twin", "-c", "raw", "--show-secret", "--json"], "api_key is not UTF-8", "run",
        before=bytes_that_are_no_text),
    # Definitions
    Row(E.ProviderExists, ["provider", "add", "d.json"], "a bundled provider openai already", "--replace",
        before=definition_in_a_file),
    Row(E.InvalidDefinition, ["provider", "add", "d.json"], "d.json.*: env.LD_PRELOAD", "GITHUB_TOKEN",
        before=wrong_definition_in_a_file),
    Row(E.InvalidDefinition, ["provider", "test", "twin"], "twin.json", "", before=broken_definition),
    Row(E.NotAllowed, ["provider", "remove", "openai"], "openai is bundled and cannot be removed", "--replace"),
    Row(E.UsageError, ["provider", "add", "nope.json"], "cannot read nope.json: no such file", "give the path"),
    # Vaults and keys
    Row(E.NotAllowed, ["init"], "the vault default exists already", "authsome vault rekey default --key"),
    Row(E.NotAllowed, ["vault", "create", "default"], "there is a vault default already", "--vault default list"),
    Row(E.UsageError, ["vault", "remove", "default"], "no terminal to ask whether you are sure", "give --yes"),
    Row(E.VaultLocked, ["token", "openai"], "vault default is locked", "authsome vault unlock default$",
        before=locked),
    Row(E.KeyUnavailable, ["token", "openai"], "the key file .* is gone", "put it back", before=no_key_file),
    Row(E.KeyUnavailable, ["list"], "AUTHSOME_MASTER_KEY", "", env={"AUTHSOME_MASTER_KEY": "nonsense"}),
    Row(E.WrongKey, ["list"], "AUTHSOME_MASTER_KEY does not open vault default", "AUTHSOME_MASTER_KEY",
        env={"AUTHSOME_MASTER_KEY": OTHER_KEY}),
    Row(E.VaultDamaged, ["list"], "default.db", "", before=no_database),
    Row(E.VaultFormat, ["list"], "has format version 99, and this program knows version", "upgrade authsome",
        before=newer_format),
    Row(E.StorageError, ["init", "--key", "file"], "", "", before=folder_for_a_home),
    # A run's own failures; its command's codes are the command's
    Row(E.UsageError, ["run"], "no command to run", "authsome run -- COMMAND", code=125),
    Row(E.UsageError, ["run", "--"], "no command to run", "authsome run -- COMMAND", code=125),
    Row(E.UsageError, ["run", "--frob", "true"], "no such option: --frob", "`authsome run --help`", code=125),
    Row(E.ProviderNotFound, ["run", "-p", "opneai", "true"], r"did you mean openai\?", "provider list", code=125),
    Row(E.ConnectionNotFound, ["run", "-p", "openai:wrok", "true"], "it has default, work", "login", code=125),
    Row(E.NoDefault, ["run", "-p", "anthropic", "true"], "it has a, b", "set-default anthropic a$", code=125),
    Row(E.VaultNotFound, ["run", "--vault", "work", "true"], "no vault work", "vault create work", code=125),
    Row(E.NotAllowed, ["run", "--none", "--map", "ENV=openai", "true"], "ENV is refused", "", code=125),
    Row(E.UsageError, ["run", "-p", "openai", "-p", "openai:work", "true"], "fill the same", "--map OPEN", code=125),
    Row(E.UsageError, ["run", "--deliver", "dotnev", "true"], "did you mean dotenv", "use one of env", code=125),
    Row(E.UsageError, ["run", "--path", ".env", "true"], "--path needs", "--deliver dotenv --path .env", code=125),
    Row(E.UsageError, ["run", "--dotenv-for", "docker", "true"], "one file", "--deliver dotenv --dot", code=125),
    Row(E.VaultLocked, ["run", "true"], "vault default is locked", "vault unlock default", code=125, before=locked),
]  # fmt: skip


def here(program, *line, typed=b"", env=None):
    """As `program(*line)`, by the same code in this process. Not for `run`, which would become its command."""
    assert "run" not in line or "--explain" in line
    names = [os.path.join(program.temporary, name) for name in ("in", "out", "err")]
    Path(names[0]).write_bytes(typed)
    flags = [os.O_RDONLY, *2 * [os.O_CREAT | os.O_RDWR | os.O_TRUNC]]
    descriptors = [os.open(name, flag, 0o600) for name, flag in zip(names, flags, strict=True)]
    invocation = Invocation(
        environ=program.environment(env),
        now=time.time,
        random=os.urandom,
        **dict(zip(("stdin", "stdout", "stderr"), descriptors, strict=True)),
    )
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        code = perform(["--no-input", *line], invocation)
    finally:
        signal.signal(signal.SIGINT, interrupt)
        for each in descriptors:
            os.close(each)
    out, err = (Path(name).read_bytes() for name in names[1:])
    for name in names:
        os.unlink(name)
    program.heard(line, out, err)
    return subprocess.CompletedProcess(line, code, out, err)


def say(program, row, *flags):
    if row.before:
        row.before(program)
    line = [*flags, *row.line]
    if row.code == 125 or row in FIRST:
        return program(*line, input=row.typed, env=row.env, cwd=program.folder)
    return here(program, *line, typed=row.typed, env=row.env)


FIRST = list(
    {row.error: row for row in reversed(ROWS) if "--json" not in row.line and row.code != 125}.values()
)


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_an_error_is_two_lines_on_stderr_and_nothing_else(connected, row, monkeypatch):
    monkeypatch.chdir(connected.folder)
    done = say(connected, row)
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (row.code, b""), said
    if "--json" in row.line:
        fields = json.loads(said)
        name, message, hint = fields["error"], fields["message"], fields["hint"]
        assert said.count("\n") == 1
    else:
        found = re.fullmatch(r"authsome: (?P<said>[^\n]+) \[(?P<name>\w+)\]\nhint: (?P<hint>[^\n]+)\n", said)
        assert found, said
        message, name, hint = found["said"], found["name"], found["hint"]
    assert name == row.name
    assert re.search(row.said, message), message
    assert re.search(row.hint, hint), hint
    assert message[:1] == message[:1].lower() or message.startswith(("AUTHSOME", "GITHUB")) or "/" in message
    assert not message.endswith(".")
    assert not hint.endswith(".")


@pytest.mark.parametrize("row", [*FIRST, ROWS[-1]], ids=lambda row: row.name)
def test_with_json_an_error_is_one_line(connected, row):
    done = say(connected, row, "--json")
    assert (done.returncode, done.stdout) == (row.code, b"")
    assert done.stderr.count(b"\n") == 1
    said = json.loads(done.stderr)
    assert said.keys() == {"error", "message", "hint"}
    assert said["error"] == row.name
    assert re.search(row.said, said["message"])
    assert re.search(row.hint, said["hint"])


def test_every_error_that_the_program_raises_has_a_row():
    classes = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.AuthsomeError)
    }
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "errors.py")
    raised = {each for each in classes if re.search(rf"\b{each.__name__}\(\s", source.replace("(", "( "))}
    shown = {row.error for row in ROWS}
    # Shown elsewhere: what a person does at a prompt, and mistakes of ours (test_prompts, test_frame).
    assert raised - shown == {errors.LoginCancelled, errors.AuthsomeError}


def test_exit_codes_are_the_documented_ones():
    documented = {
        1: {"unexpected", "storage"},
        2: {"usage"},
        3: {"connection_not_found", "no_default"},
        4: {"provider_not_found", "invalid_definition", "not_allowed", "cannot_express"},
        5: {"credential_unusable"},
        6: {"connection_exists"},
        7: {"provider_exists"},
        8: {"unreachable"},
        9: {"login_failed", "login_cancelled"},
        10: {
            *("vault", "vault_not_found", "vault_locked", "key_unavailable", "wrong_key"),
            *("vault_damaged", "vault_format"),
        },
        11: {"project_not_allowed"},
    }
    found: dict[int, set[str]] = {}
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, errors.AuthsomeError):
            found.setdefault(each.exit_code, set()).add(each.name)
    assert found == documented


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["no-such-command"], 127),
        (["./nothing/here"], 127),
        (["/etc/passwd"], 126),
        (["/"], 126),
        ([""], 127),
    ],
    ids=repr,
)
def test_a_command_that_cannot_be_started_is_126_or_127(connected, command, code):
    done = connected("run", "-p", "openai", "--", *command)
    assert (done.returncode, done.stdout) == (code, b"")
    assert re.fullmatch(rb"authsome: cannot run [^\n]+ \[command_not_\w+\]\nhint: [^\n]+\n", done.stderr)
    said = json.loads(connected("--json", "run", "-p", "openai", "--", *command).stderr)
    assert said["error"] in ("command_not_found", "command_not_executable")


def test_a_run_whose_command_fails_says_nothing(connected):
    done = connected("run", "-p", "openai", "--", "sh", "-c", "exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")


def test_a_definition_that_has_gone_does_not_stop_a_run_of_the_others(connected):
    os.unlink(os.path.join(connected.home, "providers/twin.json"))
    done = connected("run", "--", "sh", "-c", "echo ${OPENAI_API_KEY:+there}")
    assert (done.returncode, done.stdout) == (0, b"there\n")
    assert b"warning: twin:t is left out: there is no provider twin" in done.stderr
    connected("login", "openai", "-c", "third", "--from-env", "K", env={"K": "sk-" + "a" * 30}, check=True)
    done = connected("token", "twin:t")
    assert (done.returncode, done.stderr) == (0, b"")


# Global flags stand before and after the verb

LINES = {
    "run": ["--explain"],
    "ps": [],
    "env": ["--format", "json"],
    "token": ["openai:wrok"],
    "export": ["openai", "--format", "json"],
    "login": ["openai", "--stdin"],
    "list": ["--all"],
    "inspect": ["openai"],
    "get": ["aws", "-c", "prod"],
    "check": ["openai:default"],
    "set-default": ["openai", "wrok"],
    "rename": ["openai", "wrok", "x"],
    "logout": ["twilio"],
    "refresh": ["twilio"],
    "revoke": ["twilio", "--yes"],
    "client set": ["openai"],
    "client show": ["openai"],
    "client remove": ["openai"],
    "init": ["--key", "file"],
    "whoami": [],
    "provider list": [],
    "provider show": ["aws"],
    "provider add": ["no-such-file"],
    "provider remove": ["openai"],
    "provider test": ["aws"],
    "vault list": [],
    "vault create": ["second"],
    "vault use": ["nope"],
    "vault remove": ["nope", "--yes"],
    "vault lock": ["nope"],
    "vault unlock": [],
    "vault rekey": ["nope"],
    "demo": ["--bogus"],
}  # each changes nothing


@pytest.fixture(scope="module")
def shared(stored, tmp_path_factory):
    """A home for lines that change nothing: with a second vault, so that --vault can be seen to count."""
    return {"AUTHSOME_HOME": str(tmp_path_factory.mktemp("shared") / "home")}


@pytest.mark.parametrize("words", LINES)
def test_global_flags_mean_the_same_before_and_after_the_verb(connected, shared, words):
    if not os.path.isdir(shared["AUTHSOME_HOME"]):
        connected("vault", "create", "second", "--key", "file", check=True)
        shutil.copytree(connected.home, shared["AUTHSOME_HOME"])
    verb, line = words.split(), LINES[words]
    flags = ["--json", "--no-input", "--no-color", "--quiet", "--vault=second"]
    before = here(connected, *flags, *verb, *line, env=shared)
    after = here(connected, *verb, *flags, *line, env=shared)
    behind = here(connected, *verb, *line, *flags, env=shared)
    plain = here(connected, *verb, *line, env=shared)
    told = [(done.returncode, done.stdout, done.stderr) for done in (before, after, behind)]
    assert told[0] == told[1] == told[2]
    assert told[0] != (plain.returncode, plain.stdout, plain.stderr)
    assert all(isinstance(json.loads(text), dict) for text in (*told[0][1:],) if text)


def test_every_command_is_in_that_table():
    assert LINES.keys() == {row.words for row in COMMANDS} - {"provider", "vault", "client"}
