"""The fields of a credential or a client as a person gives them: from stdin or variables, and checked."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from authsome_env.errors import LoginFailed, UsageError, nearest
from authsome_env.model import Secret, is_variable_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authsome_env.providers.schema import Field


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


def fields_from_input(provider: str, fields: Sequence[Field], raw: bytes) -> dict[str, Secret]:
    """From standard input: the key itself, or a JSON object if the provider wants several fields.

    Raises LoginFailed, UsageError (unknown field).
    """
    main = main_field(fields)
    if main is not None and (len(fields) == 1 or not raw.lstrip().startswith(b"{")):
        return {main.name: check_field(main, raw.rstrip(b"\r\n"), provider=provider)}
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        names = ", ".join(f'"{field.name}": …' for field in fields)
        raise LoginFailed(
            f"standard input is not a JSON object of texts, and {provider} has several fields",
            f"give {{{names}}}",
        )
    check_known(provider, fields, values)
    return checked_fields(provider, fields, {name: _bytes(value) for name, value in values.items()})


def main_field(fields: Sequence[Field]) -> Field | None:
    """The field that is meant if none is named: the only one, or the one secret beside optional ones."""
    required = [field for field in fields if not field.optional]
    if len(fields) == 1:
        return fields[0]
    return required[0] if len(required) == 1 and required[0].secret else None


def given_fields(
    provider: str, fields: Sequence[Field], sources: Iterable[str], environ: Mapping[str, str]
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
            main = main_field(fields)
            if main is None:
                names = ", ".join(field.name for field in fields)
                raise UsageError(
                    f"--from-env {variable}: {provider} has several fields: {names}",
                    f"--from-env {fields[0].name}={variable}",
                )
            name = main.name
        check_known(provider, fields, [name])
        if name in values:
            raise UsageError(f"--from-env gives {name} twice", "leave one of them out")
        if variable not in environ:
            raise LoginFailed(f"the variable {variable} is not set", f"export {variable}=… and try again")
        values[name] = os.fsencode(environ[variable])
    return values


def check_known(provider: str, fields: Sequence[Field], names: Iterable[str]) -> None:
    known = [field.name for field in fields]
    for name in names:
        if name not in known:
            raise UsageError(
                f"{provider} has no field {name}{nearest(name, known)}",
                f"its fields: {', '.join(known)}",
            )


def checked_fields(provider: str, fields: Sequence[Field], values: Mapping[str, bytes]) -> dict[str, Secret]:
    """In the order of `fields`; optional ones may be absent or empty. Raises LoginFailed."""
    checked = {}
    for field in fields:
        raw = values.get(field.name, b"")
        if raw or not field.optional:
            checked[field.name] = check_field(field, raw, provider=provider)
    return checked


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise LoginFailed(
            "standard input has half a character in a value", "write the JSON in UTF-8"
        ) from None
