"""Which variables a run gets, and from which connections.

Connections are chosen (named ones, or every provider's default), each fills the variables of its provider's
definition, mappings are added, and two connections that fill one variable are told apart. A named connection
that cannot be used is an error; an implicit one is left out with one warning, and its variables are taken out
of the child's environment too, so that no other account's namesake slips in.
"""

from __future__ import annotations

from authsome_env.errors import AuthsomeError, InvalidDefinition, ProviderNotFound, UsageError
from authsome_env.model import Reference, Secret, Variable
from authsome_env.providers.names import check_variable
from authsome_env.providers.quick import QuickDefinition, hot_path
from authsome_env.providers.template import render

from .find import check_usable, find_connection, missing, pick_field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace


class Selection:
    """What the user asked for, parsed. `everything`: the default connection of every provider."""

    __slots__ = ("everything", "maps", "named", "prefix", "strict")

    def __init__(
        self,
        *,
        named: Sequence[Reference] = (),
        everything: bool = True,
        maps: Sequence[tuple[str, Reference]] = (),
        prefix: str = "",
        strict: bool = False,
    ) -> None:
        self.named = named
        self.everything = everything
        self.maps = maps
        self.prefix = prefix
        """Put before the variables of definitions; mapped variables are named in full."""
        self.strict = strict
        """What would be left out with a warning is an error."""

    @classmethod
    def parse(
        cls,
        *,
        references: Sequence[str] = (),
        everything: bool = False,
        nothing: bool = False,
        maps: Sequence[str] = (),
        prefix: str | None = None,
        strict: bool = False,
    ) -> Selection:
        """From the words of the command line. Raises UsageError, NotAllowed."""
        if nothing and (everything or references):
            raise UsageError("--none excludes --all and -p", "leave one of them out")
        named = []
        for text in references:
            reference = Reference.parse(text)
            if reference.field:
                raise UsageError(
                    f"-p {text}: a field cannot be selected, only mapped",
                    f"--map VARIABLE={text}",
                )
            named.append(reference)
        return cls(
            named=named,
            everything=everything or not (nothing or named),
            maps=[parse_map(text) for text in maps],
            prefix=prefix or "",
            strict=strict,
        )

    @property
    def empty(self) -> bool:
        return not (self.named or self.everything or self.maps)


def parse_map(text: str) -> tuple[str, Reference]:
    """`VAR=provider[:connection][#field]`. Raises UsageError, NotAllowed."""
    name, mark, reference = text.partition("=")
    if not mark:
        raise UsageError(f"--map {text}: no reference", "write --map VARIABLE=provider[:connection][#field]")
    check_variable(name)
    return name, Reference.parse(reference)


class Resolution:
    """What a run gets: `variables` to set, `removed` names to take out, `warnings` to show once."""

    __slots__ = ("removed", "variables", "warnings")

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.removed: set[str] = set()
        self.warnings: list[str] = []

    def values(self) -> dict[str, bytes]:
        return {name: variable.value.reveal_bytes() for name, variable in self.variables.items()}


class _Claim:
    """One connection's wish to fill one variable."""

    __slots__ = ("credential", "named", "value")

    def __init__(self, credential: Credential, value: Secret, *, named: bool) -> None:
        self.credential = credential
        self.value = value
        self.named = named


def resolve(workspace: Workspace, selection: Selection) -> Resolution:
    """Raises UsageError (two named connections fill one variable), what finding and using a named
    connection raises, with `strict` the same for every other, and what keeps the vault from opening.
    """
    if selection.empty:
        return Resolution()
    with workspace.open() as vault:
        return _Resolver(workspace, vault, selection).resolve()


def known_fields(workspace: Workspace, vault: Vault, provider: str) -> Sequence[str]:
    """The fields of the provider's definition; none if that is gone, so that a connection outlives it."""
    try:
        return hot_path(provider, workspace.home.providers, vault.database.raw).fields
    except (ProviderNotFound, InvalidDefinition):
        return ()


class _Resolver:
    def __init__(self, workspace: Workspace, vault: Vault, selection: Selection) -> None:
        self.workspace = workspace
        self.vault = vault
        self.selection = selection
        self.now = workspace.now()  # one instant for all, so that a slow start cannot be half valid
        self.result = Resolution()
        self.claims: dict[str, list[_Claim]] = {}
        self.collisions: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
        """Whether they were named, the connections that fill the same variables, and those variables."""
        self.definitions: dict[str, QuickDefinition] = {}

    def resolve(self) -> Resolution:
        for reference in self.selection.named:
            credential = find_connection(self.workspace, self.vault, reference.provider, reference.connection)
            self._claim(credential, named=True)
        if self.selection.everything:
            self._claim_defaults()
        mapped = self._mapped()
        for name, claims in self.claims.items():
            if name not in mapped:
                self._settle(name, claims)
        self._report_collisions()
        self.result.variables.update(mapped)
        self.result.removed -= self.result.variables.keys()
        if not (self.result.variables or self.result.warnings):
            self.result.warnings.append("there is no connection yet, so nothing is injected")
        return self.result

    def _claim_defaults(self) -> None:
        spoken_for = {reference.provider for reference in self.selection.named}
        for credential in self.vault.defaults():
            if credential.connection.provider not in spoken_for:
                try:
                    self._claim(credential, named=False)
                except AuthsomeError as error:
                    self._leave_out(str(credential.connection.reference), error)
        for provider in self.vault.providers_without_default():
            if provider not in spoken_for:
                self._leave_out(provider, missing(self.workspace, self.vault, provider, None))
                try:
                    self._remove(self._definition(provider).env)
                except InvalidDefinition:
                    pass  # then it is not known what it would fill

    def _leave_out(self, what: str, error: AuthsomeError) -> None:
        if self.selection.strict:
            raise error
        mend = f" ({error.hint})" if error.hint else ""
        self.result.warnings.append(f"{what} is left out: {error.message}{mend}")

    def _remove(self, names: Iterable[str]) -> None:
        self.result.removed.update(self.selection.prefix + name for name in names)

    def _definition(self, provider: str) -> QuickDefinition:
        if provider not in self.definitions:
            home = self.workspace.home
            self.definitions[provider] = hot_path(provider, home.providers, self.vault.database.raw)
        return self.definitions[provider]

    def _claim(self, credential: Credential, *, named: bool) -> None:
        definition = self._definition(credential.connection.provider)
        # Also names that this connection leaves empty: half of another account is worse than none.
        self._remove(definition.env)
        check_usable(credential, self.now)
        values = credential.fields
        base_url = credential.connection.base_url or definition.base_url
        if base_url is not None:
            values = {**values, "base_url": Secret(base_url)}
        for name, template in definition.env.items():
            value = render(template, values)
            if value is not None:
                claim = _Claim(credential, value, named=named)
                self.claims.setdefault(self.selection.prefix + name, []).append(claim)

    def _settle(self, name: str, claims: list[_Claim]) -> None:
        if self.selection.prefix:
            check_variable(name)
        claims = [claim for claim in claims if claim.named] or claims
        owners = {claim.credential.connection.id: claim for claim in claims}
        if len(owners) == 1:
            self.result.variables[name] = Variable(name, claims[0].value, claims[0].credential.connection)
        else:
            references = tuple(str(claim.credential.connection.reference) for claim in owners.values())
            self.collisions.setdefault((claims[0].named, references), []).append(name)

    def _report_collisions(self) -> None:
        for (named, references), names in self.collisions.items():
            maps = " ".join(f"--map {name}={references[0]}" for name in names)
            error = UsageError(
                f"{' and '.join(references)} fill the same {', '.join(names)}", f"choose: {maps}"
            )
            if named:
                raise error
            self._leave_out(", ".join(names), error)

    def _mapped(self) -> dict[str, Variable]:
        variables = {}
        for name, reference in self.selection.maps:
            credential = find_connection(self.workspace, self.vault, reference.provider, reference.connection)
            check_usable(credential, self.now)
            known = self._definition(reference.provider).fields
            value = pick_field(credential, reference.field, known)
            variables[name] = Variable(name, value, credential.connection)
        return variables
