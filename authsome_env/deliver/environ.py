"""The environment of a command: what was inherited, filtered, with the values put in. Bytes in, bytes out."""

from __future__ import annotations

import os
import sys

from authsome_env.errors import NotAllowed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_OWN_KEYS = frozenset((b"AUTHSOME_MASTER_KEY", b"AUTHSOME_MASTER_KEY_FILE", b"AUTHSOME_PASSPHRASE"))
"""They open the vault, so no command gets them."""

_FILE_VARIABLE = b"AUTHSOME_ENV_FILE"
_FILE_SUFFIX = b"_FILE"
"""Of the names by which deliveries reach a command; see `dotenv_file` and `files`."""

_ESSENTIALS = frozenset((b"PATH", b"HOME", b"USER", b"SHELL", b"TERM", b"LANG", b"TZ", b"TMPDIR"))
_ESSENTIAL_PREFIX = b"LC_"

_SMALLEST_PAGE_BYTES = 4096
_MAX_STRING_PAGES = 32
"""execve(2), MAX_ARG_STRLEN: one `NAME=value` with its NUL fits into 32 pages, or the exec fails."""


def build(
    inherited: Sequence[bytes],
    values: Mapping[str, bytes],
    remove: Iterable[str] = (),
    *,
    clean: bool = False,
    passed: Sequence[str] = (),
    dropped: Sequence[str] = (),
    keep_existing: bool = False,
) -> list[bytes]:
    """The entries for execve: `inherited` in its order, byte for byte, but for what is asked for here.

    - `clean`, or any glob in `passed`: of the inherited only the essentials and what a `passed` glob matches
      are left. What a `dropped` glob matches goes in any case. Globs are fnmatchcase(3)'s, on names; an entry
      without `=` is all name, and never essential.
    - `values` win: the first inherited entry of that name is replaced where it stands, others of that name
      vanish; a new name is appended. Names in `remove` that have no value are taken out.
    - `keep_existing`: an entry that got through the filters stays, against both. An empty value exists too.

    - What a run around this one has delivered by files is taken out: this run's set replaces that one's.

    Raises NotAllowed for a value that no environment can hold, and for a name that is never passed on.
    """
    injected = {}
    for name, value in values.items():
        key = os.fsencode(name)
        _check(name, key, value)
        injected[key] = key + b"=" + value
    pending = dict(injected)  # not yet in the result
    removed = {os.fsencode(name) for name in remove}
    is_passed = _matcher(passed) if clean or passed else None
    is_dropped = _matcher(dropped) if dropped else None

    entries = []
    for entry in inherited:
        key, mark, value = entry.partition(b"=")
        if key in _OWN_KEYS or _is_delivered(key, value):
            continue
        if is_passed is not None and not (
            (mark and (key in _ESSENTIALS or key.startswith(_ESSENTIAL_PREFIX))) or is_passed(key)
        ):
            continue
        if is_dropped is not None and is_dropped(key):
            continue
        if not mark or not (key in injected or key in removed):
            entries.append(entry)
        elif keep_existing:
            pending.pop(key, None)
            entries.append(entry)
        elif key in pending:
            entries.append(pending.pop(key))
    entries.extend(pending.values())
    return entries


def _is_delivered(key: bytes, value: bytes) -> bool:
    """Whether it is the path of a file in a run's folder, `…/authsome/<run>/set/NAME`."""
    if key == _FILE_VARIABLE:
        return True
    if not key.endswith(_FILE_SUFFIX):
        return False
    parts = value.split(b"/")[-4:]
    return parts[2:] == [b"set", key.removesuffix(_FILE_SUFFIX)] and parts[0].startswith(b"authsome")


def _check(name: str, key: bytes, value: bytes) -> None:
    if key in _OWN_KEYS:
        raise NotAllowed(f"{name} is never given to a command", "map the value to a name of its own")
    if b"\0" in value:
        raise NotAllowed(
            f"the value for {name} has a NUL byte, which no environment can hold",
            "give it to the command as a file",
        )
    length = len(key) + len(value) + 2  # with `=` and NUL
    if length > _MAX_STRING_PAGES * _SMALLEST_PAGE_BYTES and sys.platform == "linux":
        limit = _MAX_STRING_PAGES * os.sysconf("SC_PAGE_SIZE")
        if length > limit:
            raise NotAllowed(
                f"the value for {name} is too long for an environment: {length} of at most {limit} bytes",
                "give it to the command as a file",
            )


def _matcher(globs: Sequence[str]) -> Callable[[bytes], bool]:
    """Whether one of `globs` matches a name. `NAME` and `PREFIX*` do not need fnmatch, which imports re."""
    exact = set()
    prefixes = []
    others = []
    for glob in globs:
        stem = glob.removesuffix("*")
        if any(mark in stem for mark in "*?["):
            others.append(glob)
        elif stem == glob:
            exact.add(glob)
        else:
            prefixes.append(stem)
    start = tuple(prefixes)

    def matches(key: bytes) -> bool:
        name = os.fsdecode(key)
        return name in exact or name.startswith(start) or (bool(others) and _fnmatch(name, others))

    return matches


def _fnmatch(name: str, globs: Sequence[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, glob) for glob in globs)
