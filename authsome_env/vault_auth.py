"""Requests of httpx2 that always carry a fresh token: what `authsome_env.httpx_auth` makes.

Not of that name: a module that is loaded takes the place of whatever had its name in the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread
import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    Header = Callable[[], tuple[str, str]]


class VaultAuth(httpx2.Auth):
    """Asks the vault, or the run, at every request, so that a long-lived client outlives its tokens.

    A 401 causes one refresh, unless the token was replaced meanwhile, and one more try (RFC 6750 section
    3.1). A body that can be read only once is not sent again: the 401 is the answer then, and the next
    request has the new token.
    """

    def __init__(self, header: Header, replace: Callable[[str], bool]) -> None:
        """`header()`: name and value to send. `replace(value)`: get another; whether there is one."""
        self._header = header
        self._replace = replace

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        name, value = self._header()
        request.headers[name] = value
        response = yield request
        if _is_refusal(response, name, value) and self._replace(value) and _can_repeat(request):
            name, value = self._header()
            request.headers[name] = value
            yield request

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        # Reading the vault is quick, but a refresh is not: neither may hold up the event loop.
        name, value = await anyio.to_thread.run_sync(self._header)
        request.headers[name] = value
        response = yield request
        if not _is_refusal(response, name, value):
            return
        if await anyio.to_thread.run_sync(self._replace, value) and _can_repeat(request):
            name, value = await anyio.to_thread.run_sync(self._header)
            request.headers[name] = value
            yield request


def _is_refusal(response: httpx2.Response, name: str, value: str) -> bool:
    """Of our token: where a redirect has led to, another host may refuse a request that carries none."""
    return response.status_code == 401 and response.request.headers.get(name) == value


def _can_repeat(request: httpx2.Request) -> bool:
    return isinstance(request.stream, httpx2.ByteStream)
