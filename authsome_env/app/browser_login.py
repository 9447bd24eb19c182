"""Log in by the browser: listen, send it away, take what it comes back with, exchange that for tokens."""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import TYPE_CHECKING

from authsome_env.clock import describe_duration
from authsome_env.errors import AuthsomeError, LoginFailed
from authsome_env.oauth import pages, pkce
from authsome_env.oauth.loopback import HOLD, TAKEN, Loopback
from authsome_env.oauth.page import not_allowed, nothing_here, see_other
from authsome_env.oauth.pasted import Pasted
from authsome_env.oauth.redirect import find_redirect, to_register

if TYPE_CHECKING:
    from authsome_env.oauth.heard import Heard
    from authsome_env.oauth.messages import Endpoints, Send
    from authsome_env.oauth.page import Page

    from .login import Login
    from .oauth_login import OAuthLogin

TIME_LIMIT_S = 300.0
"""For a person to come back from the browser."""

_LAST_PAGE_S = 2.0
"""For the browser to fetch the page that says how it ended."""

_TWICE_S = 0.3
"""For whoever asks a second time, as browsers do."""

_TAKEN = "end what listens there; the provider sends the browser to this port alone"


def by_browser(
    login: OAuthLogin, endpoints: Endpoints, send: Send, *, limit_s: float = TIME_LIMIT_S
) -> Login:
    """Raises LoginFailed, Unreachable, ConnectionExists."""
    redirect = find_redirect(login.oauth.redirect_uri, login.wishes.port)
    if redirect is None:
        return _Attempt(login, endpoints, send, None, login.oauth.redirect_uri or "", limit_s=limit_s).run()
    hint = TAKEN if redirect.uri is None else _TAKEN
    with Loopback(host=redirect.host, port=redirect.port, hint=hint) as loopback:
        uri = redirect.uri or f"{loopback.origin}{redirect.path}"
        return _Attempt(login, endpoints, send, loopback, uri, limit_s=limit_s, path=redirect.path).run()


class _Attempt:
    def __init__(
        self,
        login: OAuthLogin,
        endpoints: Endpoints,
        send: Send,
        loopback: Loopback | None,
        redirect_uri: str,
        *,
        limit_s: float,
        path: str = "",
    ) -> None:
        self.login = login
        self.endpoints = endpoints
        self.send = send
        self.loopback = loopback
        self.redirect_uri = redirect_uri
        self.limit_s = limit_s
        self.path = path
        self.end_path = f"/{os.urandom(16).hex()}"
        self.service = login.definition.display_name
        self.answer: pkce.Code | pkce.Denied | None = None

    def run(self) -> Login:
        login = self.login
        known = to_register(login.oauth.redirect_uri) if login.wishes.port is None else self.redirect_uri
        client = login.choose_client(self.endpoints, known, self.send)
        authorization = pkce.begin(
            endpoints=self.endpoints,
            oauth=login.oauth,
            client=client,
            scopes=login.scopes,
            redirect_uri=self.redirect_uri,
            random=os.urandom,
        )
        login.person.show_url(authorization.url)
        opened = login.person.open(authorization.url)
        descriptor = login.person.pasted() if self._may_paste(opened) else None
        answer = self._wait(authorization, Pasted(descriptor) if descriptor is not None else None)
        try:
            if isinstance(answer, pkce.Denied):
                raise pkce.refusal(answer, login.definition.name, login.again)
            endpoint = login.token_endpoint(self.endpoints, client, self.send)
            tokens = pkce.exchange(authorization, answer, endpoint, provider=login.definition.name)
            done = login.save(tokens, self.endpoints, self.send)
        except AuthsomeError as error:
            self._end(authorization, pages.failure(self.service, _title(answer), error.message))
            raise
        connection = done.connection
        with contextlib.suppress(KeyboardInterrupt):  # what is saved is saved, and is said to be
            self._end(
                authorization, pages.success(self.service, connection.account, str(connection.reference))
            )
        return done

    def _may_paste(self, opened: bool) -> bool:
        return not opened or self.loopback is None

    def _wait(self, authorization: pkce.Authorization, pasted: Pasted | None) -> pkce.Code | pkce.Denied:
        until = time.monotonic() + self.limit_s

        def handle(heard: Heard) -> Page | str:
            return self._handle(authorization, heard)

        while self.answer is None:
            if self.loopback is None:
                result: bytes | bool = _read_line(pasted, self.login.definition.name, self.login.again, until)
            else:
                result = self.loopback.serve(handle, until=until, pasted=pasted)
            if result is False:
                raise self._nobody_came()
            if isinstance(result, bytes):
                self.answer = pkce.from_pasted(authorization, result.decode("utf-8", "replace"))
                if self.answer is None:
                    self.login.person.say(
                        "that is not the answer of this login; paste the whole address, or ^C"
                    )
        return self.answer

    def _nobody_came(self) -> LoginFailed:
        return LoginFailed(
            f"nobody came back from the browser within {describe_duration(self.limit_s)}",
            f"{self.login.again}; elsewhere than at a desktop with --no-browser or, if it has it,"
            " --flow device_code",
        )

    def _handle(self, authorization: pkce.Authorization, heard: Heard) -> Page | str:
        answer = self._answer_in(authorization, heard)
        if not isinstance(answer, pkce.Code | pkce.Denied):
            return answer
        if self.answer is None:
            self.answer = answer
        return HOLD

    def _answer_in(self, authorization: pkce.Authorization, heard: Heard) -> pkce.Code | pkce.Denied | Page:
        """What came to our redirect URI; a page for all that changes nothing."""
        if heard.path != self.path:
            return nothing_here()
        if heard.method != "GET":
            return not_allowed("GET")
        return pkce.judge(authorization, heard.query) or pages.stranger()

    def _end(self, authorization: pkce.Authorization, page: Page) -> None:
        """Show how it ended, also to a browser that asks twice: at an address without the code."""

        def handle(heard: Heard) -> Page:
            if heard.path == self.end_path:
                return page if heard.method == "GET" else not_allowed("GET")
            answer = self._answer_in(authorization, heard)
            return see_other(self.end_path) if isinstance(answer, pkce.Code | pkce.Denied) else answer

        if self.loopback is not None and self.loopback.release(see_other(self.end_path)):
            self.loopback.serve(handle, until=time.monotonic() + _LAST_PAGE_S)
            self.loopback.serve(handle, until=time.monotonic() + _TWICE_S)


def _title(answer: pkce.Code | pkce.Denied) -> str:
    denied = isinstance(answer, pkce.Denied) and answer.code == "access_denied"
    return "The login was denied" if denied else "The login failed"


def _read_line(pasted: Pasted | None, provider: str, again: str, until: float) -> bytes | bool:
    """Where the browser cannot come back to us at all, its address is all there is. False: not in time."""
    if pasted is None:
        raise LoginFailed(
            f"{provider} sends the browser to a page that is not ours, so its address has to be pasted",
            "log in at a terminal, or give the address on stdin",
        )
    while (line := pasted.line()) is None:
        left = max(until - time.monotonic(), 0.0)
        if not (pasted.is_file or select.select((pasted,), (), (), left)[0]):
            return False
        pasted.read()
    if not line:
        raise LoginFailed("the input ended before an address was pasted", again)
    return line
