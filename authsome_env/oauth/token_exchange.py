"""A token of the job that we run in, for a token of the provider (RFC 8693)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from authsome_env.errors import LoginFailed
from authsome_env.model import Secret
from authsome_env.providers.schema import Exchange

from .messages import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsome_env.providers.schema import OAuth

    from .messages import Outcome, Send
    from .token_request import TokenEndpoint

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"

_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - a variable's name


class Subject:
    """Where the subject token comes from: it was given, or is to be asked for at GitHub's `url`."""

    __slots__ = ("token", "url")

    def __init__(self, token: Secret, url: str | None = None) -> None:
        self.token = token
        """The subject token itself; with `url`, what asks for it there, as long as the job lasts."""
        self.url = url

    def pack(self) -> dict[str, Secret]:
        return {"subject": self.token, **({"subject_url": Secret(self.url)} if self.url else {})}

    @classmethod
    def unpack(cls, fields: Mapping[str, Secret]) -> Self:
        url = fields.get("subject_url")
        return cls(fields["subject"], url.reveal() if url else None)


def find_subject(environ: Mapping[str, str], oauth: OAuth, *, given: Secret | None) -> Subject:
    """Raises LoginFailed where there is none, or one that cannot be used, saying what the job lacks."""
    if given is not None:
        return Subject(given)
    url = environ.get(_URL)
    if url:
        token = environ.get(_TOKEN)
        if not token:
            raise LoginFailed(f"{_TOKEN} is not set", "give the job `permissions: id-token: write`")
        audience = oauth.exchange.subject_audience if oauth.exchange else None
        more = f"{'&' if '?' in url else '?'}audience={quote(audience, safe='')}" if audience else ""
        return Subject(Secret(token), url + more)
    if environ.get("GITHUB_ACTIONS"):
        raise LoginFailed(f"{_URL} is not set", "give the job `permissions: id-token: write`")
    if environ.get("GITLAB_CI"):
        raise LoginFailed(
            "which variable holds this job's ID token is not known",
            "give the job `id_tokens:`, and --from-env subject_token=NAME with the name that stands there",
        )
    raise LoginFailed(
        "there is no CI job here whose token could be exchanged",
        "give one: --from-env subject_token=VAR",
    )


def mint(endpoint: TokenEndpoint, subject: Subject, scopes: Sequence[str]) -> Outcome:
    """Section 2.1. Raises NotSent, NoAnswer, LoginFailed."""
    how = endpoint.oauth.exchange or Exchange()
    fields = {
        "grant_type": GRANT,
        "subject_token": (_asked(subject, endpoint.send) if subject.url else subject.token).reveal(),
        "subject_token_type": how.subject_token_type,
    }
    for name in ("audience", "resource", "requested_token_type"):
        if value := getattr(how, name):
            fields[name] = value
    if scopes:
        fields["scope"] = endpoint.oauth.scope_separator.join(scopes)
    return endpoint.ask(fields)


def _asked(subject: Subject, send: Send) -> Secret:
    """GitHub's way: {"value": "…"}."""
    headers = {"Authorization": f"Bearer {subject.token.reveal()}"}
    response = send(Request("GET", subject.url or "", headers))
    value = (response.document() or {}).get("value")
    if response.status != 200 or not isinstance(value, str) or not value or not value.isascii():
        raise LoginFailed(
            f"the CI system gave no token for this job (HTTP {response.status})",
            "look at the job's permissions: id-token: write",
        )
    return Secret(value)
