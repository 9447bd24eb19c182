"""The person at the terminal, as an OAuth flow meets them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from authsome_env.app.fields import checked_fields, fields_from_input
from authsome_env.clock import describe_duration
from authsome_env.errors import LoginFailed
from authsome_env.oauth.browser import open_browser

from .asking import Asking, read_all
from .forms import form_for
from .setting import has_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsome_env.app.workspace import Workspace
    from authsome_env.model import Secret
    from authsome_env.oauth.device_code import Prompt
    from authsome_env.providers.schema import Definition, Field


OPTIONAL = ("subject_token", "initial_access_token")


class TerminalPerson:
    """What must be read to log in goes to stderr, even with --quiet and --json."""

    def __init__(
        self, asking: Asking, workspace: Workspace, definition: Definition, *, no_browser: bool
    ) -> None:
        self.asking = asking
        self.invocation = asking.invocation
        self.workspace = workspace
        self.definition = definition
        self.no_browser = no_browser
        self._terminal: int | None = None

    def say(self, text: str) -> None:
        self.invocation.tell(text)

    def show_url(self, url: str) -> None:
        self.invocation.tell(f"log in to {self.definition.display_name} in your browser:")
        self.invocation.tell(f"  {url}")

    def open(self, url: str) -> bool:
        if self.invocation.no_input:
            raise LoginFailed(
                "this login needs a browser, and --no-input allows none", "run it without --no-input"
            )
        if self.no_browser:
            return False
        return open_browser(url, environ=self.invocation.environ, command=self.workspace.config.browser)

    def pasted(self) -> int | None:
        """What is piped in; else the terminal."""
        stdin = self.invocation.stdin
        if stdin is not None and _is_piped(stdin):
            return stdin
        if has_terminal(self.invocation):
            if self._terminal is None:
                self._terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
            self.invocation.tell("or paste here the address that the browser ends at, or the code:")
            return self._terminal
        return None

    def show_code(self, prompt: Prompt) -> None:
        whose = self.definition.display_name
        self.invocation.tell(f"log in to {whose}: open {prompt.verification_uri} on any device")
        self.invocation.tell(f"and type the code {prompt.user_code}")
        self.invocation.tell(
            f"it is for this machine alone, and good for {describe_duration(prompt.expires_in)};"
            " do not type a code that somebody else sent you"
        )
        if prompt.verification_uri_complete and not (self.no_browser or self.invocation.no_input):
            open_browser(
                prompt.verification_uri_complete,
                environ=self.invocation.environ,
                command=self.workspace.config.browser,
            )

    def fields(self, wanted: Sequence[Field]) -> Mapping[str, Secret]:
        """Of a key file on stdin only what is wanted, whatever else is in it."""
        if not self.asking.stdin:
            return self.asking.fields(wanted)
        from authsome_env.oauth.jwt_bearer import fields_of_key_file

        raw = read_all(self.invocation)
        found = fields_of_key_file(raw, wanted)
        if found is None:
            return fields_from_input(self.definition.name, wanted, raw)
        return checked_fields(self.definition.name, wanted, found)

    def client(self, wanted: Sequence[Field], redirect_uri: str | None) -> Mapping[str, Secret]:
        name = self.definition.name
        if self.invocation.no_input:
            raise LoginFailed(
                f"there is no client of {name} yet, and --no-input allows no question",
                f"authsome client set {name}",
            )
        self.invocation.tell(
            f"{self.definition.display_name} wants an OAuth client of yours, registered there"
        )
        if redirect_uri is not None:
            self.invocation.tell(f"  its redirect URI: {redirect_uri}")
        asking = Asking(
            self.invocation,
            name,
            command=f"authsome client set {name}",
            documentation=self.asking.documentation,
            by_form=form_for(
                self.invocation,
                self.workspace,
                self.definition,
                no_browser=self.no_browser,
                redirect_uri=redirect_uri,
            ),
        )
        return asking.fields(wanted)

    def optional(self, name: str) -> Secret | None:
        from authsome_env.app.fields import given_fields
        from authsome_env.model import Secret
        from authsome_env.providers.schema import Field

        known = [Field(each, each, optional=True) for each in OPTIONAL]
        given = given_fields(self.definition.name, known, self.asking.from_env, self.invocation.environ)
        return Secret.from_bytes(given[name]) if given.get(name) else None


def _is_piped(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)
