"""Which variables a command gets, and from which connections: `run` and `env` over one home.

`run` is asked by the environment that its command sees; `env` by the JSON that it prints. Both must agree.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from authsome_env.app.workspace import Workspace

PROD = {"access_key_id": "AKIA" + "P" * 16, "secret_access_key": "p" * 40, "session_token": "session"}
DEV = {"access_key_id": "AKIA" + "D" * 16, "secret_access_key": "d" * 40}
DUMP = "import json, os; print(json.dumps(dict(os.environ)))"
PYTHON = [sys.executable, "-I", "-S", "-c"]
AWS_VARIABLES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
}


@pytest.fixture(scope="module")
def keys(made_up_key):
    names = ("default", "work")
    return {**{name: made_up_key().decode() for name in names}, "twin": made_up_key().decode()}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored") / "home"


@pytest.fixture
def connected(authsome, stored, keys):
    """openai: default, work · aws: dev (the default), prod (with a session token)."""
    if stored.exists():
        shutil.copytree(stored, authsome.home)
        return authsome
    for name in ("default", "work"):
        authsome("login", "openai", "-c", name, "--stdin", input=keys[name].encode(), check=True)
    for name, fields in (("dev", DEV), ("prod", PROD)):
        authsome("login", "aws", "-c", name, "--stdin", input=json.dumps(fields).encode(), check=True)
    shutil.copytree(authsome.home, stored)
    return authsome


@pytest.fixture
def twin(connected, keys):
    """One more provider, whose default connection fills what openai's does."""
    definition = {
        "schema_version": 1,
        "name": "twin",
        "auth_type": "api_key",
        "env": {"OPENAI_API_KEY": "{api_key}"},
    }
    path = Path(connected.folder, "twin.json")
    path.write_text(json.dumps(definition))
    connected("provider", "add", str(path), check=True)
    connected("login", "twin", "-c", "t", "--stdin", input=keys["twin"].encode(), check=True)
    return connected


def expire(program, provider, name):
    with Workspace(program.environ, now=time.time).open() as vault, vault.transaction():
        vault.update(vault.find(provider, name), expires_at=1.0)


def environment_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run(program, *line, env=None):
    """(the command's whole environment, what was said). Helpers would add variables of theirs."""
    done = program("run", *line, "--no-helpers", "--", *PYTHON, DUMP, env=env)
    return environment_of(done), done.stderr.decode()


def injected(program, *line):
    """The variables that `run` adds, which `env` prints too."""
    found, _ = run(program, *line)
    added = {
        name: value for name, value in found.items() if name not in program.environ and name != "LC_CTYPE"
    }
    assert environment_of(program("env", "--format", "json", *line)) == added
    return added


def aws(fields):
    return {
        name: fields[field]
        for name, field in (
            ("AWS_ACCESS_KEY_ID", "access_key_id"),
            ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
            ("AWS_SESSION_TOKEN", "session_token"),
        )
        if field in fields
    }


@pytest.mark.parametrize(
    ("line", "openai", "account"),
    [
        ([], "default", DEV),
        (["--all"], "default", DEV),
        (["-p", "openai"], "default", {}),
        (["-p", "openai:work"], "work", {}),
        (["--provider=openai:work", "-p", "aws:prod"], "work", PROD),
        (["-p", "aws"], None, DEV),
        (["-p", "openai:work", "--all"], "work", DEV),
        (["-p", "aws:prod", "--all"], "default", PROD),
        (["-p", "openai", "-p", "openai:default"], "default", {}),
        (["--none"], None, {}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_which_connections_are_chosen(connected, keys, line, openai, account):
    assert injected(connected, *line) == {
        **({"OPENAI_API_KEY": keys[openai]} if openai else {}),
        **aws(account),
    }


def test_map_fills_any_variable_from_any_connection_or_field(connected, keys):
    line = ["--none", "--map", "A=openai:work", "--map", "B=openai", "--map", "C=aws:prod#session_token"]
    line += ["--map", "D=authsome://openai/work#api_key"]
    assert injected(connected, *line) == {
        "A": keys["work"],
        "B": keys["default"],
        "C": PROD["session_token"],
        "D": keys["work"],
    }
    more = injected(connected, "-p", "openai", "--map", "OTHER=openai:work")
    assert more == {"OPENAI_API_KEY": keys["default"], "OTHER": keys["work"]}


def test_map_wins_over_the_definition_and_settles_a_collision(connected, keys):
    line = ["-p", "openai", "-p", "openai:work"]
    assert connected("env", "--format", "json", *line).returncode == 2
    for name in ("default", "work"):
        chosen = injected(connected, *line, "--map", f"OPENAI_API_KEY=openai:{name}")
        assert chosen == {"OPENAI_API_KEY": keys[name]}


def test_the_line_that_the_hint_of_a_collision_shows_settles_it(connected, keys):
    connected("logout", "aws", "-c", "prod", check=True)
    typed = json.dumps({**DEV, "region": "eu-central-1"}).encode()
    for name in ("one", "two"):
        connected("login", "aws", "-c", name, "--stdin", input=typed, check=True)
    line = ["-p", "aws:two", "-p", "aws:one"]
    said = connected("run", *line, "--", "true").stderr.decode()
    hint = said.partition("hint: choose: ")[2].split()
    assert hint[:2] == ["--map", "AWS_ACCESS_KEY_ID=aws:two#access_key_id"]
    assert injected(connected, *line, *hint).keys() == AWS_VARIABLES - {"AWS_SESSION_TOKEN"}


def test_no_account_gets_the_session_token_of_another(connected):
    done = connected("env", "--format", "json", "-p", "aws:dev", "-p", "aws:prod")
    assert done.returncode == 2
    assert b"AWS_SESSION_TOKEN" in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[1] == b"hint: choose one of them, as in -p aws:dev"


def test_a_prefix_stands_before_definitions_variables_alone(connected, keys):
    found = injected(connected, "-p", "openai", "--prefix", "MY_", "--map", "PLAIN=openai:work")
    assert found == {"MY_OPENAI_API_KEY": keys["default"], "PLAIN": keys["work"]}


def test_a_prefix_leaves_the_inherited_namesake_alone(connected, keys):
    found, _ = run(connected, "-p", "openai", "--prefix", "MY_", env={"OPENAI_API_KEY": "mine"})
    assert (found["OPENAI_API_KEY"], found["MY_OPENAI_API_KEY"]) == ("mine", keys["default"])


def test_a_provider_that_was_named_needs_no_default(connected, keys):
    with Workspace(connected.environ, now=time.time).open() as vault, vault.transaction():
        vault.update(vault.find("aws", "dev"), is_default=False)
    found, said = run(connected, "-p", "aws:prod", "--all")
    assert (found["AWS_SESSION_TOKEN"], found["OPENAI_API_KEY"], said) == ("session", keys["default"], "")
    found, said = run(connected)
    assert not AWS_VARIABLES & found.keys()
    assert said.startswith(
        "authsome: warning: aws is left out: aws has no default connection; it has dev, prod"
    )


# Two defaults that fill one variable


def test_two_defaults_that_fill_one_variable_leave_it_out_with_one_warning(twin):
    found, said = run(twin, env={"OPENAI_API_KEY": "of another account"})
    assert "OPENAI_API_KEY" not in found
    assert found["AWS_ACCESS_KEY_ID"] == DEV["access_key_id"]
    assert said == (
        "authsome: warning: OPENAI_API_KEY is left out: openai:default and twin:t fill the same"
        " OPENAI_API_KEY (choose: --map OPENAI_API_KEY=openai:default)\n"
    )
    assert twin("run", "--strict", "--", "true").returncode == 125
    assert twin("env", "--strict", "--format", "json").returncode == 2


def test_a_named_connection_wins_over_a_default(twin, keys):
    assert injected(twin, "-p", "openai:work", "--all")["OPENAI_API_KEY"] == keys["work"]
    assert injected(twin, "-p", "twin", "--all")["OPENAI_API_KEY"] == keys["twin"]


def test_a_text_that_all_definitions_give_alike_is_no_collision(connected, tmp_path):
    definition = {
        "schema_version": 1,
        "name": "lab",
        "auth_type": "api_key",
        "env": {"LAB_TOKEN": "{api_key}", "LAB_KIND": "key", "LAB_AUTH": "Bearer {api_key}"},
    }
    (tmp_path / "lab.json").write_text(json.dumps(definition))
    connected("provider", "add", str(tmp_path / "lab.json"), check=True)
    for name in ("a", "b"):
        connected("login", "lab", "-c", name, "--stdin", input=name.encode(), check=True)
    assert injected(connected, "-p", "lab:b") == {"LAB_TOKEN": "b", "LAB_KIND": "key", "LAB_AUTH": "Bearer b"}
    done = connected("env", "--format", "json", "-p", "lab:a", "-p", "lab:b")
    # No --map can say `Bearer {api_key}`, so none is shown.
    assert done.stderr == (
        b"authsome: lab:a and lab:b fill the same LAB_TOKEN, LAB_AUTH [usage]\n"
        b"hint: choose one of them, as in -p lab:a\n"
    )
    line = ["-p", "lab:a", "-p", "lab:b", "--map", "LAB_TOKEN=lab:a", "--map", "LAB_AUTH=lab:b"]
    assert injected(connected, *line) == {"LAB_TOKEN": "a", "LAB_KIND": "key", "LAB_AUTH": "b"}


def test_a_map_is_not_offered_where_it_would_mix_two_accounts(connected, tmp_path):
    """What the other connection fills besides, a server say, would stay beside the token that was chosen."""

    def add(name, env):
        definition = {"schema_version": 1, "name": name, "auth_type": "api_key", "env": env}
        (tmp_path / f"{name}.json").write_text(json.dumps(definition))
        connected("provider", "add", str(tmp_path / f"{name}.json"), check=True)
        connected("login", name, "--stdin", input=name.encode(), check=True)

    def hint(*names):
        line = [word for name in names for word in ("-p", name)]
        return connected("env", "--format", "json", *line).stderr.decode().partition("hint: ")[2]

    add("bare", {"LAB_TOKEN": "{api_key}"})
    add("lab", {"LAB_TOKEN": "{api_key}", "LAB_TEAM": "{api_key}"})
    add("other", {"LAB_TOKEN": "{api_key}", "LAB_SITE": "{api_key}"})
    assert hint("bare", "lab") == "choose: --map LAB_TOKEN=lab:default\n"
    line = ["-p", "bare", "-p", "lab", "--map", "LAB_TOKEN=lab:default"]
    assert injected(connected, *line) == {"LAB_TOKEN": "lab", "LAB_TEAM": "lab"}
    assert hint("lab", "other") == "choose one of them, as in -p lab:default\n"


# Connections that cannot be used


def test_an_expired_default_is_left_out_with_one_warning_and_its_variables_are_taken_away(connected, keys):
    expire(connected, "aws", "dev")
    inherited = dict.fromkeys(AWS_VARIABLES, "of another account")
    found, said = run(connected, env=inherited)
    assert not AWS_VARIABLES & found.keys()
    assert found["OPENAI_API_KEY"] == keys["default"]
    assert said == (
        "authsome: warning: aws:dev is left out: aws:dev is expired (authsome login aws -c dev)\n"
    )
    printed = connected("env", "--format", "bash", env=inherited).stdout.decode()
    assert set(printed.partition(";")[0].split()[2:]) == AWS_VARIABLES


def test_an_expired_connection_that_was_named_is_an_error(connected):
    expire(connected, "aws", "dev")
    for line in (
        ["-p", "aws"],
        ["-p", "aws:dev"],
        ["--map", "X=aws#access_key_id", "-p", "openai"],
        ["--strict"],
    ):
        done = connected("run", *line, "--", "echo", "started")
        assert (done.returncode, done.stdout) == (125, b"")
        assert done.stderr == (
            b"authsome: aws:dev is expired [credential_unusable]\nhint: authsome login aws -c dev\n"
        )
    assert injected(connected, "-p", "aws:prod") == aws(PROD)


def test_quiet_leaves_the_warnings_out(connected):
    expire(connected, "aws", "dev")
    assert run(connected, "--quiet")[1] == ""


def test_json_makes_a_warning_a_line_of_json(connected):
    expire(connected, "aws", "dev")
    _, said = run(connected, "--json")
    assert json.loads(said).keys() == {"warning"}


def test_a_newcomers_run_says_that_nothing_is_injected(authsome):
    authsome("vault", "create", "default", "--key", "file", check=True)
    _, said = run(authsome)
    assert said == "authsome: warning: there is no connection yet, so nothing is injected\n"
    assert run(authsome, "--none")[1] == ""


# What is inherited


def test_injected_values_win_over_inherited_ones_unless_they_are_kept(connected, keys):
    inherited = {"OPENAI_API_KEY": "inherited", "UNRELATED": "stays"}
    found, _ = run(connected, "-p", "openai", env=inherited)
    assert (found["OPENAI_API_KEY"], found["UNRELATED"]) == (keys["default"], "stays")
    found, _ = run(connected, "-p", "openai", "--keep-existing", env=inherited)
    assert (found["OPENAI_API_KEY"], found["UNRELATED"]) == ("inherited", "stays")
    found, _ = run(connected, "-p", "openai", "--keep-existing", env={"UNRELATED": "stays"})
    assert found["OPENAI_API_KEY"] == keys["default"]


def test_an_absent_secret_takes_the_inherited_variable_away_but_an_absent_region_does_not(connected):
    inherited = {"AWS_SESSION_TOKEN": "of another account", "AWS_REGION": "us-east-1", "AWS_PROFILE": "x"}
    found, _ = run(connected, "-p", "aws:dev", env=inherited)
    assert {name: value for name, value in found.items() if name.startswith("AWS_")} == {
        **aws(DEV),
        "AWS_REGION": "us-east-1",
        "AWS_PROFILE": "x",  # which no connection fills
    }
    printed = connected("env", "--format", "bash", "-p", "aws:dev").stdout
    assert printed.startswith(b"unset -v AWS_SESSION_TOKEN; export ")


def test_clean_pass_and_drop_filter_what_is_inherited_and_nothing_else(connected, keys):
    inherited = {"X1": "1", "X2": "2", "B": "3", "LC_ALL": "C.UTF-8", "TERM": "dumb", "TZ": "UTC"}
    essentials = {"PATH", "HOME", "TERM", "LANG", "LC_ALL", "TZ", "TMPDIR"}
    mine = {"OPENAI_API_KEY"}

    def names(*line):
        found, _ = run(connected, "-p", "openai", *line, env=inherited)
        assert found["OPENAI_API_KEY"] == keys["default"]
        return found.keys()

    everything = connected.environment(inherited).keys() | mine
    assert names() == everything
    assert names("--clean") == essentials | mine
    assert names("--clean", "--pass", "X*") == essentials | mine | {"X1", "X2"}
    assert names("--pass", "B") == essentials | mine | {"B"}
    assert names("--drop", "X?", "--drop", "LC_*") == everything - {"X1", "X2", "LC_ALL"}
    assert names("--pass", "[XB]*", "--drop", "X2", "--drop", "OPENAI*") == essentials | mine | {"X1", "B"}


def test_our_own_keys_never_reach_the_command(connected, secret):
    key_file = os.path.join(connected.folder, "not-there")
    passphrase = secret(b"correct horse battery staple").decode()
    inherited = {
        "AUTHSOME_MASTER_KEY_FILE": key_file,
        "AUTHSOME_PASSPHRASE": passphrase,
        "AUTHSOME_VAULT": "default",
    }
    for flags in ([], ["--pass", "*"], ["--keep-existing"], ["--clean", "--pass", "AUTHSOME_*"]):
        found, _ = run(connected, "--none", *flags, env=inherited)
        assert not {"AUTHSOME_MASTER_KEY_FILE", "AUTHSOME_PASSPHRASE"} & found.keys()
        assert found["AUTHSOME_VAULT"] == "default"


def test_a_master_key_in_the_environment_opens_the_vault_and_stays_behind(authsome, made_up_key, secret):
    master = {"AUTHSOME_MASTER_KEY": secret(b"TWFzdGVyLWtleS1vZi0zMi1ieXRlcy1mb3ItdGVzdHM=").decode()}
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=key, env=master, check=True)
    found, _ = run(authsome, env=master)
    assert found["OPENAI_API_KEY"] == key.decode()
    assert "AUTHSOME_MASTER_KEY" not in found
    assert b"AUTHSOME_MASTER_KEY" not in authsome("run", "--", "cat", "/proc/self/environ", env=master).stdout


def test_bytes_that_are_no_text_arrive_as_they_are(twin):
    raw = bytes(set(range(1, 256)) - {10, 13})
    twin("login", "twin", "-c", "raw", "--stdin", input=raw, check=True)
    done = twin(
        "run", "-p", "twin:raw", "--", *PYTHON, "import os; os.write(1, os.environb[b'OPENAI_API_KEY'])"
    )
    assert done.stdout == raw


# What --explain says is what run does


def test_explain_shows_what_run_would_do_and_runs_nothing(connected):
    inherited = {"OPENAI_API_KEY": "mine", "AWS_SESSION_TOKEN": "of another account"}
    done = connected("run", "--explain", "--keep-existing", "--", "echo", "started", env=inherited)
    lines = [line.split("  ") for line in done.stdout.decode().splitlines()]
    rows = {line[0].strip(): [cell.strip() for cell in line[1:] if cell] for line in lines}
    assert rows["VARIABLE"] == ["CONNECTION", "EXPIRES IN", "STAYS FRESH", "UNTIL"]
    assert rows["AWS_ACCESS_KEY_ID"] == ["aws:dev", "-", "does not expire", "-"]
    assert rows["OPENAI_API_KEY"][0] == "inherited (kept)"
    assert b"started" not in done.stdout
    answer = json.loads(connected("run", "--explain", "--json", env=inherited).stdout)
    assert {row["variable"]: row["connection"] for row in answer["variables"]} == {
        "AWS_ACCESS_KEY_ID": "aws:dev",
        "AWS_SECRET_ACCESS_KEY": "aws:dev",
        "OPENAI_API_KEY": "openai:default",
    }
    assert answer["removed"] == ["AWS_SESSION_TOKEN"]
