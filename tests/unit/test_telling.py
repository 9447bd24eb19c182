"""What a keeper tells the programs of its run: the files themselves."""

from __future__ import annotations

import os

from authsome_env.app.held import Held
from authsome_env.app.plan import Bound, Place, Plan, State
from authsome_env.app.telling import Telling
from authsome_env.model import Reference

NOW = 1_700_000_000.0
FILES = {"aws-config": b"[default]\n"}


def folder(run):
    return os.path.join(run.path, "authsome", "run")


def key(generation, expires_at, *, variable="AWS_ACCESS_KEY_ID"):
    fields = {"access_key_id": b"AKIA%d" % generation, "secret_access_key": b"made up"}
    return State(
        generation=generation,
        expires_at=expires_at,
        lifetime=600.0,
        renewable=True,
        refused=False,
        values={variable: fields["access_key_id"]},
        fields=fields,
    )


def begin(run, state, *, named=True, helpers=True):
    bound = Bound(
        "1f",
        Reference("aws", "prod"),
        account_id=None,
        base_url=None,
        provider_base_url=None,
        templates={},
        keys={},
        named=named,
    )
    texts = dict.fromkeys(Plan.TEXTS, "") | {"folder": folder(run)}
    plan = Plan(
        Place("/nowhere", "v", "1", ""),
        [bound],
        [state],
        pid=1,
        min_ttl=60,
        signal=0,
        environ={},
        files=FILES,
        helpers=helpers,
        **texts,
    )
    plan = Plan.unpack(plan.pack())
    held = Held(plan.bound[0], plan.states[0], chance=0.5, vault_option="")
    telling = Telling(plan)
    telling.begin([held], NOW)
    return telling, held


def live(run):
    with open(os.path.join(folder(run), "live"), "rb") as file:
        return [line for line in file.read().splitlines() if b"EXPIRATION" in line]


def test_the_end_of_a_key_changes_along_with_it(make_run):
    run = make_run()
    telling, held = begin(run, key(1, NOW + 600))
    assert live(run) == [b"=AWS_CREDENTIAL_EXPIRATION=2023-11-14T22:23:20Z"]
    held.state = key(2, NOW + 1200)
    assert telling.update([held], NOW) == (True, "")
    newest, former = live(run)
    assert newest == b"=AWS_CREDENTIAL_EXPIRATION=2023-11-14T22:33:20Z"
    assert former.startswith(b"-AWS_CREDENTIAL_EXPIRATION=")


def test_there_is_no_end_where_the_environment_did_not_get_one(make_run):
    run = make_run()
    for state, how in (
        (key(1, None), {}),
        (key(1, NOW + 600, variable="KEY"), {}),
        (key(1, NOW + 600), {"named": False}),
        (key(1, NOW + 600), {"helpers": False}),
    ):
        begin(run, state, **how)
        assert live(run) == []


def test_a_file_for_helpers_that_is_removed_is_made_again(make_run):
    run = make_run()
    telling, held = begin(run, key(1, NOW + 600))
    path = os.path.join(folder(run), "aws-config")
    os.unlink(path)
    assert telling.update([held], NOW) == (True, "")
    with open(path, "rb") as file:
        assert file.read() == FILES["aws-config"]
    assert os.stat(path).st_mode & 0o777 == 0o600
    # What a program of the run has written there is its own affair.
    with open(path, "ab") as file:
        file.write(b"region = x\n")
    telling.update([held], NOW)
    with open(path, "rb") as file:
        assert file.read().endswith(b"region = x\n")
