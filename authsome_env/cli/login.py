"""`authsome login`: take a credential and save it as a connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from authsome_env.app.login import login_api_key
from authsome_env.errors import UsageError
from authsome_env.model import DEFAULT_CONNECTION

from . import arguments
from .asking import Asking
from .describe import as_json
from .forms import form_for
from .invocation import Invocation
from .setting import warn_of_key_file, workspace_of

if TYPE_CHECKING:
    from authsome_env.app.login import Login
    from authsome_env.app.oauth_login import Wishes
    from authsome_env.app.workspace import Workspace
    from authsome_env.providers.schema import Definition


def login(
    invocation: Invocation,
    provider: arguments.Provider,
    connection: arguments.NewConnection = DEFAULT_CONNECTION,
    flow: Annotated[
        str | None,
        typer.Option("--flow", metavar="F", help="log in this way; `authsome provider show P` lists them"),
    ] = None,
    scopes: Annotated[
        str | None,
        typer.Option("--scopes", metavar="A,B", help="ask for these scopes instead of the definition's"),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", metavar="URL", help="the provider at your own place, as GitHub Enterprise"
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="the browser comes back to this port")
    ] = None,
    no_browser: arguments.NoBrowser = False,
    force: arguments.Force = False,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="read the key from stdin; JSON if there are several fields")
    ] = False,
    from_env: arguments.FromEnv = None,
) -> None:
    """OAuth in the browser, or as --flow says; an API key by a form in the browser, or asked for at the
    terminal, or read from stdin or a variable. A secret is never an argument.

    Example: authsome login github -c work --scopes repo,read:org
    """
    workspace = workspace_of(invocation)
    definition = workspace.registry().load(provider)
    asking = Asking(
        invocation,
        provider,
        command=f"authsome login {provider}",
        stdin=stdin,
        from_env=from_env or (),
        documentation=f"{definition.display_name}: {definition.docs}" if definition.docs else None,
        by_form=form_for(invocation, workspace, definition, no_browser=no_browser),
    )
    if definition.auth_type == "api_key":
        given = {"--flow": flow, "--scopes": scopes, "--base-url": base_url, "--port": port}
        for flag, value in given.items():
            if value is not None:
                raise UsageError(
                    f"{provider} logs in with an API key, so {flag} has no meaning", "leave it out"
                )
        done = login_api_key(
            workspace, provider, connection, lambda: asking.fields(definition.fields), force=force
        )
    else:
        from authsome_env.app.oauth_login import Wishes

        wishes = Wishes(flow=flow, scopes=_split(scopes), base_url=base_url, port=port, force=force)
        done = _by_oauth(workspace, definition, connection, wishes, asking, no_browser=no_browser)
    _tell(done, invocation)


def _by_oauth(
    workspace: Workspace,
    definition: Definition,
    connection: str,
    wishes: Wishes,
    asking: Asking,
    *,
    no_browser: bool,
) -> Login:
    from authsome_env.app.oauth_login import login_oauth

    from .person import TerminalPerson

    person = TerminalPerson(asking, workspace, definition, no_browser=no_browser)
    return login_oauth(workspace, definition, connection, wishes, person)


def _split(scopes: str | None) -> list[str] | None:
    return None if scopes is None else scopes.replace(",", " ").split()


def _tell(done: Login, invocation: Invocation) -> None:
    connection = done.connection
    if done.new_vault_key:
        invocation.say(f"made the vault; its master key: {done.new_vault_key}")
        warn_of_key_file(done.new_vault_key, invocation)
    for warning in done.warnings:
        invocation.warn(warning)
    if done.former_account is not None:
        invocation.warn(f"{connection.reference} was for {done.former_account} before")
    if done.same_account:
        names = ", ".join(f"{connection.provider}:{name}" for name in done.same_account)
        verb = "is" if len(done.same_account) == 1 else "are"
        invocation.warn(f"{names} {verb} for the same account, {connection.account or connection.account_id}")
    if invocation.json:
        result = {
            **as_json(connection, invocation.now()),
            "was_default": done.former_default,
            "same_account": done.same_account,
        }
        invocation.data(json.dumps(result) + "\n")
        return
    whose = f", the account of {connection.account}" if connection.account else ""
    invocation.say(f"{'repaired' if done.repaired else 'saved'} {connection.reference}{whose}")
    if done.former_default:
        invocation.say(f"default: {connection.name} (was {done.former_default})")
    elif connection.is_default:
        invocation.say(f"default: {connection.name}")
