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
        keys = [each for each in served.connections() if each.is_access_key]
        if len(keys) != 1:
            raise UsageError("there is not exactly one access key to choose from")
        (told,) = keys
    asked.invocation.data(access_key.answer(served.fresh(told), asked.invocation.now()))
    return 0
