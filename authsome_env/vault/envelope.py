r"""Sealing: AES-256-GCM, bound to the place where the sealed bytes lie.

    sealed  = nonce (12 bytes, random each time) ‖ AES-256-GCM(key, nonce, plain, associated data)
    binding = for each part: kind (one of s, i, f, n) ‖ length (4 bytes, big endian) ‖ part as text

The binding is the associated data: vault, table, row, column and the clear metadata beside the sealed bytes,
so that nothing can be moved, swapped or edited unseen. Lengths make it one to one.
"""

from __future__ import annotations

import os

try:
    # The public module is a re-export of this class, and costs 0.7 x of a Python start more for the rest.
    from cryptography.hazmat.bindings._rust import openssl

    AESGCM = openssl.aead.AESGCM
except (ImportError, AttributeError):  # a later cryptography may have moved it
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TYPE_CHECKING = False

KEY_SIZE = 32
NONCE_SIZE = 12


class Unsealable(Exception):
    """The key is not the one, or the sealed bytes or their binding were altered. Which, cannot be told."""


def new_key() -> bytes:
    return os.urandom(KEY_SIZE)


def seal(key: bytes, plain: bytes, binding: bytes) -> bytes:
    nonce = os.urandom(NONCE_SIZE)  # random nonces are safe for 2^32 uses of a key (NIST SP 800-38D §8.3)
    return nonce + AESGCM(key).encrypt(nonce, plain, binding)


def unseal(key: bytes, sealed: bytes, binding: bytes) -> bytes:
    """Raises Unsealable."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], binding)
    except Exception as error:
        from cryptography.exceptions import InvalidTag  # not at the top: it drags in `typing`

        if isinstance(error, (InvalidTag, ValueError, TypeError)):
            raise Unsealable from None
        raise


def bind(*parts: str | float | None) -> bytes:
    """The binding of `parts`, in that order. The kind keeps the number 1 and the text "1" apart."""
    out = bytearray()
    for part in parts:
        kind, text = ("n", "") if part is None else (type(part).__name__[0], str(part))
        raw = text.encode("utf-8", "surrogateescape")
        out += kind.encode() + len(raw).to_bytes(4, "big") + raw
    return bytes(out)
