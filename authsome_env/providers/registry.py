"""All definitions that there are: bundled and registered ones, each a file NAME.json."""

from __future__ import annotations

import os

from authsome_env.durable import FolderLock, private_folder, replace_private, storage_error, sync_folder
from authsome_env.errors import (
    InvalidDefinition,
    NotAllowed,
    ProviderExists,
    ProviderNotFound,
    UsageError,
    most_like,
)
from authsome_env.model import check_provider_name

from . import source
from .definition import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .schema import Definition

_SUFFIX = ".json"
_FEW = 3
"""Providers that are named to somebody who has not found one."""
_LIKENESS = 0.75
"""Of a slip of the pen; what is less alike is the name of some other service."""


class Registry:
    """`folder` holds the registered definitions; it need not exist.

    Every method that takes a name raises UsageError, before it looks at the disk, for one that could be a
    path. A file that is broken spoils only its own provider.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        return sorted(_names_in(source.BUNDLED) | _names_in(self._folder))

    def mentioning(self, words: Collection[str]) -> list[str]:
        """The names of those in whose files one of the words stands: few to load of many."""
        sought = [word.encode() for word in words]
        return [name for name in self.names() if any(word in self._raw(name) for word in sought)]

    def _raw(self, name: str) -> bytes:
        try:
            found = source.find(name, self._folder)
        except InvalidDefinition:
            return b""
        return found.raw if found is not None else b""

    def load(self, name: str) -> Definition:
        """Raises ProviderNotFound, InvalidDefinition."""
        check_provider_name(name)
        found = source.find(name, self._folder)
        if found is None:
            raise self.not_found(name)
        definition = parse(found.raw, found.path, bundled=found.bundled)
        source.check_name(definition.name, name, found.path)
        return definition

    def add(self, raw: bytes, origin: str = "the definition", *, replace: bool = False) -> Definition:
        """Check `raw` and keep it, byte for byte, as the provider that it names. It is durable on return.

        Raises InvalidDefinition, ProviderExists (without `replace`), StorageError.
        """
        definition = parse(raw, origin)
        name = definition.name
        private_folder(self._folder)
        with FolderLock(self._folder):
            if not replace and (self.is_bundled(name) or self.is_registered(name)):
                kind = "registered" if self.is_registered(name) else "bundled"
                raise ProviderExists(
                    f"there is a {kind} provider {name} already",
                    "give --replace to put this one in its place",
                )
            replace_private(self._path(name), raw)
        return definition

    def remove(self, name: str) -> None:
        """Forget a registered definition; a bundled one that it replaced is back.

        Raises NotAllowed for one that is only bundled, ProviderNotFound, StorageError.
        """
        check_provider_name(name)
        path = self._path(name)
        try:
            os.unlink(path)
            sync_folder(self._folder)
        except FileNotFoundError:
            if self.is_bundled(name):
                raise NotAllowed(
                    f"{name} is bundled and cannot be removed",
                    "`authsome provider add FILE --replace` puts another definition in its place",
                ) from None
            raise self.not_found(name) from None
        except OSError as error:
            raise storage_error(error, path) from None

    def is_bundled(self, name: str) -> bool:
        """Whether a definition of that name came with the program, replaced or not."""
        return os.path.lexists(os.path.join(source.BUNDLED, check_provider_name(name) + _SUFFIX))

    def is_registered(self, name: str) -> bool:
        return os.path.lexists(self._path(check_provider_name(name)))

    advice = (
        "`authsome provider list` shows all, with --search WORD those that have to do with it;"
        " `authsome provider add FILE` registers your own, a JSON file as the README shows it"
    )
    """For whoever has not found a provider."""

    def not_found(self, name: str) -> ProviderNotFound:
        return ProviderNotFound(f"there is no provider {name}{self.suggestion(name)}", self.advice)

    def suggestion(self, wanted: str) -> str:
        """` (did you mean X?)`, or an empty string: those that have the word in their name, else in what
        people call them, else a few in whose notes it stands, else what is written nearly so.
        """
        names = self.names()
        word = wanted.casefold()
        called, noted = self._words(names)
        having = [name for name in names if word in name.split("-")] or called.get(word, [])
        if not having and len(noted.get(word, ())) <= _FEW:
            having = noted.get(word, [])
        if not having:  # `slack-mcp` is meant for slack
            having = [name for name in names if word.startswith(f"{name}-")]
        if not having:
            few = {each: owners for each, owners in called.items() if len(each) > 3 and len(owners) <= _FEW}
            like = most_like(word, {**few, **dict.fromkeys(names)}, _LIKENESS)
            having = [] if like is None else [like] if like in names else few[like]
        return f" (did you mean {' or '.join(having[:_FEW])}?)" if having else ""

    def _words(self, names: Collection[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Each word of what providers are called, and each of their notes, to the names that have it."""
        called: dict[str, list[str]] = {}
        noted: dict[str, list[str]] = {}
        for name in names:
            try:
                definition = self.load(name)
            except InvalidDefinition:
                continue
            spaced = "".join(c if c.isalnum() else " " for c in definition.display_name)
            for found, text in ((called, spaced), (noted, definition.note or "")):
                for word in {each.strip(".,:;()") for each in text.casefold().split()}:
                    found.setdefault(word, []).append(name)
        return called, noted

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name + _SUFFIX)


def _names_in(folder: str) -> set[str]:
    try:
        files = os.listdir(folder)
    except OSError:  # not there, or not ours to read: what can be loaded is found out by `load`
        return set()
    names = set()
    for file in files:
        if file.endswith(_SUFFIX):
            try:
                names.add(check_provider_name(file.removesuffix(_SUFFIX)))
            except UsageError:  # no provider of ours
                continue
    return names
