"""A list of fields in a definition: what a person is asked for. See `schema`."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from .problem import Problem
from .reader import Node
from .schema import Field

if TYPE_CHECKING:
    from .problem import Path

MAX_PATTERN = 512
"""Characters of a regular expression; a key's form needs no more."""


def read_fields(entries: list[dict[str, Any]], path: Path) -> tuple[tuple[Field, ...], list[str]]:
    """The fields, whose names are checked already, and the paths of unknown keys. Raises Problem."""
    fields: list[Field] = []
    unknown: list[str] = []
    for index, entry in enumerate(entries):
        node = Node(entry, (*path, index))
        name = str(node.take("name"))
        label = node.filled("label") or name.replace("_", " ")
        fields.append(
            Field(
                name=name,
                label=label,
                secret=node.flag("secret", default=True),
                pattern=read_pattern(node, "pattern"),
                pattern_hint=node.filled("pattern_hint"),
                optional=node.flag("optional", default=False),
            )
        )
        unknown += node.rest()
    if all(field.optional for field in fields):
        raise Problem(path, "are all optional", "at least one must be asked for")
    return tuple(fields), unknown


def read_pattern(node: Node, key: str) -> str | None:
    pattern = node.filled(key)
    if pattern is None:
        return None
    if len(pattern) > MAX_PATTERN:
        raise node.problem(key, f"is longer than {MAX_PATTERN} characters", "write a simpler pattern")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the pattern may mean in later Pythons is no fault of it
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise node.problem(key, "is not a regular expression", "write it as Python's re takes it") from None
    return pattern
