"""Everything outside the process that a command may touch; tests pass their own.

stdout gets data, and nothing else. All words of ours go to stderr, one line each:

    say   a confirmation; not with --quiet, and not with --json, whose answer on stdout says it all
    warn  `authsome: warning: …`; with --json one line {"warning": …}
    tell  what must be said in any case (an error, the URL to open)

A message that cannot be written is lost, without an error: there is nobody to tell. Data that cannot be
written is an error. Text is written as UTF-8 whatever the locale says.
"""

from __future__ import annotations

import errno
import os

from authsome_env.errors import StorageError
from authsome_env.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.clock import Clock

    from .flags import GlobalOptions

_BOLD = "\x1b[1m"
_RESET = "\x1b[0m"


class OutputClosed(Exception):
    """The reader of stdout went away. Any Unix program ends by SIGPIPE then, without a word."""


class Invocation:
    """`stdin`, `stdout`, `stderr`: descriptors, or None for one that the caller had closed.

    `random(n)`: n random bytes. `vault`: what --vault says; AUTHSOME_VAULT is in `environ`.
    """

    __slots__ = (
        "_no_color",
        "environ",
        "json",
        "no_input",
        "now",
        "quiet",
        "random",
        "stderr",
        "stdin",
        "stdout",
        "vault",
        "verbose",
    )

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        now: Clock,
        random: Callable[[int], bytes],
        stdin: int | None,
        stdout: int | None,
        stderr: int | None,
    ) -> None:
        self.environ = environ
        self.now = now
        self.random = random
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.vault: str | None = None
        self.json = False
        self.quiet = False
        self.verbose = False
        self.no_input = False
        self._no_color = False

    def apply(self, given: GlobalOptions) -> None:
        self.vault = given.vault
        self.json = given.json
        self.quiet = given.quiet
        self.verbose = given.verbose
        self.no_input = given.no_input
        self._no_color = given.no_color

    @property
    def color(self) -> bool:
        """Whether stdout may be coloured."""
        return self._colored(self.stdout)

    @property
    def error_color(self) -> bool:
        """Whether stderr may be coloured."""
        return self._colored(self.stderr)

    @property
    def width(self) -> int | None:
        """The columns of the terminal at stdout; None if it is none, or does not say."""
        try:
            return (os.get_terminal_size(self.stdout).columns if self.stdout is not None else 0) or None
        except OSError:
            return None

    def data(self, content: bytes | str) -> None:
        """Write all of `content` to stdout, as it is.

        Raises StorageError if that is not possible, OutputClosed if nobody reads it.
        """
        raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        hint = "nothing of ours is lost; repeat the command with a stdout that can be written"
        if self.stdout is None:
            raise StorageError("cannot write to stdout: it is closed", hint)
        try:
            _write_all(self.stdout, raw)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise OutputClosed from None
            reason = os.strerror(error.errno or 0)
            raise StorageError(f"cannot write to stdout: {reason[:1].lower()}{reason[1:]}", hint) from None

    def say(self, text: str) -> None:
        if not (self.quiet or self.json):
            self.tell(text)

    def warn(self, text: str) -> None:
        if self.json:
            import json

            self.tell(json.dumps({"warning": text}))
        else:
            self.tell(f"authsome: warning: {text}", bold=len("authsome: warning:"))

    def tell(self, text: str, *, bold: int = 0) -> None:
        """One line on stderr; the first `bold` characters stand out if it may be coloured."""
        line = printable(text)
        if bold and self.error_color:
            line = _BOLD + line[:bold] + _RESET + line[bold:]
        self.tell_lines(line + "\n")

    def tell_lines(self, text: str) -> None:
        """Text of our own making (a help page), as it is, on stderr."""
        if self.stderr is not None:
            try:
                _write_all(self.stderr, text.encode("utf-8", "backslashreplace"))
            except OSError:
                pass

    def _colored(self, descriptor: int | None) -> bool:
        return (
            not self._no_color
            and not self.environ.get("NO_COLOR")  # no-color.org: when not empty, whatever its value
            and self.environ.get("TERM") != "dumb"
            and descriptor is not None
            and os.isatty(descriptor)
        )


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # Node and others hand down pipes with O_NONBLOCK
            import select

            select.select((), (descriptor,), ())
