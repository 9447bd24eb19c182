"""The master key from a passphrase, by scrypt (RFC 7914). Only its parameters are kept, in the vault."""

from __future__ import annotations

import os

from authsome_env.errors import KeyUnavailable, VaultDamaged
from authsome_env.model import Secret

from .text import KEY_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .places import Ask

VARIABLE = "AUTHSOME_PASSPHRASE"

# OWASP's first choice for scrypt (Password Storage Cheat Sheet): 128 MiB and about 0.4 s of a 2020s core a
# guess. The kernel cache spares the owner most of these waits; whoever stole the vault pays for every one.
N = 2**17
R = 8
P = 1
SALT_BYTES = 16

# What we will do at the word of a vault that somebody may have edited: 512 MiB and a few seconds.
_MOST_MEMORY = 512 * 2**20
_MOST_LANES = 4


class Passphrase:
    name = "passphrase"

    def __init__(self, environ: Mapping[str, str], ask: Ask | None) -> None:
        self._environ = environ
        self._ask = ask

    def create(self, key_id: str) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002 - nothing is kept
        """Asks twice, unless the variable is set. Raises KeyUnavailable: empty, or the two differ."""
        secret = self._from_variable()
        if secret is None:
            ask = self._asker()
            secret = _not_empty(ask("New passphrase for the vault: "), "the passphrase")
            if ask("The same again: ") != secret:
                raise KeyUnavailable("the two passphrases differ", "try again, and type the same one twice")
        salt = os.urandom(SALT_BYTES)
        parameters = {"kdf": "scrypt", "n": str(N), "r": str(R), "p": str(P), "salt": salt.hex()}
        return _derive(secret, salt, N, R, P), parameters

    def load(self, key_id: str, parameters: Mapping[str, str]) -> bytes:  # noqa: ARG002
        """Of any passphrase: whether it was the right one shows when the vault key is unwrapped.

        Raises KeyUnavailable; VaultDamaged if `parameters` are none that `create` may have returned.
        """
        salt, n, r, p = _read(parameters)
        secret = self._from_variable()
        if secret is None:
            secret = _not_empty(self._asker()("Passphrase of the vault: "), "the passphrase")
        return _derive(secret, salt, n, r, p)

    def delete(self, key_id: str) -> None:
        pass

    def _from_variable(self) -> Secret | None:
        value = self._environ.get(VARIABLE)
        return None if value is None else _not_empty(Secret(value), VARIABLE)

    def _asker(self) -> Ask:
        if self._ask is None:
            raise KeyUnavailable(
                "the vault's key comes from a passphrase, and nobody can be asked for it here",
                f"set {VARIABLE}, or repeat the command at a terminal",
            )
        return self._ask


def _not_empty(secret: Secret, what: str) -> Secret:
    if not secret:
        raise KeyUnavailable(f"{what} is empty", "give one that has at least one character")
    return secret


def _read(parameters: Mapping[str, str]) -> tuple[bytes, int, int, int]:
    """Salt, n, r, p. Raises VaultDamaged unless all are there and within the limits above."""
    try:
        salt = bytes.fromhex(parameters["salt"])
        n, r, p = (int(parameters[name]) for name in ("n", "r", "p"))
    except (KeyError, ValueError):
        salt, n, r, p = b"", 0, 0, 0
    if (
        parameters.get("kdf") != "scrypt"
        or len(salt) != SALT_BYTES
        or n < 2
        or n & (n - 1)  # RFC 7914 §2: a power of two
        or r < 1
        or not 1 <= p <= _MOST_LANES
        or 128 * n * r > _MOST_MEMORY  # RFC 7914 §5: the bytes that scryptROMix holds
    ):
        raise VaultDamaged(
            "the vault's record of how its passphrase becomes a key is not valid", "restore it from a backup"
        )
    return salt, n, r, p


def _derive(secret: Secret, salt: bytes, n: int, r: int, p: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    try:
        return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(secret.reveal_bytes())
    except MemoryError as error:
        raise KeyUnavailable(
            f"scrypt needs {128 * n * r // 2**20} MiB of memory, and there is less",
            "free some, or raise `ulimit -v`",
        ) from error
