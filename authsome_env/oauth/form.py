"""A form in the browser, for what a person would else type at the terminal: used once, then gone."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING

from authsome_env.clock import describe_duration
from authsome_env.errors import LoginCancelled, LoginFailed

from . import form_page, pages
from .page import not_allowed, nothing_here, plain, see_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsome_env.providers.schema import Field

    from .heard import Heard
    from .loopback import Loopback
    from .page import Page

_AFTERWARDS_S = 2.0
"""For the browser to fetch the last page, which the redirect after the post leads to."""


class Form:
    """One form at an address that nobody can guess. `check(values)`: problems by field; none: it is taken.

    A secret travels in the body of one request and stands in no address. Every post is answered by a
    redirect, so no page in the browser's history was made by one, and none can be sent again.
    """

    def __init__(
        self,
        loopback: Loopback,
        *,
        service: str,
        fields: Sequence[Field],
        check: Callable[[Mapping[str, bytes]], Mapping[str, str]],
        random: Callable[[int], bytes],
        documentation: str | None = None,
        redirect_uri: str | None = None,
    ) -> None:
        self._loopback = loopback
        self._service = service
        self._fields = fields
        self._check = check
        self._documentation = documentation
        self._redirect_uri = redirect_uri
        self._path = f"/{random(24).hex()}"
        self._done = f"{self._path}/done"
        self._token = random(24).hex()
        self._given: Mapping[str, str] = {}
        self._problems: Mapping[str, str] = {}
        self._taken: dict[str, bytes] | None = None
        self._cancelled = False
        self.url = loopback.origin + self._path

    def wait(self, limit_s: float) -> dict[str, bytes]:
        """What was filled in. Raises LoginCancelled, LoginFailed when the time is over."""
        until = time.monotonic() + limit_s
        while not self._is_over():
            if not self._loopback.serve(self._handle, until=until):
                raise LoginFailed(
                    f"nobody filled in the form within {describe_duration(limit_s)}",
                    "try again; --no-browser asks at the terminal",
                )
        self._loopback.serve(self._handle, until=time.monotonic() + _AFTERWARDS_S)
        if self._taken is None:
            raise LoginCancelled("cancelled in the browser; nothing was saved")
        return self._taken

    def _is_over(self) -> bool:
        return self._taken is not None or self._cancelled

    def _handle(self, heard: Heard) -> Page:
        if heard.path == self._done and self._is_over():
            if heard.method != "GET":
                return not_allowed("GET")
            return pages.cancelled(self._service) if self._cancelled else pages.taken(self._service)
        if heard.path != self._path:
            return nothing_here()
        if self._is_over():
            return pages.gone()
        if heard.method == "GET":
            return self._page()
        return self._post(heard) if heard.method == "POST" else not_allowed("GET", "POST")

    def _post(self, heard: Heard) -> Page:
        try:
            values = heard.form()
        except ValueError:
            return plain(400, "not understood")
        ours = heard.headers.get("origin", self._loopback.origin) == self._loopback.origin
        same = heard.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        token = values.get(form_page.TOKEN, b"")
        if not (ours and same and hmac.compare_digest(token, self._token.encode())):
            return plain(403, "this form is not ours")
        if values.get(form_page.BUTTON) == b"cancel":
            self._cancelled = True
            return see_other(self._done, last=True)
        known = {field.name: values[field.name] for field in self._fields if field.name in values}
        filled = {name: value.strip() for name, value in known.items() if value.strip()}
        self._problems = self._check(filled)
        if self._problems:
            shown = {field.name for field in self._fields if not field.secret}
            self._given = {n: v.decode("utf-8", "replace") for n, v in known.items() if n in shown}
            return see_other(self._path)
        self._taken = filled
        return see_other(self._done, last=True)

    def _page(self) -> Page:
        return form_page.form(
            self._service,
            self._fields,
            token=self._token,
            documentation=self._documentation,
            redirect_uri=self._redirect_uri,
            given=self._given,
            problems=self._problems,
        )
