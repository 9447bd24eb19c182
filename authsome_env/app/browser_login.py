"""Log in by the browser: listen, send it away, take what it comes back with, exchange that for tokens."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from authsome_env.errors import AuthsomeError, LoginFailed
from authsome_env.oauth import pages, pkce
from authsome_env.oauth.loopback import HOLD, Loopback
from authsome_env.oauth.redirect import find_redirect, to_register

if TYPE_CHECKING:
    from authsome_env.oauth.loopback import Heard
    from authsome_env.oauth.messages import Endpoints, Send
    from authsome_env.oauth.pages import Page

    from .login import Login
    from .oauth_login import OAuthLogin

TIME_LIMIT_S = 300.0
"""For a person to come back from the browser."""

_AFTERWARDS_S = 0.3
"""For whoever asks a second time, as browsers do."""


def by_browser(login: OAuthLogin, endpoints: Endpoints, send: Send) -> Login:
    """Raises LoginFailed, Unreachable, ConnectionExists."""
    redirect = find_redirect(login.oauth.redirect_uri, login.wishes.port)
    if redirect is None:
        return _Attempt(login, endpoints, send, None, login.oauth.redirect_uri or "").run()
    with Loopback(host=redirect.host, port=redirect.port) as loopback:
        uri = redirect.uri or f"{loopback.origin}{redirect.path}"
        return _Attempt(login, endpoints, send, loopback, uri, path=redirect.path).run()


class _Attempt:
    def __init__(
        self,
        login: OAuthLogin,
        endpoints: Endpoints,
        send: Send,
        loopback: Loopback | None,
        redirect_uri: str,
        *,
        path: str = "",
    ) -> None:
        self.login = login
        self.endpoints = endpoints
        self.send = send
        self.loopback = loopback
        self.redirect_uri = redirect_uri
        self.path = path
        self.service = login.definition.display_name
        self.answer: pkce.Code | pkce.Denied | None = None
        self.page: Page = pages.gone()

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
        answer = self._wait(authorization, login.person.pasted() if self._may_paste(opened) else None)
        try:
            if isinstance(answer, pkce.Denied):
                raise pkce.refusal(answer, login.definition.name)
            endpoint = login.token_endpoint(self.endpoints, client, self.send)
            tokens = pkce.exchange(authorization, answer, endpoint, provider=login.definition.name)
            done = login.save(tokens, self.endpoints, self.send)
        except AuthsomeError as error:
            self._end(pages.failure(self.service, _title(answer), error.message))
            raise
        connection = done.connection
        self._end(pages.success(self.service, connection.account, str(connection.reference)))
        return done

    def _may_paste(self, opened: bool) -> bool:
        return not opened or self.loopback is None

    def _wait(self, authorization: pkce.Authorization, pasted: int | None) -> pkce.Code | pkce.Denied:
        until = time.monotonic() + TIME_LIMIT_S
        provider = self.login.definition.name

        def handle(heard: Heard) -> Page | str:
            return self._handle(authorization, heard)

        while self.answer is None:
            if self.loopback is None:
                line = _read_line(pasted, provider)
            else:
                result = self.loopback.serve(handle, until=until, also_read=pasted)
                if result is False:
                    raise LoginFailed(
                        f"nobody came back from the browser within {int(TIME_LIMIT_S / 60)} minutes",
                        f"authsome login {provider}; elsewhere than at a desktop with --no-browser"
                        " or, if it has it, --flow device_code",
                    )
                if result is True:
                    continue
                line = result
            self.answer = pkce.from_pasted(authorization, line.decode("utf-8", "replace"))
            if self.answer is None:
                self.login.person.say("that is not the answer of this login; paste the whole address, or ^C")
        return self.answer

    def _handle(self, authorization: pkce.Authorization, heard: Heard) -> Page | str:
        if heard.path != self.path:
            return pages.plain(404, "there is nothing here")
        if heard.method != "GET":
            return pages.plain(405, "not here")
        answer = pkce.judge(authorization, heard.query)
        if answer is None:
            return pages.stranger()
        if self.answer is None:
            self.answer = answer
        return HOLD

    def _end(self, page: Page) -> None:
        """Show how it ended, also to a browser that asks twice."""
        if self.loopback is not None:
            self.loopback.release(page)
            self.loopback.serve(lambda _: page, until=time.monotonic() + _AFTERWARDS_S)


def _title(answer: pkce.Code | pkce.Denied) -> str:
    denied = isinstance(answer, pkce.Denied) and answer.code == "access_denied"
    return "The login was denied" if denied else "The login failed"


def _read_line(descriptor: int | None, provider: str) -> bytes:
    """Where the browser cannot come back to us at all, its address is all there is."""
    if descriptor is None:
        raise LoginFailed(
            f"{provider} sends the browser to a page that is not ours, so its address has to be pasted",
            "log in at a terminal, or give the address on stdin",
        )
    line = os.read(descriptor, 1 << 16)
    if not line:
        raise LoginFailed("the input ended before an address was pasted", f"authsome login {provider}")
    return line
