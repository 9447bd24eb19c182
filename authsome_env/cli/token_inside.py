"""`authsome token` inside a run: from the run's folder, without the vault, a key, or Typer's import."""

from __future__ import annotations

from authsome_env.app import inside
from authsome_env.model import Reference

from .flags import GlobalOptions
from .light import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsome_env.app.told import Told

    from .invocation import Invocation


def perform(arguments: Sequence[str], invocation: Invocation) -> bool:
    """Whether it is done. False: it is not for here, or not a plain line, and Typer's to read."""
    found = words(arguments, GlobalOptions())
    if found is None or len(found) != 2 or found[0] != "token":
        return False
    told = find(Reference.parse(found[1]), invocation)
    if told is None:
        return False
    answer(found[1], told, invocation)
    return True


def find(reference: Reference, invocation: Invocation) -> Told | None:
    """None: outside of runs, or another vault is asked for. Raises what says that the run has no such one."""
    if invocation.vault is not None:
        return None
    inside.check_not_over(invocation.environ)
    if inside.connections(invocation.environ) is None:
        return None
    return inside.find(invocation.environ, reference)


def answer(reference: str, told: Told, invocation: Invocation) -> None:
    """Raises CredentialUnusable, UsageError."""
    import time

    told = inside.fresh(invocation.environ, told, now=invocation.now, sleep=time.sleep)
    secret = told.field(Reference.parse(reference).field)
    if not invocation.json:
        invocation.data(secret.reveal_bytes() + b"\n")
        return
    import json

    from authsome_env.deliver.text import utf8

    result = {
        "provider": told.provider,
        "connection": told.name,
        "token": utf8(reference, secret.reveal_bytes(), "JSON"),
        "expires_at": told.expires_at,
    }
    invocation.data(json.dumps(result) + "\n")
