"""Which connection fills a variable, when several could."""

from __future__ import annotations

from authsome_env.errors import CredentialUnusable
from authsome_env.model import Variable
from authsome_env.providers.template import fields_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsome_env.model import Connection, Secret
    from authsome_env.providers.quick import QuickDefinition


class Claim:
    """One connection's wish to fill one variable; `value` is None if a field for it was not given."""

    __slots__ = ("connection", "definition", "named", "template", "value")

    def __init__(
        self,
        connection: Connection,
        definition: QuickDefinition,
        template: str,
        value: Secret | None,
        *,
        named: bool,
    ) -> None:
        self.connection = connection
        self.definition = definition
        self.template = template
        self.value = value
        self.named = named
        """By the user; otherwise it is there because it is a default connection."""

    def variable(self, name: str) -> Variable:
        if self.value is None:
            raise ValueError(f"{self.connection.reference} has no value for {name}")
        return Variable(name, self.value, self.connection, self.template, self.definition.base_url)

    def mapping(self, name: str) -> str | None:
        """The `--map` that gives this connection the variable; None if none says the same."""
        field = self.template[1:-1]
        if self.value is None or self.template != f"{{{field}}}" or field not in self.definition.fields:
            return None
        only = field == "access_token" or len(self.definition.fields) == 1
        return f"--map {name}={self.connection.reference}" + ("" if only else f"#{field}")


def check_fits(
    connection: Connection, definition: QuickDefinition, claims: Iterable[Claim], *, vault_option: str
) -> None:
    """Raises CredentialUnusable for a connection that was made by another definition of its provider.

    To fill nothing without a word would look as if it were not connected.
    """
    if definition.env and (
        connection.auth_type != definition.auth_type or all(claim.value is None for claim in claims)
    ):
        raise CredentialUnusable(
            f"{connection.reference} has no field that {connection.provider} is defined with by now",
            f"authsome login {connection.provider} -c {connection.name}{vault_option} --force",
        )


def settle(claims: Sequence[Claim]) -> list[Claim]:
    """The claim that wins; several, if nothing tells which of them is meant; none, if none has a value.

    Named connections win over defaults. A text that the definition itself gives is the same from all.
    """
    filling = [claim for claim in claims if claim.value is not None]
    filling = [claim for claim in filling if claim.named] or filling
    if not filling:
        return []
    first = filling[0]
    providers = {claim.connection.provider for claim in filling}
    owners: dict[str, Claim] = {}
    for claim in claims:
        # Also one that leaves empty what another account of its provider fills: they would be mixed.
        if claim in filling or (claim.named == first.named and claim.connection.provider in providers):
            owners.setdefault(claim.connection.id, claim)
    if all(claim.value == first.value and not fields_of(claim.template) for claim in owners.values()):
        return [first]
    return list(owners.values())


def how_to_choose(contested: Mapping[str, Sequence[Claim]]) -> str:
    """What to type to settle these variables: by `--map`, where that can say all that a connection says.

    The one that is offered fills whatever the others do: a server or a team of another one, left beside its
    token, would mix two accounts.
    """
    rivals = next(iter(contested.values()))
    for index, rival in enumerate(rivals):
        if all(rival.definition.env.keys() >= other.definition.env.keys() for other in rivals):
            maps = list(filter(None, (claims[index].mapping(name) for name, claims in contested.items())))
            complete = all(claim.value is not None for claims in contested.values() for claim in claims)
            if complete and len(maps) == len(contested):
                return f"choose: {' '.join(maps)}"
            break
    return f"choose one of them, as in -p {rivals[0].connection.reference}"
