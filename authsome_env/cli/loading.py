"""The line that loads variables into the calling shell, to be shown where the values themselves are not."""

from __future__ import annotations

from .flags import LIST, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .flags import EnvOptions

_FORMS = {
    "sh": 'eval "$({} --quoted)"',
    "fish": "{} | source",
    "powershell": "{} | Out-String | Invoke-Expression",
}
_ANY_FORM = 'eval "$({})"'


def loading_line(shell: str, words: Sequence[str], *, vault: str | None) -> str:
    """What to type in `shell`, for the command `words` without the program's name.

    It says all that was asked for: a shorter one would load other accounts than those just shown.
    """
    import shlex  # only ever needed on a terminal

    command = ["authsome", *words, *(["--vault", vault] if vault else [])]
    return _FORMS.get(shell, _ANY_FORM).format(shlex.join(command))


def env_words(options: EnvOptions) -> list[str]:
    """The command line of `env` that chooses the same variables."""
    words = ["env"]
    for flag in options.flags:
        value = getattr(options, flag.attribute)
        if flag.kind == LIST:
            for each in value:
                words += [flag.short or flag.long, each]
        elif flag.kind == VALUE and value is not None:
            words += [flag.long, value]
        elif value is True and flag.attribute in ("all", "none", "strict"):  # others say how to print
            words.append(flag.long)
    return words
