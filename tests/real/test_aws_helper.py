"""boto3 asks us: the real one, against an endpoint that checks its signatures."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time

import pytest
from cli.program import PROGRAM
from real.aws_server import AwsServer
from real.run_folder import connection

from authsome_env.deliver import helpers

TIMEOUT_S = 60.0

# Calls once for each line that it reads, with one client; prints whose key was used, or why it failed.
# A line is JSON: what changes in its environment before.
CLIENT = """
import json, os, sys, boto3
client = None
for line in sys.stdin:
    os.environ.update(json.loads(line))
    try:
        client = client or boto3.Session(profile_name=(sys.argv[1:] or [None])[0]).client("sts")
        print(client.get_caller_identity()["UserId"], flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


@pytest.fixture
def aws():
    server = AwsServer()
    yield server
    server.stop()


@pytest.fixture
def key(aws):
    """A connection to it, with the key of today."""
    return connection(provider="aws", name="prod", fields=aws.rotate(), public=["access_key_id", "region"])


@pytest.fixture
def start(aws, tmp_path):
    """`start(run, by_env=True)`: a long-lived program in that run; call it for who it was this time."""
    started = []

    def begin(run, *, by_env=False, inherited=None, profile=None):
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": "eu-central-1",
            **(inherited or {}),
        }
        if by_env:
            environ |= variables(run.connections[0]["fields"])
        raw = {name.encode(): value.encode() for name, value in environ.items()}
        added = helpers.additions(raw, run.connections, run.path, "default").environ
        environ |= {name: value.decode() for name, value in added.items()} | run.environ
        line = [sys.executable, "-W", "ignore", "-c", CLIENT, *filter(None, (profile,))]
        process = subprocess.Popen(
            line, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)

        def call(**environ):
            process.stdin.write(json.dumps(environ) + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        return call

    yield begin
    for process in started:
        process.stdin.close()
        assert process.wait(TIMEOUT_S) == 0
        process.stdout.close()


def variables(fields):
    names = ("access_key_id", "secret_access_key", "session_token")
    return {f"AWS_{name.upper()}": fields[name] for name in names}


def soon(seconds):
    return time.time() + seconds


def test_the_process_serves_a_program_without_a_key_in_its_environment(aws, make_run, key, start):
    call = start(make_run(key))
    assert call() == aws.key[0]
    assert aws.asked == [(aws.key[0], 200)]


def test_a_long_lived_client_sees_a_new_key_when_the_old_one_is_about_to_end(aws, make_run, key, start):
    key["expires_at"] = soon(500)  # botocore asks again at every call from ten minutes before the end
    run = make_run(key)
    call = start(run)
    assert call() == aws.key[0]
    for _ in range(3):
        key.update(fields=aws.rotate(), expires_at=soon(500), generation=key["generation"] + 1)
        run.write()
        assert call() == aws.key[0]
    assert {status for _, status in aws.asked} == {200}


def test_a_key_without_an_end_is_asked_for_again_all_the_same(make_run, key):
    """What an SDK is told of it has an end, so that an exchanged key gets through in minutes."""
    before = time.time()
    line = [PROGRAM, "aws-credentials", "aws:prod"]
    done = subprocess.run(line, env=make_run(key).environ, capture_output=True, check=True)
    told = json.loads(done.stdout)
    assert told["Version"] == 1
    assert told["SecretAccessKey"] == key["fields"]["secret_access_key"]
    end = dt.datetime.fromisoformat(told["Expiration"]).timestamp()
    assert before + 15 * 60 < end <= time.time() + 20 * 60


def test_what_is_no_key_of_this_run(make_run, key):
    run = make_run(key, connection(provider="acme", fields={"access_token": "x"}))
    for reference, code in (("aws:other", 3), ("openai", 3), ("acme:work", 2), ("A B", 2)):
        line = [PROGRAM, "aws-credentials", reference]
        done = subprocess.run(line, env=run.environ, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1), reference


def test_a_key_in_the_environment_wins_and_is_not_looked_for_elsewhere(aws, make_run, key, start):
    """Why boto3 is kept fresh by `--deliver dotenv`: what it has found there it asks for no more."""
    run = make_run(key)
    call = start(run, by_env=True)
    first = aws.key[0]
    assert call() == first
    key.update(fields=aws.rotate(), generation=2)
    run.write()
    assert call() == "ClientError"
    assert {key_id for key_id, _ in aws.asked} == {first}


def test_a_key_in_the_environment_with_an_end_is_looked_at_there_again(aws, make_run, key, start):
    """So what changes it from within, as `--live` does, reaches a client that is there already."""
    key["expires_at"] = soon(500)
    call = start(make_run(key), by_env=True)
    assert call() == aws.key[0]
    assert call(**variables(aws.rotate())) == aws.key[0]
    # The end itself is a variable like the others: it must change along with them.
    assert call(AWS_CREDENTIAL_EXPIRATION="2001-01-01T00:00:00Z") != aws.key[0]


def test_the_users_own_profile_is_kept_and_a_login_of_its_own_wins(aws, make_run, key, start, tmp_path):
    (tmp_path / ".aws").mkdir()
    config = tmp_path / ".aws" / "config"
    config.write_text("[default]\nregion = us-east-2\n[profile other]\nregion = eu-west-1\n")
    run = make_run(key)
    assert start(run)() == aws.key[0]
    with open(os.path.join(run.path, "aws-config"), encoding="utf-8") as file:
        text = file.read()
    assert "region = us-east-2" in text
    assert "[profile other]\nregion = eu-west-1\n" in text
    assert key["fields"]["secret_access_key"] not in text
    assert os.stat(os.path.join(run.path, "aws-config")).st_mode & 0o777 == 0o600
    # AWS_PROFILE is the one that gets it.
    assert start(run, inherited={"AWS_PROFILE": "other"})() == aws.key[0]
    assert start(run, inherited={"AWS_PROFILE": "new"})() == aws.key[0]
    # A profile with a process of its own is left alone.
    config.write_text("[default]\ncredential_process = /bin/false\n")
    added = helpers.plan({b"HOME": str(tmp_path).encode()}, run.connections, run.path, "default")
    assert (added.environ, added.files) == ({}, {})
    assert config.read_text() == "[default]\ncredential_process = /bin/false\n"


def test_the_end_of_a_key_that_was_there_before_does_not_make_botocore_fail(aws, make_run, key, start):
    past = {"AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z"}
    assert start(make_run(key), by_env=True, inherited=past)() == aws.key[0]
    # The check can fail.
    assert start(make_run(), inherited={**past, **variables(key["fields"])})() == "RuntimeError"


def test_two_accounts_by_their_profiles(aws, make_run, key, start):
    """Also where the environment holds a key: who names a profile means it."""
    old = key["fields"]
    key["fields"] = aws.rotate()
    run = make_run(connection(provider="aws", name="home", fields=old), key)
    assert start(run, profile="prod")() == aws.key[0]
    assert start(run, profile="home")() == "ClientError"
    assert start(run, by_env=True, profile="prod")() == aws.key[0]
    assert start(run, inherited={"AWS_PROFILE": "prod"})() == aws.key[0]
    assert [key_id for key_id, _ in aws.asked] == [aws.key[0], old["access_key_id"], aws.key[0], aws.key[0]]
    assert start(run)() == "NoCredentialsError"  # neither of the two is meant by who names none


def test_what_fails_is_said_by_the_sdk(aws, make_run, key, start):
    run = make_run(key)
    call = start(run)
    key.update(status="expired", expires_at=soon(-1), fields={})  # as a keeper tells of it
    run.write()
    assert call() == "CredentialRetrievalError"
    assert aws.asked == []
    line = [PROGRAM, "aws-credentials", "--only", key["id"]]
    done = subprocess.run(line, env=run.environ, capture_output=True, check=False)
    said = b"authsome: aws:prod is expired (authsome login aws -c prod)\n"
    assert (done.returncode, done.stdout, done.stderr) == (5, b"", said)


def test_the_check_of_signatures_can_fail(aws, make_run, key, start):
    key["fields"] = {**key["fields"], "secret_access_key": "x" * 40}
    assert start(make_run(key))() == "ClientError"
    assert aws.asked == [(aws.key[0], 403)]
