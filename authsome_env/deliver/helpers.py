"""What a run's environment gets so that git and AWS's tools ask for a fresh login each time they need one.

    GIT_CONFIG_COUNT, _KEY_n, _VALUE_n      see `git_config`
    AWS_CONFIG_FILE                         see `aws_config`; it lies in the run's folder
    AWS_CREDENTIAL_EXPIRATION               when the key in the environment ends, so that botocore looks again

For connections that were named, since those alone are surely meant. Whoever asks reaches the run's folder and
nothing else, and once that is gone the same connections in the vault.
"""

from __future__ import annotations

import os
import sys

from authsome_env.model import ACCESS_KEY

from . import aws_config, git_config, ram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Connection = Mapping[str, Any]
    """As in the file `connections` of the run's folder."""

_BEGIN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli", "begin.py")


class Additions:
    """`files`: by name, for the run's folder. `warnings`: what is left out that could be expected."""

    __slots__ = ("environ", "files", "warnings")

    def __init__(self) -> None:
        self.environ: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.warnings: list[str] = []


def additions(
    inherited: Mapping[bytes, bytes],
    connections: Sequence[Connection],
    folder: str,
    warnings: list[str] | None = None,
) -> dict[str, bytes]:
    """The variables; what goes with them is written into `folder`. Appends to `warnings`.

    Raises StorageError.
    """
    found = plan(inherited, connections, folder)
    for name, content in found.files.items():
        ram.replace_file(os.path.join(folder, name), content)
    if warnings is not None:
        warnings += found.warnings
    return found.environ


def plan(inherited: Mapping[bytes, bytes], connections: Sequence[Connection], folder: str) -> Additions:
    """As `additions`, and nothing is written."""
    found = Additions()
    named = [each for each in connections if each["named"]]
    if not sys.executable:
        found.warnings.append("helpers are left out: it is not known which Python this is")
        return found
    _add_git(found, inherited, named)
    _add_aws(found, inherited, named, folder)
    return found


def command(verb: str, connections: Sequence[Connection]) -> bytes:
    """A line for sh that serves those connections alone, whatever became of PATH and the current folder."""
    only = ",".join(str(each["id"]) for each in connections)
    words = [os.fsencode(sys.executable), b"-I", b"-S", os.fsencode(_BEGIN), verb.encode(), b"--only"]
    return b" ".join(map(_quoted, [*words, only.encode()]))


def _quoted(word: bytes) -> bytes:
    if word.replace(b"-", b"").replace(b",", b"").isalnum():
        return word
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


def _add_git(found: Additions, inherited: Mapping[bytes, bytes], named: Sequence[Connection]) -> None:
    hosts: dict[str, list[Connection]] = {}
    for each in named:
        for host in each["git_hosts"]:
            if git_config.is_host(host):
                hosts.setdefault(host, []).append(each)
    if not hosts:
        return
    before = git_config.count(inherited)
    if before is None:
        found.warnings.append("git gets no fresh logins: GIT_CONFIG_COUNT is not a number; unset it")
        return
    entries: list[tuple[bytes, bytes]] = []
    for host, mine in hosts.items():
        entries += git_config.entries(host, command("git-credential", mine), several=len(mine) > 1)
    found.environ.update(git_config.environment(entries, before))


def _add_aws(
    found: Additions, inherited: Mapping[bytes, bytes], named: Sequence[Connection], folder: str
) -> None:
    keys = [each for each in named if each["fields"].keys() >= ACCESS_KEY]
    if len(keys) != 1:
        return
    (key,) = keys
    if key["expires_at"] is not None:
        found.environ["AWS_CREDENTIAL_EXPIRATION"] = aws_config.iso_8601(key["expires_at"]).encode()
    if b"AWS_ACCESS_KEY_ID" in inherited:
        return  # which SDKs take before all else, so a configuration would only hide the user's own
    config = aws_config.with_process(inherited, command("aws-credentials", keys))
    if config is None:
        found.warnings.append(
            "AWS's tools do not get the run's key: their profile has a login of its own, or cannot be read;"
            " AWS_PROFILE=NAME chooses another one"
        )
    else:
        found.files[aws_config.FILE] = config
        found.environ["AWS_CONFIG_FILE"] = os.fsencode(os.path.join(folder, aws_config.FILE))
