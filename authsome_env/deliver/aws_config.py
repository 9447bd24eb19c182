"""The AWS configuration of a run: the user's own, and in the profile that is used

    credential_process = …

or, with several access keys in the run, in a profile for each. This is what AWS's SDKs ask when the
environment holds no key, and again before the end that it names. A profile that has a login of its own (a
key, a role, SSO) keeps it. Nothing of ours in it is secret. See "Shared config and credentials files" and
"Process credential provider" in docs.aws.amazon.com/sdkref.
"""

from __future__ import annotations

import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "aws-config"

KEY_ID = b"AWS_ACCESS_KEY_ID"
END = "AWS_CREDENTIAL_EXPIRATION"
"""Of the key in the environment. When it is near, botocore reads both again; when it is past, it fails."""

_MAX_BYTES = 1024 * 1024

_OWN_LOGIN = (
    *(b"aws_access_key_id", b"aws_secret_access_key", b"aws_session_token", b"credential_process"),
    *(b"credential_source", b"source_profile", b"role_arn", b"web_identity_token_file"),
    *(b"sso_session", b"sso_start_url", b"sso_account_id", b"login_session"),
)


def profile_of(inherited: Mapping[bytes, bytes]) -> bytes | None:
    """The one that is used; None for two: some SDKs prefer the one variable, some the other."""
    profiles = {inherited[name] for name in (b"AWS_PROFILE", b"AWS_DEFAULT_PROFILE") if inherited.get(name)}
    if len(profiles) > 1:
        return None
    return profiles.pop() if profiles else b"default"


def with_processes(
    inherited: Mapping[bytes, bytes], processes: Mapping[bytes, bytes]
) -> tuple[bytes | None, list[bytes]]:
    """The configuration that `inherited` leads to, with those commands by profile; None if it gets none.

    Left, and told, are profiles with a login of their own, there or in the file of credentials, which SDKs
    ask first; and all if one of the two cannot be read.
    """
    config = _read(_path(inherited, b"AWS_CONFIG_FILE", b"~/.aws/config"))
    secrets = _read(_path(inherited, b"AWS_SHARED_CREDENTIALS_FILE", b"~/.aws/credentials"))
    if config is None or secrets is None:
        return None, list(processes)
    taken = set(map(_section, secrets.splitlines()))
    left = []
    for profile, command in processes.items():
        more = None
        if profile not in taken and set(b"\n\r]").isdisjoint(profile) and b"\n" not in command:
            more = insert(config, profile, b"credential_process = " + command)
        if more is None:
            left.append(profile)
        else:
            config = more
    return (config if len(left) < len(processes) else None), left


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
    path = inherited.get(variable) or usual
    home = inherited.get(b"HOME")
    return os.path.join(home, path[2:]) if home and path.startswith(b"~/") else os.path.expanduser(path)


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
