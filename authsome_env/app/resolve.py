"""Which variables a run gets, and from which connections.

Connections are chosen (named ones, or every provider's default), each fills the variables of its provider's
definition, mappings are added, and two connections that fill one variable are told apart. A named connection
that cannot be used is an error; an implicit one is left out with one warning, and its variables are taken out
of the child's environment too, so that no other account's namesake slips in.
"""

from __future__ import annotations

from authsome_env.errors import AuthsomeError, InvalidDefinition, ProviderNotFound, UsageError
from authsome_env.model import ACCESS_KEY, Reference, Secret, Variable
from authsome_env.providers.names import check_variable
from authsome_env.providers.quick import QuickDefinition, hot_path
from authsome_env.providers.template import fields_of, render

from .claims import Claim, check_fits, how_to_choose, settle
from .find import field_name, find_connection, missing
from .fresh import Fresh, freshen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from authsome_env.providers.serving import Serving
    from authsome_env.vault.store import Credential, Vault

    from .selection import Selection
    from .workspace import Workspace


class Resolution:
    """What a run gets: `variables` to set, `removed` names to take out, `warnings` to show once."""

    __slots__ = ("keys", "named", "removed", "serving", "used", "variables", "vault_id", "warnings")

    def __init__(self) -> None:
        self.vault_id = ""
        self.keys: dict[str, dict[str, bytes]] = {}
        """By connection id, the keys of its parts, if they were asked for."""
        self.used: dict[str, Credential] = {}
        """By connection id, as fresh as it was handed out; also some that fill nothing."""
        self.named: set[str] = set()
        """The ids of those that the user named."""
        self.serving: dict[str, tuple[Serving, frozenset[str]]] = {}
        """By id, as `serves` tells, if it was asked for."""
        self.variables: dict[str, Variable] = {}
        self.removed: set[str] = set()
        self.warnings: list[str] = []

    def values(self) -> dict[str, bytes]:
        return {name: variable.value.reveal_bytes() for name, variable in self.variables.items()}

    @property
    def bound(self) -> list[Credential]:
        """What the run stands on: the connections that fill a variable, or that the user named."""
        ids = {variable.connection.id for variable in self.variables.values()} | self.named
        return [used for used in self.used.values() if used.connection.id in ids]

    def serves(self, credential: Credential) -> bool:
        """Whether helpers are there for it: only for what the user named."""
        connection = credential.connection
        if connection.id not in self.named or connection.id not in self.serving:
            return False
        hosts, _ = self.serving[connection.id]
        return bool(hosts.git_hosts or hosts.docker_hosts) or credential.fields.keys() >= ACCESS_KEY

    @property
    def is_served(self) -> bool:
        return any(map(self.serves, self.used.values()))

    @property
    def expires(self) -> bool:
        return any(variable.connection.expires_at is not None for variable in self.variables.values())


def resolve(
    workspace: Workspace,
    selection: Selection,
    *,
    renewing: bool = True,
    min_ttl: float | None = None,
    keys: Callable[[Resolution], bool] | None = None,
    helpers: bool = False,
    public: bool = False,
    found: Callable[[Sequence[Credential]], None] | None = None,
) -> Resolution:
    """Raises UsageError (two named connections fill one variable), what finding and using a named
    connection raises, with `strict` the same for every other, and what keeps the vault from opening.

    `renewing`: refresh what is due first; not for who only wants to know the variables' names. `min_ttl`: the
    seconds that the user wants a token to have left. `keys`: whether that resolution is to have part keys.
    `helpers`: see which of the named ones they serve. `public`: see which fields of all are no secret.
    `found`: is told of the connections as soon as they are known, before anything is done with them.
    """
    if selection.empty:
        return Resolution()
    with workspace.open() as vault:
        resolver = _Resolver(workspace, vault, selection, renewing=renewing, min_ttl=min_ttl)
        resolver.found = found
        resolution = resolver.resolve()
        if helpers:
            resolver.add_serving([resolution.used[each] for each in resolution.named])
        if public:
            resolver.add_serving(resolution.bound)
        if keys is not None and keys(resolution):
            resolver.add_keys()
        return resolution


def known_fields(workspace: Workspace, vault: Vault, provider: str) -> tuple[Sequence[str], frozenset[str]]:
    """The fields of the provider's definition, and those of them that are no secret.

    None if the definition is gone, so that a connection outlives it.
    """
    try:
        definition = hot_path(provider, workspace.home.providers, vault.database.raw)
    except (ProviderNotFound, InvalidDefinition):
        return (), frozenset()
    return definition.fields, definition.public


class _Resolver:
    def __init__(
        self,
        workspace: Workspace,
        vault: Vault,
        selection: Selection,
        *,
        renewing: bool,
        min_ttl: float | None,
    ) -> None:
        self.workspace = workspace
        self.vault = vault
        self.selection = selection
        self.renewing = renewing
        self.min_ttl = min_ttl
        self.found: Callable[[Sequence[Credential]], None] | None = None
        self.fresh = Fresh(workspace, {}, {}, workspace.now())
        self.result = Resolution()
        self.claims: dict[str, list[Claim]] = {}
        self.collisions: dict[tuple[str, ...], dict[str, list[Claim]]] = {}
        """The connections that fill the same variables, and by variable their claims."""
        self.definitions: dict[str, QuickDefinition] = {}
        self.claimed = False

    def resolve(self) -> Resolution:
        named = [self._find(reference) for reference in self.selection.named]
        mapped_ones = [self._find(reference) for _, reference in self.selection.maps]
        spoken_for = {reference.provider for reference in self.selection.named}
        defaults = self.vault.defaults() if self.selection.everything else []
        defaults = [each for each in defaults if each.connection.provider not in spoken_for]
        if self.found is not None:
            self.found([*named, *mapped_ones, *defaults])
        if self.renewing:
            self.fresh = freshen(
                self.workspace, self.vault, [*named, *mapped_ones, *defaults], wanted=self.min_ttl
            )
        for credential in named:
            self._claim(credential, named=True)
        if self.selection.everything:
            self._claim_defaults(defaults, spoken_for)
        mapped = self._mapped(mapped_ones)
        for name, claims in self.claims.items():
            if name not in mapped:
                self._settle(name, claims)
        self._report_collisions()
        self.result.variables.update(mapped)
        self.result.removed -= self.result.variables.keys()
        self.result.warnings += self.fresh.warnings
        if not (self.result.variables or self.result.warnings):
            self.result.warnings.append(
                "these connections fill no variable; --map VARIABLE=REF gives one"
                if self.claimed
                else "there is no connection yet, so nothing is injected"
            )
        return self.result

    def add_keys(self) -> None:
        self.result.vault_id = self.vault.id
        bound = self.result.bound
        for credential in bound:
            self.result.keys[credential.connection.id] = self.vault.part_keys(credential)
        self.add_serving(bound)

    def add_serving(self, credentials: Iterable[Credential]) -> None:
        from .serves import serves

        for credential in credentials:
            connection_id = credential.connection.id
            if connection_id not in self.result.serving:
                self.result.serving[connection_id] = serves(self.workspace, self.vault, credential)

    def _use(self, credential: Credential, *, named: bool) -> Credential:
        credential = self.fresh.use(credential)
        self.result.used[credential.connection.id] = credential
        if named:
            self.result.named.add(credential.connection.id)
        return credential

    def _find(self, reference: Reference) -> Credential:
        return find_connection(self.workspace, self.vault, reference.provider, reference.connection)

    def _claim_defaults(self, defaults: Sequence[Credential], spoken_for: Container[str]) -> None:
        for credential in defaults:
            try:
                self._claim(credential, named=False)
            except AuthsomeError as error:
                self._leave_out(str(credential.connection.reference), error)
        for provider in self.vault.providers_without_default():
            if provider not in spoken_for:
                self._leave_out(provider, missing(self.workspace, self.vault, provider, None))
                try:
                    self._remove(self._definition(provider).env)
                except (ProviderNotFound, InvalidDefinition):
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
        self.claimed = True
        try:
            claims = self._claims_of(credential, definition, named=named)
        except AuthsomeError:
            self._remove(definition.env)
            raise
        for name, claim in claims.items():
            self.claims.setdefault(self.selection.prefix + name, []).append(claim)
            # A secret that this account has not must not come from another one; a region may.
            if claim.value is not None or not definition.public.issuperset(fields_of(claim.template)):
                self._remove((name,))

    def _claims_of(
        self, credential: Credential, definition: QuickDefinition, *, named: bool
    ) -> dict[str, Claim]:
        credential = self._use(credential, named=named)
        connection = credential.connection
        values = credential.fields
        base_url = connection.base_url or definition.base_url
        if base_url is not None:
            values = {**values, "base_url": Secret(base_url)}
        claims = {
            name: Claim(connection, definition, template, render(template, values), named=named)
            for name, template in definition.env.items()
        }
        check_fits(connection, definition, claims.values(), vault_option=self.workspace.vault_option)
        return claims

    def _settle(self, name: str, claims: list[Claim]) -> None:
        found = settle(claims)
        if not found:
            return
        if self.selection.prefix:
            check_variable(name)
        if len(found) == 1:
            self.result.variables[name] = found[0].variable(name)
        else:
            references = tuple(str(claim.connection.reference) for claim in found)
            self.collisions.setdefault(references, {})[name] = found

    def _report_collisions(self) -> None:
        for references, contested in self.collisions.items():
            error = UsageError(
                f"{' and '.join(references)} fill the same {', '.join(contested)}", how_to_choose(contested)
            )
            if next(iter(contested.values()))[0].named:
                raise error
            self._leave_out(", ".join(contested), error)

    def _mapped(self, found: Sequence[Credential]) -> dict[str, Variable]:
        variables = {}
        for (name, reference), each in zip(self.selection.maps, found, strict=True):
            credential = self._use(each, named=True)
            known, _ = known_fields(self.workspace, self.vault, reference.provider)
            field = field_name(self.workspace, credential, reference.field, known)
            variables[name] = Variable(name, credential.fields[field], credential.connection, f"{{{field}}}")
        return variables
