"""What goes over the wire and what comes back, as values. Nothing here does I/O, and nothing prints a secret.

A token endpoint's answer is one of a closed set (see `answer`):

    TokenSet   tokens
    Refused    the server said no, for good (RFC 6749 section 5.2)
    Later      it could not answer now; `doubtful`: it may have done its work all the same
    Garbled    an answer came that nobody can read; it may hold the tokens that we wait for
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authsome_env.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsome_env.model import Secret


class NotSent(Unreachable):
    """The request never reached the server: name, connection or TLS. The same request may be sent again."""


class NoAnswer(Unreachable):
    """The request went out, and no whole answer came back: the server may have carried it out."""


class Request:
    """`body` and the header values may hold secrets, so neither is shown."""

    __slots__ = ("body", "headers", "method", "url")

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.partition('?')[0]})"


class Response:
    """`headers`: names in lower case."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"Response({self.status})"

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object; None if it is none."""
        document = self.json()
        return document if isinstance(document, dict) else None


if TYPE_CHECKING:
    Send = Callable[[Request], Response]
    """Sends one request and returns the whole answer; raises NotSent, NoAnswer. Follows no redirect."""


class TokenSet:
    """Tokens as issued. Times are Unix seconds."""

    __slots__ = (
        "access_token",
        "document",
        "expires_at",
        "fields",
        "lifetime",
        "refresh_token",
        "scopes",
        "warnings",
    )

    def __init__(
        self,
        access_token: Secret,
        *,
        refresh_token: Secret | None = None,
        expires_at: float | None = None,
        lifetime: float | None = None,
        scopes: str | None = None,
        fields: Mapping[str, Secret] | None = None,
        document: Mapping[str, Any] | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        self.access_token = access_token
        self.refresh_token = refresh_token
        """None if the answer had none, or an empty one: then the old one stays good (RFC 6749 section 6)."""
        self.expires_at = expires_at
        """None: the server stated no lifetime."""
        self.lifetime = lifetime
        """Seconds, as issued."""
        self.scopes = scopes
        """As granted, separated by blanks; None if the answer says nothing: then as asked (section 5.1)."""
        self.fields = dict(fields or {})
        """What else the definition keeps (`oauth.answer.fields`)."""
        self.document = dict(document or {})
        """The whole answer, for the account's pointers; never kept, never shown."""
        self.warnings = list(warnings)


class Refused:
    """The server's `error` (RFC 6749 section 5.2, RFC 8628 section 3.5). `description` is for people."""

    __slots__ = ("code", "description", "interval")

    def __init__(self, code: str, description: str | None = None, interval: float | None = None) -> None:
        self.code = code
        self.description = description
        self.interval = interval
        """Seconds, if the answer has one: GitHub's slow_down says how slow."""

    def __str__(self) -> str:
        return f"{self.code}: {self.description}" if self.description else self.code


class Later:
    """No decision now (408, 429, 5xx, `temporarily_unavailable`)."""

    __slots__ = ("doubtful", "reason", "retry_after")

    def __init__(self, reason: str, *, retry_after: float | None = None, doubtful: bool) -> None:
        self.reason = reason
        """In words, as `HTTP 503`."""
        self.retry_after = retry_after
        """Seconds (RFC 9110 section 10.2.3), capped."""
        self.doubtful = doubtful
        """Whether the server may have carried the request out."""


class Garbled:
    """An answer that cannot be understood."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason
        """In words, as `an HTML page under HTTP 200`."""


if TYPE_CHECKING:
    Outcome = TokenSet | Refused | Later | Garbled


class Endpoints:
    """Where an authorization server listens: for one definition and one base URL, all filled and checked."""

    __slots__ = (
        "authorization",
        "device_authorization",
        "iss_required",
        "issuer",
        "registration",
        "revocation",
        "token",
        "userinfo",
    )

    def __init__(
        self,
        *,
        issuer: str | None = None,
        authorization: str | None = None,
        token: str | None = None,
        device_authorization: str | None = None,
        revocation: str | None = None,
        registration: str | None = None,
        userinfo: str | None = None,
        iss_required: bool = False,
    ) -> None:
        self.issuer = issuer
        self.authorization = authorization
        self.token = token
        self.device_authorization = device_authorization
        self.revocation = revocation
        self.registration = registration
        self.userinfo = userinfo
        self.iss_required = iss_required
        """The server always names itself in its redirects (RFC 9207 section 3)."""


class OAuthClient:
    """The client that logs in. `method`: how it proves itself, a value of schema.AUTH_METHODS."""

    __slots__ = ("id", "key", "method", "secret")

    def __init__(
        self, client_id: str, method: str, *, secret: Secret | None = None, key: Secret | None = None
    ) -> None:
        self.id = client_id
        self.method = method
        self.secret = secret
        self.key = key
        """For private_key_jwt: PEM, or a JWK as JSON."""
