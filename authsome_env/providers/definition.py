"""From the bytes of a definition to a checked `Definition`; every mistake is told by field and line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from authsome_env.errors import InvalidDefinition, UsageError
from authsome_env.model import check_provider_name

from . import source
from .environment import quick_definition
from .field_list import read_fields, read_pattern
from .kinds import KINDS, OTHER
from .oauth_section import read_account, read_client, read_oauth
from .older import upgrade
from .position import line_of, unreadable_line
from .problem import Problem
from .reader import Node, is_header_name
from .schema import FLOWS, ApiKey, Client, Definition, Field, OAuth
from .serving import KEYS, serving
from .template import check_template

if TYPE_CHECKING:
    from .environment import QuickDefinition
    from .problem import Path

__all__ = ["Definition", "Field", "parse"]

MAX_DEPTH = 16
# What `quick_definition` has read and checked already.
_DONE = ("schema_version", "name", "auth_type", "env", "export", "variable_exceptions")


def parse(raw: bytes, origin: str, *, bundled: bool = False) -> Definition:
    """`origin` is what messages call the file. `bundled`: variable_exceptions are allowed.

    Raises InvalidDefinition, which names the field that is wrong, its line, and what is allowed.
    """
    text = source.decode(raw, origin)
    document = _load(text, origin)
    try:
        _check_values(document, ())
        quick = quick_definition(document, bundled=bundled)
        newer, ignored = upgrade(document)
        return _definition(Node(newer, ()), quick, ignored)
    except Problem as problem:
        raise problem.located(origin, line_of(text, problem.path)) from None


def _load(text: str, origin: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        what = error.msg[:1].lower() + error.msg[1:]
        raise InvalidDefinition(
            f"{origin}, line {error.lineno}: is not JSON: {what}", "correct that line; comments are not JSON"
        ) from None
    except Problem as problem:
        raise problem.located(origin, unreadable_line(text)) from None
    except RecursionError:
        raise Problem((), "is nested too deeply", "a definition needs no more than four levels").located(
            origin
        ) from None
    except ValueError:
        raise Problem((), "holds a number with too many digits", "").located(origin) from None
    if not isinstance(document, dict):
        raise Problem((), "is not a JSON object", "write {…}").located(origin)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:  # which of them counts differs between readers of JSON
            raise Problem((), f"the key {key[:64]!a} is there twice", "leave one of them")
        values[key] = value
    return values


def _constant(name: str) -> NoReturn:
    raise Problem((), f"is not JSON: {name} is no JSON number", "leave it out")


def _check_values(value: Any, path: Path) -> None:
    """No half of a surrogate pair, which no UTF-8 can hold, and no depth without end."""
    if len(path) > MAX_DEPTH:
        raise Problem(path[:1], "is nested too deeply", "a definition needs no more than four levels")
    if isinstance(value, str):
        _check_unicode(value, path)
    elif isinstance(value, dict):
        for key, entry in value.items():
            _check_unicode(key, path)
            _check_values(entry, (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            _check_values(entry, (*path, index))


def _check_unicode(text: str, path: Path) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Problem(path, "holds half of a surrogate pair", "write the character itself, or both halves")


def _definition(node: Node, quick: QuickDefinition, ignored: tuple[str, ...]) -> Definition:
    for key in _DONE:
        node.take(key)
    try:
        check_provider_name(quick.name)
    except UsageError as error:
        raise Problem(("name",), error.message, error.hint) from None
    display_name = node.filled("display_name") or quick.name
    flow, flows = _flows(node, quick.auth_type)
    oauth: OAuth | None = None
    api_key: ApiKey | None = None
    client = Client()
    unknown = [*quick.ignored, *ignored]
    if quick.auth_type == "oauth2":
        oauth, more = read_oauth(node.object("oauth"), flows)
        client_node = node.object("client")
        client = read_client(client_node)
        unknown += [*more, *client_node.rest()]
        fields = tuple(Field(name, name.replace("_", " ")) for name in quick.fields)
    else:
        key_node = node.object("api_key")
        api_key = _api_key(key_node, quick.fields)
        fields, more = _fields(node, api_key, display_name)
        unknown += [*key_node.rest(), *more]
    account = None
    account_node = node.object("account")
    if account_node.left:
        account = read_account(account_node, quick.base_url, oauth.answer if oauth else None)
        unknown += account_node.rest()
    served = serving({key: node.take(key) for key in KEYS})
    return Definition(
        name=quick.name,
        display_name=display_name,
        kind=node.choice("kind", tuple(KINDS), OTHER),
        docs=node.url("docs"),
        note=node.filled("note"),
        example=node.filled("example"),
        auth_type=quick.auth_type,
        flow=flow,
        flows=flows,
        oauth=oauth,
        client=client,
        api_key=api_key,
        fields=fields,
        env=quick.env,
        account=account,
        git_hosts=served.git_hosts,
        git_user=served.git_user,
        docker_hosts=served.docker_hosts,
        api_url=node.host("api_url"),
        unknown_keys=tuple(dict.fromkeys([*unknown, *node.rest()])),
    )


def _flows(node: Node, auth_type: str) -> tuple[str, tuple[str, ...]]:
    """The default flow and all that work, the default among them."""
    allowed = ("api_key",) if auth_type == "api_key" else FLOWS
    flow = node.choice("flow", allowed, "")
    flows = node.texts("flows")
    for index, entry in enumerate(flows):
        if entry not in allowed:
            raise Problem(
                ("flows", index),
                f"{entry[:40]!a} is no flow of {auth_type}",
                f"write one of: {', '.join(allowed)}",
            )
    if auth_type == "api_key":
        return "api_key", ("api_key",)
    flow = flow or (flows[0] if flows else "")
    if not flow:
        raise node.problem("flow", "is missing", f"write one of: {', '.join(allowed)}")
    if flows and flow not in flows:
        raise node.problem("flow", f"{flow} is not among the flows", f"write one of: {', '.join(flows)}")
    return flow, flows or (flow,)


def _api_key(node: Node, fields: tuple[str, ...]) -> ApiKey:
    usual = ApiKey()
    name = node.filled("header_name") or usual.header_name
    if not is_header_name(name):
        raise node.problem("header_name", "is not the name of a header", "write for example X-Api-Key")
    prefix = node.text("header_prefix")
    prefix = usual.header_prefix if prefix is None else prefix
    value = node.text("header_value")
    try:
        check_template(value or "", fields)
    except ValueError as error:
        what, _, allowed = str(error).partition("; ")
        raise node.problem("header_value", what, allowed) from None
    return ApiKey(
        header_name=name,
        header_prefix=prefix,
        header_value=value,
        label=node.filled("label"),
        env_var=node.text("env_var"),
        key_pattern=read_pattern(node, "key_pattern"),
        key_pattern_hint=node.filled("key_pattern_hint"),
    )


def _fields(node: Node, api_key: ApiKey, display_name: str) -> tuple[tuple[Field, ...], list[str]]:
    entries = node.take("fields")
    if entries is None:
        label = api_key.label or f"{display_name} API key"
        return (Field("api_key", label, True, api_key.key_pattern, api_key.key_pattern_hint),), []
    for key, theirs in (("key_pattern", "pattern"), ("label", "label")):
        if getattr(api_key, key) is not None:
            raise Problem(
                ("api_key", key), "is for providers with one field", f"write it as {theirs} of that field"
            )
    return read_fields(entries, ("fields",))
