"""`<home>/config.toml`: what a person chose once. Flat keys; one that is unknown is an error, not a surprise.

`tomllib` costs more than a whole Python start, so `read` understands the plain form that nearly every such
file has (`key = "text"`, `key = 12`, comments) by itself and hands anything else over; a property test shows
that both read the same.
"""

from __future__ import annotations

import os

from authsome_env.clock import parse_duration
from authsome_env.durable import look_at, replace_private, storage_error
from authsome_env.errors import StorageError, UsageError, nearest
from authsome_env.model import check_connection_name

from .keys.places import NAMES as KEY_PLACES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEYS = ("vault", "key", "unlock-ttl", "min-ttl", "browser")

_KEY_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_CONTROL = frozenset(map(chr, (*range(9), *range(10, 32), 127)))  # TOML 1.0: all but the tab
_MOST_DIGITS = 18  # far below the limit where Python refuses to read a number
_EXAMPLES = {"vault": "work", "key": "file", "browser": "firefox"}


class Config:
    __slots__ = ("browser", "key", "min_ttl", "unlock_ttl", "vault")

    def __init__(self) -> None:
        self.vault = "default"
        """The vault that is meant when none is named."""
        self.key: str | None = None
        """Where new master keys are kept: a name of `keys.places`; None: nobody has chosen yet."""
        self.unlock_ttl = 900.0
        """Seconds that the kernel keeps a vault key; 0: never."""
        self.min_ttl = 300.0
        """Seconds that a token must have left, or it is refreshed."""
        self.browser: str | None = None


def read(path: str) -> Config:
    """Defaults if the file is absent. Raises UsageError naming file and line; StorageError."""
    text = _text(path)
    config = Config()
    if text:
        for key, value in _values(path, text).items():
            checked = _checked(value, key=key, path=path, text=text)
            setattr(config, key.replace("-", "_"), checked)
    return config


def write_value(path: str, key: str, value: str | int) -> None:
    """Set one key; every other line and comment stays as it is. Durable, or not done at all.

    Raises UsageError for a key or value that is not allowed, or if the file is already wrong; StorageError.
    """
    import fcntl

    _checked(value, key=key, path=path, text="")
    target = os.path.realpath(path)  # where a link leads, or a user of dotfile managers loses the link
    try:
        folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Two writers at once: neither key is lost. Not the home's lock, which our caller may well hold.
            fcntl.flock(folder, fcntl.LOCK_EX)
            text = _text(path) or ""
            old = _values(path, text)
            for name, present in old.items():
                _checked(present, key=name, path=path, text=text)
            replace_private(target, _edited(path, text, old, key, value).encode())
        finally:
            os.close(folder)
    except OSError as error:
        raise storage_error(error, path) from error


def parse_plain(text: str) -> dict[str, str | int] | None:
    """What `text` says if all of it is plain; None if it takes `tomllib` to say, or to say what is wrong."""
    values: dict[str, str | int] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        if not _CONTROL.isdisjoint(line):
            return None
        rest = line.strip(" \t")
        if not rest or rest[0] == "#":
            continue
        key, _, rest = rest.partition("=")
        key, rest = key.rstrip(" \t"), rest.lstrip(" \t")
        if not key or not _KEY_LETTERS.issuperset(key) or key in values:
            return None
        if rest[:1] == '"':
            value, quote, rest = rest[1:].partition('"')
            if not quote or "\\" in value:
                return None
            values[key] = value
            rest = rest.lstrip(" \t")
        else:
            digits, mark, comment = rest.partition("#")
            digits = digits.rstrip(" \t")
            rest = mark + comment
            if (
                not (digits.isascii() and digits.isdigit())
                or len(digits) > _MOST_DIGITS
                or (digits[0] == "0" != digits)
            ):
                return None
            values[key] = int(digits)
        if rest and rest[0] != "#":  # also the third of three quotes
            return None
    return values


def _values(path: str, text: str) -> Mapping[str, object]:
    plain = parse_plain(text)
    if plain is not None:
        return plain
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError; too many digits; too deep
        said = str(error)
        raise UsageError(
            f"{path}: {said[:1].lower()}{said[1:]}", "mend that line; a text needs quotes"
        ) from error


def _checked(value: object, *, key: str, path: str, text: str) -> str | float:
    """`value` as `Config` holds it. Raises UsageError naming the file, and the line of the key in `text`."""
    try:
        if key not in KEYS:
            raise UsageError(f"unknown key{nearest(key, KEYS)}", f"known keys: {', '.join(KEYS)}")
        if key.endswith("-ttl"):
            if type(value) is str or type(value) is int:  # a bool is an int to isinstance
                return parse_duration(str(value))
            raise UsageError("not a duration", 'write for example "15m", or whole seconds without quotes')
        if type(value) is not str or not value or not value.isprintable():
            raise UsageError("not a text of one line", f'write for example {key} = "{_EXAMPLES[key]}"')
        if key == "key" and value not in KEY_PLACES:
            raise UsageError(
                f"{value!r} is not known{nearest(value, KEY_PLACES)}", f"use {', '.join(KEY_PLACES)}"
            )
        return check_connection_name(value) if key == "vault" else value
    except UsageError as error:
        where = f"{path}, line {_line(text, key)}" if text else path
        name = key if _KEY_LETTERS.issuperset(key) else repr(key)
        raise UsageError(f"{where}: {name}: {error.message}", error.hint) from None


def _line(text: str, key: str) -> int:
    """The line that sets `key`, also as a table, a quoted or a dotted key; 1 if none looks like it."""
    for number, line in enumerate(text.split("\n"), 1):
        name = line.lstrip(" \t[").removeprefix('"').removeprefix("'")
        if name.startswith(key) and not _KEY_LETTERS.issuperset(name[len(key) : len(key) + 1] or "="):
            return number
    return 1


def _text(path: str) -> str | None:
    """Raises UsageError if the file is not UTF-8, StorageError if it cannot be read; None if it is absent."""
    raw = b""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while chunk := os.read(descriptor, 65536):
                raw += chunk
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {(error.strerror or 'error').lower()}", look_at(path)
        ) from error
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: not UTF-8", "save the file as UTF-8") from None


def _edited(path: str, text: str, old: Mapping[str, object], key: str, value: str | int) -> str:
    """`text` with that one key set. What it means is read back by `tomllib`, so a trick of layout that we do
    not understand ends in an error, never in a file that says something else.
    """
    import tomllib

    written = str(value) if type(value) is int else _quoted(str(value))
    wanted = {**old, key: value}
    for edited in _edits(text, key, written, present=key in old):
        try:
            if tomllib.loads(edited) == wanted:
                return edited
        except ValueError:
            continue
    raise UsageError(
        f"{path}, line {_line(text, key)}: {key} is written in a way that cannot be changed here",
        f"change it by hand to {key} = {written}",
    )


def _edits(text: str, key: str, written: str, *, present: bool) -> Iterator[str]:
    """`text` with each line changed that may be the one; just one more line if the key is not there yet."""
    if not present:
        yield text + ("\n" if text and not text.endswith("\n") else "") + f"{key} = {written}\n"
        return
    lines = text.split("\n")
    for number, line in enumerate(lines):
        name, equals, rest = line.partition("=")
        if equals and name.strip(" \t\"'") == key:
            blanks = rest[: len(rest) - len(rest.lstrip(" \t"))]
            changed = f"{name}={blanks}{written}{_tail(rest)}"
            yield "\n".join((*lines[:number], changed, *lines[number + 1 :]))


def _tail(rest: str) -> str:
    """What follows the value in `rest`, the right side of a line: blanks, a comment, a carriage return."""
    import tomllib

    stops = [index for index, letter in enumerate(rest) if letter == "#"]
    for stop in (*stops, len(rest)):
        value = rest[:stop].rstrip(" \t\r")
        try:
            tomllib.loads(f"x = {value}")
        except ValueError:
            continue  # this # is inside a text
        return rest[len(value) :]
    return ""


def _quoted(value: str) -> str:
    """A basic string of TOML. `_checked` has refused what would need more than these two escapes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
