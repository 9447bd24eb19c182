"""The sections `oauth`, `client` and `account` of a definition: checked and typed. See `schema`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from authsome_env.errors import NotAllowed, UsageError

from .environment import NEVER_DELIVERED, mapping
from .machine_section import read_assertion, read_exchange
from .names import check_variable
from .problem import Problem
from .reader import is_header_name
from .schema import AUTH_METHODS, REVOCABLE, REVOCATION_AUTH, Account, Answer, Client, OAuth, Revocation

if TYPE_CHECKING:
    from .reader import Node

# What a flow asks; without an issuer, which would tell them, these must be given.
_NEEDS: dict[str, tuple[str, ...]] = {
    "pkce": ("authorization_url", "token_url"),
    "device_code": ("device_authorization_url", "token_url"),
    "dcr_pkce": ("registration_endpoint", "authorization_url", "token_url"),
    "client_credentials": ("token_url",),
    "jwt_bearer": ("token_url",),
    "token_exchange": ("token_url",),
}

# Parameters that the flow itself sets: another value would undo PKCE or `state`, or take over the client.
_OURS = {
    "authorization_params": frozenset(
        {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce"}
        | {"code_challenge", "code_challenge_method", "response_mode", "request", "request_uri"}
    ),
    "token_params": frozenset(
        {"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "code"}
        | {"redirect_uri", "code_verifier", "refresh_token", "device_code", "assertion"}
        | {"subject_token", "actor_token"}
    ),
}

# What the wire, the client's proof and the body's form decide.
_OUR_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length"}
    | {"content-type", "cookie", "host", "proxy-authorization", "te", "transfer-encoding", "upgrade"}
)


def read_oauth(node: Node, flows: tuple[str, ...]) -> tuple[OAuth, list[str]]:
    """The section, and the paths of its unknown keys. Raises Problem."""
    base_url = node.url("base_url")
    if base_url is not None and "?" in base_url:
        raise node.problem("base_url", "has a query", "write it like https://github.com")
    issuer = node.url("issuer", base_url)
    assertion, more = read_assertion(node.object("assertion"))
    given = tuple(field.name for field in assertion.fields if not field.secret)
    urls = {
        key: node.url(
            key, base_url, placeholders=given if assertion.send == "bearer" and key == "token_url" else ()
        )
        for key in (
            "authorization_url",
            "token_url",
            "device_authorization_url",
            "revocation_url",
            "registration_endpoint",
        )
    }
    _check_needs(node, flows, issuer, urls)
    separator = node.text("scope_separator")
    scope_parameter = node.filled("scope_parameter") or "scope"
    if scope_parameter in _OURS["authorization_params"] - {"scope"}:
        raise node.problem("scope_parameter", "is set by the flow itself", 'write "scope" or leave it out')
    answer_node = node.object("answer")
    answer = _answer(answer_node)
    refresh_answer, odd = _refresh_answer(node, answer)
    exchange, others = read_exchange(node.object("exchange"))
    revocation, unknown = _revocation(node, base_url, urls["revocation_url"], issuer)
    section = OAuth(
        issuer=issuer,
        base_url=base_url,
        **urls,
        scopes=node.texts("scopes"),
        scope_separator=" " if separator is None else separator,
        scope_parameter=scope_parameter,
        authorization_params=_params(node, "authorization_params"),
        token_params=_params(node, "token_params"),
        headers=_headers(node),
        token_request=node.choice("token_request", ("form", "json"), "form"),
        token_endpoint_auth_method=node.choice(
            "token_endpoint_auth_method", AUTH_METHODS, "client_secret_basic"
        ),
        basic_encoding=node.choice("basic_encoding", ("form", "raw"), "form"),
        redirect_uri=node.url("redirect_uri", loopback_name=True),
        pkce=node.flag("pkce", default=True),
        revocation=revocation,
        answer=answer,
        refresh_answer=refresh_answer,
        assertion=assertion if "jwt_bearer" in flows else None,
        exchange=exchange if "token_exchange" in flows else None,
    )
    if not section.scope_separator or len(section.scope_separator) > 2:
        raise node.problem("scope_separator", "is not one or two characters", 'usual are " " and ","')
    for index, scope in enumerate(section.scopes):
        if section.scope_separator in scope:
            raise Problem(
                (*node.path, "scopes", index), "holds the separator", "write each scope as its own text"
            )
    if scope_parameter in section.authorization_params:
        raise Problem(
            (*node.path, "authorization_params", scope_parameter),
            "is what the scopes are called",
            "list them in scopes",
        )
    proves_nothing = section.token_endpoint_auth_method == "none"  # noqa: S105 - a way to authenticate
    if "client_credentials" in flows and proves_nothing:
        raise node.problem(
            "token_endpoint_auth_method",
            "is none, but client_credentials needs a client that can prove itself (RFC 6749 section 4.4)",
            "use client_secret_basic, client_secret_post or private_key_jwt",
        )
    return section, [*node.rest(), *answer_node.rest(), *odd, *unknown, *more, *others]


def read_client(node: Node) -> Client:
    """Raises Problem."""
    if node.take("client_secret") is not None:
        raise node.problem(
            "client_secret", "is never part of a definition", "keep it by `authsome client set PROVIDER`"
        )
    client_id = node.filled("client_id")
    return Client(client_id, _readable(node, "client_id_env"), _readable(node, "client_secret_env"))


def read_account(node: Node, base_url: str | None, answer: Answer | None) -> Account:
    """`answer`: of OAuth, which may say it itself. Raises Problem."""
    url = node.url("url", base_url)
    if url is None and answer is None:
        raise node.problem("url", "is missing", "only OAuth has a token answer that could say whose it is")
    method = node.choice("method", ("GET", "POST"), "GET")
    value = node.take("body")
    body = None if value is None else mapping(value, (*node.path, "body"))
    if body is not None and method == "GET":
        raise node.problem("body", "is for POST only", 'write "method": "POST"')
    pointers = {key: node.pointer(key) for key in ("id", "label")}
    for key, pointer in pointers.items():
        tokens = () if url or answer is None else (answer.access_token, answer.refresh_token)
        secret = pointer is not None and pointer.rpartition("/")[2] in {"access_token", *NEVER_DELIVERED}
        if secret or pointer in tokens:
            raise node.problem(key, "points to a token", "what it finds is shown to people")
    account_id = pointers["id"] or pointers["label"]
    if account_id is None:
        raise node.problem("id", "is missing", "point into the answer, as in /id")
    return Account(url, method, body, account_id, pointers["label"] or account_id)


def _check_needs(node: Node, flows: tuple[str, ...], issuer: str | None, urls: dict[str, str | None]) -> None:
    for flow in flows:
        for key in _NEEDS[flow]:
            if issuer is None and urls[key] is None:
                raise node.problem(key, f"is missing, and the flow {flow} needs it", "give it or the issuer")


def _params(node: Node, key: str) -> dict[str, str]:
    params = node.map(key)
    for name in params:
        if name in _OURS[key]:
            raise Problem(
                (*node.path, key, name),
                "is set by the flow itself",
                f"these cannot be given: {', '.join(sorted(_OURS[key]))}",
            )
    return params


def _headers(node: Node) -> dict[str, str]:
    headers = node.map("headers")
    for name, value in headers.items():
        path = (*node.path, "headers", name)
        if not is_header_name(name) or name.lower() in _OUR_HEADERS:
            raise Problem(path, "is not the name of a header that can be given", "as in Notion-Version")
        if not value.strip() or not all(" " <= character <= "~" for character in value):
            raise Problem(path, "is not one line of ASCII", 'write it like "2025-09-03"')
    return headers


def _readable(node: Node, key: str) -> str | None:
    """A variable to read: a definition must not name our own keys, say, for its server to receive."""
    name = node.text(key)
    if name is not None:
        try:
            check_variable(name)
        except (NotAllowed, UsageError) as error:
            raise node.problem(key, error.message, "name a variable such as GITHUB_CLIENT_ID") from None
    return name


def _answer(node: Node) -> Answer:
    usual = Answer()
    shape = replace(usual, **_pointers(node, usual), token_types=_token_types(node))
    fields_node = node.object("fields")
    fields = {name: fields_node.pointer(name) or "" for name in fields_node.left}
    for name, pointer in fields.items():
        if not pointer:
            raise fields_node.problem(name, "is not a JSON pointer", "begin it with /, as in /team/id")
    return replace(shape, fields=fields)


def _refresh_answer(node: Node, answer: Answer) -> tuple[Answer | None, list[str]]:
    """None where a refresh is answered as a login is. Both keep the same fields."""
    value = node.take("refresh_answer")
    if value is None:
        return None, []
    inner = node.inside("refresh_answer", mapping(value, (*node.path, "refresh_answer")))
    usual = Answer()
    shape = replace(usual, **_pointers(inner, usual), token_types=_token_types(inner), fields=answer.fields)
    return shape, inner.rest()


def _pointers(node: Node, usual: Answer) -> dict[str, Any]:
    names = ("access_token", "refresh_token", "expires_in", "scope", "error", "error_description")
    pointers: dict[str, Any] = {name: node.pointer(name) or getattr(usual, name) for name in names}
    for name in ("scope", "error", "error_description"):
        if pointers[name] == pointers["access_token"]:
            raise node.problem(name, "points to the token", "what it finds is shown to people")
    rest: dict[str, Any] = {name: node.pointer(name) for name in ("ok", "expires_at")}
    return {**pointers, **rest, "lifetime": node.seconds("lifetime")}


def _token_types(node: Node) -> tuple[str, ...]:
    return tuple(kind.lower() for kind in node.texts("token_types"))


def _revocation(
    node: Node, base_url: str | None, revocation_url: str | None, issuer: str | None
) -> tuple[Revocation | Literal["rfc7009"] | None, list[str]]:
    value: Any = node.take("revocation")
    if isinstance(value, dict):
        return _own_way(node.inside("revocation", value), base_url, revocation_url)
    if value not in (None, "rfc7009", "none"):
        raise node.problem("revocation", "is unknown", 'write "rfc7009", "none", or an object')
    reachable = revocation_url is not None or issuer is not None
    return ("rfc7009" if reachable and value != "none" else None), []


def _own_way(node: Node, base_url: str | None, revocation_url: str | None) -> tuple[Revocation, list[str]]:
    url = node.url("url", base_url, placeholders=("client_id",)) or revocation_url
    if url is None:
        raise node.problem("url", "is missing", "give it or oauth.revocation_url")
    tokens = node.texts("tokens") or REVOCABLE
    for index, token in enumerate(tokens):
        if token not in REVOCABLE:
            raise Problem(
                (*node.path, "tokens", index), "is unknown", f"write one of: {', '.join(REVOCABLE)}"
            )
    auth = node.choice("auth", REVOCATION_AUTH, "client_basic")
    body = node.map("body")
    if auth != "bearer" and not any("{token}" in text for text in body.values()):
        raise node.problem("body", "does not hold {token}", 'write {"token": "{token}"}, or "auth": "bearer"')
    way = Revocation(
        url=url,
        method=node.choice("method", ("POST", "DELETE"), "POST"),
        auth=auth,
        body_format=node.choice("body_format", ("form", "json"), "form"),
        body=body,
        tokens=tokens,
    )
    return way, node.rest()
