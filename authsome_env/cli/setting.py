"""From an invocation to the workspace that it means, with a way to ask at its terminal."""

from __future__ import annotations

import os

from authsome_env.app.selection import Selection
from authsome_env.app.workspace import Workspace
from authsome_env.errors import LoginCancelled, UsageError
from authsome_env.model import Secret
from authsome_env.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .flags import HotOptions
    from .invocation import Invocation


def workspace_of(invocation: Invocation) -> Workspace:
    """Raises UsageError for a configuration file that cannot be understood."""
    return Workspace(
        invocation.environ,
        now=invocation.now,
        vault=invocation.vault,
        ask=ask_secret if has_terminal(invocation) else None,
        no_input=invocation.no_input,
    )


def selection_of(options: HotOptions) -> Selection:
    """What `run` or `env` was asked for. Raises UsageError, NotAllowed."""
    return Selection.parse(
        references=options.provider,
        everything=options.all,
        nothing=options.none,
        maps=options.map,
        prefix=options.prefix,
        strict=options.strict,
    )


def has_terminal(invocation: Invocation) -> bool:
    """Whether somebody can be asked. stdin and stdout may be pipes: asking is done at /dev/tty."""
    if invocation.no_input:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def ask_secret(prompt: str) -> Secret:
    """What is typed at the terminal, unseen. Raises LoginCancelled at ^C or the end of input."""
    import getpass
    import signal

    # `run` and `env` let ^C end them at once; here it must first give the terminal its echo back.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return Secret(getpass.getpass(prompt))
    except (EOFError, KeyboardInterrupt):
        _end_line()
        raise LoginCancelled("cancelled; nothing was saved") from None
    finally:
        signal.signal(signal.SIGINT, before)


def ask_text(prompt: str) -> bytes:
    """What is typed at the terminal, seen; without the line's end."""
    with open("/dev/tty", "r+b", buffering=0) as terminal:
        terminal.write(printable(prompt).encode())
        answer = terminal.readline()
        if not answer.endswith(b"\n"):
            terminal.write(b"\n")
    return answer.rstrip(b"\r\n")


def confirm(question: str, invocation: Invocation) -> bool:
    """Whether the person at the terminal says yes. Raises UsageError where there is none to ask."""
    if not has_terminal(invocation):
        raise UsageError("there is no terminal to ask whether you are sure", "give --yes")
    return ask_text(f"{question} [y/N] ").strip().lower() in (b"y", b"yes")


def _end_line() -> None:
    """What we say next must not stand behind the prompt."""
    with open("/dev/tty", "wb", buffering=0) as terminal:
        terminal.write(b"\n")


def warn_of_key_file(source: str, invocation: Invocation) -> None:
    """The one plaintext secret that we put on a disk is named when it is made."""
    if source == "file":
        invocation.warn(
            "the master key is in a 0600 file beside the vault: whoever copies both can read it;"
            " `authsome vault rekey --key passphrase` (or keyring) changes that"
        )
