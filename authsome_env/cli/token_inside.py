"""`authsome token` inside a run: from the run's folder, without the vault, a key, or Typer's import."""

from __future__ import annotations

from authsome_env.app import inside
from authsome_env.app.find import choose_field
from authsome_env.model import Reference

from .flags import GlobalOptions
from .light import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsome_env.app.told import Told
    from authsome_env.model import Secret

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
    if invocation.vault is not None or inside.connections(invocation.environ) is None:
        return None
    return inside.find(invocation.environ, reference)


def answer(reference: str, told: Told, invocation: Invocation) -> None:
    """Raises CredentialUnusable, UsageError."""
    if told.past(invocation.now()) and told.status != "invalid":
        import time

        told = inside.renew(invocation.environ, told, now=invocation.now, sleep=time.sleep)
    told.check_usable(invocation.now())
    secret = _field(reference, told)
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


def _field(reference: str, told: Told) -> Secret:
    name = choose_field(
        told.fields,
        Reference.parse(reference).field,
        (),
        reference=Reference(told.provider, told.name),
        login=f"authsome login {told.provider} -c {told.name}",
    )
    return told.fields[name]
