"""The authorization server of the tour, on loopback: `python -P -m authsome_env.cli.demo_server SECONDS`.

Authlib's server side, with access tokens of that lifetime, single-use refresh tokens, and consent without a
click: the account is whoever `authorize?account=NAME` says. It prints {"port": …} and lives as long as its
standard input is open, so that nothing is left behind, whatever becomes of the tour.
"""

# mypy: disable-error-code="override,union-attr,arg-type,no-untyped-call,misc,unused-ignore"
# (its published types are narrower than what Authlib documents for those who subclass it)

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    OAuth2Request,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge

CLIENT_ID = "tour"
LIFETIME_S = int(sys.argv[1]) if __name__ == "__main__" else 0

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"  # this process is on loopback alone


class Client(ClientMixin):
    """The one public client there is; its redirect URI may have any port (RFC 8252 section 7.3)."""

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        parts = urlsplit(redirect_uri)
        return (parts.scheme, parts.hostname, parts.path) == ("http", "127.0.0.1", "/callback")

    def check_client_secret(self, _: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, _: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


class Code(AuthorizationCodeMixin):
    def __init__(self, payload: dict[str, str], account: str) -> None:
        self.redirect_uri = payload.get("redirect_uri", "")
        self.scope = payload.get("scope", "")
        self.code_challenge = payload.get("code_challenge")
        self.code_challenge_method = payload.get("code_challenge_method")
        self.account = account

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


class Token(TokenMixin):
    def __init__(self, values: dict[str, Any], account: str) -> None:
        self.values = values
        self.account = account
        self.ends_at = time.time() + LIFETIME_S
        self.revoked = False
        self.spent = False

    def check_client(self, client: Client) -> bool:
        return client.get_client_id() == CLIENT_ID

    def get_scope(self) -> str:
        return str(self.values.get("scope", ""))

    def get_expires_in(self) -> int:
        return LIFETIME_S

    def is_expired(self) -> bool:
        return time.time() > self.ends_at

    def is_revoked(self) -> bool:
        return self.revoked


CODES: dict[str, Code] = {}
TOKENS: list[Token] = []
COUNTS = {"refreshes": 0, "revocations": 0}


def find(value: str, *kinds: str) -> Token | None:
    return next((each for each in TOKENS if value in [each.values.get(kind) for kind in kinds]), None)


def revoke_all(account: str) -> None:
    """Whatever the account gave to this client."""
    for each in TOKENS:
        each.revoked = each.revoked or each.account == account


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def save_authorization_code(self, code: str, request: Request) -> None:
        CODES[code] = Code(request.payload.data, request.user)

    def query_authorization_code(self, code: str, _: Client) -> Code | None:
        return CODES.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        for code in [code for code, each in CODES.items() if each is authorization_code]:
            del CODES[code]

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.account


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        token = find(refresh_token, "refresh_token")
        if token is not None and token.spent:  # RFC 9700 section 4.14.2: somebody has a copy of it
            revoke_all(token.account)
        return None if token is None or token.revoked else token

    def authenticate_user(self, refresh_token: Token) -> str:
        return refresh_token.account

    def revoke_old_credential(self, refresh_token: Token) -> None:
        refresh_token.spent = True
        COUNTS["refreshes"] += 1


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ("none",)

    def query_token(self, token_string: str, _: str) -> Token | None:
        return find(token_string, "refresh_token", "access_token")

    def revoke_token(self, token: Token, _: Request) -> None:
        COUNTS["revocations"] += 1
        revoke_all(token.account)


class Request(OAuth2Request):
    def __init__(self, method: str, uri: str, fields: dict[str, str], headers: Any) -> None:
        super().__init__(method, uri, headers=headers)
        self.fields = fields
        self.payload = BasicOAuth2Payload(fields)

    @property
    def args(self) -> dict[str, str]:
        return self.fields

    @property
    def form(self) -> dict[str, str]:
        return self.fields


class Server(AuthorizationServer):
    def query_client(self, client_id: str) -> Client | None:
        return Client() if client_id == CLIENT_ID else None

    def save_token(self, token: dict[str, Any], request: Request) -> None:
        TOKENS.append(Token(token, request.user))

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any, Any]:
        return status, body, headers

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        pass


def made_server() -> Server:
    server = Server()

    def draw(*_: object, **__: object) -> str:
        return secrets.token_urlsafe(24)

    def lifetime(*_: object) -> int:
        return LIFETIME_S

    server.register_token_generator("default", BearerTokenGenerator(draw, draw, lifetime))
    server.register_grant(CodeGrant, [CodeChallenge(required=True)])
    server.register_grant(RefreshGrant)
    server.register_endpoint(Revocation)
    return server


class Handler(BaseHTTPRequestHandler):
    server_side = made_server()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        fields = dict(parse_qsl(parts.query))
        if parts.path == "/authorize":
            account = fields.pop("account", "alice")
            request = Request("GET", self.uri(parts.path, fields), fields, self.headers)
            grant = self.server_side.get_consent_grant(request, account)
            self.reply(*self.server_side.create_authorization_response(request, account, grant))
        elif parts.path == "/me":
            token = find(self.headers.get("Authorization", "").removeprefix("Bearer "), "access_token")
            good = token is not None and not (token.is_expired() or token.revoked)
            self.reply(200 if good else 401, {"account": token.account if token and good else None})
        elif parts.path == "/counts":
            self.reply(200, COUNTS)
        else:
            self.reply(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        request = Request("POST", self.uri(self.path, {}), dict(parse_qsl(body)), self.headers)
        if self.path == "/token":
            self.reply(*self.server_side.create_token_response(request))
        elif self.path == "/revoke":
            self.reply(*self.server_side.create_endpoint_response("revocation", request))
        else:
            self.reply(404, {})

    def uri(self, path: str, fields: dict[str, str]) -> str:
        return f"http://{self.headers.get('Host')}{path}?{urlencode(fields)}"

    def reply(self, status: int, body: Any, headers: Any = ()) -> None:
        raw = b"" if body is None or body == "" else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.write(1, json.dumps({"port": server.server_port}).encode() + b"\n")
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
