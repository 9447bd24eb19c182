"""What the tests of OAuth's rules share: a wire that records, and definitions made from what differs."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest

from authsome_env.errors import AuthsomeError
from authsome_env.oauth.messages import Response
from authsome_env.oauth.token_request import TokenEndpoint
from authsome_env.providers.definition import parse

NOW = 1_700_000_000.0
TOKEN = "https://as.example/token"


class Wire:
    """A `send`: keeps what was sent, and gives one prepared answer after the other."""

    def __init__(self):
        self.requests = []
        self.answers = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, AuthsomeError):
            raise answer
        return answer

    def answer(self, body=b"", status=200, headers=None):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append(Response(status, headers or {}, raw))
        return self

    @property
    def sent(self):
        """The one request that was sent."""
        (request,) = self.requests
        return request

    def fields(self, index=0):
        """The fields of a request's body."""
        request = self.requests[index]
        if request.headers["Content-Type"] == "application/json":
            return json.loads(request.body)
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def define():
    """`define(scopes=["a"], flow="device_code")`: a definition whose `oauth` has these keys, too."""

    def make(flow="pkce", flows=None, **oauth):
        document = {
            "schema_version": 1,
            "name": "acme",
            "display_name": "Acme",
            "auth_type": "oauth2",
            "flow": flow,
            "flows": flows or [flow],
            "oauth": {"authorization_url": "https://as.example/authorize", "token_url": TOKEN, **oauth},
            "env": {"ACME_TOKEN": "{access_token}"},
        }
        return parse(json.dumps(document).encode(), "acme.json")

    return make


@pytest.fixture
def ask(wire, define):
    """`ask(client, **oauth)`: the token endpoint of such a definition, over `wire`, at `NOW`."""

    def make(client=None, *, oauth=None, **keys):
        oauth = oauth or define(**keys).oauth
        return TokenEndpoint(
            oauth.token_url, oauth, client, send=wire, now=lambda: NOW, random=lambda count: b"\x07" * count
        )

    return make
