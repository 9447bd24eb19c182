"""The values that every layer speaks of. Plain classes, because `typing` and `dataclasses` would cost the
hot path more than everything else that it loads (see tests/bench).
"""

from __future__ import annotations

from .errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_NAME_FIRST = frozenset(_LETTERS + _DIGITS)
_NAME_REST = _NAME_FIRST | frozenset("._@+-")
_PROVIDER_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz" + _DIGITS)
_PROVIDER_REST = _PROVIDER_FIRST | frozenset("_-")
_VARIABLE_FIRST = frozenset(_LETTERS + "_")
_VARIABLE_REST = _VARIABLE_FIRST | frozenset(_DIGITS)

CLOCK_SLACK_S = 60.0
"""How far a clock may be put back without our taking notice."""

ACCESS_KEY = frozenset(("access_key_id", "secret_access_key"))
"""The fields of a credential that requests are signed by the AWS way."""

DEFAULT_CONNECTION = "default"
"""The name that a login without `--connection` gives."""


class Secret:
    """Text that must not be printed. `reveal()` is the one way to it, so its uses can be searched for.

    The text is UTF-8 with surrogate escapes, so that any bytes but NUL survive.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def from_bytes(cls, raw: bytes) -> Secret:
        return cls(raw.decode("utf-8", "surrogateescape"))

    def reveal(self) -> str:
        return self._text

    def reveal_bytes(self) -> bytes:
        return self._text.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialized")


def is_variable_name(name: str) -> bool:
    """Whether every shell accepts `name` as a variable (POSIX 3.231: letters, digits, underscore)."""
    return name[:1] in _VARIABLE_FIRST and _VARIABLE_REST.issuperset(name)


def check_provider_name(name: str) -> str:
    if name[:1] not in _PROVIDER_FIRST or not _PROVIDER_REST.issuperset(name) or len(name) > 64:
        raise UsageError(
            f"{name!r} cannot be a provider name",
            "use up to 64 lower-case letters, digits, - and _, beginning with a letter or digit",
        )
    return name


def check_connection_name(name: str) -> str:
    """Also the rule for vault names: `[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}`."""
    if name[:1] not in _NAME_FIRST or not _NAME_REST.issuperset(name) or len(name) > 64:
        raise UsageError(
            f"{name!r} cannot be a name",
            "use up to 64 letters, digits and . _ @ + -, beginning with a letter or digit",
        )
    return name


class Reference:
    """`provider[:connection][#field]`; also `authsome://provider[/connection][#field]`."""

    __slots__ = ("connection", "field", "provider")

    def __init__(self, provider: str, connection: str | None = None, field: str | None = None) -> None:
        self.provider = provider
        self.connection = connection
        self.field = field

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises UsageError when a part is not an allowed name."""
        is_url = text.startswith("authsome://")
        rest, hash_mark, field = text.removeprefix("authsome://").partition("#")
        provider, mark, connection = rest.partition("/" if is_url else ":")
        if (hash_mark and not field) or (mark and not connection) or not provider:
            raise UsageError(
                f"{text!r} is not a reference", "write provider[:connection][#field], as in github:work"
            )
        check_provider_name(provider)
        if mark:
            check_connection_name(connection)
        return cls(provider, connection or None, field or None)

    def __str__(self) -> str:
        connection = f":{self.connection}" if self.connection else ""
        return self.provider + connection + (f"#{self.field}" if self.field else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class Connection:
    """What is known of a connection in clear. Times are Unix seconds; None: never, or not stated."""

    __slots__ = (
        "account",
        "account_id",
        "auth_type",
        "base_url",
        "created_at",
        "expires_at",
        "generation",
        "id",
        "is_default",
        "last_error",
        "lifetime",
        "logged_in_at",
        "name",
        "provider",
        "refreshed_at",
        "refused",
        "renewable",
        "scopes",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the column's name
        provider: str,
        name: str,
        auth_type: str,
        created_at: float,
        logged_in_at: float,
        is_default: bool = False,
        generation: int = 1,
        refused: bool = False,
        renewable: bool = False,
        scopes: str | None = None,
        account_id: str | None = None,
        account: str | None = None,
        base_url: str | None = None,
        expires_at: float | None = None,
        lifetime: float | None = None,
        refreshed_at: float | None = None,
        last_error: str | None = None,
    ) -> None:
        self.id = id
        """Random, for life; survives a rename and a repeated login."""
        self.provider = provider
        self.name = name
        self.auth_type = auth_type
        """`oauth2` or `api_key`."""
        self.created_at = created_at
        self.logged_in_at = logged_in_at
        self.is_default = is_default
        self.generation = generation
        """Counts the writes of the credential itself (login, refresh), not those of metadata."""
        self.refused = refused
        """The provider said no for good; only a login mends it."""
        self.renewable = renewable
        """A renew part exists, so an expired token is no loss."""
        self.scopes = scopes
        """As granted, separated by blanks."""
        self.account_id = account_id
        self.account = account
        self.base_url = base_url
        self.expires_at = expires_at
        self.lifetime = lifetime
        """Seconds from issue to expiry, as issued."""
        self.refreshed_at = refreshed_at
        self.last_error = last_error

    def replace(self, **changes: Any) -> Connection:
        values = {name: getattr(self, name) for name in self.__slots__}
        return Connection(**{**values, **changes})

    @property
    def reference(self) -> Reference:
        return Reference(self.provider, self.name)

    def status(self, now: float) -> str:
        """`connected`, `expiring` (refresh is due and has failed), `expired` or `invalid`.

        A token that is past and can be renewed without anybody is no loss: connected.
        """
        if self.refused:
            return "invalid"
        if self.past(now) and not (self.renewable and self.last_error is None):
            return "expired"
        if self.last_error is not None:
            return "expiring"
        return "connected"

    def past(self, now: float) -> bool:
        """Whether the access token as it is has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def due(self, now: float, min_ttl: float) -> bool:
        """Whether less than min(`min_ttl`, a fifth of the lifetime as issued) is left, in seconds.

        Also if more is left than there ever was: then the clock went back, and its word is worth nothing.
        """
        if self.expires_at is None:
            return False
        left = self.expires_at - now
        if self.lifetime is None:
            return left < min_ttl
        return left < min(min_ttl, self.lifetime / 5) or left > self.lifetime + CLOCK_SLACK_S


class Variable:
    """One environment variable to be delivered: its value and the connection that it comes from.

    `template` and `base_url` (the definition's): what it was made by, and is made by again after a refresh.
    """

    __slots__ = ("base_url", "connection", "name", "template", "value")

    def __init__(
        self, name: str, value: Secret, connection: Connection, template: str, base_url: str | None = None
    ) -> None:
        self.name = name
        self.value = value
        self.connection = connection
        self.template = template
        self.base_url = base_url
