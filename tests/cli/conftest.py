"""Fixtures of servers that misbehave."""

from __future__ import annotations

import pytest
from cli.acme import Acme
from cli.misbehaving import Server
from cli.program import remember


@pytest.fixture
def misbehaving():
    """A server of `misbehaving`; its `elsewhere` is another host, that nothing ever may be sent to."""
    server = Server(remember)
    server.elsewhere = Server(remember)
    yield server
    server.stop()
    server.elsewhere.stop()
    assert server.elsewhere.asked == []


@pytest.fixture
def acme(authsome, misbehaving):
    """The provider `acme` of that server in a fresh home; see `acme`."""
    return Acme(authsome, misbehaving)
