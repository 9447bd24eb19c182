"""A provider's definition, version 1: the file, and what it becomes.

    {"schema_version": 1, "name": "github", "display_name": "GitHub",
     "kind": "code",                            what it is listed under, see `kinds`
     "docs": "https://…",                       where keys are made or clients registered, or what tells how
     "note": "…",                               a sentence or two that a person needs to get it going
     "example": "gh pr list",                   a command that reads the variables
     "auth_type": "oauth2",                     or "api_key"
     "flow": "pkce", "flows": ["pkce", "device_code"],      the default, and all that work
     "oauth": {…}, "client": {…}, "account": {…},                   for oauth2
     "api_key": {…}, "fields": [{…}], "account": {…},               for api_key
     "git_hosts": ["github.com"],               hosts (or host:port) whose repositories git may use it for
     "git_user": "x-access-token",              the user name that git sends with it; absent: the account's
     "docker_hosts": ["ghcr.io"],               hosts (or host:port) of registries that docker may use it for
     "env": {"GITHUB_TOKEN": "{access_token}"},      variable to template, see `template`
     "variable_exceptions": ["NAME"],                bundled only: refused variables filled all the same
     "api_url": "api.github.com"}                    the exact host of the API

null and absent are the same; keys that nobody knows are reported, never an error. In every URL
`{base_url}` may stand first if `oauth.base_url` is given: `login --base-url` puts another in its place.
An account or revocation URL without `{base_url}`, in a definition that has one, is good for the default
base URL alone: with another one it must not be asked, for it would be told a stranger's token.

    "oauth": {"issuer": …,                      found by RFC 8414; endpoints that are given win
              "base_url": …, "authorization_url": …, "token_url": …, "device_authorization_url": …,
              "revocation_url": …, "registration_endpoint": …,
              "scopes": ["repo"], "scope_separator": " ",
              "scope_parameter": "scope",       what the authorization request calls them
              "authorization_params": {}, "token_params": {},     more parameters of these two requests
              "headers": {},                    more headers of requests for tokens and of revocations
              "token_request": "form",          how the body of a token request is written, or "json"
              "token_endpoint_auth_method": "client_secret_basic",
              "basic_encoding": "form",         how Basic encodes them (RFC 6749 section 2.3.1), or "raw"
              "redirect_uri": null,             null: http://127.0.0.1:{any port}/callback; else exactly this.
                                                One that is not loopback ends at a page that cannot load,
                                                whose address the user pastes
              "pkce": true,
              "revocation": "rfc7009",          the default, which asks the revocation_url if there is one;
                                                or "none", or {…} for a way of its own
              "answer": {…}, "refresh_answer": null,
              "assertion": {…}, "exchange": {…}}      for the flows jwt_bearer and token_exchange

    "oauth.revocation": {"method": "POST", "url": …,          may hold {client_id}; absent: revocation_url
                "auth": "client_basic",         or client_post, bearer (the token itself), none
                "body_format": "form",          or "json"
                "body": {"token": "{token}"},   {token} and {client_id} are filled in
                "tokens": ["refresh_token", "access_token"]}     which are revoked, in this order

    "oauth.answer": where things lie in the token answer, as JSON pointers (RFC 6901); the defaults are
                    RFC 6749 section 5: {"access_token": "/access_token", "refresh_token": …,
                    "expires_in": …, "scope": …, "error": "/error", "error_description": …},
                "expires_at": "/expires_at",    a point of time instead: Unix seconds or ISO 8601
                "token_types": ["bot"],         what token_type, beside the token, may say besides Bearer
                "lifetime": 3600,               seconds that a token counts as good for if its answer does not
                                                say; absent: for ever, so that it is never refreshed
                "ok": "/ok",                    if given, an answer is a failure unless this is true
                "fields": {"team_id": "/team/id"}}       more texts that are kept and that templates may name
    "oauth.refresh_answer": the same, but `fields`, for the answer to a refresh, where that has another shape;
                its defaults are those of `answer`

    "oauth.assertion": the flow jwt_bearer (RFC 7523); drawn is the default, which takes the fields from a
                service account's key file:
                {"fields": [{"name": "client_email", "secret": false}, {"name": "private_key"},
                            {"name": "private_key_id", "secret": false, "optional": true}],
                 "issuer": "{client_email}", "audience": "{token_url}",      templates
                 "subject": null,               null: as the issuer (RFC 7523 section 3); "" leaves it out
                 "key": "private_key", "key_id": "{private_key_id}", "algorithm": null,     null: by the key
                 "lifetime": 3600,              seconds, at most an hour
                 "scope": "parameter",          of the request, or a "claim" of the assertion
                 "send": "assertion"}           or "bearer": the assertion is the request's Authorization, and
                                                nothing else is sent. token_url may then hold {field}s
    "oauth.exchange": the flow token_exchange (RFC 8693), with the token of a CI job:
                {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "audience": null,
                 "resource": null, "requested_token_type": null,
                 "subject_audience": null}      whom the job's token is to be for, where it can be asked for

    "client": {"client_id": null, "client_id_env": "GITHUB_CLIENT_ID", "client_secret_env": …}

    "api_key": {"header_name": "Authorization", "header_prefix": "Bearer",     how a request carries it;
                                                a prefix of "" leaves the key alone
                "header_value": "Basic {user:password:base64}",     a template, instead of header_prefix and
                                                key; "": no header can carry it (signatures, parameters)
                "label": "OpenAI API key",      what a login asks for; this is the default
                "env_var": "OPENAI_API_KEY",    short for env {"OPENAI_API_KEY": "{api_key}"}
                "key_pattern": "^sk-", "key_pattern_hint": "keys begin with sk-"}
    "fields": [{"name": "account_sid", "label": "Account SID", "secret": false, "optional": false,
                "pattern": "^AC", "pattern_hint": "it begins with AC"}]       absent: one, named api_key

    "account": {"url": "https://api.github.com/user",      null: the token answer itself says it
                "method": "GET", "body": null,             POST sends the body as JSON
                "id": "/id", "label": "/login"}            pointers into the answer
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from authsome_env.model import Secret

FLOWS = ("pkce", "device_code", "dcr_pkce", "client_credentials", "jwt_bearer", "token_exchange")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none", "private_key_jwt")
REVOCATION_AUTH = ("client_basic", "client_post", "bearer", "none")
REVOCABLE = ("refresh_token", "access_token")


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a credential."""

    name: str
    label: str
    secret: bool = True
    pattern: str | None = None
    """A regular expression that is searched for; anchors are its own business."""
    pattern_hint: str | None = None
    """The pattern in words."""
    optional: bool = False

    def accepts(self, value: Secret) -> bool:
        return self.pattern is None or re.search(self.pattern, value.reveal()) is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """JSON pointers into the token answer."""

    access_token: str = "/access_token"  # noqa: S105 - a pointer
    refresh_token: str = "/refresh_token"  # noqa: S105 - a pointer
    expires_in: str = "/expires_in"
    scope: str = "/scope"
    error: str = "/error"
    error_description: str = "/error_description"
    ok: str | None = None
    expires_at: str | None = None
    token_types: tuple[str, ...] = ()
    """In lower case; those that stand for a bearer token at this provider."""
    lifetime: int | None = None
    """Seconds, of a token whose answer says nothing of it."""
    fields: dict[str, str] = field(default_factory=dict)
    """Field of the credential to pointer. What is there must be a text or a number."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """A way to revoke that is not RFC 7009."""

    url: str
    method: str
    auth: str
    body_format: str
    body: dict[str, str]
    tokens: tuple[str, ...]


KEY_FILE = (
    Field("client_email", "service account (client_email)", secret=False),
    Field("private_key", "private key"),
    Field("private_key_id", "id of the key (private_key_id)", secret=False, optional=True),
)
"""What a Google service account's key file holds of use."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """How a key becomes tokens (RFC 7523). Texts but `key`, `algorithm` and the choices are templates.

    `subject`: None is the issuer, an empty one is left out.
    """

    fields: tuple[Field, ...] = KEY_FILE
    issuer: str = "{client_email}"
    subject: str | None = None
    audience: str = "{token_url}"
    key: str = "private_key"
    key_id: str | None = "{private_key_id}"
    algorithm: str | None = None
    lifetime: int = 3600
    scope: str = "parameter"
    send: str = "assertion"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The parameters of a token exchange (RFC 8693 section 2.1)."""

    subject_token_type: str = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type
    audience: str | None = None
    resource: str | None = None
    requested_token_type: str | None = None
    subject_audience: str | None = None


@dataclass(frozen=True, slots=True)
class OAuth:
    """Endpoints and habits of an authorization server. URLs may begin with `{base_url}`."""

    issuer: str | None
    base_url: str | None
    authorization_url: str | None
    token_url: str | None
    device_authorization_url: str | None
    revocation_url: str | None
    registration_endpoint: str | None
    scopes: tuple[str, ...]
    scope_separator: str
    scope_parameter: str
    authorization_params: dict[str, str]
    token_params: dict[str, str]
    headers: dict[str, str]
    token_request: str
    token_endpoint_auth_method: str
    basic_encoding: str
    redirect_uri: str | None
    pkce: bool
    revocation: Revocation | Literal["rfc7009"] | None
    answer: Answer
    refresh_answer: Answer | None
    """None: as `answer`."""
    assertion: Assertion | None
    """For the flow jwt_bearer."""
    exchange: Exchange | None
    """For the flow token_exchange."""


@dataclass(frozen=True, slots=True)
class Client:
    """The OAuth client, as far as a definition can know it. A secret is never part of a definition."""

    client_id: str | None = None
    client_id_env: str | None = None
    client_secret_env: str | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """How a request carries the key: `header_name: header_prefix key`, or `header_name: header_value`."""

    header_name: str = "Authorization"
    header_prefix: str = "Bearer"
    """Empty: the key alone."""
    header_value: str | None = None
    """A template over the fields. Empty: there is no such header."""
    label: str | None = None
    env_var: str | None = None
    key_pattern: str | None = None
    key_pattern_hint: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """How to learn whose account a credential is for."""

    url: str | None
    method: str
    body: dict[str, Any] | None
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A service and how to authenticate to it."""

    name: str
    display_name: str
    kind: str
    """A key of `kinds.KINDS`."""
    docs: str | None
    note: str | None
    example: str | None
    auth_type: str
    flow: str
    flows: tuple[str, ...]
    oauth: OAuth | None
    client: Client
    api_key: ApiKey | None
    fields: tuple[Field, ...]
    """The parts of a credential in order: for api_key what a login asks for, for oauth2 the access token and
    what else of the token answer is kept. A refresh token is no field."""
    env: dict[str, str]
    account: Account | None
    git_hosts: tuple[str, ...]
    git_user: str
    """Empty: the account's label."""
    docker_hosts: tuple[str, ...]
    api_url: str | None
    unknown_keys: tuple[str, ...]
    """Paths of keys that nobody knows, and of what an older definition asks for in vain."""
