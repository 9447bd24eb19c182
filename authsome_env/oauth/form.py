"""A form in the browser, for what a person would else type at the terminal: used once, then gone."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING

from authsome_env.errors import LoginCancelled, LoginFailed

from . import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authsome_env.providers.schema import Field

    from .loopback import Heard, Loopback
    from .pages import Page

_AFTERWARDS_S = 2.0
"""For the browser to fetch the last page, which the redirect after the post leads to."""


class Form:
    """One form at an address that nobody can guess. `check(values)`: problems by field; none: it is taken.

    A secret travels in the body of one request, and stands in no address, so in no history either.
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
        self._token = random(24).hex()
        self._taken: dict[str, bytes] | None = None
        self._cancelled = False
        self.url = loopback.origin + self._path

    def wait(self, limit_s: float) -> dict[str, bytes]:
        """What was filled in. Raises LoginCancelled, LoginFailed when the time is over."""
        until = time.monotonic() + limit_s
        while self._taken is None and not self._cancelled:
            if not self._loopback.serve(self._handle, until=until) and time.monotonic() >= until:
                raise LoginFailed(
                    f"nobody filled in the form within {int(limit_s / 60)} minutes", "try again"
                )
        if self._taken is None:
            raise LoginCancelled("cancelled in the browser; nothing was saved")
        self._loopback.serve(self._handle, until=time.monotonic() + _AFTERWARDS_S)
        return self._taken

    def _handle(self, heard: Heard) -> Page:
        if heard.path == f"{self._path}/done" and self._taken is not None:
            return pages.saved(self._service)
        if heard.path != self._path:
            return pages.plain(404, "there is nothing here")
        if self._taken is not None or self._cancelled:
            return pages.gone()
        if heard.method == "GET":
            return self._page({}, {})
        if heard.method != "POST":
            return pages.plain(405, "not here")
        return self._post(heard)

    def _post(self, heard: Heard) -> Page:
        try:
            values = heard.form()
        except ValueError:
            return pages.plain(400, "not understood")
        ours = heard.headers.get("origin", self._loopback.origin) == self._loopback.origin
        same = heard.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        if not (ours and same and hmac.compare_digest(values.pop("token", b""), self._token.encode())):
            return pages.plain(403, "this form is not ours")
        if values.pop("answer", b"") == b"cancel":
            self._cancelled = True
            return pages.cancelled(self._service)
        known = {field.name: values[field.name] for field in self._fields if field.name in values}
        filled = {name: value.strip() for name, value in known.items() if value.strip()}
        problems = dict(self._check(filled))
        if problems:
            shown = {
                f.name: known.get(f.name, b"").decode("utf-8", "replace")
                for f in self._fields
                if not f.secret
            }
            return self._page(shown, problems)
        self._taken = filled
        page = pages.see_other(f"{self._path}/done")
        page.last = True
        return page

    def _page(self, given: Mapping[str, str], problems: Mapping[str, str]) -> Page:
        return pages.form(
            self._service,
            self._fields,
            token=self._token,
            documentation=self._documentation,
            redirect_uri=self._redirect_uri,
            given=given,
            problems=problems,
        )
