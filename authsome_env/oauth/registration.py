"""Register a client with the server (RFC 7591), for servers that let anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authsome_env.errors import LoginFailed, Unreachable
from authsome_env.model import Secret
from authsome_env.providers.schema import AUTH_METHODS, Answer
from authsome_env.providers.urls import check_url

from .answer import read_answer
from .echo import secrets_in
from .messages import Garbled, Later, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .messages import Send

NAME = "authsome"

_NEVER = 1e11
"""Unix seconds in the year 5138."""


class Registered:
    """What came of it. `expires_at`: Unix seconds until when the secret is good; None: for ever."""

    __slots__ = ("client_id", "expires_at", "method", "registration_token", "registration_uri", "secret")

    def __init__(
        self,
        client_id: str,
        method: str,
        *,
        secret: Secret | None,
        registration_token: Secret | None,
        registration_uri: str | None,
        expires_at: float | None,
    ) -> None:
        self.client_id = client_id
        self.method = method
        self.secret = secret
        self.registration_token = registration_token
        self.registration_uri = registration_uri
        self.expires_at = expires_at


def register(
    endpoint: str,
    *,
    redirect_uri: str,
    scopes: Sequence[str],
    flows: Sequence[str],
    initial_access_token: Secret | None,
    send: Send,
    provider: str,
) -> Registered:
    """Raises LoginFailed, Unreachable. `initial_access_token`: for servers that let not just anybody."""
    from .wire import json_request

    grants = ["authorization_code", "refresh_token"]
    if "device_code" in flows:
        grants.append("urn:ietf:params:oauth:grant-type:device_code")
    wish: dict[str, Any] = {
        "client_name": NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": grants,
        "response_types": ["code"],
        # A client that anybody can make proves nothing by its secret (RFC 8252 section 8.5).
        "token_endpoint_auth_method": "none",
        # OIDC Registration section 2: without it some servers want the very port of the redirect URI.
        "application_type": "native",
    }
    if scopes:
        wish["scope"] = " ".join(scopes)
    headers = {}
    if initial_access_token is not None:
        headers["Authorization"] = f"Bearer {initial_access_token.reveal()}"
    request = json_request(endpoint, wish, headers)
    response = send(request)
    document = response.document()
    # Section 3.2.2: errors look like those of the token endpoint.
    outcome = read_answer(response, Answer(), now=0.0, secrets=secrets_in(request, None))
    if isinstance(outcome, Refused) and response.status in (401, 403):
        raise LoginFailed(
            f"{provider} does not let anybody register a client ({outcome})",
            f"give its token with --from-env initial_access_token=VAR, or {_by_hand(provider)}",
        )
    if isinstance(outcome, Refused):
        raise LoginFailed(f"{provider} refused to register a client ({outcome})", _by_hand(provider))
    if response.status in (200, 201) and document is not None:
        return _registered(document, redirect_uri, provider)
    reason = outcome.reason if isinstance(outcome, Later | Garbled) else f"HTTP {response.status}"
    raise Unreachable(f"{provider} did not register a client: {reason}", "try again later")


def _by_hand(provider: str) -> str:
    return f"register one there by hand, then authsome client set {provider}, and log in with --flow pkce"


def _registered(document: Mapping[str, Any], redirect_uri: str, provider: str) -> Registered:
    """RFC 7591 section 3.2.1: the server may have changed what we asked for."""
    client_id, secret = _word(document.get("client_id")), _word(document.get("client_secret"))
    method = document.get("token_endpoint_auth_method") or ("client_secret_basic" if secret else "none")
    uris = document.get("redirect_uris")
    wrong = None
    if client_id is None:
        wrong = "it gave no client id"
    elif method not in AUTH_METHODS or method == "private_key_jwt" or (method != "none" and not secret):
        wrong = "it wants the client to prove itself in a way that it gave no means for"
    elif isinstance(uris, list) and redirect_uri not in uris:
        wrong = "it registered another redirect URI"
    if wrong is not None:
        raise LoginFailed(f"{provider} registered a client of no use: {wrong}", _by_hand(provider))
    token, uri = _word(document.get("registration_access_token")), document.get("registration_client_uri")
    expires_at = document.get("client_secret_expires_at")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not 0 < expires_at < _NEVER:
        expires_at = None
    return Registered(
        str(client_id),
        str(method),
        secret=Secret(secret) if secret else None,
        registration_token=Secret(token) if token else None,
        registration_uri=uri if isinstance(uri, str) and _is_good(uri) else None,
        expires_at=None if expires_at is None else float(expires_at),
    )


def _word(value: object) -> str | None:
    """RFC 6749 appendix A.1 and A.2: visible ASCII and blanks. Anything else could not be sent back."""
    fit = isinstance(value, str) and all(" " <= character <= "~" for character in value)
    return str(value) if fit and value else None


def _is_good(uri: str) -> bool:
    try:
        check_url(uri)
    except ValueError:
        return False
    return True
