"""`authsome client`: the OAuth client of a provider, which all its connections share."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from authsome_env.app import clients
from authsome_env.app.fields import check_field
from authsome_env.errors import ConnectionNotFound, LoginCancelled, NotAllowed
from authsome_env.model import check_provider_name
from authsome_env.oauth.redirect import to_register
from authsome_env.printable import printable
from authsome_env.vault.clients import REGISTERED

from . import arguments
from .asking import Asking
from .forms import form_for
from .invocation import Invocation
from .setting import confirm, warn_of_key_file, workspace_of


def set_client(
    invocation: Invocation,
    provider: arguments.Provider,
    client_id: Annotated[
        str | None, typer.Option("--client-id", metavar="ID", help="the client id, which is no secret")
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="read the secret from stdin, or both as JSON")
    ] = False,
    from_env: arguments.FromEnv = None,
    no_browser: arguments.NoBrowser = False,
) -> None:
    """The secret is asked for, or read from stdin or a variable; it is never an argument. Register the client
    at the provider with the redirect URI that `authsome client show` names.

    Example: authsome client set github --client-id Iv1.8a61f9b3a7aba766 --from-env client_secret=SECRET
    """
    workspace = workspace_of(invocation)
    definition = workspace.registry().load(provider)
    if definition.oauth is None:
        raise NotAllowed(
            f"{provider} logs in with an API key and has no client", f"authsome login {provider}"
        )
    if vault := workspace.open_if_any():  # what keeps it shut is said before anything is asked for
        vault.close()
    wanted = clients.client_fields(definition)
    asking = Asking(
        invocation,
        provider,
        command=f"authsome client set {provider}",
        stdin=stdin,
        from_env=from_env or (),
        documentation=f"{definition.display_name}: {definition.docs}" if definition.docs else None,
        by_form=form_for(
            invocation,
            workspace,
            definition,
            no_browser=no_browser,
            redirect_uri=to_register(definition.oauth.redirect_uri),
        ),
    )
    given = {}
    if client_id is not None:
        given["client_id"] = check_field(wanted[0], os.fsencode(client_id), provider=provider)
    fields = asking.fields([field for field in wanted if field.name not in given])
    made = clients.made_client(provider, {**given, **fields})
    replaced, key_source = clients.save_client(workspace, made)
    if key_source:
        invocation.say(f"made the vault; its master key: {key_source}")
        warn_of_key_file(key_source, invocation)
    if replaced:
        invocation.warn(
            f"connections of {provider} that the former client logged in cannot be refreshed any more:"
            f" {', '.join(replaced)}; log in again"
        )
    if invocation.json:
        invocation.data(json.dumps({"provider": provider, "replaced": replaced}) + "\n")
    bare = "" if made.fields else ", which has no secret"
    invocation.say(f"saved the client of {provider}{bare}")


def show(invocation: Invocation, provider: arguments.Provider) -> None:
    """The secret itself is never shown.

    Example: authsome client show github
    """
    workspace = workspace_of(invocation)
    shown = clients.describe_client(workspace, workspace.registry().load(provider))
    if invocation.json:
        invocation.data(json.dumps(shown) + "\n")
        return
    labels = {
        "provider": "provider",
        "client_id": "client id",
        "source": "from",
        "secret": "secret",
        "auth_method": "proves itself by",
        "redirect_uri": "redirect URI",
        "connections": "connections",
    }
    lines = [(label, shown[name]) for name, label in labels.items()]
    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        text = (
            ", ".join(value) if isinstance(value, list) else {True: "kept", False: "none"}.get(value, value)
        )
        invocation.data(f"{label:<{width}}  {printable(str(text or '-'))}\n")


def remove(invocation: Invocation, provider: arguments.Provider, yes: arguments.Yes = False) -> None:
    """Connections stay, but those that need the client cannot be refreshed any more.

    Example: authsome client remove github
    """
    check_provider_name(provider)
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        kept = [name for name in (provider, provider + REGISTERED) if name in vault.clients.names()]
        if not kept:
            raise ConnectionNotFound(
                f"the vault has no client of {provider}", f"authsome client set {provider}"
            )
        names = vault.names(provider)
        if names and not yes:
            question = f"{', '.join(f'{provider}:{name}' for name in names)} may need it. Remove it?"
            if not confirm(question, invocation):
                raise LoginCancelled("cancelled; nothing was removed")
        with vault.transaction():
            for name in kept:
                vault.clients.delete(name)
    if invocation.json:
        invocation.data(json.dumps({"provider": provider, "removed": True}) + "\n")
    invocation.say(f"removed the client of {provider}")
