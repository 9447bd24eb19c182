"""Ask for the next tokens of a connection, the way it was logged in, and say what the answer means for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import CredentialUnusable
from authsome_env.providers.urls import fill_base_url, origin

from .messages import Refused

if TYPE_CHECKING:
    from authsome_env.providers.schema import Definition

    from .grant import Grant
    from .messages import Outcome, TokenSet
    from .token_request import TokenEndpoint

# `invalid_grant` is RFC 6749 section 5.2; the others are what GitHub, Slack and Google say instead of it.
_DEAD = frozenset(
    {"invalid_grant", "bad_refresh_token", "invalid_refresh_token", "token_expired", "token_revoked"}
    | {"invalid_rapt", "rapt_required", "invalid_auth", "account_inactive", "no_refresh_token"}
)
# RFC 6749 section 5.2: the client is wrong, not the person who logged in.
_CLIENT = frozenset(("invalid_client", "unauthorized_client", "incorrect_client_credentials"))


def renew(grant: Grant, endpoint: TokenEndpoint) -> Outcome:
    """One request for new tokens. Raises NotSent, NoAnswer, LoginFailed (a key that cannot be used)."""
    if grant.refresh_token is not None:
        # RFC 6749 section 6. No `scope`: it could only narrow, and some servers refuse it.
        return endpoint.ask({"grant_type": "refresh_token", "refresh_token": grant.refresh_token.reveal()})
    scopes = grant.scopes.split()
    if grant.flow == "client_credentials":
        from . import client_credentials

        return client_credentials.mint(endpoint, scopes)
    if grant.flow == "jwt_bearer":
        from . import jwt_bearer

        return jwt_bearer.mint(endpoint, grant.inputs, scopes)
    if grant.flow == "token_exchange":
        from . import token_exchange

        return token_exchange.mint(endpoint, token_exchange.Subject.unpack(grant.inputs), scopes)
    return Refused("no_refresh_token", "there is nothing to renew it with")


def is_dead(refused: Refused) -> bool:
    """Whether only a new login helps."""
    return refused.code in _DEAD


def is_clients_fault(refused: Refused) -> bool:
    return refused.code in _CLIENT


def next_grant(grant: Grant, tokens: TokenSet) -> Grant:
    """With the new refresh token; without one in the answer the old one stays good (RFC 6749 section 6)."""
    return grant.replace(
        refresh_token=(tokens.refresh_token or grant.refresh_token) if grant.refresh_token else None,
        sent_at=None,
        retry_at=None,
        tried_at=None,
        failures=0,
    )


def check_origin(definition: Definition, grant: Grant, base_url: str | None, *, reference: str) -> None:
    """Raises CredentialUnusable if the definition speaks of another server than the login did.

    Tokens only ever go to the server of the login; this says that the two have parted.
    """
    oauth = definition.oauth
    if oauth is not None:
        base = base_url or oauth.base_url
        named = ((oauth.token_url, grant.token_url), (oauth.issuer, grant.issuer))
        if all(not url or origin(fill_base_url(url, base)) == origin(kept) for url, kept in named):
            return
    raise CredentialUnusable(
        f"{reference} was logged in at {origin(grant.token_url)},"
        f" and {definition.name} is defined with another server by now",
        "log in again, or put the definition back",
    )
