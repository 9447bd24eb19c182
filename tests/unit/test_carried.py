"""Requests inside a run carry its connection's credential, without the vault; a 401 asks its keeper."""

from __future__ import annotations

import threading

import pytest
from real.run_folder import TIMEOUT_S, connection

from authsome_env.app.carried import REFUSED_ANEW_S, Carried, InRun
from authsome_env.errors import ConnectionNotFound, CredentialUnusable, NotAllowed, ProviderNotFound
from authsome_env.model import Reference
from authsome_env.providers.registry import Registry

NOWHERE = Registry("/nowhere")


class Clock:
    """Moves when somebody waits; `moment`: and waits for that as well."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.moment = threading.Event()

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds
        self.moment.wait(TIMEOUT_S)


@pytest.fixture
def clock():
    return Clock()


def carrying(run, clock, provider="acme", name=None):
    return InRun(run.environ, Reference(provider, name), NOWHERE, now=clock.now, sleep=clock.sleep)


def renew(each):
    each.update(generation=each["generation"] + 1, fields={"access_token": f"t{each['generation'] + 1}"})


@pytest.fixture
def run(make_run, clock):
    run = make_run(connection(fields={"access_token": "t1"}))
    run.renew = renew
    clock.moment = run.answered
    return run


def test_a_request_carries_the_token_of_the_moment(run, clock):
    mine = carrying(run, clock)
    assert mine.header() == ("Authorization", "Bearer t1")
    renew(run.connections[0])
    run.write()
    assert mine.header() == ("Authorization", "Bearer t2")


def test_a_401_has_the_keeper_renew_it_once(run, clock):
    run.listen()
    mine = carrying(run, clock)
    assert mine.replace("Bearer t1")
    assert mine.header() == ("Authorization", "Bearer t2")
    assert mine.replace("Bearer t1")  # of another thread, with the one from before
    assert run.asked == [f"{run.connections[0]['id']} 1\n".encode()]
    # One that is new and refused all the same is not refused for its age.
    assert not mine.replace("Bearer t2")
    clock.at += REFUSED_ANEW_S
    run.answered.clear()
    assert mine.replace("Bearer t2")
    assert len(run.asked) == 2


def test_without_a_keeper_the_401_is_the_answer(run, clock):
    assert not carrying(run, clock).replace("Bearer t1")


def test_what_cannot_be_renewed_is_not_asked_for(make_run, clock):
    run = make_run(connection(provider="openai", fields={"api_key": "k"}, renewable=False))
    run.listen()
    mine = carrying(run, clock, "openai")
    assert mine.header() == ("Authorization", "Bearer k")
    assert not mine.replace("Bearer k")
    assert run.asked == []


def test_what_is_not_of_this_run_and_what_is_dead(make_run, clock):
    run = make_run(
        connection(name="a", fields={"access_token": "x"}), connection(name="b", status="expired", fields={})
    )
    for provider, name in (("openai", None), ("acme", "c"), ("acme", None)):
        with pytest.raises(ConnectionNotFound):
            carrying(run, clock, provider, name)
    with pytest.raises(ProviderNotFound):
        carrying(run, clock, "acme", "b")  # no token to see, and no definition that says how it is sent
    mine = carrying(run, clock, "acme", "a")
    run.connections[0].update(status="invalid", fields={})
    run.write()
    with pytest.raises(CredentialUnusable):
        mine.header()
    assert not mine.replace("Bearer x")
    run.connections.clear()
    run.write()
    with pytest.raises(ConnectionNotFound):
        mine.header()


def test_each_provider_has_its_header(make_run, clock):
    run = make_run(
        connection(provider="datadog", fields={"api_key": "k"}),
        connection(provider="twilio", fields={"account_sid": "AC1", "auth_token": "t"}),
    )
    assert carrying(run, clock, "datadog").header() == ("DD-API-KEY", "k")
    assert carrying(run, clock, "twilio").header() == ("Authorization", "Basic QUMxOnQ=")
    with pytest.raises(NotAllowed, match="in no header"):
        Carried(NOWHERE, "aws")
