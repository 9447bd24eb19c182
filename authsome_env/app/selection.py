"""What the user has asked a run for, from the words of the command line."""

from __future__ import annotations

from authsome_env.errors import UsageError
from authsome_env.model import Reference
from authsome_env.providers.names import check_variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Selection:
    """What the user asked for, parsed. `everything`: the default connection of every provider."""

    __slots__ = ("everything", "maps", "named", "prefix", "strict")

    def __init__(
        self,
        *,
        named: Sequence[Reference] = (),
        everything: bool = True,
        maps: Sequence[tuple[str, Reference]] = (),
        prefix: str = "",
        strict: bool = False,
    ) -> None:
        self.named = named
        self.everything = everything
        self.maps = maps
        self.prefix = prefix
        """Put before the variables of definitions; mapped variables are named in full."""
        self.strict = strict
        """What would be left out with a warning is an error."""

    @classmethod
    def parse(
        cls,
        *,
        references: Sequence[str] = (),
        everything: bool = False,
        nothing: bool = False,
        maps: Sequence[str] = (),
        prefix: str | None = None,
        strict: bool = False,
    ) -> Selection:
        """From the words of the command line. Raises UsageError, NotAllowed."""
        if nothing and (everything or references):
            raise UsageError("--none excludes --all and -p", "leave one of them out")
        named = []
        for text in references:
            reference = Reference.parse(text)
            if reference.field:
                raise UsageError(
                    f"-p {text}: a field cannot be selected, only mapped",
                    f"--map VARIABLE={text}",
                )
            named.append(reference)
        return cls(
            named=named,
            everything=everything or not (nothing or named),
            maps=[parse_map(text) for text in maps],
            prefix=prefix or "",
            strict=strict,
        )

    @property
    def empty(self) -> bool:
        return not (self.named or self.everything or self.maps)


def parse_map(text: str) -> tuple[str, Reference]:
    """`VAR=provider[:connection][#field]`. Raises UsageError, NotAllowed."""
    name, mark, reference = text.partition("=")
    if not mark:
        raise UsageError(f"--map {text}: no reference", "write --map VARIABLE=provider[:connection][#field]")
    check_variable(name)
    return name, Reference.parse(reference)
