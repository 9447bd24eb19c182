"""The form in the browser, where one can be opened; the terminal takes over where not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from authsome_env.app.fields import check_field
from authsome_env.errors import LoginFailed

from .setting import has_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsome_env.app.workspace import Workspace
    from authsome_env.providers.schema import Definition, Field

    from .invocation import Invocation

    Ask = Callable[[Sequence[Field]], dict[str, bytes] | None]

TIME_LIMIT_S = 900.0
"""For a person to fill it in, and to make the key or register the client at the provider before."""


def form_for(
    invocation: Invocation,
    workspace: Workspace,
    definition: Definition,
    *,
    no_browser: bool,
    redirect_uri: str | None = None,
) -> Ask | None:
    """What asks for fields in the browser; None where none can be opened.

    It returns None if opening failed and there is a terminal to ask at instead. Raises LoginCancelled,
    LoginFailed.
    """
    from authsome_env.oauth.browser import can_open

    command = workspace.config.browser
    if no_browser or invocation.no_input or not can_open(invocation.environ, command):
        return None

    def ask(fields: Sequence[Field]) -> dict[str, bytes] | None:
        from authsome_env.oauth.browser import open_browser
        from authsome_env.oauth.form import Form
        from authsome_env.oauth.loopback import Loopback

        def check(values: Mapping[str, bytes]) -> dict[str, str]:
            return _problems(definition.display_name, fields, values)

        with Loopback() as loopback:
            form = Form(
                loopback,
                service=definition.display_name,
                fields=fields,
                check=check,
                random=os.urandom,
                documentation=definition.docs,
                redirect_uri=redirect_uri,
            )
            invocation.tell(f"fill in the form in your browser: {form.url}")
            opened = open_browser(form.url, environ=invocation.environ, command=command)
            if not opened and has_terminal(invocation):
                invocation.tell("no browser could be opened; it is asked for here")
                return None
            return form.wait(TIME_LIMIT_S)

    return ask


def _problems(service: str, fields: Sequence[Field], values: Mapping[str, bytes]) -> dict[str, str]:
    """By field, what is wrong with it."""
    problems = {}
    for field in fields:
        raw = values.get(field.name, b"")
        if raw or not field.optional:
            try:
                check_field(field, raw, provider=service)
            except LoginFailed as error:
                problems[field.name] = error.message
    return problems
