"""What keepers had to say and could not, for want of a terminal: the next authsome says it, once."""

from __future__ import annotations

from authsome_env.supervise import unsaid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .invocation import Invocation


def say(folders: Iterable[str], invocation: Invocation) -> None:
    """`folders`: of the live runs."""
    for folder in folders:
        if text := unsaid.take(folder):
            invocation.warn(text)
