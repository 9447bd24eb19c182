"""What a run's environment gets so that git and AWS's tools ask for a fresh login each time they need one.

    GIT_CONFIG_COUNT, _KEY_n, _VALUE_n      see `git_config`
    AWS_CONFIG_FILE                         see `aws_config`; it lies in the run's folder
    AWS_CREDENTIAL_EXPIRATION               when the key in the environment ends, so that botocore looks there
                                            again; a run with --live renews it with the key

For connections that were named, since those alone are surely meant. Whoever asks reaches the run's folder and
nothing else, and once that is gone the same connections in the same vault.
"""

from __future__ import annotations

import os
import sys

from authsome_env.model import ACCESS_KEY

from . import aws_config, git_config, ram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
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
    inherited: Mapping[bytes, bytes], connections: Sequence[Connection], folder: str, vault: str
) -> Additions:
    """Their files are in `folder` then. Raises StorageError."""
    found = plan(inherited, connections, folder, vault)
    for name, content in found.files.items():
        ram.replace_file(os.path.join(folder, name), content)
    return found


def plan(
    inherited: Mapping[bytes, bytes], connections: Sequence[Connection], folder: str, vault: str
) -> Additions:
    """As `additions`, and nothing is written. `vault`: the name of theirs."""
    found = Additions()
    named = [each for each in connections if each["named"]]
    if not sys.executable:
        found.warnings.append("helpers are left out: it is not known which Python this is")
        return found
    _add_git(found, inherited, named, vault)
    _add_aws(found, inherited, named, folder, vault)
    return found


def command(verb: str, connections: Sequence[Connection], vault: str) -> bytes:
    """A line for sh that serves those connections of that vault alone, whatever became of PATH, the current
    folder and AUTHSOME_VAULT.
    """
    only = ",".join(str(each["id"]) for each in connections)
    words = [os.fsencode(sys.executable), b"-I", b"-S", os.fsencode(_BEGIN)]
    words += map(os.fsencode, (verb, "--vault", vault, "--only", only))
    return b" ".join(map(_quoted, words))


def _quoted(word: bytes) -> bytes:
    if word.replace(b"-", b"").replace(b",", b"").isalnum():
        return word
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


def _add_git(
    found: Additions, inherited: Mapping[bytes, bytes], named: Sequence[Connection], vault: str
) -> None:
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
        entries += git_config.entries(host, command("git-credential", mine, vault), several=len(mine) > 1)
    found.environ.update(git_config.environment(entries, before))


def _add_aws(
    found: Additions, inherited: Mapping[bytes, bytes], named: Sequence[Connection], folder: str, vault: str
) -> None:
    keys = [each for each in named if each["fields"].keys() >= ACCESS_KEY]
    if not keys:
        return
    held = inherited.get(aws_config.KEY_ID)
    for each in keys:
        if held == os.fsencode(each["fields"]["access_key_id"]):
            _add_end(found, inherited, each["expires_at"])
    if len(keys) == 1:
        if held is not None:
            return  # SDKs take it before all else, so a configuration would only hide the user's own
        profile = aws_config.profile_of(inherited)
        if profile is None:
            found.warnings.append(
                "AWS's tools do not get the run's key: AWS_PROFILE and AWS_DEFAULT_PROFILE differ; unset one"
            )
            return
        chosen = {profile: keys[0]}
    else:
        chosen = dict(_profiles(keys))
    profiles = {name: command("aws-credentials", [each], vault) for name, each in chosen.items()}
    config, left = aws_config.with_processes(inherited, profiles)
    if left:
        names = ", ".join(os.fsdecode(each) for each in left)
        found.warnings.append(
            f"AWS's tools do not get the run's key for profile {names}, which has a login of its own or"
            " cannot be read; AWS_PROFILE=NAME chooses another one"
        )
    if config is not None:
        found.files[aws_config.FILE] = config
        found.environ["AWS_CONFIG_FILE"] = os.fsencode(os.path.join(folder, aws_config.FILE))


def _add_end(found: Additions, inherited: Mapping[bytes, bytes], expires_at: float | None) -> None:
    """Of the key in the environment. That of another key, which was there, would make botocore fail."""
    if expires_at is not None:
        found.environ[aws_config.END] = aws_config.iso_8601(expires_at).encode()
    elif inherited.get(aws_config.END.encode()):
        found.environ[aws_config.END] = b""  # to botocore as none


def _profiles(keys: Sequence[Connection]) -> Iterator[tuple[bytes, Connection]]:
    """Each by its name, which two providers may have given."""
    names = [each["name"] for each in keys]
    for each in keys:
        unique = names.count(each["name"]) == 1
        yield os.fsencode(each["name"] if unique else f"{each['provider']}:{each['name']}"), each
