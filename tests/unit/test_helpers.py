"""The variables and files by which a run's programs find us, and the hosts that a connection is good for."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest
from real.run_folder import connection

from authsome_env.deliver import aws_config, git_config, helpers
from authsome_env.providers.serving import Serving, server_of

KEY = {"access_key_id": "AKIA", "secret_access_key": "secret", "region": "eu-central-1"}
FOLDER = "/dev/shm/authsome-0/run"


def plan(*connections, **inherited):
    raw = {name.encode(): value.encode() for name, value in inherited.items()}
    return helpers.plan(raw, connections, FOLDER, "team")


def entries(environ):
    count = int(environ["GIT_CONFIG_COUNT"])
    numbers = [
        number for number in range(count) if f"GIT_CONFIG_KEY_{number}" in environ
    ]  # the inherited ones are not in it
    return [
        (environ[f"GIT_CONFIG_KEY_{number}"].decode(), environ[f"GIT_CONFIG_VALUE_{number}"].decode())
        for number in numbers
    ]


def test_git_forgets_other_helpers_and_asks_us_for_each_host():
    mine = connection(git_hosts=["a.example", "b.example:8443"])
    added = entries(plan(mine).environ)
    assert [(key, value[:1]) for key, value in added] == [
        ("credential.https://a.example.helper", ""),
        ("credential.https://a.example.helper", "!"),
        ("credential.https://b.example:8443.helper", ""),
        ("credential.https://b.example:8443.helper", "!"),
    ]
    words = shlex.split(added[1][1][1:])
    assert words[0] == sys.executable
    assert words[-5:] == ["git-credential", "--vault", "team", "--only", mine["id"]]
    assert os.path.isfile(words[3])


def test_the_path_is_asked_for_where_two_share_a_host():
    one, two = connection(git_hosts=["a.example", "b.example"]), connection(git_hosts=["a.example"])
    added = entries(plan(one, two).environ)
    assert [key for key, value in added if value == "true"] == ["credential.https://a.example.useHttpPath"]
    assert f"--only {one['id']},{two['id']}" in added[1][1]
    assert added[-1][1].endswith(f"--only {one['id']}")


def test_connections_that_were_not_named_get_nothing():
    assert plan(connection(named=False, git_hosts=["a.example"], fields=KEY)).environ == {}
    one, other = connection(git_hosts=["a.example"]), connection(named=False, git_hosts=["a.example"])
    assert other["id"] not in str(plan(one, other).environ)
    assert plan(connection()).environ == {}


@pytest.mark.parametrize(("before", "first"), [("", 0), ("0", 0), ("3", 3), (" 7 ", 7), ("007", 7)])
def test_they_come_after_what_is_there(before, first):
    environ = plan(connection(git_hosts=["a.example"]), GIT_CONFIG_COUNT=before).environ
    assert environ["GIT_CONFIG_COUNT"] == b"%d" % (first + 2)
    assert environ[f"GIT_CONFIG_KEY_{first}"] == b"credential.https://a.example.helper"
    assert f"GIT_CONFIG_KEY_{first - 1}" not in environ


@pytest.mark.parametrize("before", ["x", "1x", "-1", "1.0", "99999999999", "9" * 100])
def test_a_count_that_git_refuses_stays_as_it_is(before, need):
    found = plan(connection(git_hosts=["a.example"]), GIT_CONFIG_COUNT=before)
    assert found.environ == {}
    assert found.warnings == ["git gets no fresh logins: GIT_CONFIG_COUNT is not a number; unset it"]
    line = [need("git"), "config", "--list"]
    environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_COUNT": before}
    assert subprocess.run(line, env=environ, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a\nb", "a@b", "a'b", 'a"b', "é.example"])
def test_a_host_that_is_no_part_of_a_url_is_left_out(host):
    assert not git_config.is_host(host)
    assert plan(connection(git_hosts=[host])).environ == {}


MADE_BY = """
import sys
sys.path.append(sys.argv[1])
from authsome_env.deliver import helpers
print(helpers.command("git-credential", [{"id": "a"}], "it's").decode())
"""


def test_the_command_survives_any_shell_and_any_place_of_python(tmp_path, need):
    odd = tmp_path / "it's a $HOME \\ place"
    odd.mkdir()
    (odd / "python").symlink_to(os.path.realpath(sys.executable))
    package = os.path.dirname(os.path.dirname(os.path.dirname(helpers.__file__)))
    made = [str(odd / "python"), "-I", "-S", "-c", MADE_BY, package]
    line = subprocess.run(made, capture_output=True, check=True, text=True).stdout.strip()
    assert shlex.split(line)[0] == str(odd / "python")
    for shell in ("sh", "dash", "bash"):
        done = subprocess.run([need(shell), "-c", f"{line} store"], capture_output=True, check=True)
        assert (done.stdout, done.stderr) == (b"", b"")


def test_aws_gets_a_configuration_and_no_secret(tmp_path):
    found = plan(connection(fields=KEY), HOME=str(tmp_path))
    assert found.environ == {"AWS_CONFIG_FILE": f"{FOLDER}/aws-config".encode()}
    (content,) = found.files.values()
    assert content.startswith(b"[default]\ncredential_process = ")
    assert b"secret" not in content.replace(b"aws-credentials", b"")
    assert plan(connection(fields={"access_key_id": "AKIA"})).environ == {}


def test_without_a_home_the_current_folder_is_none(tmp_path, monkeypatch):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile somebody]\ncredential_process = theirs\n")
    monkeypatch.chdir(tmp_path)
    (content,) = plan(connection(fields=KEY)).files.values()
    assert b"theirs" not in content


def test_the_end_of_a_key_is_told_where_that_key_is():
    def end(expires_at, **inherited):
        found = plan(connection(fields=KEY, expires_at=expires_at), **inherited).environ
        return found.get("AWS_CREDENTIAL_EXPIRATION")

    assert end(1764.5, AWS_ACCESS_KEY_ID="AKIA") == b"1970-01-01T00:29:24Z"
    assert end(1764.5, AWS_ACCESS_KEY_ID="of another") is None
    assert end(1764.5) is None  # a file has it, which is read anew, or the process
    assert end(None, AWS_ACCESS_KEY_ID="AKIA") is None
    # That of a key which was there before makes botocore fail once it is past; an empty one it passes over.
    before = {"AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z"}
    assert end(None, AWS_ACCESS_KEY_ID="AKIA", **before) == b""
    assert end(None, AWS_ACCESS_KEY_ID="of another", **before) is None


def test_each_of_several_access_keys_has_a_profile_of_its_name(tmp_path):
    keys = [connection(provider="aws", name=name, fields=KEY) for name in ("default", "work", "home")]
    keys.append(connection(provider="store", name="home", fields=KEY))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile work]\nregion = a\n[profile kept]\nrole_arn = x\n")
    found = plan(*keys, HOME=str(tmp_path), AWS_ACCESS_KEY_ID="of the environment")
    assert found.warnings == []
    text = found.files["aws-config"].decode()
    for profile, key in zip(
        ("default", "profile work", "profile aws:home", "profile store:home"), keys, strict=True
    ):
        assert f"[{profile}]\ncredential_process = " in text
        line = text.partition(f"[{profile}]\n")[2].partition("\n")[0]
        assert line.endswith(f"--only {key['id']}")
    assert "\nregion = a\n[profile kept]\nrole_arn = x\n" in text
    # One with a login of its own keeps it, and that is said.
    (tmp_path / ".aws" / "credentials").write_text("[work]\naws_access_key_id = own\n")
    found = plan(*keys, HOME=str(tmp_path))
    (warning,) = found.warnings
    assert "for profile work, which has a login of its own" in warning
    assert keys[1]["id"] not in found.files["aws-config"].decode()
    assert keys[2]["id"] in found.files["aws-config"].decode()


LINE = b"credential_process = x"


@pytest.mark.parametrize(
    ("before", "profile", "after"),
    [
        (b"", b"default", b"[default]\n%b\n"),
        (b"", b"p", b"[profile p]\n%b\n"),
        (b"[default]", b"default", b"[default]\n%b\n"),
        (b"[default]\nregion=a\n", b"default", b"[default]\n%b\nregion=a\n"),
        (b"[profile default]\nregion=a\n", b"default", b"[profile default]\n%b\nregion=a\n"),
        (b"# c\n[default] # d\n", b"default", b"# c\n[default] # d\n%b\n"),
        (b'[profile  "p"]\r\nregion=a\r\n', b"p", b'[profile  "p"]\r\n%b\nregion=a\r\n'),
        (b"[p]\nregion=a", b"p", b"[p]\nregion=a\n[profile p]\n%b\n"),
        (b"[profile a]\nrole_arn=x\n[default]\n", b"default", b"[profile a]\nrole_arn=x\n[default]\n%b\n"),
        (b"[default]\n#role_arn=x\n", b"default", b"[default]\n%b\n#role_arn=x\n"),
        (b"[default]\ns3 =\n  role_arn_not = x\n", b"default", b"[default]\n%b\ns3 =\n  role_arn_not = x\n"),
        (b"[default]\naws_access_key_id=x\n", b"default", None),
        (b"[default]\n Role_Arn = x\n", b"default", None),
        (b"[default]\nsso_session = x\n", b"default", None),
        (b"[default]\ncredential_process = y\n", b"default", None),
    ],
)
def test_a_line_in_the_section_of_the_profile(before, profile, after):
    assert aws_config.insert(before, profile, LINE) == (None if after is None else after % LINE)


def test_which_configuration_and_which_profile(tmp_path):
    own = tmp_path / "own"
    own.write_text("[profile p]\nregion = a\n")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nregion = b\n")

    def config(**inherited):
        return plan(connection(fields=KEY), HOME=str(tmp_path), **inherited).files.get("aws-config")

    assert b"region = b" in config()
    assert b"region = a" in config(AWS_CONFIG_FILE=str(own))
    assert b"region = a" in config(AWS_CONFIG_FILE="~/own", AWS_PROFILE="p")
    assert config(AWS_CONFIG_FILE="~/own", AWS_PROFILE="p").startswith(b"[profile p]\ncredential_process")
    assert b"[profile q]\ncred" in config(AWS_DEFAULT_PROFILE="q")
    assert config(AWS_PROFILE="p", AWS_DEFAULT_PROFILE="q") is None
    assert config(AWS_ACCESS_KEY_ID="of the environment") is None
    (tmp_path / ".aws" / "credentials").write_text("[p]\naws_access_key_id = own\n")
    assert config(AWS_PROFILE="p") is None  # SDKs would take that one
    assert config() is not None
    assert "login of its own" in plan(connection(fields=KEY), HOME=str(tmp_path), AWS_PROFILE="p").warnings[0]
    assert config(AWS_CONFIG_FILE=str(tmp_path)) is None  # a folder: what is there cannot be read
    os.mkfifo(tmp_path / "fifo")
    assert config(AWS_CONFIG_FILE=str(tmp_path / "fifo")) is None
    assert config(AWS_CONFIG_FILE=str(tmp_path / "absent")).startswith(b"[default]\n")


GITHUB = Serving(("github.com", "gist.github.com"), "x-access-token", ("ghcr.io",))
GITEA = Serving(("gitea.com",), "oauth2", ("gitea.com",))


@pytest.mark.parametrize(
    ("usual", "server", "base_url", "git", "docker"),
    [
        (GITHUB, None, "https://github.com", GITHUB.git_hosts, ("ghcr.io",)),
        (GITHUB, "https://github.com", "https://github.com", GITHUB.git_hosts, ("ghcr.io",)),
        (GITHUB, "https://GitHub.com:443/", "https://github.com", GITHUB.git_hosts, ("ghcr.io",)),
        (GITHUB, "https://git.acme.example", "https://github.com", ("git.acme.example",), ()),
        (GITHUB, "https://git.acme.example:8443/x", "https://github.com", ("git.acme.example:8443",), ()),
        (GITHUB, "https://api.github.com", "https://api.github.com", GITHUB.git_hosts, ("ghcr.io",)),
        (GITHUB, "https://api.acme.example", "https://api.github.com", (), ()),
        (GITEA, "https://codeberg.org", "https://gitea.com", ("codeberg.org",), ("codeberg.org",)),
        (GITEA, "https://codeberg.org", None, ("codeberg.org",), ()),
        (GITEA, "https://gitea.com", None, ("gitea.com",), ("gitea.com",)),
        (Serving(), "https://codeberg.org", None, (), ()),
        (Serving(), "https://codeberg.org", "https://gitea.com", (), ()),
    ],
)
def test_a_token_of_ones_own_server_is_for_no_public_host(usual, server, base_url, git, docker):
    found = usual.at(server, base_url)
    assert (found.git_hosts, found.docker_hosts, found.git_user) == (git, docker, usual.git_user)


def test_the_server_of_a_connection():
    fields = {"api_key": "https://not.example", "host": "https://git.acme.example"}
    assert server_of(None, fields, {"host"}) == "https://git.acme.example"
    assert server_of("https://base.example", fields, {"host"}) == "https://base.example"
    assert server_of(None, fields, set()) is None
    assert server_of(None, {"host": "eu-central-1"}, {"host"}) is None
