"""A provider in words: how to get a credential there, what it fills, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import InvalidDefinition
from authsome_env.oauth.redirect import find_redirect, to_register
from authsome_env.printable import printable
from authsome_env.providers.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authsome_env.providers.registry import Registry
    from authsome_env.providers.schema import Definition, Field

    from .invocation import Invocation

    Line = tuple[str, str]
    """Label and text; an empty label goes on with the one above."""

LOGIN = {
    "api_key": "API key",
    "pkce": "browser",
    "device_code": "device code",
    "dcr_pkce": "browser, no client",
    "client_credentials": "client",
    "jwt_bearer": "key file",
    "token_exchange": "CI job",
}
"""Each flow in a word or two, as tables have it."""

_FLOWS = {
    "pkce": "in the browser",
    "device_code": "by a code that you type on any device",
    "dcr_pkce": "in the browser, with a client that authsome registers itself",
    "client_credentials": "as the client itself, for no person",
    "jwt_bearer": "by a private key; --stdin takes a key file",
    "token_exchange": "by the token of a CI job",
}


def all_lines(definition: Definition, registry: Registry) -> list[Line]:
    """What `provider show` tells."""
    name = definition.name
    example = definition.example or "YOUR-PROGRAM"
    return [
        ("provider", f"{name}: {definition.display_name}"),
        ("kind", f"{definition.kind}: {KINDS[definition.kind]}"),
        *_preparation(definition),
        *_logins(definition),
        *(("fills" if not number else "", text) for number, text in enumerate(_variables(definition))),
        *((label, text) for label, text in (("note", definition.note),) if text),
        *_twins(definition, registry),
        ("then", f"authsome run -p {name} -- {example}"),
    ]


def page(lines: Iterable[Line], invocation: Invocation) -> str:
    """Label and text beside each other; a terminal that tells its width has long texts wrapped."""
    lines = list(lines)
    indent = max(len(label) for label, _ in lines) + 2
    room = None if invocation.width is None else max(invocation.width - indent, 20)
    text = ""
    for label, words in lines:
        shown = [printable(words)] if room is None else _wrapped(printable(words), room)
        text += f"{label:<{indent}}" + ("\n" + " " * indent).join(shown) + "\n"
    return text


def _wrapped(text: str, room: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def twins(definition: Definition, registry: Registry) -> dict[str, list[str]]:
    """Other providers that fill a variable of this one: by name, which. Broken ones are passed over."""
    found = {}
    for name in registry.mentioning(definition.env):
        if name != definition.name:
            try:
                other = registry.load(name).env
            except InvalidDefinition:
                continue
            if shared := [variable for variable in definition.env if variable in other]:
                found[name] = shared
    return found


def _preparation(definition: Definition) -> Iterator[Line]:
    """What a person does at the service before the first login."""
    page = definition.docs or f"the settings of {definition.display_name}"
    oauth = definition.oauth
    if oauth is None:
        yield "get it at", page
        yield from _asked(definition.fields)
        return
    if definition.flow == "jwt_bearer":
        yield "get it at", page
        yield from _asked(oauth.assertion.fields if oauth.assertion else ())
    elif definition.flow in ("dcr_pkce", "token_exchange"):
        yield "prepare", f"nothing; {page} tells more"
    else:
        yield "register", f"an OAuth client of yours at {page}"
        if "pkce" in definition.flows:
            yield "redirect URI", _redirect(oauth.redirect_uri)
        yield "keep it", f"authsome client set {definition.name}; the first login asks for it, too"
        variables = list(filter(None, (definition.client.client_id_env, definition.client.client_secret_env)))
        if variables:
            yield "", f"or set {' and '.join(variables)}"
    if oauth.scopes:
        yield "scopes", f"{', '.join(oauth.scopes)}; others with --scopes"


def _redirect(fixed: str | None) -> str:
    uri = to_register(fixed)
    if fixed is None:
        return f"{uri}, with any port; where the port must be told: authsome login … --port N"
    if find_redirect(fixed, None) is None:
        return f"{uri}, to the letter; that page cannot load, and you paste its address"
    return f"{uri}, to the letter"


def _asked(fields: Iterable[Field]) -> Iterator[Line]:
    label = "asks for"
    for field in fields:
        hint = f": {field.pattern_hint}" if field.pattern_hint else ""
        yield label, f"{field.label}{' (optional)' if field.optional else ''}{hint}"
        label = ""


def _logins(definition: Definition) -> Iterator[Line]:
    command = f"authsome login {definition.name}"
    if definition.oauth is None:
        yield "log in", command
        return
    yield "log in", f"{command}   {_FLOWS[definition.flow]}"
    for flow in definition.flows:
        if flow != definition.flow:
            yield "", f"{command} --flow {flow}   {_FLOWS[flow]}"
    if definition.oauth.base_url is not None:
        yield "", f"{command} --base-url URL   elsewhere than at {definition.oauth.base_url}"


def _variables(definition: Definition) -> Iterator[str]:
    if not definition.env:
        yield f"no variable; --map NAME={definition.name} gives it one"
    width = max(map(len, definition.env), default=0)
    for variable, template in definition.env.items():
        yield f"{variable:<{width}}  {template}"


def _twins(definition: Definition, registry: Registry) -> Iterator[Line]:
    found = twins(definition, registry)
    label = "shares"
    for name, shared in found.items():
        yield label, f"{', '.join(shared)} with {name}"
        label = ""
    if found:
        yield "", f"a run with several of them wants to know which: -p {definition.name}"
