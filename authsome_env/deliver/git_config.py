"""A credential helper for git by its environment alone. See git-config(1), "Environment".

    GIT_CONFIG_KEY_n=credential.https://github.com.helper    GIT_CONFIG_VALUE_n=            forget all others
    GIT_CONFIG_KEY_m=credential.https://github.com.helper    GIT_CONFIG_VALUE_m=!…          ask us

It comes after all of git's files and before `git -c`, whose user knows what they do. The empty value is why
no other helper gets our token to store it, on a disk in the worst case.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COUNT = "GIT_CONFIG_COUNT"

_MOST = 2**31 - 1 - 10_000
"""git refuses more than INT_MAX of them."""


def count(inherited: Mapping[bytes, bytes]) -> int | None:
    """How many entries there are already. None for what git itself would refuse."""
    text = inherited.get(COUNT.encode(), b"").strip()  # for git, too, an empty one is 0
    if text and not text.isdigit():
        return None
    number = int(text or b"0") if len(text) < 20 else _MOST + 1
    return number if number <= _MOST else None


def is_host(host: str) -> bool:
    """Whether it can be a part of a key, and of a URL."""
    return (
        bool(host) and host.isascii() and host.isprintable() and not any(each in host for each in " /@\\'\"")
    )


def entries(host: str, command: bytes, *, several: bool) -> list[tuple[bytes, bytes]]:
    """`several`: connections, so that git has to say whose repository it is."""
    key = b"credential.https://" + host.encode()
    found = [(key + b".helper", b""), (key + b".helper", b"!" + command)]
    if several:
        found.append((key + b".useHttpPath", b"true"))
    return found


def environment(found: Sequence[tuple[bytes, bytes]], before: int) -> dict[str, bytes]:
    variables = {COUNT: b"%d" % (before + len(found))}
    for number, (key, value) in enumerate(found, before):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
