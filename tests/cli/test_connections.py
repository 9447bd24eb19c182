"""The rules of connections: which is the default, what a login may replace, what a logout leaves."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from authsome_env.app.workspace import Workspace

AWS = {"access_key_id": "AKIA" + "B" * 16, "secret_access_key": "b" * 40}


def opened(program):
    """The vault as a witness; the commands that show it have tests of their own, and take longer."""
    return Workspace(program.environ, now=time.time).open()


def state(program, provider="openai"):
    """{name: (default, status)} of a provider's connections."""
    with opened(program) as vault:
        found = [each.connection for each in vault.of_provider(provider)]
    return {each.name: (each.is_default, each.status(time.time())) for each in found}


def defaults(program, provider="openai"):
    return [name for name, (is_default, _) in state(program, provider).items() if is_default]


def token(program, reference):
    """What `authsome token` prints."""
    provider, _, name = reference.partition(":")
    with opened(program) as vault:
        return (
            (vault.find(provider, name) if name else vault.default(provider)).fields["api_key"].reveal_bytes()
        )


def change(program, provider, name, **changes):
    """What time or the provider does to a connection."""
    with opened(program) as vault, vault.transaction():
        vault.update(vault.find(provider, name), **changes)


def connection(program, provider, name):
    with opened(program) as vault:
        return vault.find(provider, name).connection


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return tmp_path_factory.mktemp("stored") / "home"


@pytest.fixture
def connected(authsome, stored, made_up_key):
    """openai: first (the default), second, third."""
    if stored.exists():
        shutil.copytree(stored, authsome.home)
        return authsome
    for name in ("first", "second", "third"):
        authsome("login", "openai", "-c", name, "--stdin", input=made_up_key(), check=True)
    shutil.copytree(authsome.home, stored)
    return authsome


# Login


def test_the_first_connection_is_the_default_whatever_its_name_and_no_later_one(authsome, made_up_key):
    keys = [made_up_key() for _ in range(3)]
    first = authsome("login", "openai", "-c", "work", "--stdin", input=keys[0])
    assert first.stdout == b""
    assert first.stderr.endswith(b"saved openai:work\ndefault: work\n")
    second = authsome("login", "openai", "--stdin", input=keys[1] + b"\n")
    assert second.stderr == b"saved openai:default\n"
    assert defaults(authsome) == ["work"]
    assert token(authsome, "openai") == keys[0]
    assert token(authsome, "openai:default") == keys[1]
    other = authsome("login", "groq", "--stdin", input=made_up_key("groq"))
    assert other.stderr == b"saved groq:default\ndefault: default\n"


def test_a_usable_connection_is_not_replaced_and_nothing_is_asked_for(connected):
    before = token(connected, "openai:second")
    read, write = os.pipe()  # nobody writes, so whoever reads waits for ever
    try:
        process = connected.start("login", "openai", "-c", "second", "--stdin", stdin=read, stderr=write)
        assert process.wait(60) == 6
    finally:
        os.close(read)
        os.close(write)
    done = connected("login", "openai", "-c", "second", "--from-env", "NOT_SET")
    assert done.returncode == 6
    assert b"openai is connected as second already, logged in " in done.stderr
    assert token(connected, "openai:second") == before


def test_the_refusal_says_when_and_for_whom(connected):
    change(
        connected, "openai", "second", account="ada@example.org", logged_in_at=time.time() - 3 * 86400 - 60
    )
    done = connected("login", "openai", "-c", "second", "--stdin")
    assert b"openai is connected as second already, logged in 3d ago for ada@example.org " in done.stderr


def test_force_overwrites_makes_it_the_default_and_says_so(connected, made_up_key):
    key, key_2 = made_up_key(), made_up_key()
    done = connected("login", "openai", "-c", "second", "--force", "--stdin", input=key)
    assert done.stderr == b"saved openai:second\ndefault: second (was first)\n"
    assert defaults(connected) == ["second"]
    assert token(connected, "openai") == key
    done = connected("login", "openai", "-c", "new", "--force", "--stdin", input=key_2)
    assert done.stderr == b"saved openai:new\ndefault: new (was second)\n"
    assert token(connected, "openai") == key_2
    again = connected("login", "openai", "-c", "new", "--force", "--stdin", input=key)
    assert again.stderr == b"saved openai:new\ndefault: new\n"
    assert sorted(state(connected)) == ["first", "new", "second", "third"]


@pytest.mark.parametrize("name", ["first", "second"])
@pytest.mark.parametrize(
    ("changes", "status"), [({"refused": True}, "invalid"), ({"expires_at": 1.0}, "expired")]
)
def test_a_dead_connection_is_repaired_in_place_and_keeps_its_default_mark(
    connected, made_up_key, name, changes, status
):
    change(connected, "openai", name, **changes)
    old = connection(connected, "openai", name)
    assert state(connected)[name] == (name == "first", status)
    key = made_up_key()
    done = connected("login", "openai", "-c", name, "--stdin", input=key)
    said = b"repaired openai:%b\n" % name.encode() + (b"default: first\n" if name == "first" else b"")
    assert (done.returncode, done.stderr) == (0, said)
    assert state(connected) == {each: (each == "first", "connected") for each in ("first", "second", "third")}
    assert token(connected, f"openai:{name}") == key
    new = connection(connected, "openai", name)
    assert (new.id, new.created_at, new.generation) == (old.id, old.created_at, old.generation + 1)


def test_a_connection_that_is_merely_hard_to_refresh_is_not_replaced(connected):
    change(
        connected, "openai", "second", expires_at=time.time() + 60, last_error="unreachable", renewable=True
    )
    assert state(connected)["second"] == (False, "expiring")
    assert connected("login", "openai", "-c", "second", "--stdin").returncode == 6


def test_a_failed_login_changes_nothing(connected):
    before = state(connected)
    for line in (["-c", "new"], ["-c", "second", "--force"]):
        assert connected("login", "openai", *line, "--stdin", input=b"wrong").returncode == 9
    assert state(connected) == before


def test_a_failed_first_login_makes_no_vault(authsome):
    assert authsome("login", "openai", "--stdin", input=b"wrong").returncode == 9
    assert os.listdir(authsome.folder) == ["tmp"]
    assert authsome("list").stderr.startswith(b"no connections yet; authsome login PROVIDER makes the first")


def test_blanks_and_line_ends_around_a_pasted_key_are_a_slip(authsome, made_up_key):
    key = made_up_key()
    authsome("login", "openai", "--stdin", input=b"  " + key + b" \r\n", check=True)
    assert token(authsome, "openai") == key


@pytest.mark.parametrize("name", ["x" * 64, "0", "a.b_c@d+e-f"])
def test_names_of_every_allowed_form_work_in_flags_and_references(authsome, made_up_key, name):
    key = made_up_key()
    authsome("login", "openai", "-c", name, "--stdin", input=key, check=True)
    assert authsome("token", f"openai:{name}").stdout == key + b"\n"
    assert authsome("token", f"authsome://openai/{name}#api_key").stdout == key + b"\n"
    assert (
        authsome("run", "-p", f"openai:{name}", "--", "sh", "-c", "echo $OPENAI_API_KEY").stdout
        == key + b"\n"
    )


# set-default, rename


def test_set_default_moves_the_mark_and_says_from_where(connected):
    assert connected("set-default", "openai", "third").stderr == b"openai: default: third (was first)\n"
    assert defaults(connected) == ["third"]
    assert connected("set-default", "openai", "third").stderr == b"openai: default: third\n"
    assert defaults(connected) == ["third"]


def test_a_rename_keeps_the_credential_and_the_default_mark(connected):
    before = token(connected, "openai:first"), token(connected, "openai:second")
    assert connected("rename", "openai", "first", "1st").stderr == b"openai:first is openai:1st now\n"
    assert connected("rename", "openai", "second", "2nd").returncode == 0
    assert state(connected) == {name: (name == "1st", "connected") for name in ("1st", "2nd", "third")}
    assert (token(connected, "openai"), token(connected, "openai:2nd")) == before


def test_a_taken_name_is_refused_and_nothing_changes(connected):
    before = state(connected), token(connected, "openai:third")
    assert connected("rename", "openai", "first", "third").returncode == 6
    assert (state(connected), token(connected, "openai:third")) == before
    assert connected("rename", "openai", "first", "first").returncode == 0
    assert state(connected) == before[0]


# Logout


def test_logout_of_another_one_leaves_the_default(connected):
    done = connected("logout", "openai", "-c", "second")
    assert done.stderr == b"deleted openai:second\n"
    assert state(connected) == {"first": (True, "connected"), "third": (False, "connected")}


def test_when_the_default_goes_and_one_is_left_that_one_becomes_the_default(connected):
    connected("logout", "openai", "-c", "third", check=True)
    done = connected("logout", "openai")
    assert done.stderr == b"deleted openai:first; second is the default now\n"
    assert state(connected) == {"second": (True, "connected")}
    assert connected("logout", "openai").stderr == b"deleted openai:second\n"
    assert state(connected) == {}


def test_when_the_default_goes_and_several_are_left_there_is_none(connected):
    done = connected("logout", "openai", "-c", "first")
    assert done.stderr == (
        b"deleted openai:first; no default until authsome set-default openai NAME (second, third)\n"
    )
    assert defaults(connected) == []

    inherited = {"OPENAI_API_KEY": "of another account", "KEPT": "1"}
    ran = connected("run", "--", "sh", "-c", "echo ${OPENAI_API_KEY-none} $KEPT", env=inherited)
    assert (ran.returncode, ran.stdout) == (0, b"none 1\n")
    assert ran.stderr.count(b"\n") == 1
    assert (
        b"warning: openai is left out: openai has no default connection; it has second, third" in ran.stderr
    )

    for line in (["token", "openai"], ["get", "openai"], ["logout", "openai"], ["check", "openai"]):
        refused = connected(*line)
        assert refused.returncode == 3
        assert (
            b"it has second, third [no_default]\nhint: authsome set-default openai second\n" in refused.stderr
        )
    assert connected("run", "-p", "openai", "--", "true").returncode == 125
    assert connected("run", "--strict", "--", "true").returncode == 125
    assert connected("run", "-p", "openai:third", "--", "true").returncode == 0

    connected("set-default", "openai", "third", check=True)
    assert defaults(connected) == ["third"]


def test_a_login_does_not_become_the_default_where_there_is_none_but_others(connected, made_up_key):
    connected("logout", "openai", check=True)
    connected("login", "openai", "-c", "fourth", "--stdin", input=made_up_key(), check=True)
    assert defaults(connected) == []


def test_logout_all_deletes_the_provider_and_no_other(connected, made_up_key):
    connected("login", "groq", "--stdin", input=made_up_key("groq"), check=True)
    done = connected("logout", "openai", "--all")
    assert done.stderr == b"deleted openai:first, openai:second, openai:third\n"
    assert state(connected) == {}
    assert defaults(connected, "groq") == ["default"]
    connected("login", "openai", "-c", "again", "--stdin", input=made_up_key(), check=True)
    assert defaults(connected) == ["again"]


def test_all_with_a_name_deletes_nothing(connected):
    assert connected("logout", "openai", "-c", "second", "--all").returncode == 2
    assert len(state(connected)) == 3


# list, get, check


def test_a_list_shows_all_connections_and_with_all_every_provider(connected):
    change(connected, "openai", "third", expires_at=time.time() + 9000, account="ada", scopes="read write")
    done = connected("list")
    assert [line.split() for line in done.stdout.decode().splitlines()] == [
        ["PROVIDER", "CONNECTION", "DEFAULT", "ACCOUNT", "STATUS", "EXPIRES", "IN", "SCOPES"],
        ["openai", "first", "yes", "-", "connected", "-", "-"],
        ["openai", "second", "-", "connected", "-", "-"],
        ["openai", "third", "ada", "connected", "2h", "read", "write"],
    ]
    everything = connected("list", "--all").stdout.decode().splitlines()
    providers = json.loads(connected("provider", "list", "--json").stdout)["providers"]
    assert {line.split()[0] for line in everything} - {"PROVIDER"} == {each["name"] for each in providers}
    assert "\x1b" not in done.stdout.decode()


def test_get_prints_one_field_bare_for_scripts(connected):
    change(connected, "openai", "second", account="ada@example.org")
    for field, value in (
        ("status", b"connected"),
        ("account", b"ada@example.org"),
        ("default", b"false"),
        ("base_url", b""),
        ("api_key", b"***"),
    ):
        assert connected("get", "openai", "-c", "second", "--field", field).stdout == value + b"\n"
    shown = connected("get", "openai", "-c", "second", "--field", "api_key", "--show-secret").stdout
    assert shown.rstrip(b"\n") == token(connected, "openai:second")
    assert b"--show-secret" in connected("get", "openai", "--field", "api_key").stderr


def test_check_fails_if_one_is_not_good_for_that_long(connected):
    assert connected("check").stderr == b"3 good\n"
    change(connected, "openai", "first", expires_at=time.time() + 650)
    assert connected("check").returncode == 0
    assert connected("check", "--min-ttl", "9m").returncode == 0
    done = connected("check", "--min-ttl", "1h")
    assert (done.returncode, done.stdout) == (5, b"")
    assert done.stderr == b"openai:first: expires in 10m; mend it: authsome login openai -c first\n"
    assert connected("check", "--min-ttl", "1h", "openai:second").returncode == 0
    change(connected, "openai", "second", refused=True)
    change(connected, "openai", "third", expires_at=time.time() - 1)
    done = connected("check", "--quiet")
    assert done.returncode == 5
    assert done.stderr == (
        b"openai:second: invalid; mend it: authsome login openai -c second\n"
        b"openai:third: expired; mend it: authsome login openai -c third\n"
    )
    done = connected("check", "openai:third", "--json")
    assert (done.returncode, done.stderr) == (5, b"")
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["connections"][0]["ok"]) == (False, False)


@pytest.mark.parametrize("changes", [{"refused": True}, {"expires_at": 1.0}], ids=["refused", "expired"])
def test_a_dead_token_is_not_handed_out(connected, changes):
    change(connected, "openai", "first", **changes)
    for line in (
        ["token", "openai"],
        ["export", "openai", "--format", "json"],
        ["run", "-p", "openai", "true"],
    ):
        done = connected(*line)
        assert (done.returncode, done.stdout) == (125 if line[0] == "run" else 5, b"")
        assert b"[credential_unusable]\nhint: authsome login openai -c first\n" in done.stderr
    assert connected("get", "openai", "--field", "status").returncode == 0


# Providers of several values


def test_several_fields_come_as_json_on_stdin(authsome):
    typed = {**AWS, "session_token": "a=b/c+d", "region": "eu-central-1"}
    authsome("login", "aws", "--stdin", input=json.dumps(typed).encode(), check=True)
    for name, value in typed.items():
        assert authsome("token", f"aws#{name}").stdout.decode() == value + "\n"
    assert json.loads(authsome("export", "aws", "--format", "json").stdout) == {
        "AWS_ACCESS_KEY_ID": typed["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": typed["secret_access_key"],
        "AWS_SESSION_TOKEN": typed["session_token"],
        "AWS_REGION": typed["region"],
        "AWS_DEFAULT_REGION": typed["region"],
    }


def test_several_fields_come_from_variables(authsome):
    sid, secret = "AC" + "0f" * 16, "e5" * 16
    line = ["--from-env", "auth_token=T", "--from-env", "account_sid=S"]
    authsome("login", "twilio", *line, env={"S": sid, "T": secret}, check=True)
    done = authsome("run", "-p", "twilio", "--", "sh", "-c", "echo $TWILIO_ACCOUNT_SID $TWILIO_AUTH_TOKEN $S")
    assert done.stdout.decode() == f"{sid} {secret}\n"


def test_fields_that_may_be_absent_fill_nothing(authsome):
    authsome("login", "datadog", "--from-env", "api_key=K", env={"K": "0" * 32}, check=True)
    assert json.loads(authsome("export", "datadog", "--format", "json").stdout) == {
        "DD_API_KEY": "0" * 32,
        "DATADOG_API_KEY": "0" * 32,
    }
    typed = json.dumps({"api_key": "1" * 32, "site": "datadoghq.eu", "app_key": ""}).encode()
    authsome("login", "datadog", "-c", "eu", "--stdin", input=typed, check=True)
    assert json.loads(authsome("export", "datadog", "-c", "eu", "--format", "json").stdout) == {
        "DD_API_KEY": "1" * 32,
        "DATADOG_API_KEY": "1" * 32,
        "DD_SITE": "datadoghq.eu",
        "DATADOG_HOST": "https://api.datadoghq.eu",
    }


def test_a_field_of_a_definition_that_has_gone_is_not_guessed(authsome, tmp_path):
    fields = [{"name": "user", "label": "User"}, {"name": "password", "label": "Password"}]
    definition = {"schema_version": 1, "name": "pair", "auth_type": "api_key", "fields": fields, "env": {}}
    (tmp_path / "pair.json").write_text(json.dumps(definition))
    authsome("provider", "add", str(tmp_path / "pair.json"), check=True)
    authsome("login", "pair", "--stdin", input=b'{"user": "ada", "password": "lovelace"}', check=True)
    authsome("provider", "remove", "pair", check=True)
    assert authsome("token", "pair#user").stdout == b"ada\n"
    assert authsome("token", "pair").returncode == 2


def test_two_vaults_never_see_each_other(connected, made_up_key):
    connected("vault", "create", "other", "--key", "file", check=True)
    key = made_up_key()
    connected("--vault", "other", "login", "openai", "-c", "mine", "--stdin", input=key, check=True)
    assert connected("token", "openai").stdout != key + b"\n"
    assert connected("token", "openai:mine").returncode == 3
    assert connected("token", "openai", env={"AUTHSOME_VAULT": "other"}).stdout == key + b"\n"
    assert connected("token", "openai:first", "--vault", "other").returncode == 3
    connected("vault", "use", "other", check=True)
    assert connected("token", "openai").stdout == key + b"\n"
