"""Definitions in the older style, those written for the program `authsome`, as the newer style would say it.

    "export": {"env": {"access_token": "VAR", "refresh_token": "VAR2"}}     field to variable
    "export": {"VAR": "ACCESS_TOKEN"}                                       variable to field
    "docs_url"                                       docs
    "host_url", "api_url"                            a host, a URL, "regex:…", or a list of those
    "oauth.supports_device_code" or …_device_flow    with a device_authorization_url: one more of `flows`
    "oauth.supports_dcr"                             `dcr_pkce` is one more of `flows`
    "registration.registration_endpoint"             oauth.registration_endpoint; without one, `dcr_pkce` asks
                                                     the origin of the authorization URL (RFC 8414)
    "oauth.device_token_request": "json"             oauth.token_request
    "api_key.header_prefix": null                    "", the key alone

In the second form of `export` an API key is called API_TOKEN or API_KEY. Refresh tokens and client secrets
are not delivered, so entries for them are ignored and reported; so are hosts that are patterns.
"""

from __future__ import annotations

from .environment import NEVER_DELIVERED
from .problem import Problem, path_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .environment import Entry
    from .problem import Path

REDIRECT_URI = "http://127.0.0.1:7999/callback"
"""What applications registered for the older program have as their redirect URI."""

TOKEN_TYPES = ("bot", "user")
"""What Slack calls its bearer tokens; definitions of that style have no word for it."""

_SAME = {"api_token": "api_key"}


def entries_of_export(export: dict[str, Any], fields: tuple[str, ...]) -> tuple[list[Entry], tuple[str, ...]]:
    """Path, variable and template of each entry, and the paths of those that are ignored. Raises Problem."""
    nested = export.get("env")
    ignored: list[str] = []
    if isinstance(nested, dict):
        ignored += [f"export.{key}" for key in export if key != "env"]
        pairs: list[tuple[Path, Any, Any]] = [
            (("export", "env", key), text, key) for key, text in nested.items()
        ]
    else:
        pairs = [(("export", key), key, text) for key, text in export.items()]
    entries: list[Entry] = []
    for path, variable, field in pairs:
        if not isinstance(variable, str) or not isinstance(field, str):
            raise Problem(path, "is not a text", 'write it in double quotes: "…"')
        name = field.lower()
        name = name if name in fields else _SAME.get(name, name)
        if name in NEVER_DELIVERED:
            ignored.append(path_text(path))
        elif name in fields:
            entries.append((path, variable, f"{{{name}}}"))
        else:
            raise Problem(path, f"there is no field {field[:64]!a}", f"the fields are {', '.join(fields)}")
    return entries, tuple(ignored)


def upgrade(document: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A copy of `document` with the keys above, but `export`, in their newer form, and what is ignored.

    What is not of the expected type is left for the parser to name.
    """
    new = dict(document)
    ignored: list[str] = []
    _move(new, "docs_url", new, "docs")
    _move(new, "host_url", new, "api_url")
    if "api_url" in new:
        new["api_url"] = _host(new["api_url"], ignored)
    key = new.get("api_key")
    if isinstance(key, dict) and "header_prefix" in key and key["header_prefix"] is None:
        new["api_key"] = {**key, "header_prefix": ""}
    if isinstance(new.get("oauth"), dict):
        new["oauth"] = oauth = dict(new["oauth"])
        _upgrade_oauth(new, oauth)
    return new, tuple(ignored)


def _upgrade_oauth(new: dict[str, Any], oauth: dict[str, Any]) -> None:
    registration = new.get("registration")
    if isinstance(registration, dict) and set(registration) <= {"registration_endpoint"}:
        new["registration"] = registration = dict(registration)
        _move(registration, "registration_endpoint", oauth, "registration_endpoint")
        if not registration:
            del new["registration"]
    _move(oauth, "device_token_request", oauth, "token_request")
    if oauth.get("token_request") == "oauth2_form":
        oauth["token_request"] = "form"  # noqa: S105 - how the body is encoded
    flows = [new["flow"]] if isinstance(new.get("flow"), str) else []
    says_device = [oauth.pop(key, None) for key in ("supports_device_code", "supports_device_flow")]
    if True in says_device and oauth.get("device_authorization_url"):
        flows.append("device_code")
    if oauth.pop("supports_dcr", None) is True and (
        oauth.get("registration_endpoint") or oauth.get("issuer")
    ):
        flows.append("dcr_pkce")
    if flows and new.get("flows") is None:
        new["flows"] = list(dict.fromkeys(flows))
    endpoint = oauth.get("authorization_url")
    asks_origin = not oauth.get("registration_endpoint") and oauth.get("issuer") is None
    if new.get("flow") == "dcr_pkce" and asks_origin and isinstance(endpoint, str):
        start = oauth.get("base_url") if endpoint.startswith("{base_url}") else endpoint
        oauth["issuer"] = "/".join(str(start).split("/")[:3])
    if "export" in new and new.get("flow") == "pkce" and oauth.get("redirect_uri") is None:
        oauth["redirect_uri"] = REDIRECT_URI
    if "export" in new and oauth.get("answer") is None:
        oauth["answer"] = {"token_types": list(TOKEN_TYPES)}


def _move(source: dict[str, Any], old: str, target: dict[str, Any], key: str) -> None:
    if old in source:
        value = source.pop(old)
        if target.get(key) is None:
            target[key] = value


def _host(value: Any, ignored: list[str]) -> Any:
    """The first exact host of `value`."""
    hosts = []
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, str) and entry.startswith("regex:"):
            ignored.append("api_url")
            continue
        if isinstance(entry, str) and entry.startswith("https://"):
            entry = entry.removeprefix("https://").partition("/")[0]  # noqa: PLW2901 - the host alone is kept
        hosts.append(entry)
    ignored += ["api_url"] * (len(hosts) > 1)
    return hosts[0] if hosts else None
