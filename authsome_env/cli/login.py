"""`authsome login`: take a credential and save it as a connection."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from authsome_env.app.login import (
    check_field,
    checked_fields,
    fields_from_input,
    given_fields,
    login_api_key,
)
from authsome_env.errors import LoginFailed, UsageError
from authsome_env.model import DEFAULT_CONNECTION, Secret

from . import arguments
from .describe import as_json
from .invocation import Invocation
from .setting import ask_secret, ask_text, has_terminal, warn_of_key_file, workspace_of

if TYPE_CHECKING:
    from authsome_env.app.login import Login
    from authsome_env.providers.schema import Definition

_LONGEST_INPUT = 1 << 20
_TRIES = 3


def login(
    invocation: Invocation,
    provider: arguments.Provider,
    connection: arguments.NewConnection = DEFAULT_CONNECTION,
    force: arguments.Force = False,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="read the key from stdin; JSON if there are several fields")
    ] = False,
    from_env: Annotated[
        list[str] | None,
        typer.Option("--from-env", metavar="[FIELD=]VAR", help="take a field from this variable"),
    ] = None,
) -> None:
    """A secret is asked for at the terminal, or read from stdin or a variable; it is never an argument.

    Example: authsome login openai -c work
    """
    if stdin and from_env:
        raise UsageError("--stdin excludes --from-env", "leave one of them out")

    def collect(definition: Definition) -> dict[str, Secret]:
        if stdin:
            return fields_from_input(definition, _read_all(invocation))
        given = given_fields(definition, from_env or (), invocation.environ)
        missing = [f.name for f in definition.fields if f.name not in given and not f.optional]
        if given and not missing:
            return checked_fields(definition, given)
        if not (has_terminal(invocation) and invocation.stdin is not None and os.isatty(invocation.stdin)):
            raise LoginFailed(
                f"there is no terminal to ask for {' and '.join(missing)}",
                f"authsome login {provider} --stdin, or --from-env"
                f" {'VAR' if len(definition.fields) == 1 else f'{missing[0]}=VAR'}",
            )
        asked = _ask(definition, given, invocation)
        return checked_fields(definition, {**given, **asked})

    done = login_api_key(workspace_of(invocation), provider, connection, collect, force=force)
    _tell(done, invocation)


def _ask(definition: Definition, given: dict[str, bytes], invocation: Invocation) -> dict[str, bytes]:
    """Ask for what is not given, again after a slip, as often as a person makes one."""
    answers = {}
    if definition.docs:
        invocation.say(f"{definition.display_name}: {definition.docs}")
    for field in definition.fields:
        if field.name in given:
            continue
        hint = f" ({field.pattern_hint})" if field.pattern_hint else ""
        prompt = f"{field.label}{hint}{' [none]' if field.optional else ''}: "
        for left in reversed(range(_TRIES)):
            typed = (ask_secret(prompt).reveal_bytes() if field.secret else ask_text(prompt)).strip()
            if not typed and field.optional:
                break
            try:
                check_field(field, typed, provider=definition.name)
            except LoginFailed as error:
                if not left:
                    raise
                invocation.tell(error.message)
            else:
                answers[field.name] = typed
                break
    return answers


def _read_all(invocation: Invocation) -> bytes:
    if invocation.stdin is None:
        raise LoginFailed("stdin is closed", "give the key on stdin, as in: authsome login P --stdin <FILE")
    if os.isatty(invocation.stdin):
        raise UsageError(
            "stdin is the terminal, where the key would be seen",
            "leave --stdin out, and it is asked for unseen",
        )
    content = bytearray()
    while chunk := os.read(invocation.stdin, 65536):
        content += chunk
        if len(content) > _LONGEST_INPUT:
            raise LoginFailed("stdin has more than 1 MiB, which is no key", "give the key alone")
    return bytes(content)


def _tell(done: Login, invocation: Invocation) -> None:
    connection = done.connection
    if done.new_vault_key:
        invocation.say(f"made the vault; its master key: {done.new_vault_key}")
        warn_of_key_file(done.new_vault_key, invocation)
    if invocation.json:
        result = {**as_json(connection, invocation.now()), "was_default": done.former_default}
        invocation.data(json.dumps(result) + "\n")
        return
    invocation.say(f"{'repaired' if done.repaired else 'saved'} {connection.reference}")
    if done.former_default:
        invocation.say(f"default: {connection.name} (was {done.former_default})")
    elif connection.is_default:
        invocation.say(f"default: {connection.name}")
