"""One request to a token endpoint, and what its answer means for a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsome_env.errors import LoginFailed, Unreachable

from .answer import read_answer
from .client_auth import authenticate
from .echo import secrets_in
from .messages import Refused, TokenSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authsome_env.clock import Clock
    from authsome_env.providers.schema import Answer, OAuth

    from .messages import OAuthClient, Outcome, Request, Response, Send


class TokenEndpoint:
    """Where tokens are asked for, and by whom. `client` None: nobody has to prove himself."""

    __slots__ = ("_send", "client", "now", "oauth", "random", "url")

    def __init__(
        self,
        url: str,
        oauth: OAuth,
        client: OAuthClient | None,
        *,
        send: Send,
        now: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self.url = url
        self.oauth = oauth
        self.client = client
        self._send = send
        self.now = now
        self.random = random

    def ask(self, fields: Mapping[str, str]) -> Outcome:
        """One request for tokens. Raises NotSent, NoAnswer, LoginFailed."""
        from .wire import form, json_request

        asked, proof = self.proved({**self.oauth.token_params, **fields}, self.url)
        as_json = self.oauth.token_request == "json"  # noqa: S105 - a way to write it
        request = (json_request if as_json else form)(self.url, asked, proof)
        refreshing = fields.get("grant_type") == "refresh_token"
        return self.answer_to(request, self.oauth.refresh_answer if refreshing else None)

    def answer_to(self, request: Request, shape: Answer | None = None) -> Outcome:
        """What a request of another shape gets. `shape`: of the answer. Raises NotSent, NoAnswer."""
        before = self.now()
        response = self._send(request)
        # A lifetime begins when the server answers, at some time in between; the earliest is safe.
        return self.read(request, response, now=min(before, self.now()), shape=shape)

    def read(
        self, request: Request, response: Response, *, now: float, shape: Answer | None = None
    ) -> Outcome:
        secrets = secrets_in(request, self.client)
        return read_answer(response, shape or self.oauth.answer, now=now, secrets=secrets)

    def proved(self, fields: Mapping[str, str], audience: str) -> tuple[dict[str, str], dict[str, str]]:
        """The fields and headers of a request to `audience`, with the client's proof. Raises LoginFailed."""
        if self.client is None:
            return dict(fields), dict(self.oauth.headers)
        proved, proof = authenticate(
            self.client,
            fields,
            audience=audience,
            basic_encoding=self.oauth.basic_encoding,
            now=self.now(),
            random=self.random,
        )
        return proved, {**self.oauth.headers, **proof}

    def send(self, request: Request) -> Response:
        return self._send(request)


def expect_tokens(outcome: Outcome, *, provider: str) -> TokenSet:
    """For a login, which has nothing else to go on with. Raises LoginFailed, Unreachable."""
    if isinstance(outcome, TokenSet):
        return outcome
    if isinstance(outcome, Refused):
        hint = _HINTS.get(outcome.code, "log in again")
        raise LoginFailed(f"{provider} refused the login ({outcome})", hint.replace("PROVIDER", provider))
    raise Unreachable(f"{provider} gave no tokens: {outcome.reason}", "try again later")


_CLIENT = "look at it with `authsome client show PROVIDER`, or give it anew: authsome client set PROVIDER"
_HINTS = {
    "invalid_client": _CLIENT,
    "unauthorized_client": _CLIENT,
    "incorrect_client_credentials": _CLIENT,
    "redirect_uri_mismatch": "register the redirect URI that `authsome client show PROVIDER` names",
    "invalid_scope": "ask for other scopes with --scopes",
}
