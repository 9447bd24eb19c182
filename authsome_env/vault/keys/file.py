"""The master key in a file: `<home>/keys/<key id>`, 0600 in a 0700 folder, base64 and a newline.

This is the one plaintext secret that we put on a disk; whoever chooses it is told so (`init`, `doctor`).
"""

from __future__ import annotations

import os
import stat

from authsome_env.durable import create_private, look_at, private_folder, storage_error, sync_folder
from authsome_env.errors import KeyUnavailable

from . import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 256  # bytes read; a key file has 45


class File:
    name = "file"

    def __init__(self, home: str) -> None:
        self._home = home
        self._folder = os.path.join(home, "keys")

    def _path(self, key_id: str) -> str:
        return f"{self._folder}/{key_id}"

    def create(self, key_id: str) -> tuple[bytes, dict[str, str]]:
        """A key that is on the disk, folder entry included, before this returns. Raises StorageError."""
        key = os.urandom(text.KEY_BYTES)
        path = self._path(key_id)
        private_folder(self._folder)
        try:
            sync_folder(self._home)
            create_private(path, text.encode(key) + b"\n")
        except OSError as error:
            raise storage_error(error, path) from error
        return key, {}

    def load(self, key_id: str, parameters: Mapping[str, str]) -> bytes:  # noqa: ARG002 - none of ours
        path = self._path(key_id)
        try:
            # Not blocking, so that a fifo put in its place cannot make us wait before it is refused.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                status = os.fstat(descriptor)
                _check(path, status)
                content = os.read(descriptor, _LONGEST)
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            raise KeyUnavailable(
                f"the key file {path} is gone", "put it back from a backup; without it this vault stays shut"
            ) from error
        except OSError as error:
            raise KeyUnavailable(
                f"the key file {path} cannot be read: {(error.strerror or 'error').lower()}", look_at(path)
            ) from error
        key = text.decode(content)
        if key is None:
            raise KeyUnavailable(
                f"the key file {path} does not hold the base64 of 32 bytes", "put it back from a backup"
            )
        return key

    def delete(self, key_id: str) -> None:
        path = self._path(key_id)
        try:
            os.unlink(path)
            sync_folder(self._folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise storage_error(error, path) from error


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnavailable(f"the key file {path} is no regular file", look_at(path))
    if status.st_uid != os.geteuid():
        raise KeyUnavailable(
            f"the key file {path} belongs to another user", "run authsome as the user who made this vault"
        )
    if status.st_mode & 0o077:
        import shlex  # loads `re`; only ever needed to report an error

        raise KeyUnavailable(f"others may use the key file {path}", f"chmod 600 {shlex.quote(path)}")
