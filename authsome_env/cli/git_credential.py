"""`authsome git-credential`: the credential helper of git."""

from __future__ import annotations

from authsome_env.app import git_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .credentials import Asked

_MALFORMED = 1


def answer(asked: Asked) -> int:
    """Raises UsageError, NoDefault, what opening the vault and using the connection raises."""
    operation = asked.words[0] if len(asked.words) == 1 else ""
    if operation not in ("get", "erase"):
        return 0  # `store` is none of our business, and "unknown operations are to be ignored"
    try:
        request = git_request.parse(asked.read(git_request.MAX_BYTES))
    except git_request.Malformed as error:
        asked.invocation.tell(f"authsome: {error.message}")
        return _MALFORMED
    if not request.is_safe:
        return 0
    served = asked.served()
    mine = git_request.serving(request, served.connections())
    if operation == "erase":
        for told in mine:
            password = told.password()
            if password is not None and password.reveal() == request.password:
                served.renew(told)
        return 0
    chosen = git_request.choose(request, mine)
    if chosen is not None:
        asked.invocation.data(git_request.answer(served.fresh(chosen)))
    return 0
