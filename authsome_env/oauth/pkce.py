"""The authorization code flow with PKCE, for a native application (RFC 6749 section 4.1, 7636, 8252)."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from authsome_env.errors import LoginFailed
from authsome_env.model import Secret
from authsome_env.providers.urls import origin

from .token_request import expect_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsome_env.providers.schema import OAuth

    from .messages import Endpoints, OAuthClient, TokenSet
    from .token_request import TokenEndpoint

_STATE_BYTES = 32
_MAX_WORDS = 500  # characters of what a server says of an error
_VERIFIER_BYTES = 48  # 64 characters; RFC 7636 section 4.1 wants 43 to 128


class Authorization:
    """One attempt: what was sent to the browser, and what its answer is checked against."""

    __slots__ = ("iss_required", "issuer", "redirect_uri", "state", "url", "verifier")

    def __init__(
        self,
        *,
        url: str,
        state: str,
        verifier: Secret | None,
        redirect_uri: str,
        issuer: str | None,
        iss_required: bool,
    ) -> None:
        self.url = url
        self.state = state
        self.verifier = verifier
        """None where the definition says that the server knows no PKCE."""
        self.redirect_uri = redirect_uri
        self.issuer = issuer
        self.iss_required = iss_required


class Code:
    __slots__ = ("value",)

    def __init__(self, value: Secret) -> None:
        self.value = value


class Denied:
    """The answer to our request, and it is no."""

    __slots__ = ("code", "description")

    def __init__(self, code: str, description: str | None = None) -> None:
        self.code = code
        self.description = description

    def __str__(self) -> str:
        return f"{self.code}: {self.description}" if self.description else self.code


def begin(
    *,
    endpoints: Endpoints,
    oauth: OAuth,
    client: OAuthClient,
    scopes: Sequence[str],
    redirect_uri: str,
    random: Callable[[int], bytes],
) -> Authorization:
    """The URL for the browser."""
    from authlib.common.urls import add_params_to_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    state = _text(random(_STATE_BYTES))
    verifier = Secret(_text(random(_VERIFIER_BYTES))) if oauth.pkce else None
    asked = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "state": state,
        **oauth.authorization_params,
    }
    if scopes:
        asked[oauth.scope_parameter] = oauth.scope_separator.join(scopes)
    if verifier is not None:
        asked["code_challenge"] = create_s256_code_challenge(verifier.reveal())  # type: ignore[no-untyped-call]
        asked["code_challenge_method"] = "S256"
    return Authorization(
        url=add_params_to_uri(endpoints.authorization or "", list(asked.items())),
        state=state,
        verifier=verifier,
        redirect_uri=redirect_uri,
        issuer=endpoints.issuer,
        iss_required=endpoints.iss_required,
    )


def judge(authorization: Authorization, query: Mapping[str, Sequence[str]]) -> Code | Denied | None:
    """What a request to the redirect URI means; None: it is no answer to ours, and changes nothing.

    The state comes first, before any error: without it anybody's page could end the login (RFC 6749 section
    4.1.2.1 puts it into errors, too). Then the issuer (RFC 9207 section 2.4), also of errors.
    """
    states = query.get("state", ())
    if len(states) != 1 or not _is_same(states[0], authorization.state):
        return None
    if not _is_from_them(authorization, query.get("iss", ())):
        return Denied("wrong_issuer", "the answer comes from another server than the one that was asked")
    if errors := query.get("error"):
        described = query.get("error_description", ("",))[0][:_MAX_WORDS]
        return Denied(errors[0][:_MAX_WORDS] or "error", described or None)
    codes = query.get("code", ())
    if len(codes) != 1 or not codes[0]:
        return Denied("no_code", "the answer holds no code, or more than one")
    return Code(Secret(codes[0]))


def from_pasted(authorization: Authorization, text: str) -> Code | Denied | None:
    """What a person copied: the address that the browser ended at, its query, or the code alone.

    None: it cannot be the answer, and another try is due.
    """
    text = text.strip().strip("'\"").strip()
    try:
        query = urlsplit(text).query if "://" in text else text.lstrip("?")
    except ValueError:
        return None
    fields = parse_qs(query.partition("#")[0], keep_blank_values=True) if "=" in query else {}
    if "state" in fields or "error" in fields or "code" in fields:
        return judge(authorization, fields)
    if "://" in text or not text or not text.isascii() or any(character.isspace() for character in text):
        return None
    code, _, state = text.partition("#")  # as some pages show both
    if state and not _is_same(state, authorization.state):
        return None
    return Code(Secret(code)) if code else None


def exchange(authorization: Authorization, code: Code, endpoint: TokenEndpoint, *, provider: str) -> TokenSet:
    """One try: a code is good for one (RFC 6749 section 4.1.2). Raises LoginFailed, Unreachable."""
    fields = {
        "grant_type": "authorization_code",
        "code": code.value.reveal(),
        "redirect_uri": authorization.redirect_uri,
    }
    if authorization.verifier is not None:
        fields["code_verifier"] = authorization.verifier.reveal()
    return expect_tokens(endpoint.ask(fields), provider=provider)


def refusal(denied: Denied, provider: str, again: str) -> LoginFailed:
    """What is said of a login that was denied. `again`: the command to try it again with."""
    if denied.code == "access_denied":
        detail = f" ({denied.description})" if denied.description else ""
        return LoginFailed(f"the login to {provider} was denied{detail}", again)
    return LoginFailed(f"{provider} refused the login ({denied})", again)


def _is_from_them(authorization: Authorization, issuers: Sequence[str]) -> bool:
    """Where the definition names no issuer, at least the server's origin is known."""
    if not issuers:
        return not authorization.iss_required
    if authorization.issuer is not None:
        return list(issuers) == [authorization.issuer]
    try:
        return len(issuers) == 1 and origin(issuers[0]) == origin(authorization.url)
    except ValueError:
        return False


def _is_same(theirs: str, ours: str) -> bool:
    # A terminal may give half a character, which no encoding takes.
    return hmac.compare_digest(theirs.encode("utf-8", "replace"), ours.encode())


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
