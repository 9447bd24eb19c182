"""Which values of a run are secrets, and for how long."""

from __future__ import annotations

from authsome_env.app.held import Held
from authsome_env.app.masking import Masking
from authsome_env.app.plan import Bound, State
from authsome_env.model import Reference

NOW = 1_700_000_000.0
BOUND = Bound(
    "1",
    Reference("acme", "default"),
    account_id=None,
    base_url=None,
    provider_base_url="https://acme.example",
    templates={
        "ACME_TOKEN": "{token}",
        "ACME_URL": "{base_url}/api",
        "ACME_USER": "{user}",
        "ACME_ON": "true",
    },
    keys={},
    public=["user"],
)


def held(token, expires_at):
    return Held(BOUND, state(token, expires_at), chance=0.5, vault_option="")


def state(token, expires_at):
    values = {
        "ACME_TOKEN": token,
        "ACME_URL": b"https://acme.example/api",
        "ACME_USER": b"u",
        "ACME_ON": b"true",
    }
    return State(
        generation=1,
        expires_at=expires_at,
        lifetime=100.0,
        renewable=True,
        refused=False,
        values=values,
        fields={"token": token, "user": b"u", "other": b"", "hidden": b"in no variable"},
    )


def test_secret_fields_and_what_is_made_of_them():
    assert Masking().secrets([held(b"t1", None)], NOW) == {b"t1", b"in no variable"}


def test_a_token_that_was_replaced_is_one_for_ten_minutes_after_its_end():
    masking = Masking()
    one = held(b"t1", NOW + 100)
    assert b"t1" in masking.secrets([one], NOW)
    one.state = state(b"t2", NOW + 200)
    assert masking.secrets([one], NOW + 80) >= {b"t1", b"t2"}
    assert b"t1" in masking.secrets([one], NOW + 699)
    assert b"t1" not in masking.secrets([one], NOW + 700)
    assert b"t2" in masking.secrets([one], NOW + 10_000)


def test_what_never_expires_is_one_for_ever():
    masking = Masking()
    one = held(b"k1", None)
    masking.secrets([one], NOW)
    one.state = state(b"k2", None)
    for later in (1, 10_000, 10_000_000):
        assert masking.secrets([one], NOW + later) >= {b"k1", b"k2"}
