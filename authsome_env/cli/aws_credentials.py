"""`authsome aws-credentials`: for `credential_process = authsome aws-credentials aws:prod`."""

from __future__ import annotations

from authsome_env.app import access_key
from authsome_env.errors import UsageError
from authsome_env.model import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .credentials import Asked


def answer(asked: Asked) -> int:
    """Raises UsageError, ConnectionNotFound, what opening the vault and using the connection raises."""
    served = asked.served()
    if len(asked.words) > 1 or not (asked.words or asked.only):
        raise UsageError("name one connection", "authsome aws-credentials aws:prod")
    if asked.words:
        told = served.find(Reference.parse(asked.words[0]))
    else:
        found = served.connections()
        if len(found) != 1:
            raise UsageError(f"--only names {len(found)} connections of those there are, and not one")
        (told,) = found
    asked.invocation.data(access_key.answer(served.fresh(told), asked.invocation.now()))
    return 0
