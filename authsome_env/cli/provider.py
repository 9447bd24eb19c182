"""`authsome provider`: the definitions."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from authsome_env.errors import UsageError
from authsome_env.providers.source import MAX_BYTES

from . import arguments
from .invocation import Invocation
from .provider_words import all_lines, page
from .setting import workspace_of

if TYPE_CHECKING:
    from authsome_env.providers.schema import Definition


def show(invocation: Invocation, provider: arguments.Provider) -> None:
    """How to get a credential there, which variables it fills, and what to type next.

    Example: authsome provider show aws
    """
    registry = workspace_of(invocation).registry()
    definition = registry.load(provider)
    if invocation.json:
        described = definition_as_json(definition, bundled=not registry.is_registered(provider))
        invocation.data(json.dumps(described) + "\n")
        return
    invocation.data(page(all_lines(definition, registry), invocation))


def add(
    invocation: Invocation,
    file: Annotated[str, typer.Argument(metavar="FILE", help="a definition in JSON")],
    replace: Annotated[bool, typer.Option("--replace", help="also in the place of one that exists")] = False,
) -> None:
    """Example: authsome provider add ./internal-api.json"""
    try:
        with open(file, "rb") as source:
            raw = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read {file}: {(error.strerror or 'error').lower()}", "give the path of a definition"
        ) from None
    definition = workspace_of(invocation).registry().add(raw, file, replace=replace)
    for key in definition.unknown_keys:
        invocation.warn(f"{key} is unknown and has no effect")
    if invocation.json:
        invocation.data(
            json.dumps({"name": definition.name, "unknown_keys": list(definition.unknown_keys)}) + "\n"
        )
    invocation.say(f"registered {definition.name}; authsome login {definition.name}")


def remove(invocation: Invocation, provider: arguments.Provider) -> None:
    """Its connections stay, but fill no variables until a definition is back.

    Example: authsome provider remove internal-api
    """
    registry = workspace_of(invocation).registry()
    registry.remove(provider)
    back = registry.is_bundled(provider)
    if invocation.json:
        invocation.data(json.dumps({"name": provider, "bundled_is_back": back}) + "\n")
    invocation.say(f"removed {provider}{'; the bundled definition is back' if back else ''}")


def definition_as_json(definition: Definition, *, bundled: bool) -> dict[str, Any]:
    return {**dataclasses.asdict(definition), "bundled": bundled}


def definition_lines(definition: Definition) -> list[tuple[str, str]]:
    fields = [f"{field.label}{' (optional)' if field.optional else ''}" for field in definition.fields]
    lines = [
        ("provider", f"{definition.name} ({definition.display_name})"),
        ("type", definition.auth_type),
        ("flows", ", ".join(definition.flows)),
        ("documentation", definition.docs),
        ("API host", definition.api_url),
        ("fields", ", ".join(fields) if definition.auth_type == "api_key" else None),
        *((f"fills {name}", template) for name, template in definition.env.items()),
    ]
    return [(label, value) for label, value in lines if value]
