"""`authsome git-credential` outside of runs: the vault's connections, by git's own protocol."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from cli.acme import DEAD_S, DUE_S
from cli.program import PROGRAM

from authsome_env.app.served import Outside
from authsome_env.deliver import helpers

HOST = "git.acme.example"
BUNDLE = os.path.join(os.path.dirname(__file__), "..", "..", "shims", "bin")


@pytest.fixture
def forge(acme):
    """The provider `acme`, good for git at HOST."""
    acme.more = {"git_hosts": [HOST], "git_user": "x-acme", "docker_hosts": [f"registry.{HOST}"]}
    acme.define()
    return acme


@pytest.fixture
def ask(authsome):
    """`ask(username="work")`: (what it said as a dict, its one line of complaint, exit code)."""

    def ask(operation="get", words=(), **said):
        said = {"protocol": "https", "host": HOST, **said}
        question = "".join(f"{key}={value}\n" for key, value in said.items() if value is not None)
        done = authsome("git-credential", *words, operation, input=question.encode() + b"\n")
        lines = done.stdout.decode().splitlines()
        return dict(line.split("=", 1) for line in lines), done.stderr.decode(), done.returncode

    return ask


def test_the_default_connection_answers_with_a_fresh_token(forge, ask):
    family = forge.login("default", left=DUE_S)
    told, said, code = ask()
    assert (told["username"], told["password"]) == ("x-acme", family.access)
    assert family.access != family.first
    assert int(told["password_expiry_utc"]) == int(forge.record("default")[0].expires_at)
    assert (said, code) == ("", 0)


def test_the_other_one_is_had_by_its_name(forge, ask):
    families = {name: forge.login(name, force=False) for name in ("home", "work")}
    for user, name in ((None, "home"), ("home", "home"), ("work", "work"), ("acme:work", "work")):
        assert ask(username=user)[0]["password"] == families[name].access, user
    # As the owner in the path, which git says only where it was told to.
    assert ask(path="work/tool.git")[0]["password"] == families["work"].access
    assert ask(path="other/tool.git")[0]["password"] == families["home"].access
    # A generic user name, as an answer of ours leaves it in a URL, names nobody.
    assert ask(username="x-acme")[0]["password"] == families["home"].access
    told, said, code = ask(username="mallory")
    assert (told, code) == ({}, 3)
    assert f"git config --global credential.https://{HOST}.username home" in said
    assert said.count("\n") == 1


def test_without_a_default_nothing_is_guessed(authsome, forge, ask):
    for name in ("a", "b", "c"):
        forge.login(name, force=False)
    authsome("logout", "acme", "-c", "a", check=True)
    told, said, code = ask()
    assert (told, code) == ({}, 3)
    assert "acme:b, acme:c" in said
    for name in ("b", "c"):
        typed = f"git config --global credential.https://{HOST}.username {name}"
        assert f"for acme:{name}: {typed} (or https://{name}@{HOST}/… as the URL)" in said
    assert f"git config --global credential.https://{HOST}.useHttpPath true" in said
    assert said.count("\n") == 1


def test_a_dead_token_is_no_answer(forge, ask):
    forge.login("default", "invalid_grant", left=DEAD_S)
    told, said, code = ask()
    assert (told, code) == ({}, 5)
    assert "authsome login acme -c default" in said
    assert said.count("\n") == 1


def test_erase_refreshes_once_and_only_for_the_token_of_now(forge, ask):
    family = forge.login()
    assert ask("erase", password="another") == ({}, "", 0)
    assert family.asked == 0
    for _ in range(2):
        assert ask("erase", password=family.first) == ({}, "", 0)
    assert family.asked == 1
    assert ask()[0]["password"] == family.access != family.first
    assert ask("erase", password=family.access, host="other.example") == ({}, "", 0)
    assert ask("erase", password="", host=HOST) == ({}, "", 0)
    assert family.asked == 1


def test_who_comes_with_a_token_that_was_renewed_meanwhile_renews_no_other(forge):
    family = forge.login()
    served = Outside(forge.workspace)
    (before,) = served.connections()
    served.renew(before)
    assert family.asked == 1
    served.renew(before)
    assert family.asked == 1
    (after,) = served.connections()
    assert after.generation == before.generation + 1


def test_store_and_what_nobody_knows_are_ignored(forge, ask):
    family = forge.login()
    for operation in ("store", "approve", "capability"):
        assert ask(operation, username="me", password="mine") == ({}, "", 0)
    assert ask()[0]["password"] == family.access


@pytest.mark.parametrize(
    "asked",
    [
        {"host": f"evil.{HOST}"},
        {"host": f"{HOST}.evil"},
        {"host": f"{HOST}:8443"},
        {"host": ""},
        {"host": None},
        {"protocol": "http"},
        {"protocol": "ssh"},
        {"protocol": None},
    ],
    ids=str,
)
def test_any_other_place_is_met_with_silence(forge, ask, asked):
    forge.login()
    assert ask(**asked) == ({}, "", 0)


def test_the_same_place_written_otherwise(forge, ask):
    family = forge.login()
    for host in (HOST.upper(), f"{HOST}:443"):
        assert ask(host=host)[0]["password"] == family.access


def test_a_definition_that_is_broken_later_serves_nothing(authsome, forge, ask):
    forge.login()
    path = os.path.join(authsome.home, "providers", "acme.json")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(f'"{HOST}"', f'"*.{HOST}"'))
    assert ask() == ({}, "", 0)


def test_a_locked_vault_is_one_line(authsome, forge, ask):
    forge.login()
    authsome("vault", "lock", check=True)
    told, said, code = ask()
    assert (told, code, said.count("\n")) == ({}, 10, 1)


def test_only_the_connections_that_were_named(forge, ask):
    families = {name: forge.login(name, force=False) for name in ("home", "work")}
    work = forge.record("work")[0].id
    assert ask(words=("--only", work))[0]["password"] == families["work"].access
    assert ask(words=("--only", "f" * 32)) == ({}, "", 0)


def test_once_its_run_is_over_a_configuration_serves_the_same_connection_from_the_vault(forge, authsome):
    families = {name: forge.login(name, force=False) for name in ("home", "work")}
    line = helpers.command("git-credential", [{"id": forge.record("work")[0].id}], "default").decode()
    done = subprocess.run(
        ["sh", "-c", f"{line} get"],
        input=f"protocol=https\nhost={HOST}\n\n".encode(),
        env=authsome.environment(
            {
                "AUTHSOME_RUN": "/dev/shm/authsome-gone",
                "PYTHONPATH": "/nonexistent",
                "AUTHSOME_VAULT": "another",
            }
        ),
        capture_output=True,
        check=True,
    )
    assert f"password={families['work'].access}\n" in done.stdout.decode()
    assert done.stderr == b""


@pytest.mark.parametrize(
    "words", [("git-credential", "get"), ("docker-credential", "get"), ("aws-credentials", "acme")]
)
def test_once_its_run_is_over_a_configuration_of_the_user_gets_no_other_account(forge, authsome, words):
    """The run may have had another one than the default."""
    forge.login()
    asked = {"git-credential": f"protocol=https\nhost={HOST}\n\n", "docker-credential": "ghcr.io"}
    question = asked.get(words[0], "").encode()
    done = authsome(*words, input=question, env={"AUTHSOME_RUN": "/dev/shm/authsome-gone"})
    said = done.stdout if words[0] == "docker-credential" else done.stderr
    assert done.stdout in (b"", said)
    assert done.returncode != 0
    assert b"the run that AUTHSOME_RUN names is over" in said
    assert said.count(b"\n") == 1


@pytest.mark.parametrize(
    "raw", [b"nonsense\n\n", b"=x\n\n", b"host=a\0b\n\n", b"host=a\r\n\r\n", b"\xff\xfe\n", b"x" * (1 << 20)]
)
def test_malformed_input_is_one_line_that_repeats_nothing(authsome, raw):
    done = authsome("git-credential", "get", input=raw)
    assert (done.stdout, done.returncode, done.stderr.count(b"\n")) == (b"", 1, 1)
    assert raw.strip() not in done.stderr


@pytest.mark.parametrize("raw", [b"", b"\n", b"protocol=https\n", b"url=https://a/b\n"])
def test_too_little_is_no_mistake(forge, authsome, raw):
    forge.login()
    done = authsome("git-credential", "get", input=raw)
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_it_is_in_no_help_and_no_completion(authsome):
    assert b"credential" not in authsome("--help", check=True).stdout.replace(b"credentials", b"")
    for name in os.listdir(os.path.join(BUNDLE, "..", "..", "completions")):
        with open(os.path.join(BUNDLE, "..", "..", "completions", name), encoding="utf-8") as file:
            assert "git-credential" not in file.read()


@pytest.mark.parametrize(
    ("verb", "next_step"),
    [
        ("git-credential", "    git config --global credential.helper authsome\n"),
        ("docker-credential", '    {"credHelpers": {"ghcr.io": "authsome"}}\n'),
        ("aws-credentials", "    credential_process = authsome aws-credentials aws:prod\n"),
    ],
)
def test_their_help_ends_with_what_to_configure(authsome, verb, next_step):
    done = authsome(verb, "--help", check=True)
    assert done.stderr == b""
    last = done.stdout.decode().rpartition("\n\n")[2]
    assert next_step in last
    assert done.stdout == authsome("--help", verb, check=True).stdout
    assert done.stdout == authsome(verb, "-h", check=True).stdout
    wrong = authsome(verb, "--nonsense")
    assert wrong.returncode == 2
    assert f"(authsome {verb} --help)" in wrong.stderr.decode()


# The programs that git and docker look for on PATH


@pytest.fixture
def bin_folder(tmp_path):
    """A folder as pip makes it, with `authsome` and the two scripts, and one with links to them."""
    folder = tmp_path / "venv with blanks" / "bin"
    folder.mkdir(parents=True)
    (folder / "authsome").symlink_to(PROGRAM)
    for name in ("git-credential-authsome", "docker-credential-authsome"):
        shutil.copy(os.path.join(BUNDLE, name), folder / name)
        assert os.access(folder / name, os.X_OK)
    return folder


def test_both_scripts_are_one_body(need):
    paths = [os.path.join(BUNDLE, f"{name}-credential-authsome") for name in ("git", "docker")]
    assert os.path.samefile(*paths)
    subprocess.run([need("shellcheck"), "-s", "sh", paths[0]], check=True)


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox"])
def test_the_scripts_find_the_authsome_beside_them(forge, authsome, bin_folder, tmp_path, need, shell):
    family = forge.login()
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in ("git", "docker"):
        (linked / f"{name}-credential-authsome").symlink_to(
            os.path.relpath(bin_folder / f"{name}-credential-authsome", linked)
        )
    question = f"protocol=https\nhost={HOST}\n\n".encode()
    path = os.environ["PATH"]
    first = [need(shell), "sh"] if shell == "busybox" else [need(shell)]
    for folder in (bin_folder, linked):
        for name, asked in (("git", question), ("docker", f"registry.{HOST}".encode())):
            done = subprocess.run(
                [*first, str(folder / f"{name}-credential-authsome"), "get"],
                input=asked,
                env={**authsome.environment(), "PATH": path},
                capture_output=True,
                check=True,
            )
            assert family.access.encode() in done.stdout
    # By name, from PATH.
    done = subprocess.run(
        ["git-credential-authsome", "get"],
        input=question,
        env={**authsome.environment(), "PATH": f"{linked}:{path}"},
        capture_output=True,
        check=True,
    )
    assert family.access.encode() in done.stdout


def test_git_itself_with_a_helper_by_name(forge, authsome, bin_folder, need):
    family = forge.login()
    done = subprocess.run(
        [need("git"), "-c", "credential.helper=authsome", "credential", "fill"],
        input=f"protocol=https\nhost={HOST}\n\n".encode(),
        env={**authsome.environment(), "PATH": f"{bin_folder}:{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )
    assert f"username=x-acme\npassword={family.access}\n" in done.stdout.decode()
