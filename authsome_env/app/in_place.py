"""Renew a connection in this process, for who is a helper already. See `helper` for the other way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import AuthsomeError

from .renewing import Order, Renewing

if TYPE_CHECKING:
    from authsome_env.vault.store import Credential, Vault

    from .workspace import Workspace


class InPlace:
    """It is done when this is made. `lock`: the descriptor of the connection's lock, which we hold."""

    def __init__(self, workspace: Workspace, vault: Vault, credential: Credential, lock: int) -> None:
        connection = credential.connection
        order = Order(workspace.home.path, vault.name, vault.id, connection.id, connection.generation)
        order.keys = vault.part_keys(credential)
        self.failure: tuple[str, str, str] | None = None
        try:
            Renewing(order, lock=lock, environ=workspace.environ).carry_out(sent=lambda: None)
        except AuthsomeError as error:
            self.failure = error.name, error.message, error.hint

    def wait(self, patience_s: float, start_s: float) -> tuple[str, str, str] | None:  # noqa: ARG002
        return self.failure
