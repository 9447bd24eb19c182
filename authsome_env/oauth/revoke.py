"""Revoke tokens at the provider: by RFC 7009, or in the way that the definition tells."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from authsome_env.errors import AuthsomeError, CredentialUnusable, Unreachable
from authsome_env.providers.schema import REVOCABLE, Revocation
from authsome_env.providers.urls import BASE_URL, fill_base_url

from .answer import NOT_BEGUN, TEMPORARY, read_error, retry_after
from .client_auth import basic
from .echo import secrets_in
from .messages import NotSent, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsome_env.model import Secret
    from authsome_env.providers.schema import OAuth

    from .messages import Endpoints, Response
    from .token_request import TokenEndpoint


_GONE = frozenset(("invalid_token", "token_revoked", "token_expired", "account_inactive"))
"""What Google and Slack say of a token that is dead already, which is all that was asked for."""

_MARK = re.compile(r"\{(?:token|client_id)\}")
_TRIES = 2
_LONGEST_PAUSE_S = 5.0


class Revoked:
    """What became of one token. `reason`: in words, if not `ok`."""

    __slots__ = ("kind", "ok", "reason", "unreachable")

    def __init__(self, kind: str, reason: str = "", *, unreachable: bool = False) -> None:
        self.kind = kind
        """`refresh_token` or `access_token`."""
        self.ok = not reason
        self.reason = reason
        self.unreachable = unreachable


def revocation_url(oauth: OAuth, endpoints: Endpoints, base_url: str | None) -> str | None:
    """Where the tokens of a login are to be revoked; it may hold {client_id}. None: there is no way.

    It is kept with the connection, so that no definition that changes later is told the tokens.
    `base_url`: the connection's own, None if it is the definition's.
    """
    way = oauth.revocation
    if not isinstance(way, Revocation):
        return endpoints.revocation if way == "rfc7009" else None
    if base_url and oauth.base_url and not way.url.startswith(BASE_URL):
        return None  # it would be told a token of another place
    return fill_base_url(way.url, base_url or oauth.base_url)


def revoke(
    endpoint: TokenEndpoint,
    url: str | None,
    tokens: Mapping[str, Secret | None],
    *,
    sleep: Callable[[float], None],
) -> list[Revoked]:
    """The refresh token first: most servers end all that came from it. Nothing is raised.

    `url`: the login's `revocation_url`. An empty list: there is no way to revoke from here.
    """
    oauth = endpoint.oauth
    way = oauth.revocation
    if way is None or url is None:
        return []
    done = []
    for kind in way.tokens if isinstance(way, Revocation) else REVOCABLE:
        token = tokens.get(kind)
        if not token:
            continue
        try:
            if isinstance(way, Revocation):
                request = _own_way(way, url, endpoint, token)
            else:
                request = _rfc7009(url, endpoint, kind, token)
            answer = _sent(request, endpoint, sleep)
            secrets = secrets_in(request, endpoint.client, token)
            done.append(_outcome(kind, answer, oauth, secrets))
        except AuthsomeError as error:
            done.append(Revoked(kind, error.message, unreachable=isinstance(error, Unreachable)))
    return done


def _sent(request: Request, endpoint: TokenEndpoint, sleep: Callable[[float], None]) -> Response:
    """Once more where that may help (RFC 7009 section 2.2.1): our copy goes, and the token would live on."""
    for left in reversed(range(_TRIES)):
        pause = 1.0
        try:
            response = endpoint.send(request)
        except NotSent:
            if not left:
                raise
        else:
            if response.status not in NOT_BEGUN or not left:
                return response
            pause = retry_after(response.headers.get("retry-after"), endpoint.now()) or pause
        sleep(min(pause, _LONGEST_PAUSE_S))
    raise AssertionError


def _rfc7009(url: str, endpoint: TokenEndpoint, kind: str, token: Secret) -> Request:
    """RFC 7009 section 2.1."""
    from .wire import form

    fields, headers = endpoint.proved({"token": token.reveal(), "token_type_hint": kind}, url)
    return form(url, fields, headers)


def _own_way(way: Revocation, url: str, endpoint: TokenEndpoint, token: Secret) -> Request:
    client = endpoint.client
    client_id = client.id if client else ""
    url = url.replace("{client_id}", quote(client_id, safe=""))
    values = {"{token}": token.reveal(), "{client_id}": client_id}
    body = {name: _MARK.sub(lambda found: values[found[0]], text) for name, text in way.body.items()}
    headers = dict(endpoint.oauth.headers)
    secret = client.secret.reveal() if client and client.secret else ""
    if way.auth in ("client_basic", "client_post") and not secret:
        raise CredentialUnusable("the provider takes it from a client with a secret alone, and ours has none")
    if way.auth == "bearer":
        headers["Authorization"] = f"Bearer {token.reveal()}"
    elif way.auth == "client_basic":
        headers["Authorization"] = basic(client_id, secret, endpoint.oauth.basic_encoding)
    elif way.auth == "client_post":
        body |= {"client_id": client_id, "client_secret": secret}
    kind = "application/json" if way.body_format == "json" else "application/x-www-form-urlencoded"
    raw = (json.dumps(body) if way.body_format == "json" else urlencode(body)).encode() if body else b""
    if raw:  # an empty body has no type, and Dropbox insists on it
        headers["Content-Type"] = kind
    return Request(way.method, url, headers, raw)


def _outcome(kind: str, response: Response, oauth: OAuth, secrets: Sequence[str]) -> Revoked:
    """Section 2.2: 200 also for a token that the server does not know; 2.2.1: 503 is no decision."""
    way = oauth.revocation
    status = response.status
    if isinstance(way, Revocation) and way.auth == "bearer" and status == 401:
        return Revoked(kind)  # the token opens no door any more, this one included
    undecided = 300 <= status < 400 or status == 408 or status in NOT_BEGUN or status >= 500
    refused = read_error(response, oauth.answer, secrets=secrets)
    if refused is not None and refused.code in _GONE:
        return Revoked(kind)
    if refused is not None and not undecided:
        return Revoked(kind, f"the provider refused: {refused}", unreachable=refused.code in TEMPORARY)
    if status < 300:
        return Revoked(kind)
    return Revoked(kind, f"the provider answered HTTP {status}", unreachable=undecided)
