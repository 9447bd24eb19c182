"""Are the endpoints of a definition there? Asked without any credential.

What is sent: GET without parameters, and to the token and device endpoints a request with a made-up client
and a made-up refresh token, which a working endpoint refuses (RFC 6749 section 5.2, RFC 8628 section 3.2).
A registration endpoint is only looked at, for a request would make a client there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import LoginFailed, Unreachable
from authsome_env.providers.urls import fill_base_url

from .answer import read_answer
from .discovery import ENDPOINTS, find_metadata
from .messages import Garbled, Refused, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsome_env.providers.schema import Definition, OAuth

    from .messages import Response, Send

MADE_UP = "authsome-provider-test"
"""The client id and refresh token that are sent; nobody's."""

OK, DOUBTFUL, FAILED = "ok", "doubtful", "failed"

_LOOK = ("authorization_url", "revocation_url", "registration_endpoint")
_ASK = {
    "token_url": {"grant_type": "refresh_token", "refresh_token": MADE_UP, "client_id": MADE_UP},
    "device_authorization_url": {"client_id": MADE_UP},
}


class Finding:
    """What became of one place. `status`: of HTTP; None if it was not reached."""

    __slots__ = ("detail", "status", "url", "verdict", "what")

    def __init__(self, what: str, url: str, verdict: str, detail: str, status: int | None = None) -> None:
        self.what = what
        """The definition's key, or `metadata`."""
        self.url = url
        self.verdict = verdict
        self.detail = detail
        self.status = status


def probe(definition: Definition, base_url: str | None, send: Send) -> Iterator[Finding]:
    """Each place of the definition in turn. Nothing is raised. `base_url`: None for the definition's own."""
    oauth = definition.oauth
    if oauth is not None:
        base = base_url or oauth.base_url
        if oauth.issuer is not None:
            yield from _metadata(definition.name, oauth, fill_base_url(oauth.issuer, base), base, send)
        for key in (*_LOOK, *_ASK):
            url = getattr(oauth, key)
            # What a login fills in ({installation_id}, …) is not known here.
            if url is not None and "{" not in (filled := fill_base_url(url, base)):
                yield _endpoint(key, filled, oauth, send)
        if definition.account is not None and definition.account.url is not None:
            yield _look("account.url", fill_base_url(definition.account.url, base), send)
    if definition.api_url is not None:
        yield _look("api_url", f"https://{definition.api_url}/", send)
    if definition.docs is not None:
        yield _page("docs", definition.docs, send)


def _metadata(name: str, oauth: OAuth, issuer: str, base: str | None, send: Send) -> Iterator[Finding]:
    """RFC 8414: the server's own word on its endpoints, against the definition's."""
    try:
        metadata = find_metadata(issuer, name, send)
    except (LoginFailed, Unreachable) as error:
        yield Finding("issuer", issuer, FAILED, error.message)
        return
    yield Finding("issuer", issuer, OK, "its metadata names it", 200)
    for key, theirs in ENDPOINTS.items():
        ours = getattr(oauth, key, None)
        stated = metadata.get(theirs)
        if ours is not None and isinstance(stated, str) and stated != fill_base_url(ours, base):
            yield Finding(key, fill_base_url(ours, base), DOUBTFUL, f"the metadata says {stated}")


def _endpoint(key: str, url: str, oauth: OAuth, send: Send) -> Finding:
    if key not in _ASK:
        return _look(key, url, send)
    from .wire import form, json_request

    as_json = key == "token_url" and oauth.token_request == "json"  # noqa: S105 - a way to write it
    response = _sent(key, url, (json_request if as_json else form)(url, _ASK[key]), send)
    if isinstance(response, Finding):
        return response
    verdict, detail = _judged(response, oauth)
    return Finding(key, url, verdict, detail, response.status)


def _judged(response: Response, oauth: OAuth) -> tuple[str, str]:
    """What the answer to a made-up client says of the endpoint. GitHub refuses with 404 and a body."""
    outcome = read_answer(response, oauth.answer, now=0.0)
    if isinstance(outcome, Refused) and not outcome.code.startswith("http_"):
        return OK, f"refuses a made-up client ({outcome.code[:60]})"
    if response.status >= 500:
        return DOUBTFUL, "the server has trouble"
    if response.status in (404, 405, 410):
        return FAILED, "there is no such endpoint"
    if isinstance(outcome, Garbled) or response.status < 400:
        return DOUBTFUL, "does not answer as a token endpoint does"
    return OK, "refuses a made-up client"


def _look(what: str, url: str, send: Send) -> Finding:
    """Whether somebody is there; most of these answer a bare GET with an error of their own."""
    response = _sent(what, url, Request("GET", url, {}), send)
    if isinstance(response, Finding):
        return response
    if response.status >= 500:
        return Finding(what, url, DOUBTFUL, "the server has trouble", response.status)
    return Finding(what, url, OK, "is there", response.status)


def _page(what: str, url: str, send: Send) -> Finding:
    found = _look(what, url, send)
    if found.status in (404, 410):
        return Finding(what, url, DOUBTFUL, "there is no such page", found.status)
    if found.verdict == FAILED:  # a page for people is not what a login needs
        found.verdict = DOUBTFUL
    return found


def _sent(what: str, url: str, request: Request, send: Send) -> Response | Finding:
    try:
        return send(request)
    except (LoginFailed, Unreachable) as error:
        return Finding(what, url, FAILED, error.message)
