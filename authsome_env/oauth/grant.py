"""What renewing a connection takes: the plain text of the vault's renew part, and when it may be tried.

    fields   flow, token_url, issuer, revocation_url, client_id, auth_method, scopes (as asked for, with
             blanks), refresh_token; input.NAME for what a machine's flow was logged in with;
             attempts: sent_at, retry_at, tried_at (Unix seconds), failures

Endpoints, client id and way to authenticate are those of the login: no definition that changes later can send
a refresh token elsewhere. Light to load, because every process that meets a due token reads it.
"""

from __future__ import annotations

from authsome_env.model import CLOCK_SLACK_S, Secret
from authsome_env.packed import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_TEXTS = ("flow", "token_url", "issuer", "revocation_url", "client_id", "auth_method", "scopes")
_TIMES = ("sent_at", "retry_at", "tried_at")
_INPUT = "input."

NEARLY_DEAD_S = 30.0
"""A refresh token whose last use got no answer is used again when its access token has only this left, or a
tenth of its lifetime: if it was rotated, nothing more can be lost then."""

REFUSED = "refused: "
"""How the record of a failure begins that was the provider's no."""

LONGEST_RETRY_S = 3600.0
"""No server is left alone for longer, whatever it asks for."""

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0


class Grant:
    """`inputs`: what a machine's flow renews by, such as a key file's fields."""

    __slots__ = (
        "auth_method",
        "client_id",
        "failures",
        "flow",
        "inputs",
        "issuer",
        "refresh_token",
        "retry_at",
        "revocation_url",
        "scopes",
        "sent_at",
        "token_url",
        "tried_at",
    )

    def __init__(
        self,
        *,
        flow: str,
        token_url: str,
        auth_method: str,
        client_id: str = "",
        issuer: str = "",
        revocation_url: str = "",
        scopes: str = "",
        refresh_token: Secret | None = None,
        inputs: Mapping[str, Secret] | None = None,
        sent_at: float | None = None,
        retry_at: float | None = None,
        tried_at: float | None = None,
        failures: int = 0,
    ) -> None:
        self.flow = flow
        self.token_url = token_url
        self.auth_method = auth_method
        self.client_id = client_id
        self.issuer = issuer
        self.revocation_url = revocation_url
        self.scopes = scopes
        self.refresh_token = refresh_token
        self.inputs = dict(inputs or {})
        self.sent_at = sent_at
        """When the refresh token was sent for which no answer is known: it may have been rotated."""
        self.retry_at = retry_at
        """The server asked to be left alone until then."""
        self.tried_at = tried_at
        self.failures = failures
        """In a row; they make the pauses longer."""

    def replace(self, **changes: Any) -> Grant:
        return Grant(**{**{name: getattr(self, name) for name in self.__slots__}, **changes})

    def pack(self) -> bytes:
        fields = {name: getattr(self, name).encode() for name in _TEXTS}
        for name in _TIMES:
            if (when := getattr(self, name)) is not None:
                fields[name] = repr(when).encode()
        fields["failures"] = str(self.failures).encode()
        if self.refresh_token:
            fields["refresh_token"] = self.refresh_token.reveal_bytes()
        fields |= {_INPUT + name: value.reveal_bytes() for name, value in self.inputs.items()}
        return pack(fields)

    @classmethod
    def unpack(cls, packed: bytes) -> Grant:
        """Only ever given what `pack` made and a seal proved."""
        fields = unpack(packed)
        values: dict[str, Any] = {name: fields[name].decode() for name in _TEXTS}
        values |= {name: float(fields[name]) for name in _TIMES if name in fields}
        refresh_token = fields.get("refresh_token")
        return cls(
            **values,
            failures=int(fields["failures"]),
            refresh_token=Secret.from_bytes(refresh_token) if refresh_token else None,
            inputs={
                name.removeprefix(_INPUT): Secret.from_bytes(value)
                for name, value in fields.items()
                if name.startswith(_INPUT)
            },
        )

    def wait(
        self, now: float, expires_at: float | None, lifetime: float | None, *, asked: bool = False
    ) -> str | None:
        """Why it is not tried at this moment, in words; None: go on.

        After a request without an answer the refresh token waits until its access token is nearly dead; after
        a failure it pauses, as long as there is a live access token to go on with. `asked`: somebody wants
        this one renewed, and may have mended what failed.
        """
        left = expires_at - now if expires_at is not None else 0.0
        nearly_dead = left <= min(NEARLY_DEAD_S, (lifetime or NEARLY_DEAD_S) / 10)
        if lifetime is not None and left > lifetime + CLOCK_SLACK_S:
            nearly_dead = True  # the clock was put back, and nobody knows how long it lives
        if self.retry_at is not None and now < self.retry_at <= now + LONGEST_RETRY_S:
            return f"the server asks to be left alone for {int(self.retry_at - now) + 1} s"
        if self.sent_at is not None and self.refresh_token is not None and not nearly_dead:
            return "the last refresh got no answer, so the next one waits until the token is nearly dead"
        if left > 0 and self.tried_at is not None and self.failures and not asked:
            pause = min(_FIRST_PAUSE_S * 2 ** (self.failures - 1), _LONGEST_PAUSE_S)
            if 0 <= now - self.tried_at < min(pause, left):
                return "the last refresh failed a moment ago"
        return None

    def not_before(self, expires_at: float | None, lifetime: float | None) -> float:
        """From when on `wait` lets it be tried, in Unix seconds, as long as nothing changes; 0.0: at once."""
        free = self.retry_at or 0.0
        if expires_at is None:
            return free
        if self.sent_at is not None and self.refresh_token is not None:
            return max(free, expires_at - min(NEARLY_DEAD_S, (lifetime or NEARLY_DEAD_S) / 10))
        if self.tried_at is not None and self.failures:
            pause = min(_FIRST_PAUSE_S * 2 ** (self.failures - 1), _LONGEST_PAUSE_S)
            # The pause is never longer than what is left at its end.
            free = max(free, min(self.tried_at + pause, max(self.tried_at, (self.tried_at + expires_at) / 2)))
        return free
