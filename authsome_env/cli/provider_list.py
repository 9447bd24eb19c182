"""`authsome provider list`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from authsome_env.errors import AuthsomeError, InvalidDefinition, ProviderNotFound
from authsome_env.providers.kinds import ALSO, KINDS, OTHER

from .invocation import Invocation
from .provider_words import LOGIN
from .setting import workspace_of
from .table import cut, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsome_env.app.workspace import Workspace
    from authsome_env.providers.registry import Registry

_HEADS = ("NAME", "SERVICE", "LOGIN", "VARIABLES")
_WIDE = 110
"""Columns of a terminal below which services are cut to _SHORT, so that the variables can be seen."""
_SHORT = 28


def list_providers(
    invocation: Invocation,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="WORD", help="show those that have to do with this word"),
    ] = None,
) -> None:
    """Those with a connection come first, the others by their kind. A search looks at names, hosts, variables
    and notes, and takes a kind, too (ai, code, cloud, …).

    Example: authsome provider list --search calendar
    """
    workspace = workspace_of(invocation)
    registry = workspace.registry()
    connected = _connected(workspace)
    told = [_described(registry, name, connected) for name in registry.names()]
    listed = [each for each, words in told if search is None or _matches(search, each, words)]
    if not listed:
        raise ProviderNotFound(
            f"no provider has to do with {search}{registry.suggestion(search or '')}", registry.advice
        )
    if invocation.json:
        invocation.data(json.dumps({"providers": listed}) + "\n")
        return
    groups = {"Connected": [each for each in listed if each["connected"]]}
    for kind, heading in KINDS.items():
        groups[heading] = [
            each for each in listed if each.get("kind", OTHER) == kind and not each["connected"]
        ]
    narrow = invocation.width is not None and invocation.width < _WIDE
    rows = {heading: [_row(each, narrow=narrow) for each in members] for heading, members in groups.items()}
    invocation.data(grouped(_HEADS, rows, invocation))
    invocation.say("authsome provider show NAME tells how to log in there")


def _described(registry: Registry, name: str, connected: set[str]) -> tuple[dict[str, Any], str]:
    """A provider as `--json` has it, and the text that is searched."""
    origin = "registered" if registry.is_registered(name) else "bundled"
    try:
        definition = registry.load(name)
    except InvalidDefinition as error:
        broken = {"name": name, "origin": origin, "connected": name in connected, "error": error.message}
        return broken, name
    described = {
        "name": name,
        "display_name": definition.display_name,
        "kind": definition.kind,
        "auth_type": definition.auth_type,
        "flow": definition.flow,
        "flows": list(definition.flows),
        "variables": list(definition.env),
        "connected": name in connected,
        "origin": origin,
    }
    hosts = (*definition.git_hosts, *definition.docker_hosts)
    more = (definition.note or "", definition.api_url or "", *hosts, *definition.env)
    return described, "\n".join((name, definition.display_name, *more))


def _matches(word: str, each: dict[str, Any], words: str) -> bool:
    """A kind only by its name or a whole word of or for its heading: `ai` is a part of too much."""
    kind = each.get("kind", OTHER)
    heading = KINDS[kind].casefold().replace(",", "").split()
    return word.casefold() in (kind, *heading, *ALSO.get(kind, ())) or word.casefold() in words.casefold()


def _row(each: dict[str, Any], *, narrow: bool) -> Sequence[str]:
    if "error" in each:
        return each["name"], "-", "-", f"broken: {each['error']}"
    service = cut(each["display_name"], _SHORT) if narrow else each["display_name"]
    return each["name"], service, LOGIN[each["flow"]].partition(",")[0], ", ".join(each["variables"])


def _connected(workspace: Workspace) -> set[str]:
    """For the order alone, so it asks for no key; without a vault that can be read there are none."""
    from authsome_env.vault.manage import connected_providers

    try:
        return connected_providers(workspace.vault_name, workspace.home)
    except AuthsomeError:
        return set()
