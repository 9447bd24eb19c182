"""Get the fields of a credential or a client: from stdin or variables, in the browser, or at the terminal.

The browser is asked where one can be opened, for what is not given otherwise.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from authsome_env.app.fields import check_field, checked_fields, fields_from_input, given_fields
from authsome_env.errors import LoginFailed, UsageError

from .setting import ask_secret, ask_text, has_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authsome_env.model import Secret
    from authsome_env.providers.schema import Field

    from .invocation import Invocation

_LONGEST_INPUT = 1 << 20
_TRIES = 3


class Asking:
    """What is asked for and how it may be given. `by_form(fields)` asks in the browser, if it can."""

    def __init__(
        self,
        invocation: Invocation,
        provider: str,
        *,
        command: str,
        stdin: bool = False,
        from_env: Sequence[str] = (),
        documentation: str | None = None,
        by_form: Callable[[Sequence[Field]], dict[str, bytes] | None] | None = None,
    ) -> None:
        """Raises UsageError for both ways at once. `command`: as typed, for hints."""
        if stdin and from_env:
            raise UsageError("--stdin excludes --from-env", "leave one of them out")
        self.invocation = invocation
        self.provider = provider
        self.command = command
        self.stdin = stdin
        self.from_env = from_env
        self.documentation = documentation
        self.by_form = by_form

    def fields(self, wanted: Sequence[Field]) -> dict[str, Secret]:
        """Raises LoginFailed, LoginCancelled, UsageError."""
        if self.stdin:
            return fields_from_input(self.provider, wanted, read_all(self.invocation))
        given = given_fields(self.provider, wanted, self.from_env, self.invocation.environ)
        missing = [field for field in wanted if field.name not in given]
        if given and all(field.optional for field in missing):
            return checked_fields(self.provider, wanted, given)
        answers = self.by_form(missing) if self.by_form is not None else None
        if answers is None and not self._is_at_terminal() and all(field.optional for field in missing):
            answers = {}
        if answers is None:
            answers = self._at_terminal(missing, single=len(wanted) == 1)
        return checked_fields(self.provider, wanted, {**given, **answers})

    def _at_terminal(self, wanted: Sequence[Field], *, single: bool) -> dict[str, bytes]:
        """Ask again after a slip, as often as a person makes one."""
        needed = [field.name for field in wanted if not field.optional]
        self._check_terminal(needed or [field.name for field in wanted], single=single)
        answers = {}
        if self.documentation:
            self.invocation.say(self.documentation)
        for field in wanted:
            hint = f" ({field.pattern_hint})" if field.pattern_hint else ""
            prompt = f"{field.label}{hint}{' [none]' if field.optional else ''}: "
            for left in reversed(range(_TRIES)):
                typed = (ask_secret(prompt).reveal_bytes() if field.secret else ask_text(prompt)).strip()
                if not typed and field.optional:
                    break
                try:
                    check_field(field, typed, provider=self.provider)
                except LoginFailed as error:
                    if not left:
                        raise
                    self.invocation.tell(error.message)
                else:
                    answers[field.name] = typed
                    break
        return answers

    def _is_at_terminal(self) -> bool:
        stdin = self.invocation.stdin
        return has_terminal(self.invocation) and stdin is not None and os.isatty(stdin)

    def _check_terminal(self, missing: Sequence[str], *, single: bool) -> None:
        if self._is_at_terminal():
            return
        raise LoginFailed(
            f"there is no terminal to ask for {' and '.join(missing)}",
            f"{self.command} --stdin, or --from-env {'VAR' if single else f'{missing[0]}=VAR'}",
        )


def read_all(invocation: Invocation) -> bytes:
    if invocation.stdin is None:
        raise LoginFailed("stdin is closed", "give the key on stdin, as in: authsome login P --stdin <FILE")
    if os.isatty(invocation.stdin):
        raise UsageError(
            "stdin is the terminal, where the key would be seen",
            "leave --stdin out, and it is asked for unseen",
        )
    content = bytearray()
    while chunk := os.read(invocation.stdin, 65536):
        content += chunk
        if len(content) > _LONGEST_INPUT:
            raise LoginFailed("stdin has more than 1 MiB, which is no key", "give the key alone")
    return bytes(content)
