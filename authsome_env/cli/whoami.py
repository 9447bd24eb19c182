"""`authsome whoami`: which vault, whose, where, and how it is opened. Needs no key."""

from __future__ import annotations

import json

from authsome_env.errors import VaultNotFound
from authsome_env.printable import printable

from .invocation import Invocation
from .setting import workspace_of


def whoami(invocation: Invocation) -> None:
    """Example: authsome whoami --json"""
    from authsome_env.vault.manage import describe_vault

    workspace = workspace_of(invocation)
    home = workspace.home
    try:
        found = describe_vault(workspace.vault_name, home)
    except VaultNotFound:
        if not home.is_fresh(workspace.vault_name):
            raise
        found = {}
    known = {
        "vault": workspace.vault_name,
        "principal": found.get("owner"),
        "key_source": found.get("key_source"),
        "locked": found.get("locked"),
        "home": home.path,
        "connections": found.get("connections", 0),
        "vaults": len(home.vault_names()),
    }
    if invocation.json:
        invocation.data(json.dumps(known) + "\n")
        return
    if not found:
        invocation.say("no vault yet; your first authsome login makes it")
    for label, value in known.items():
        shown = (
            ("yes" if value else "no") if isinstance(value, bool) else "-" if value is None else str(value)
        )
        invocation.data(f"{label.replace('_', ' '):<12}  {printable(shown)}\n")
