"""The master key in the keyring of the operating system, through the `keyring` library.

Only stores that keep keys encrypted under the user's login count: Keychain, Secret Service, KWallet. The
library would as readily use a null or plaintext back end, or wait for ever for a prompt that nobody sees.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing

from authsome_env.errors import KeyUnavailable

from . import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from keyring.backend import KeyringBackend

    T = TypeVar("T")

SERVICE = "authsome"

# Named one by one: a subclass or a look-alike from a plug-in keeps keys nobody knows where.
_SECRET_SERVICE = ("keyring.backends.SecretService.Keyring", "keyring.backends.libsecret.Keyring")
_STORES = (
    "keyring.backends.macOS.Keyring",
    *_SECRET_SERVICE,
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.kwallet.DBusKeyringKWallet4",
)

ANSWER_S = 20.0  # for a store that need not ask anybody; D-Bus itself may start it first
PROMPT_S = 120.0  # for a person to find the window and type a password

_INSTEAD = "`--key file` or `--key passphrase` does without it"
"""Of use only while the key's place is being chosen."""


class Keyring:
    name = "keyring"

    def __init__(self, environ: Mapping[str, str], *, no_input: bool, wait_s: float | None = None) -> None:
        """`wait_s`: patience with the store in seconds; by default as long as a prompt may need, if any."""
        seen = sys.platform == "darwin" or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
        self._may_prompt = bool(seen) and not no_input
        self._wait_s = wait_s or (PROMPT_S if self._may_prompt else ANSWER_S)

    def usable(self) -> bool:
        return self.problem() is None

    def problem(self) -> KeyUnavailable | None:
        """Why no key can be kept here now, or None. Writes nothing and opens no prompt.

        A locked keyring is no problem where its owner can be asked to unlock it.
        """
        try:
            self._within(self._open)
        except KeyUnavailable as error:
            return error
        return None

    def create(self, key_id: str) -> tuple[bytes, dict[str, str]]:
        key = os.urandom(text.KEY_BYTES)
        written = text.encode(key).decode()

        def keep() -> str | None:
            store = self._open()
            store.set_password(SERVICE, key_id, written)
            return store.get_password(SERVICE, key_id)

        try:
            kept = self._within(keep)
        except KeyUnavailable as error:
            raise KeyUnavailable(error.message, f"{error.hint}; {_INSTEAD}") from error
        if kept != written:
            raise KeyUnavailable("the keyring did not keep the key that it was given", _INSTEAD)
        return key, {}

    def load(self, key_id: str, parameters: Mapping[str, str]) -> bytes:  # noqa: ARG002 - none of ours
        written = self._within(lambda: self._open().get_password(SERVICE, key_id))
        if written is None:
            raise KeyUnavailable(
                f"the keyring holds no key {key_id} of {SERVICE}",
                "use the desktop account that made this vault, or restore its keyring",
            )
        key = text.decode(written.encode())
        if key is None:
            raise KeyUnavailable(
                f"the keyring's entry {key_id} of {SERVICE} is not the base64 of 32 bytes",
                "restore the keyring from a backup",
            )
        return key

    def delete(self, key_id: str) -> None:
        def forget() -> bool:
            from keyring.errors import PasswordDeleteError

            store = self._open()
            try:
                store.delete_password(SERVICE, key_id)
            except PasswordDeleteError:  # "absent" and "failed" look alike, so look
                return store.get_password(SERVICE, key_id) is None
            return True

        if not self._within(forget):
            raise KeyUnavailable(
                f"the keyring did not delete the key {key_id} of {SERVICE}",
                "delete that entry in the keyring's own program",
            )

    def _open(self) -> KeyringBackend:
        store = _find_store()
        if not self._may_prompt:
            _check_unlocked(store)
        return store

    def _within(self, work: Callable[[], T]) -> T:
        """The result of `work`, or KeyUnavailable after `wait_s` and for whatever the store raises.

        In a thread, since none of the back ends takes a time limit, and the D-Bus of most waits inside C
        code where no signal handler of ours would run. One that never comes back ends with the process.
        """
        import threading

        results: list[T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(work())
            except Exception as error:  # noqa: BLE001 - back ends let through whatever their libraries raise
                errors.append(error)

        worker = threading.Thread(target=run, name="keyring", daemon=True)
        worker.start()
        worker.join(self._wait_s)
        if errors:
            raise _explained(errors[0])
        if not results:
            raise KeyUnavailable(
                f"the keyring gave no answer within {self._wait_s:.0f} s",
                "unlock it and try again",
            )
        return results[0]


def _find_store() -> KeyringBackend:
    """The back end that the user's configuration of `keyring` selects, if it is a store that we accept."""
    import logging

    import keyring
    from keyring.backends import chainer, fail

    # Without any handler, logging prints a broken plug-in's traceback on stderr.
    logging.getLogger("keyring").addHandler(logging.NullHandler())
    selected = keyring.get_keyring()
    candidates = selected.backends if isinstance(selected, chainer.ChainerBackend) else [selected]
    for candidate in candidates:
        if _class_name(candidate) in _STORES:
            return candidate
    if isinstance(selected, fail.Keyring) or not candidates:
        raise KeyUnavailable(
            "no keyring of the operating system is within reach", "run it in a desktop session"
        )
    raise KeyUnavailable(
        f"the keyring library uses {_class_name(selected)}, which is no keyring of the operating system",
        "select another (PYTHON_KEYRING_BACKEND, keyringrc.cfg)",
    )


def _check_unlocked(store: KeyringBackend) -> None:
    """Raise KeyUnavailable if the store would have to ask somebody. KWallet and Keychain cannot be asked."""
    if _class_name(store) not in _SECRET_SERVICE:
        return
    import secretstorage
    from secretstorage.collection import DEFAULT_COLLECTION
    from secretstorage.exceptions import ItemNotFoundException

    path = getattr(store, "preferred_collection", DEFAULT_COLLECTION)
    with closing(secretstorage.dbus_init()) as bus:
        try:
            locked = secretstorage.Collection(bus, path).is_locked()
        except ItemNotFoundException as error:  # making the first one asks for its password
            raise KeyUnavailable("there is no default keyring yet", "log in to a desktop once") from error
    if locked:
        raise _locked()


def _class_name(backend: KeyringBackend) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _locked() -> KeyUnavailable:
    return KeyUnavailable("the keyring is locked", "unlock it and try again")


def _explained(error: Exception) -> KeyUnavailable:
    """Only the kind of an error is told: its text is another program's, and may quote what we sent."""
    from keyring.errors import KeyringLocked

    if isinstance(error, KeyUnavailable):
        return error
    if isinstance(error, KeyringLocked):
        return _locked()
    explained = KeyUnavailable(f"the keyring failed ({type(error).__name__})", "try again")
    explained.__cause__ = error
    return explained
