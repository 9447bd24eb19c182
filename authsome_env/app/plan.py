"""What a keeper is told of its run, and its helpers of the run's connections: values, packed as bytes.

Light, and without the vault: a keeper has the keys of its connections' parts, and cannot use them itself.
"""

from __future__ import annotations

from authsome_env.model import Reference, Secret
from authsome_env.packed import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Self

    from authsome_env.model import Connection

    Texts = Mapping[str, str]


def pack_texts(texts: Mapping[str, str]) -> bytes:
    return pack({name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()})


def pack_words(words: Sequence[str]) -> bytes:
    """None has a blank in it."""
    return " ".join(words).encode()


def unpack_words(packed: bytes) -> list[str]:
    return packed.decode().split()


def unpack_texts(packed: bytes) -> dict[str, str]:
    return {name: raw.decode("utf-8", "surrogateescape") for name, raw in unpack(packed).items()}


class State:
    """How a connection is, as far as a run has to do with it.

    `values`: its variables', rendered; `fields`: the credential's.
    """

    __slots__ = ("expires_at", "fields", "generation", "lifetime", "refused", "renewable", "values")

    def __init__(
        self,
        *,
        generation: int,
        expires_at: float | None,
        lifetime: float | None,
        renewable: bool,
        refused: bool,
        values: Mapping[str, bytes],
        fields: Mapping[str, bytes] | None = None,
    ) -> None:
        self.generation = generation
        self.expires_at = expires_at
        self.lifetime = lifetime
        self.renewable = renewable
        self.refused = refused
        self.values = dict(values)
        self.fields = dict(fields or {})

    @classmethod
    def of(cls, connection: Connection, values: Mapping[str, bytes], fields: Mapping[str, Secret]) -> Self:
        return cls(
            generation=connection.generation,
            expires_at=connection.expires_at,
            lifetime=connection.lifetime,
            renewable=connection.renewable,
            refused=connection.refused,
            values=values,
            fields={name: secret.reveal_bytes() for name, secret in fields.items()},
        )

    def pack(self) -> bytes:
        return pack(
            {
                "generation": b"%d" % self.generation,
                "expires_at": _number(self.expires_at),
                "lifetime": _number(self.lifetime),
                "renewable": b"1" * self.renewable,
                "refused": b"1" * self.refused,
                "values": pack(self.values),
                "fields": pack(self.fields),
            }
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        fields = unpack(packed)
        return cls(
            generation=int(fields["generation"]),
            expires_at=_of_number(fields["expires_at"]),
            lifetime=_of_number(fields["lifetime"]),
            renewable=bool(fields["renewable"]),
            refused=bool(fields["refused"]),
            values=unpack(fields["values"]),
            fields=unpack(fields["fields"]),
        )


class Bound:
    """A connection that a run is bound to from its start: whose it is, its keys, what it fills and serves."""

    __slots__ = (
        *("account", "account_id", "base_url", "git_user", "id", "keys", "named", "provider_base_url"),
        *("reference", "templates", "public", "git_hosts", "docker_hosts"),
    )
    _LISTS = ("public", "git_hosts", "docker_hosts")

    def __init__(
        self,
        connection_id: str,
        reference: Reference,
        *,
        account_id: str | None,
        base_url: str | None,
        provider_base_url: str | None,
        templates: Mapping[str, str],
        keys: Mapping[str, bytes],
        named: bool = False,
        account: str | None = None,
        public: Iterable[str] = (),
        git_hosts: Iterable[str] = (),
        git_user: str = "",
        docker_hosts: Iterable[str] = (),
    ) -> None:
        self.id = connection_id
        self.reference = reference
        self.account_id = account_id
        self.base_url = base_url
        self.provider_base_url = provider_base_url
        """That of the definition, for templates."""
        self.templates = dict(templates)
        """By variable."""
        self.keys = keys
        self.named = named
        """By the user; otherwise it is there because it is a default connection."""
        self.account = account
        self.public = list(public)
        """The fields that are no secret."""
        self.git_hosts = list(git_hosts)
        self.git_user = git_user
        self.docker_hosts = list(docker_hosts)

    @property
    def owner(self) -> tuple[str | None, str | None]:
        """As `Vault.owner` gives it: where nobody says whose an account is, the connection has to do."""
        return self.account_id, self.base_url

    def render(self, fields: Mapping[str, Secret]) -> dict[str, bytes]:
        from authsome_env.providers.template import render

        base_url = self.base_url or self.provider_base_url
        known = fields if base_url is None else {**fields, "base_url": Secret(base_url)}
        rendered = {name: render(template, known) for name, template in self.templates.items()}
        return {name: value.reveal_bytes() for name, value in rendered.items() if value is not None}

    def pack(self) -> bytes:
        texts = {
            "id": self.id,
            "provider": self.reference.provider,
            "name": self.reference.connection or "",
            "account_id": self.account_id,
            "base_url": self.base_url,
            "provider_base_url": self.provider_base_url,
            "account": self.account,
            "git_user": self.git_user,
        }
        return pack(
            {
                "named": b"1" * self.named,
                **{name: pack_words(getattr(self, name)) for name in self._LISTS},
                "texts": pack_texts({name: text for name, text in texts.items() if text is not None}),
                "templates": pack_texts(self.templates),
                "keys": pack(self.keys),
            }
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        fields = unpack(packed)
        texts = unpack_texts(fields["texts"])
        return cls(
            texts["id"],
            Reference(texts["provider"], texts["name"]),
            account_id=texts.get("account_id"),
            base_url=texts.get("base_url"),
            account=texts.get("account"),
            git_user=texts["git_user"],
            named=bool(fields["named"]),
            **{name: unpack_words(fields[name]) for name in cls._LISTS},
            provider_base_url=texts.get("provider_base_url"),
            templates=unpack_texts(fields["templates"]),
            keys=unpack(fields["keys"]),
        )


class Place:
    """Where a vault is, and which one it is. `vault_option`: as that of a workspace."""

    __slots__ = ("home", "vault", "vault_id", "vault_option")

    def __init__(self, home: str, vault: str, vault_id: str, vault_option: str) -> None:
        self.home = home
        self.vault = vault
        self.vault_id = vault_id
        self.vault_option = vault_option

    def pack(self) -> bytes:
        return pack_texts({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        return cls(**unpack_texts(packed))


class Plan:
    """All that a keeper is told. `pid`: of the command; `delivery`: its kind; `signal`: 0 for none."""

    TEXTS = ("folder", "command", "delivery", "path", "reader", "terminal", "on_expiry")
    SWITCHES = ("in_ram", "live", "helpers", "masked")

    __slots__ = (
        "additions",
        "bound",
        "environ",
        "files",
        "min_ttl",
        "pid",
        "place",
        "signal",
        "states",
        *TEXTS,
        *SWITCHES,
    )

    def __init__(
        self,
        place: Place,
        bound: Sequence[Bound],
        states: Sequence[State],
        *,
        pid: int,
        min_ttl: float,
        signal: int,
        environ: Mapping[str, str],
        additions: bytes = b"",
        files: Mapping[str, bytes] | None = None,
        in_ram: bool = False,
        live: bool = False,
        helpers: bool = False,
        masked: bool = False,
        on_expiry: str = "refresh",
        **texts: str,
    ) -> None:
        self.place = place
        self.bound = list(bound)
        self.states = list(states)
        self.pid = pid
        self.min_ttl = min_ttl
        self.signal = signal
        self.environ = environ
        """What helpers get for their environment."""
        self.additions = additions
        """What the command's environment has got besides its variables; see `deliver.additions`."""
        self.files = dict(files or {})
        """By name, what helpers of programs need in the folder; see `deliver.helpers`."""
        self.in_ram = in_ram
        """The folder is; only then programs are told anything there."""
        self.live = live
        self.helpers = helpers
        self.masked = masked
        self.on_expiry = on_expiry
        """As the user said it, for `ps`."""
        self.folder = texts["folder"]
        self.command = texts["command"]
        """Its first word, for `ps`."""
        self.delivery = texts["delivery"]
        self.path = texts["path"]
        """As a `deliveries.Choice`: its kind, path and reader."""
        self.reader = texts["reader"]
        self.terminal = texts["terminal"]

    def pack(self) -> bytes:
        pairs = zip(self.bound, self.states, strict=True)
        return pack(
            {
                "place": self.place.pack(),
                "texts": pack_texts({name: getattr(self, name) for name in self.TEXTS}),
                "environ": pack_texts(self.environ),
                "pid": b"%d" % self.pid,
                "min_ttl": _number(self.min_ttl),
                "signal": b"%d" % self.signal,
                "additions": self.additions,
                "files": pack(self.files),
                **{name: b"1" * getattr(self, name) for name in self.SWITCHES},
                "connections": pack_each([pack_each([b.pack(), s.pack()]) for b, s in pairs]),
            }
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        fields = unpack(packed)
        pairs = [unpack_each(pair) for pair in unpack_each(fields["connections"])]
        texts: dict[str, Any] = unpack_texts(fields["texts"])
        texts |= {name: bool(fields[name]) for name in cls.SWITCHES}
        return cls(
            Place.unpack(fields["place"]),
            [Bound.unpack(bound) for bound, _ in pairs],
            [State.unpack(state) for _, state in pairs],
            pid=int(fields["pid"]),
            min_ttl=float(fields["min_ttl"]),
            signal=int(fields["signal"]),
            environ=unpack_texts(fields["environ"]),
            additions=fields["additions"],
            files=unpack(fields["files"]),
            **texts,
        )


def pack_each(items: Sequence[bytes]) -> bytes:
    return pack({str(number): item for number, item in enumerate(items)})


def unpack_each(packed: bytes) -> list[bytes]:
    return list(unpack(packed).values())


def _number(number: float | None) -> bytes:
    return b"" if number is None else repr(number).encode()


def _of_number(raw: bytes) -> float | None:
    return float(raw) if raw else None
