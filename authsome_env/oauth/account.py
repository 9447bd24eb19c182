"""Whose account the tokens are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authsome_env.errors import AuthsomeError
from authsome_env.providers.urls import BASE_URL, fill_base_url

from .messages import Request
from .pointer import read_pointer

if TYPE_CHECKING:
    from authsome_env.providers.schema import Account

    from .messages import Endpoints, Send, TokenSet

_LONGEST = 200
_USERINFO_LABELS = ("/email", "/preferred_username", "/name", "/sub")


class Found:
    """`id` tells accounts apart, `label` is for people; None: not known. `warning`: why not."""

    __slots__ = ("id", "label", "warning")

    def __init__(self, account_id: str | None, label: str | None, warning: str | None = None) -> None:
        self.id = account_id
        self.label = label
        self.warning = warning


def find_account(
    account: Account | None,
    *,
    tokens: TokenSet,
    endpoints: Endpoints,
    base_url: str | None,
    definition_base_url: str | None,
    scopes: str,
    send: Send,
) -> Found:
    """Never fails a login: without an answer the account is just not known.

    `base_url`: the connection's own, None if it is the definition's. A URL that holds no {base_url} is not
    told a token of another place.
    """
    if account is None:
        if endpoints.userinfo is None or "openid" not in scopes.split():
            return Found(None, None)
        return _asked(_get(endpoints.userinfo, tokens), "/sub", _USERINFO_LABELS, send)
    if account.url is None:
        return _found(tokens.document, account.id, (account.label, account.id))
    if base_url is not None and definition_base_url is not None and not account.url.startswith(BASE_URL):
        return Found(None, None)
    url = fill_base_url(account.url, base_url or definition_base_url)
    if account.method == "POST":
        from .wire import json_request

        request = json_request(url, account.body or {}, _bearer(tokens))
    else:
        request = _get(url, tokens)
    return _asked(request, account.id, (account.label, account.id), send)


def _get(url: str, tokens: TokenSet) -> Request:
    return Request("GET", url, _bearer(tokens))


def _bearer(tokens: TokenSet) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.access_token.reveal()}"}


def _asked(request: Request, account_id: str, labels: tuple[str, ...], send: Send) -> Found:
    try:
        response = send(request)
    except AuthsomeError as error:
        return Found(None, None, f"whose account it is could not be learnt: {error.message}")
    ok = response.status == 200
    found = _found(response.json() if ok else None, account_id, labels)
    if found.id is None and found.label is None:
        reason = "the answer does not say" if ok else f"HTTP {response.status}"
        found.warning = f"whose account it is could not be learnt: {reason}"
    return found


def _found(document: Any, account_id: str, labels: tuple[str, ...]) -> Found:
    known = _text(read_pointer(document, account_id))
    label = next(filter(None, (_text(read_pointer(document, pointer)) for pointer in labels)), known)
    return Found(known, label)


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-8", "replace").decode()[:_LONGEST] or None
