"""A private key as a grant (RFC 7523 section 2.1): service accounts, and an app's installations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authsome_env.errors import LoginFailed
from authsome_env.model import Secret
from authsome_env.providers.schema import Assertion
from authsome_env.providers.template import render

from .jwt import signed_jwt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsome_env.providers.schema import Field

    from .messages import Outcome
    from .token_request import TokenEndpoint

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_BACK_S = 30  # a server whose clock is behind refuses what comes from its future


def mint(endpoint: TokenEndpoint, fields: Mapping[str, Secret], scopes: Sequence[str]) -> Outcome:
    """One assertion, one request. Raises NotSent, NoAnswer, LoginFailed (a key of no use)."""
    how = endpoint.oauth.assertion or Assertion()
    url = _filled(endpoint.url, fields)
    scope = endpoint.oauth.scope_separator.join(scopes)
    values = {**fields, "token_url": Secret(url)}
    issued = int(endpoint.now()) - _BACK_S
    claims: dict[str, Any] = {
        "iss": _text(how.issuer, values),
        "aud": _text(how.audience, values),
        "iat": issued,
        "exp": issued + how.lifetime,
        "jti": endpoint.random(16).hex(),
    }
    if how.subject != "":
        claims["sub"] = _text(how.subject or how.issuer, values)
    if scope and how.scope == "claim":
        claims["scope"] = scope
    kid = render(how.key_id, values) if how.key_id else None
    key = fields.get(how.key)
    if key is None:
        raise LoginFailed(f"the field {how.key} is missing", "give all fields at the login")
    assertion = signed_jwt(claims, key, alg=how.algorithm, kid=kid.reveal() if kid is not None else None)
    if how.send == "bearer":
        from .wire import json_request

        headers = {**endpoint.oauth.headers, "Authorization": f"Bearer {assertion}"}
        return endpoint.answer_to(json_request(url, endpoint.oauth.token_params, headers))
    asked = {"grant_type": GRANT, "assertion": assertion}
    if scope and how.scope == "parameter":
        asked["scope"] = scope
    return endpoint.ask(asked)


def fields_of_key_file(raw: bytes, fields: Sequence[Field]) -> dict[str, bytes] | None:
    """What a JSON key file holds of `fields`, whatever else is in it; None if it is no such file."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    found = {}
    for field in fields:
        value = document.get(field.name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            found[field.name] = str(value).encode("utf-8", "replace")
    return found


def _filled(url: str, fields: Mapping[str, Secret]) -> str:
    """A token URL with the fields that its path names, such as an installation's number."""
    for name, value in fields.items():
        mark = f"{{{name}}}"
        if mark in url:
            text = value.reveal()
            if not text.isascii() or not all(c.isalnum() or c in "-_." for c in text) or ".." in text:
                raise LoginFailed(f"the field {name} cannot be a part of a URL", "look at what you gave")
            url = url.replace(mark, text)
    return url


def _text(template: str, values: Mapping[str, Secret]) -> str:
    rendered = render(template, values)
    if rendered is None:
        raise LoginFailed(f"a field of the assertion is empty: {template}", "give all fields at the login")
    return rendered.reveal()
