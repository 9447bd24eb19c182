"""`authsome init`: make the vault, choosing where its master key is kept."""

from __future__ import annotations

import json
import os

from authsome_env.errors import NotAllowed

from . import arguments
from .invocation import Invocation
from .setting import warn_of_key_file, workspace_of


def init(invocation: Invocation, key: arguments.Key = None) -> None:
    """Without --key: AUTHSOME_MASTER_KEY if it is set, else the OS keyring if there is one, else a file.

    Example: authsome init --key passphrase
    """
    workspace = workspace_of(invocation)
    name = workspace.vault_name
    if os.path.exists(workspace.home.vault_path(name)):
        raise NotAllowed(
            f"the vault {name} exists already",
            f"authsome vault rekey {name} --key SOURCE moves its master key",
        )
    source = workspace.create(name, key or workspace.config.key)
    warn_of_key_file(source, invocation)
    if invocation.json:
        invocation.data(json.dumps({"vault": name, "key_source": source, "home": workspace.home.path}) + "\n")
    invocation.say(f"made the vault {name} in {workspace.home.path}; its master key: {source}")
