"""The AWS configuration of a run: the user's own, and in the profile that is used

    credential_process = …

which AWS's SDKs ask when the environment holds no key, and again before the end that it names. A profile that
has a login of its own (a key, a role, SSO) keeps it. Nothing of ours in it is secret. See "Shared config and
credentials files" and "Process credential provider" in docs.aws.amazon.com/sdkref.
"""

from __future__ import annotations

import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "aws-config"

_MAX_BYTES = 1024 * 1024

_OWN_LOGIN = (
    *(b"aws_access_key_id", b"aws_secret_access_key", b"aws_session_token", b"credential_process"),
    *(b"credential_source", b"source_profile", b"role_arn", b"web_identity_token_file"),
    *(b"sso_session", b"sso_start_url", b"sso_account_id", b"login_session"),
)


def with_process(inherited: Mapping[bytes, bytes], command: bytes) -> bytes | None:
    """The configuration that `inherited` leads to, with `command`.

    None if its profile has a login of its own, there or in the file of credentials, which SDKs ask first; and
    if one cannot be read. Then it stays what it was.
    """
    profiles = {inherited[name] for name in (b"AWS_PROFILE", b"AWS_DEFAULT_PROFILE") if inherited.get(name)}
    if len(profiles) > 1 or b"\n" in command:
        return None
    profile = profiles.pop() if profiles else b"default"
    text = _read(_path(inherited, b"AWS_CONFIG_FILE", b"~/.aws/config"))
    secrets = _read(_path(inherited, b"AWS_SHARED_CREDENTIALS_FILE", b"~/.aws/credentials"))
    if text is None or secrets is None or not set(b"\n\r]").isdisjoint(profile):
        return None
    if profile in map(_section, secrets.splitlines()):
        return None
    return insert(text, profile, b"credential_process = " + command)


def insert(text: bytes, profile: bytes, line: bytes) -> bytes | None:
    """`text` with `line` in the section of `profile`; None if that has a login of its own."""
    mine = [b"default", b"profile default"] if profile == b"default" else [b"profile " + profile]
    lines = text.splitlines(keepends=True)
    at = None
    inside = False
    for number, each in enumerate(lines):
        section = _section(each)
        if section is not None:
            inside = section in mine
            if inside:
                at = number  # the last of several is the one that counts
        elif inside and each.partition(b"=")[0].strip().lower() in _OWN_LOGIN:
            return None
    if at is None:
        start = text if not text or text.endswith(b"\n") else text + b"\n"
        return start + b"[" + mine[0] + b"]\n" + line + b"\n"
    header = lines[at] if lines[at].endswith((b"\n", b"\r")) else lines[at] + b"\n"
    return b"".join((*lines[:at], header, line + b"\n", *lines[at + 1 :]))


def iso_8601(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _section(line: bytes) -> bytes | None:
    if not line.startswith(b"[") or b"]" not in line:
        return None
    kind, _, name = line[1:].partition(b"]")[0].strip().partition(b" ")
    return b" ".join(filter(None, (kind, name.strip().strip(b"\"'"))))


def _path(inherited: Mapping[bytes, bytes], variable: bytes, usual: bytes) -> bytes:
    home = inherited.get(b"HOME", b"")
    path = inherited.get(variable) or usual
    return os.path.join(home, path[2:]) if path.startswith(b"~/") else path


def _read(path: bytes) -> bytes | None:
    """Empty if there is none; None if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except (OSError, ValueError):
        return None
    try:
        with open(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
                return None
            return file.readall()
    except OSError:
        return None
