"""A client that acts for itself (RFC 6749 section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .messages import Outcome
    from .token_request import TokenEndpoint


def mint(endpoint: TokenEndpoint, scopes: Sequence[str]) -> Outcome:
    """One request; asking again is how it is renewed. Raises NotSent, NoAnswer, LoginFailed."""
    fields = {"grant_type": "client_credentials"}
    if scopes:
        fields["scope"] = endpoint.oauth.scope_separator.join(scopes)
    return endpoint.ask(fields)
