"""Log in with an API key: take its fields, check them against the definition, write the connection."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from authsome_env.clock import describe_duration
from authsome_env.errors import ConnectionExists, LoginFailed, NotAllowed, UsageError, VaultNotFound, nearest
from authsome_env.model import Connection, Secret, check_connection_name, is_variable_name
from authsome_env.vault.store import new_id

from .connections import make_default

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from authsome_env.providers.schema import Definition, Field
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace


class Login:
    """What a login did."""

    def __init__(self, connection: Connection, *, former_default: str | None, repaired: bool) -> None:
        self.connection = connection
        self.former_default = former_default
        """The name that lost the default mark to this connection."""
        self.repaired = repaired
        self.new_vault_key: str | None = None
        """The key source, if this login made the vault."""


def login_api_key(
    workspace: Workspace,
    provider: str,
    name: str,
    collect: Callable[[Definition], Mapping[str, Secret]],
    *,
    force: bool,
) -> Login:
    """Save `provider`'s API key as the connection `name`; `collect` obtains the checked fields.

    Raises ProviderNotFound, UsageError, ConnectionExists (before anything is asked for), LoginFailed.
    """
    check_connection_name(name)
    definition = workspace.registry().load(provider)
    if definition.auth_type != "api_key":
        raise NotAllowed(
            f"{provider} logs in with OAuth, which this version cannot do yet",
            "authsome provider list shows the providers with API keys",
        )
    try:
        with workspace.open() as vault:
            _check_free(vault, provider, name, workspace.now(), force=force)
    except VaultNotFound:
        if not workspace.home.is_fresh(workspace.vault_name):
            raise
    fields = collect(definition)
    vault, key_source = workspace.open_or_create()
    with vault:
        result = _save(vault, provider, name, fields, now=workspace.now(), force=force)
    result.new_vault_key = key_source
    return result


def _check_free(vault: Vault, provider: str, name: str, now: float, *, force: bool) -> Credential | None:
    """The connection that a login may replace, if there is one. Raises ConnectionExists."""
    if force:
        # Overwriting is also the way out of a damaged record, so that is not read.
        return None
    old = vault.find(provider, name)
    if old is not None and old.connection.status(now) not in ("expired", "invalid"):
        age = describe_duration(now - old.connection.logged_in_at)
        whom = f" for {old.connection.account}" if old.connection.account else ""
        raise ConnectionExists(
            f"{provider} is connected as {name} already, logged in {age} ago{whom}",
            f"authsome login {provider} -c OTHER-NAME for a second account,"
            f" or authsome login {provider} -c {name} --force to replace it",
        )
    return old


def _save(
    vault: Vault, provider: str, name: str, fields: Mapping[str, Secret], *, now: float, force: bool
) -> Login:
    with vault.transaction():
        old = _check_free(vault, provider, name, now, force=force)
        names = vault.names(provider)
        # A login is the same connection again, also over one that cannot be read any more.
        connection_id, generation = vault.identity(provider, name) or (new_id(), 0)
        connection = Connection(
            id=connection_id,
            provider=provider,
            name=name,
            auth_type="api_key",
            created_at=old.connection.created_at if old else now,
            logged_in_at=now,
            is_default=force or not names or (old is not None and old.connection.is_default),
            generation=generation + 1,
        )
        former = None
        if force:
            vault.delete(provider, name)
            former = make_default(vault, provider, connection.id)
        vault.put(connection, fields, keep_keys_of=old)
    return Login(connection, former_default=former, repaired=old is not None)


def check_field(field: Field, raw: bytes, *, provider: str) -> Secret:
    """A field's value as given. Raises LoginFailed: empty, a NUL byte, or not of the definition's pattern.

    Blanks around a value are a slip of the clipboard wherever the pattern says what a key looks like.
    """
    if not raw.strip():
        raise LoginFailed(
            f"the {field.label} of {provider} is empty", f"authsome login {provider}, and paste it"
        )
    if b"\0" in raw:
        raise LoginFailed(f"the {field.label} of {provider} contains a NUL byte", "copy it again")
    # Trimmed first: a pattern's `$` would let a newline at the end pass.
    for candidate in (raw.strip(), raw) if field.pattern else (raw,):
        secret = Secret.from_bytes(candidate)
        if field.accepts(secret):
            return secret
    expected = field.pattern_hint or f"it has to match {field.pattern}"
    raise LoginFailed(
        f"that is no {field.label} of {provider}: {expected}",
        f"copy the whole key again; authsome provider show {provider} says where it is found",
    )


def fields_from_input(definition: Definition, raw: bytes) -> dict[str, Secret]:
    """From standard input: the key itself, or a JSON object if the provider has several fields.

    Raises LoginFailed, UsageError (unknown field).
    """
    if len(definition.fields) == 1:
        (field,) = definition.fields
        return {field.name: check_field(field, raw.rstrip(b"\r\n"), provider=definition.name)}
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        names = ", ".join(f'"{field.name}": …' for field in definition.fields)
        raise LoginFailed(
            f"standard input is not a JSON object of texts, and {definition.name} has several fields",
            f"give {{{names}}}",
        )
    check_known(definition, values)
    return checked_fields(definition, {name: _bytes(value) for name, value in values.items()})


def given_fields(
    definition: Definition, sources: Iterable[str], environ: Mapping[str, str]
) -> dict[str, bytes]:
    """From `[FIELD=]VAR` words: each names an environment variable that holds a field.

    Raises UsageError (unknown field, FIELD= missing, given twice), LoginFailed (variable not set).
    """
    values: dict[str, bytes] = {}
    for source in sources:
        name, mark, variable = source.rpartition("=")
        if not is_variable_name(variable):  # perhaps it is the key itself, so it is not said again
            raise UsageError("--from-env takes the name of a variable", "write --from-env [FIELD=]VARIABLE")
        if not mark:
            if len(definition.fields) > 1:
                names = ", ".join(field.name for field in definition.fields)
                raise UsageError(
                    f"--from-env {variable}: {definition.name} has several fields: {names}",
                    f"--from-env {definition.fields[0].name}={variable}",
                )
            name = definition.fields[0].name
        check_known(definition, [name])
        if name in values:
            raise UsageError(f"--from-env gives {name} twice", "leave one of them out")
        if variable not in environ:
            raise LoginFailed(f"the variable {variable} is not set", f"export {variable}=… and try again")
        values[name] = os.fsencode(environ[variable])
    return values


def check_known(definition: Definition, names: Iterable[str]) -> None:
    known = [field.name for field in definition.fields]
    for name in names:
        if name not in known:
            raise UsageError(
                f"{definition.name} has no field {name}{nearest(name, known)}",
                f"its fields: {', '.join(known)}",
            )


def checked_fields(definition: Definition, values: Mapping[str, bytes]) -> dict[str, Secret]:
    """The fields in the definition's order; optional ones may be absent or empty. Raises LoginFailed."""
    fields = {}
    for field in definition.fields:
        raw = values.get(field.name, b"")
        if raw or not field.optional:
            fields[field.name] = check_field(field, raw, provider=definition.name)
    return fields


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise LoginFailed(
            "standard input has half a character in a value", "write the JSON in UTF-8"
        ) from None
