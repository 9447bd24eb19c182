"""Some servers quote in their errors what they were sent. What was secret of it is not shown again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote_plus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsome_env.model import Secret

    from .messages import OAuthClient, Request

_SECRET_FIELDS = (
    *("code", "code_verifier", "refresh_token", "device_code", "client_secret", "client_assertion"),
    *("assertion", "subject_token", "actor_token", "token"),
)

_SHORTEST = 4
"""What is shorter hides nothing, and would be found in words by chance."""


def secrets_in(request: Request, client: OAuthClient | None, *others: Secret) -> Sequence[str]:
    """The longest first, so that none is taken apart by a part of it."""
    found = {other.reveal() for other in others}
    found.add(request.headers.get("Authorization", "").rpartition(" ")[2])
    if client is not None and client.secret is not None:
        found.add(client.secret.reveal())
    is_json = request.headers.get("Content-Type") == "application/json"
    fields = json.loads(request.body or b"{}") if is_json else dict(parse_qsl(request.body.decode()))
    found |= {fields[name] for name in _SECRET_FIELDS if isinstance(fields.get(name), str)}
    found |= {quote_plus(secret) for secret in found}
    return sorted((secret for secret in found if len(secret) >= _SHORTEST), key=len, reverse=True)


def hide(text: str, secrets: Sequence[str]) -> str:
    """Before it is cut, or the part of a secret that is left would be found no more."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
