"""`authsome vault`: several vaults side by side, which share no key."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from authsome_env.durable import private_folder
from authsome_env.errors import AuthsomeError, LoginCancelled, NotAllowed
from authsome_env.model import check_connection_name

from . import arguments
from .invocation import Invocation
from .setting import confirm, warn_of_key_file, workspace_of
from .table import table

_Meant = Annotated[
    str | None, typer.Argument(metavar="NAME", help="the vault; else the one that every command uses")
]
_Named = Annotated[str, typer.Argument(metavar="NAME", help="the vault's name")]


def list_vaults(invocation: Invocation) -> None:
    """Example: authsome vault list"""
    from authsome_env.vault.manage import describe_vault

    workspace = workspace_of(invocation)
    listed = []
    for name in workspace.home.vault_names():
        try:
            described = {**describe_vault(name, workspace.home), "error": None}
        except AuthsomeError as error:
            described = {"name": name, "error": error.message}
        listed.append({**described, "default": name == workspace.vault_name})
    if invocation.json:
        invocation.data(json.dumps({"vaults": listed}) + "\n")
        return
    rows = [
        [
            str(each["name"]),
            "yes" if each["default"] else "",
            str(each.get("key_source", "-")),
            str(each.get("connections", "-")),
            str(each["error"] or ("locked" if each["locked"] else "ok")),
        ]
        for each in listed
    ]
    if rows:
        heads = ("VAULT", "IN USE", "KEY", "CONNECTIONS", "STATE")
        invocation.data(table(heads, rows, invocation))
    else:
        invocation.say("no vaults yet; authsome login PROVIDER makes the first")


def create(invocation: Invocation, name: _Named, key: arguments.Key = None) -> None:
    """Example: authsome vault create work --key passphrase"""
    check_connection_name(name)
    workspace = workspace_of(invocation)
    if os.path.exists(workspace.home.vault_path(name)):
        raise NotAllowed(
            f"there is a vault {name} already", f"authsome --vault {name} list shows what is in it"
        )
    source = workspace.create(name, key or workspace.config.key)
    warn_of_key_file(source, invocation)
    if invocation.json:
        invocation.data(json.dumps({"vault": name, "key_source": source}) + "\n")
    invocation.say(
        f"made the vault {name}; its master key: {source}; authsome vault use {name} makes it the default"
    )


def use(invocation: Invocation, name: _Named) -> None:
    """Example: authsome vault use work"""
    from authsome_env.vault import config

    check_connection_name(name)
    workspace = workspace_of(invocation)
    if not os.path.exists(workspace.home.vault_path(name)):
        raise workspace.home.vault_missing(name)
    private_folder(workspace.home.path)
    config.write_value(workspace.home.config, "vault", name)
    if invocation.json:
        invocation.data(json.dumps({"vault": name}) + "\n")
    invocation.say(f"the default vault is {name}")
    if invocation.environ.get("AUTHSOME_VAULT", name) != name:
        invocation.warn("AUTHSOME_VAULT is set and wins over it")


def remove(invocation: Invocation, name: _Named, yes: arguments.Yes = False) -> None:
    """The credentials stay valid at their providers.

    Example: authsome vault remove old
    """
    from authsome_env.vault.manage import remove_vault

    workspace = workspace_of(invocation)
    if not os.path.exists(workspace.home.vault_path(name)):
        raise workspace.home.vault_missing(name)
    if not (yes or confirm(f"delete the vault {name} and all its connections?", invocation)):
        raise LoginCancelled("cancelled; nothing was deleted")
    remove_vault(name, workspace.access)
    if invocation.json:
        invocation.data(json.dumps({"vault": name, "removed": True}) + "\n")
    invocation.say(f"deleted the vault {name}")


def lock(invocation: Invocation, name: _Meant = None) -> None:
    """Nothing can be read from it until `authsome vault unlock`. Runs that are alive go on.

    Example: authsome vault lock
    """
    from authsome_env.vault.manage import lock_vault

    workspace = workspace_of(invocation)
    name = name or workspace.vault_name
    lock_vault(name, workspace.home)
    _tell_state(name, "locked", invocation)


def unlock(invocation: Invocation, name: _Meant = None) -> None:
    """Proves that the master key can be had, and keeps the vault key for `unlock-ttl` where it can.

    Example: authsome vault unlock
    """
    from authsome_env.vault.manage import unlock_vault

    workspace = workspace_of(invocation)
    name = name or workspace.vault_name
    unlock_vault(name, workspace.access)
    _tell_state(name, "unlocked", invocation)


def rekey(invocation: Invocation, name: _Meant = None, key: arguments.Key = None) -> None:
    """Example: authsome vault rekey --key keyring"""
    from authsome_env.vault.manage import rekey_vault

    workspace = workspace_of(invocation)
    name = name or workspace.vault_name
    source = rekey_vault(name, workspace.access, key)
    warn_of_key_file(source, invocation)
    if source != "variable" and invocation.environ.get("AUTHSOME_MASTER_KEY"):
        invocation.warn("AUTHSOME_MASTER_KEY is set and wins over the new key; unset it")
    if invocation.json:
        invocation.data(json.dumps({"vault": name, "key_source": source}) + "\n")
    invocation.say(f"vault {name} has a new master key: {source}")


def _tell_state(name: str, state: str, invocation: Invocation) -> None:
    if invocation.json:
        invocation.data(json.dumps({"vault": name, "state": state}) + "\n")
    invocation.say(f"vault {name} is {state}")
