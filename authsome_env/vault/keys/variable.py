"""The master key from the environment: AUTHSOME_MASTER_KEY holds it, AUTHSOME_MASTER_KEY_FILE names a file.

Made for CI and containers. A variable that is set but empty is an error, not "not set": CI systems put an
empty text where a secret is missing, and another key must never be taken in its stead.
"""

from __future__ import annotations

import os
import stat

from authsome_env.errors import KeyUnavailable

from . import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "AUTHSOME_MASTER_KEY"
FILE_VARIABLE = "AUTHSOME_MASTER_KEY_FILE"

_LONGEST = 4096  # bytes read of a file, so that one that never ends is no trouble
_HOW = "make one with `openssl rand -base64 32`"


def from_environment(environ: Mapping[str, str]) -> bytes | None:
    """The 32-byte key; None if neither variable is set.

    Raises KeyUnavailable if both are set, or what they give is not a key; names them, never their values.
    """
    direct, path = environ.get(VARIABLE), environ.get(FILE_VARIABLE)
    if direct is not None and path is not None:
        raise KeyUnavailable(f"{VARIABLE} and {FILE_VARIABLE} are both set", "unset one of them")
    if direct is not None:
        key = text.decode(direct.encode("utf-8", "surrogateescape"))
        if key is None:
            raise KeyUnavailable(f"{VARIABLE} is not the base64 of 32 bytes", _HOW)
        return key
    if path is not None:
        key = text.decode(_read(path))
        if key is None:
            raise KeyUnavailable(f"the file in {FILE_VARIABLE} does not hold the base64 of 32 bytes", _HOW)
        return key
    return None


class Variable:
    """The given key as a place: nothing is kept, so whoever set the variable keeps the key."""

    name = "variable"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def create(self, key_id: str) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002 - one key for all
        return self._required("to the new key; " + _HOW), {}

    def load(self, key_id: str, parameters: Mapping[str, str]) -> bytes:  # noqa: ARG002
        return self._required("to the key that the vault was made with")

    def delete(self, key_id: str) -> None:
        pass

    def _required(self, to_what: str) -> bytes:
        key = from_environment(self._environ)
        if key is None:
            raise KeyUnavailable(f"{VARIABLE} is not set", f"set {VARIABLE} or {FILE_VARIABLE} {to_what}")
        return key


def _read(path: str) -> bytes:
    """The text of the file. Links and pipes are fine: Kubernetes mounts links, shells give `<(…)` as a pipe.

    So is a file that others can read, as CI and container mounts often are. One that everybody can *write*
    is refused: its content may be a key that somebody else chose, and a vault made with it would be theirs.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
                raise KeyUnavailable(
                    f"everybody may write the file in {FILE_VARIABLE}", "take that right away: chmod o-w"
                )
            content = b""
            while len(content) < _LONGEST and (chunk := os.read(descriptor, _LONGEST)):
                content += chunk
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise KeyUnavailable(
            f"the file in {FILE_VARIABLE} cannot be read: {reason}", "set it to the path of a key file"
        ) from error
    return content
