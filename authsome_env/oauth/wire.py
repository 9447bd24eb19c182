"""The one way out: a request over HTTP, bounded in size and in total time.

Redirects are not followed: a token endpoint has no business with another host (RFC 9700 section 4.12).
"""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urlsplit

import httpx2

import authsome_env
from authsome_env.errors import LoginFailed
from authsome_env.providers.urls import check_url, is_loopback

from .deadline import Deadline
from .messages import NoAnswer, NotSent, Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_S = 10.0
TOTAL_S = 30.0
LIMIT = 1 << 20
"""Bytes of an answer's body; golang/oauth2 has the same."""

_AGENT = f"authsome-env/{authsome_env.__version__}"
_CHUNK = 16384


class Wire:
    """Sends requests (messages.Send). `environ`: proxies and certificates (SSL_CERT_FILE, SSL_CERT_DIR).

    `connect_s`: for a connection, TLS included; `total_s`: for everything until the last byte of the answer.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
        limit: int = LIMIT,
    ) -> None:
        self._environ = environ
        self._connect_s = min(connect_s, total_s)
        self._total_s = total_s
        self._limit = limit
        self._clients: dict[str | None, httpx2.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def __call__(self, request: Request) -> Response:
        """Raises NotSent, NoAnswer, whose messages name the host alone; LoginFailed for a URL of no use."""
        try:
            check_url(request.url)
        except ValueError as error:
            raise LoginFailed(
                f"a URL of the provider {error}", "look at it with authsome provider show"
            ) from None
        host = urlsplit(request.url).netloc
        headers = {
            "Accept": "application/json",
            "User-Agent": _AGENT,
            "Accept-Encoding": "identity",  # what is small on the wire must not grow in memory
            **request.headers,
        }
        try:
            with (
                Deadline(self._total_s) as deadline,
                self._client(request.url).stream(
                    request.method,
                    request.url,
                    headers=headers,
                    content=request.body or None,
                    extensions={"trace": deadline.trace},
                ) as response,
            ):
                received = {name.lower(): value for name, value in response.headers.items()}
                if received.get("content-encoding", "identity") not in ("identity", ""):
                    raise NoAnswer(f"{host} answers in an encoding that was not asked for", _LATER)
                body = self._body(response, host)
                if deadline.passed:  # it looks like the end of a body that states no length
                    raise NoAnswer(*_late(host))
                return Response(response.status_code, received, body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSent(*_not_sent(host, error)) from None
        except (httpx2.ProxyError, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
            raise NotSent(f"cannot reach {host}: {type(error).__name__}", _LATER) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            if deadline.passed or isinstance(error, httpx2.TimeoutException):
                raise NoAnswer(*_late(host)) from None
            raise NoAnswer(f"{host} gives no whole answer ({type(error).__name__})", _LATER) from None

    def _body(self, response: httpx2.Response, host: str) -> bytes:
        body = bytearray()
        for chunk in response.iter_raw(_CHUNK):
            body += chunk
            if len(body) > self._limit:
                raise NoAnswer(f"{host} answers with more than {self._limit >> 10} KiB", _LATER)
        return bytes(body)

    def _client(self, url: str) -> httpx2.Client:
        proxy = self._proxy(url)
        if proxy not in self._clients:
            context = self._context()
            try:
                self._clients[proxy] = httpx2.Client(
                    verify=context,
                    proxy=proxy,
                    trust_env=False,  # proxies are those of `environ`, and no SSLKEYLOGFILE
                    follow_redirects=False,
                    timeout=httpx2.Timeout(self._total_s, connect=self._connect_s),
                    limits=httpx2.Limits(max_keepalive_connections=0),  # a deadline knows new ones alone
                )
            except (httpx2.InvalidURL, ValueError, ImportError):  # ImportError: SOCKS, which takes a package
                raise NotSent(
                    "the proxy that the environment names cannot be used",
                    "give it like https_proxy=http://proxy.example.com:3128; SOCKS is not supported",
                ) from None
        return self._clients[proxy]

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which verifies, names included
        file = self._environ.get("SSL_CERT_FILE") or None
        folder = self._environ.get("SSL_CERT_DIR") or None
        if not (file or folder):
            context.load_default_certs()
            return context
        try:
            context.load_verify_locations(file, folder)
        except OSError as error:  # of which SSLError is one
            reason = "not in PEM" if isinstance(error, ssl.SSLError) else (error.strerror or "error").lower()
            raise NotSent(
                f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {reason}",
                "unset it, or name a PEM file",
            ) from None
        return context

    def _proxy(self, url: str) -> str | None:
        """By the usual variables; never for loopback, and not for hosts of NO_PROXY."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host == "localhost" or is_loopback(host) or _excluded(host, self._either("NO_PROXY")):
            return None
        # Upper-case HTTP_PROXY can come from a request's header in CGI, so nobody reads it.
        own = self._environ.get("http_proxy") if parts.scheme == "http" else self._either("HTTPS_PROXY")
        proxy = own or self._either("ALL_PROXY")
        return (proxy if "://" in proxy else f"http://{proxy}") if proxy else None

    def _either(self, name: str) -> str:
        return self._environ.get(name.lower()) or self._environ.get(name) or ""


_LATER = "try again later"


def form(url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Request:
    """A POST as RFC 6749 section 3.2 wants it."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", url, {**kind, **(headers or {})}, urlencode(fields).encode())


def json_request(
    url: str, document: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, method: str = "POST"
) -> Request:
    kind = {"Content-Type": "application/json"}
    return Request(method, url, {**kind, **(headers or {})}, json.dumps(document).encode())


def _late(host: str) -> tuple[str, str]:
    return f"{host} does not answer in time", _LATER


def _excluded(host: str, listed: str) -> bool:
    for entry in listed.split(","):
        name = entry.strip().lstrip(".").lower()
        if name == "*" or (name and (host == name or host.endswith("." + name))):
            return True
    return False


def _not_sent(host: str, error: Exception) -> tuple[str, str]:
    reason = error.__cause__ or error.__context__ or error
    while not isinstance(reason, ssl.SSLError) and (reason.__cause__ or reason.__context__):
        reason = reason.__cause__ or reason.__context__ or reason
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {host} is not to be trusted: {reason.verify_message}",
            "nothing was sent; a certificate authority of your own goes into SSL_CERT_FILE",
        )
    if isinstance(error, httpx2.TimeoutException):
        return f"{host} does not take the connection in time", "check the network and the proxy settings"
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return f"cannot connect to {host}: {text.lower()}", "check the network and the proxy settings"
