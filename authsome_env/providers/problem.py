"""What is wrong with a definition, and where in it, before it is known which file that was."""

from __future__ import annotations

from authsome_env.errors import InvalidDefinition

TYPE_CHECKING = False
if TYPE_CHECKING:
    Path = tuple[str | int, ...]


class Problem(Exception):
    """`path`: keys and list positions from the top of the document, as in `("fields", 1, "name")`."""

    def __init__(self, path: Path, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.hint = hint

    def located(self, origin: str, line: int | None = None) -> InvalidDefinition:
        """The same as an error of ours; `line` counts from 1."""
        where = origin if line is None else f"{origin}, line {line}"
        field = f"{path_text(self.path)}: " if self.path else ""
        return InvalidDefinition(f"{where}: {field}{self.message}", self.hint)


def path_text(path: Path) -> str:
    """`fields[1].name`, `env.GITHUB_TOKEN`; a key that is no word is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        plain = part.isascii() and part.replace("_", "a").replace("-", "a").isalnum() and len(part) <= 64
        text += ("." if text else "") + (part if plain else ascii(part[:64]))
    return text
