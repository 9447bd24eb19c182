"""Linux: a vault key kept for a while in the kernel's user keyring, so that its master key is seldom needed.

    key type "user", description "authsome:<vault id>", in KEY_SPEC_USER_KEYRING, with a timeout always

The key is made in the *thread* keyring, gets its rights and its timeout there, and only then is linked into
the user keyring. The kernel drops a thread keyring with its thread, at fork and at exec (keyrings(7)): a kill
at any moment leaves no key without a timeout, and no command that we become inherits a possession of it.
Whatever refuses (seccomp in containers, quota, an expired or revoked key) only means that there is no cache.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., int]

# add_key and keyctl in arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h
_NUMBERS = {"x86_64": (248, 250), "aarch64": (217, 219)}

# include/uapi/linux/keyctl.h
_THREAD_KEYRING = -1
_USER_KEYRING = -4
_SETPERM = 5
_LINK = 8
_UNLINK = 9
_SEARCH = 10
_READ = 11
_SET_TIMEOUT = 15
_INVALIDATE = 21

# Processes of this user may find, read and describe it, and link it (we must, once). Nobody may change it or
# lengthen its life. No right comes from possession: that outlives a change of user (sudo, su), and nobody
# else has any.
_RIGHTS = 0x00010000 | 0x00020000 | 0x00080000 | 0x00100000  # KEY_USR_VIEW, _READ, _SEARCH, _LINK

_KEY_BYTES = 32
_LONGEST_TTL_S = 2**31 - 1


def fetch(vault_id: str) -> bytes | None:
    """The key, or None if there is none. Two system calls; makes no keyring."""
    calls = _calls()
    if calls is None:
        return None
    _, keyctl = calls
    key = keyctl(_SEARCH, _USER_KEYRING, b"user", _description(vault_id), 0)
    if key < 0:
        return None
    import ctypes

    buffer = ctypes.create_string_buffer(_KEY_BYTES)
    # The answer is the key's whole length, however much fitted into the buffer.
    return buffer.raw if keyctl(_READ, key, buffer, _KEY_BYTES) == _KEY_BYTES else None


def store(vault_id: str, key: bytes, ttl_s: int) -> bool:
    """Keep `key` for `ttl_s` seconds, in the place of an older one. Whether it is kept."""
    calls = _calls()
    if calls is None or ttl_s < 1:  # to the kernel a timeout of 0 means for ever
        return False
    add_key, keyctl = calls
    made = add_key(b"user", _description(vault_id), key, len(key), _THREAD_KEYRING)
    if made < 0:
        return False
    try:
        # The timeout first: once the rights are set, we too have lost the one to set it.
        return (
            keyctl(_SET_TIMEOUT, made, min(ttl_s, _LONGEST_TTL_S)) == 0
            and keyctl(_SETPERM, made, _RIGHTS) == 0
            and keyctl(_LINK, made, _USER_KEYRING) == 0
        )
    finally:
        keyctl(_UNLINK, made, _THREAD_KEYRING)


def drop(vault_id: str) -> None:
    """Forget the key at once, wherever else it was linked to; one that is absent is fine."""
    calls = _calls()
    if calls is None:
        return
    _, keyctl = calls
    key = keyctl(_SEARCH, _USER_KEYRING, b"user", _description(vault_id), 0)
    if key >= 0 and keyctl(_INVALIDATE, key) < 0:
        keyctl(_UNLINK, key, _USER_KEYRING)


def _description(vault_id: str) -> bytes:
    return b"authsome:" + vault_id.encode()


def _calls() -> tuple[Call, Call] | None:
    """add_key(2) and keyctl(2), which libc does not wrap; None where we do not know their numbers.

    Both return -1 for every failure.
    """
    numbers = _NUMBERS.get(os.uname().machine)
    if sys.platform != "linux" or numbers is None or sys.maxsize < 2**32:  # a 32-bit program counts otherwise
        return None
    import ctypes

    syscall = ctypes.CDLL(None).syscall
    syscall.restype = ctypes.c_long

    def bound(number: int) -> Call:
        # A variadic C function takes what it is given: each whole number must be as wide as a register.
        def call(*arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
            wide = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
            return int(syscall(ctypes.c_long(number), *wide))

        return call

    add_key, keyctl = numbers
    return bound(add_key), bound(keyctl)
