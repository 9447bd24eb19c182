"""One connection as a helper sees it, whether a run's folder or the vault told of it."""

from __future__ import annotations

from authsome_env.errors import CredentialUnusable, UsageError
from authsome_env.model import ACCESS_KEY, Reference, Secret, check_connection_name, check_provider_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Told:
    __slots__ = (
        "account",
        "account_id",
        "docker_hosts",
        "expires_at",
        "fields",
        "generation",
        "git_hosts",
        "git_user",
        "id",
        "implied",
        "name",
        "provider",
        "public",
        "renewable",
        "status",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the connection's attribute
        provider: str,
        name: str,
        implied: bool,
        fields: Mapping[str, Secret],
        public: frozenset[str] = frozenset(),
        account_id: str | None = None,
        account: str | None = None,
        status: str = "connected",
        expires_at: float | None = None,
        generation: int = 1,
        renewable: bool = True,
        git_hosts: tuple[str, ...] = (),
        git_user: str = "",
        docker_hosts: tuple[str, ...] = (),
    ) -> None:
        self.id = id
        self.provider = provider
        self.name = name
        self.implied = implied
        """It may be meant by who names none: any one of a run; of a vault, the defaults."""
        self.fields = fields
        self.public = public
        """The fields that are no secret."""
        self.account_id = account_id
        self.account = account
        self.status = status
        self.expires_at = expires_at
        self.generation = generation
        self.renewable = renewable
        """Another token can be had for it without a person."""
        self.git_hosts = git_hosts
        self.git_user = git_user
        self.docker_hosts = docker_hosts

    @classmethod
    def of(cls, each: Mapping[str, Any]) -> Told:
        """From the file `connections` of a run. Raises KeyError, TypeError, ValueError for another form."""
        try:
            provider, name = check_provider_name(each["provider"]), check_connection_name(each["name"])
        except UsageError:
            raise ValueError from None
        expires_at = each["expires_at"]
        return cls(
            id=_text(each["id"]),
            provider=provider,
            name=name,
            implied=True,
            fields={field: Secret(_text(value)) for field, value in each["fields"].items()},
            public=frozenset(_texts(each["public"])),
            account_id=_text_or_none(each["account_id"]),
            account=_text_or_none(each["account"]),
            status=_text(each["status"]),
            expires_at=None if expires_at is None else float(expires_at),
            generation=int(each["generation"]),
            renewable=bool(each.get("renewable", True)),
            git_hosts=_texts(each["git_hosts"]),
            git_user=_text(each["git_user"]),
            docker_hosts=_texts(each["docker_hosts"]),
        )

    @property
    def reference(self) -> str:
        return f"{self.provider}:{self.name}"

    def differs(self, other: Told) -> bool:
        """Whether something has become of it since `other`."""
        return (self.generation, self.status) != (other.generation, other.status)

    def past(self, now: float) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def check_usable(self, now: float) -> None:
        """Raises CredentialUnusable."""
        dead = self.status in ("expired", "invalid")
        if not dead and self.renewable and self.past(now):  # else a keeper would have renewed it, or said so
            raise CredentialUnusable(
                f"{self.reference} is expired, and this run has no keeper any more to renew it",
                "start it again with `authsome run`",
            )
        if dead or self.past(now):
            status = self.status if dead else "expired"
            raise CredentialUnusable(
                f"{self.reference} is {status}", f"authsome login {self.provider} -c {self.name}"
            )

    def password(self) -> Secret | None:
        """The token, the key, or the only field that is a secret."""
        for name in ("access_token", "api_key"):
            if name in self.fields:
                return self.fields[name]
        secrets = [secret for name, secret in self.fields.items() if name not in self.public]
        return secrets[0] if len(secrets) == 1 else None

    def field(self, name: str | None) -> Secret:
        """As `find.choose_field` chooses. Raises UsageError, CredentialUnusable."""
        from .find import choose_field

        login = f"authsome login {self.provider} -c {self.name}"
        chosen = choose_field(
            self.fields, name, (), reference=Reference(self.provider, self.name), login=login
        )
        return self.fields[chosen]

    def user(self) -> str:
        """The name that goes with the password: where it is known, it is data; a token seldom cares."""
        own = self.fields.get("username")
        return (own.reveal() if own else "") or self.git_user or self.account or "x-access-token"

    @property
    def is_access_key(self) -> bool:
        """Whether requests are signed by it the AWS way."""
        return self.fields.keys() >= ACCESS_KEY


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(each) for each in value)
