"""The text formats of `env`, `export` and the deliveries: a table of modules, one for each notation.

Only the module of the wanted format is loaded, since `authsome env` runs whenever a shell starts.
The module of a shell has `assign(name, value)`, `unset(names)` and `failure(exit_code)`, each one
statement; `sh` has `assign_quoted` as well. Every other module has `render(values)`.
"""

from __future__ import annotations

from authsome_env.errors import NotAllowed, UsageError, nearest
from authsome_env.model import is_variable_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

_MODULES = {
    "sh": "sh",
    "bash": "ansi_c",
    "zsh": "ansi_c",
    "fish": "fish",
    "powershell": "powershell",
    "dotenv": "dotenv",
    "json": "json_object",
    "github": "github_files",
    "gitlab": "gitlab",
    "docker": "docker",
    "systemd": "systemd",
}
NAMES = tuple(_MODULES)
SHELLS = ("sh", "bash", "zsh", "fish", "powershell")


def render(
    format: str,  # noqa: A002 - the name of the flag
    values: Mapping[str, bytes],
    unset: Sequence[str] = (),
    *,
    quoted: bool = False,
) -> bytes:
    """The text that gives `values` (variable -> bytes without NUL) to a reader of that format.

    A shell's text first removes the variables of `unset`, so that no namesake slips in; the other
    formats cannot remove any and leave `unset` aside. `quoted` concerns `sh` alone: the caller
    promises to evaluate the text in double quotes, so that it may hold any bytes.

    Raises CannotExpress for a value that the format cannot hold, UsageError for an unknown format,
    NotAllowed for a name that is no variable, and ValueError for `github` (see there).
    """
    module = _module(format)
    _check_names(values)
    if format == "github":
        raise ValueError("the github format is two texts: call github()")
    if format not in SHELLS:
        return module.render(values)  # type: ignore[no-any-return]
    assign: Callable[[str, bytes], bytes] = (
        module.assign_quoted if format == "sh" and quoted else module.assign
    )
    _check_names(unset)
    statements = [module.unset(unset)] if unset else []
    return _line([*statements, *(assign(name, value) for name, value in values.items())])


def render_unset(format: str, names: Sequence[str]) -> bytes:  # noqa: A002
    """The reverse of `render`: a shell that evaluates it has none of `names` in its environment.

    Raises UsageError for an unknown format and for one that cannot unset.
    """
    module = _module(format)
    if format not in SHELLS:
        raise UsageError(f"the format {format} cannot unset variables", f"use one of {', '.join(SHELLS)}")
    _check_names(names)
    return _line([module.unset(names)] if names else [])


def failure(format: str, exit_code: int) -> bytes:  # noqa: A002
    """A statement that leaves `exit_code` (1 to 255) in a shell and stops `set -e`.

    Empty for all that is not a shell, unknown formats too: their reader gets nothing on failure.
    """
    return _line([_module(format).failure(exit_code)]) if format in SHELLS else b""


def github(values: Mapping[str, bytes], delimiter: Callable[[], str]) -> tuple[bytes, bytes]:
    """(lines for stdout that mask the values, text to append to the file `$GITHUB_ENV`).

    `delimiter()` draws a random word of letters, digits and underscores; it is called again for a
    value that contains what was drawn. Raises CannotExpress for what is not UTF-8.
    """
    _check_names(values)
    from . import github_files

    return github_files.masks(values), github_files.environment(values, delimiter)


def check(format: str) -> None:  # noqa: A002
    """Raises UsageError for an unknown format, with the nearest known one."""
    if format not in _MODULES:
        raise UsageError(
            f"unknown format {format!r}{nearest(format, NAMES)}", f"use one of {', '.join(NAMES)}"
        )


def _module(format: str) -> ModuleType:  # noqa: A002
    check(format)
    name = _MODULES[format]
    # `importlib.import_module` without importlib, which would cost the hot path 0.4 ms.
    module: ModuleType = __import__(f"{__package__}.{name}", fromlist=(name,))
    return module


def _check_names(names: Mapping[str, bytes] | Sequence[str]) -> None:
    """A name goes into the text as it is, so one that is not a name could be a command."""
    for name in names:
        if not is_variable_name(name):
            raise NotAllowed(
                f"{name!r} cannot be a variable", "use letters, digits and _, not beginning with a digit"
            )


def _line(statements: Sequence[bytes]) -> bytes:
    """One line, for an unquoted `eval $(…)` joins lines by blanks, and so would lose their ends."""
    return b"; ".join(statements) + b"\n" if statements else b""
