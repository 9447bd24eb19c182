"""What a token endpoint answered, read as strictly as is safe and as leniently as real servers need."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from authsome_env.model import Secret

from .echo import hide
from .grant import LONGEST_RETRY_S
from .messages import Garbled, Later, Refused, TokenSet
from .pointer import read_pointer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authsome_env.providers.schema import Answer

    from .messages import Outcome, Response

TOKEN_FIELD = "access_token"  # noqa: S105 - the name of a credential's field

_LONGEST_TOKEN = (1 << 17) - 256  # Linux takes no longer NAME=value in an environment
_LONGEST_LIFETIME_S = 10 * 365 * 86400.0
_LONGEST_TEXT = 300
_DEPTH = 64

_BEARER = ("bearer", "n_a", "")
"""RFC 6750, and RFC 8693 section 2.2.1 of a token to which no type applies; in lower case."""

NOT_BEGUN = (429, 503)
"""The server had not begun its work."""
_DOUBTFUL = (408,)
"""It may have carried the request out; so may it for every other 5xx."""
TEMPORARY = {"temporarily_unavailable": False, "server_error": True}
"""RFC 6749 section 4.1.2.1, which many send here too: error to `doubtful`."""


def read_answer(response: Response, shape: Answer, *, now: float, secrets: Sequence[str] = ()) -> Outcome:
    """The answer to a token request, received at `now` (Unix seconds). RFC 6749 sections 5.1 and 5.2.

    `secrets`: of the request, which the server may quote in an error.
    """
    document = _parse(response.body)
    refused = _error(document, shape, response.status, secrets) if document is not None else None
    if refused is not None and refused.code in TEMPORARY:
        return _later(response, now, str(refused), doubtful=TEMPORARY[refused.code])
    if response.status in NOT_BEGUN or response.status in _DOUBTFUL or response.status >= 500:
        reason = f"HTTP {response.status}"
        return _later(response, now, reason, doubtful=response.status not in NOT_BEGUN)
    if refused is not None or response.status >= 400:
        return refused or Refused(f"http_{response.status}")
    if response.status >= 300:
        return Garbled(f"a redirect (HTTP {response.status}), which is not followed")
    if document is None:
        return Garbled(f"{_kind(response)} under HTTP {response.status}")
    return _tokens(document, shape, now)


def read_error(response: Response, shape: Answer, *, secrets: Sequence[str] = ()) -> Refused | None:
    """The error of an answer that holds no tokens; nothing need be in it at all. `secrets`: as above."""
    document = _parse(response.body)
    if not document:
        return None
    if shape.ok is not None and read_pointer(document, shape.ok) is None and response.status < 300:
        shape = replace(shape, ok=None)  # this endpoint answers in another shape
    return _error(document, shape, response.status, secrets)


def _parse(body: bytes) -> dict[str, Any] | None:
    """By content, not by its declared type: JSON, else a form, as GitHub answers by default."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    stripped = text.strip()
    if stripped.startswith("{"):
        try:
            document = json.loads(stripped)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) and _is_shallow(document) else None
    if "=" in stripped and not stripped.startswith("<") and not re.search(r"\s", stripped):
        return dict(parse_qsl(stripped, keep_blank_values=True)) or None
    return None


def _is_shallow(document: Any) -> bool:
    level = [document]
    for _ in range(_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def _kind(response: Response) -> str:
    start = response.body.lstrip()[:1]
    if not response.body.strip():
        return "nothing"
    return "an HTML page" if start == b"<" else "an answer that cannot be read"


def _error(document: dict[str, Any], shape: Answer, status: int, secrets: Sequence[str]) -> Refused | None:
    """Also under HTTP 200, as GitHub and Slack do it."""

    def text(value: Any) -> str | None:
        return _text(value, secrets)

    error, description = read_pointer(document, shape.error), read_pointer(document, shape.error_description)
    if error is None:  # the RFC's own place counts besides, as servers have it for some of their errors
        error = document.get("error")
    description = text(description) or text(document.get("error_description"))
    if isinstance(error, dict):  # Google's APIs
        code = text(error.get("status")) or text(error.get("type")) or text(error.get("code"))
        return Refused(code or "error", text(error.get("message")) or description)
    interval = document.get("interval")
    slow = float(interval) if isinstance(interval, int | float) and 0 < interval < 3600 else None
    if isinstance(error, bool):
        error = "error" if error else None
    if code := text(error):
        return Refused(code, description, slow)
    if shape.ok is not None and read_pointer(document, shape.ok) is not True:
        return Refused("not_ok", description)
    if status >= 400 and description:
        return Refused(f"http_{status}", description)
    return None


def _later(response: Response, now: float, reason: str, *, doubtful: bool) -> Later:
    return Later(reason, retry_after=retry_after(response.headers.get("retry-after"), now), doubtful=doubtful)


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds, at most an hour, of a number or a date (RFC 9110 section 10.2.3). `value`: of the header."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_S)


def _tokens(document: dict[str, Any], shape: Answer, now: float) -> TokenSet | Garbled:
    token = read_pointer(document, shape.access_token)
    if not isinstance(token, str) or not token:
        return Garbled("an answer without an access token")
    # RFC 6749 appendix A.12; anything else could not stand in a header, and some of it not in an environment.
    if not _is_visible(token) or len(token) > _LONGEST_TOKEN:
        return Garbled("an access token that is too long or has characters that no token has")
    kind = read_pointer(document, shape.access_token.rpartition("/")[0] + "/token_type")
    if isinstance(kind, str) and kind.lower() not in (*_BEARER, *shape.token_types):
        return Garbled("a token of another type than bearer")
    warnings: list[str] = []
    refresh = _refresh_token(read_pointer(document, shape.refresh_token), warnings)
    lifetime = _lifetime(document, shape, now, warnings)
    fields = {name: _field(read_pointer(document, pointer)) for name, pointer in shape.fields.items()}
    return TokenSet(
        Secret(token),
        refresh_token=refresh,
        expires_at=None if lifetime is None else now + lifetime,
        lifetime=lifetime,
        scopes=_scopes(read_pointer(document, shape.scope)),
        fields={name: Secret(text) for name, text in fields.items() if text},
        document=document,
        warnings=warnings,
    )


def _refresh_token(stated: Any, warnings: list[str]) -> Secret | None:
    """RFC 6749 appendix A.17. What could not be sent back is as if it were not there."""
    if not isinstance(stated, str) or not stated:
        return None
    if not _is_visible(stated):
        warnings.append("the provider gave a refresh token that cannot be used")
        return None
    return Secret(stated)


def _is_visible(token: str) -> bool:
    return all("!" <= character <= "~" for character in token)


def _field(value: Any) -> str | None:
    """A text or number as it is; None for what could not stand in an environment."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    if "\0" in text or len(text) > _LONGEST_TOKEN:
        return None
    try:
        return text if len(text.encode()) <= _LONGEST_TOKEN else None
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def _lifetime(document: dict[str, Any], shape: Answer, now: float, warnings: list[str]) -> float | None:
    """Seconds; also of a text, as PayPal gives it. What makes no sense is as if it were not there."""
    stated = read_pointer(document, shape.expires_in)
    if shape.expires_at is not None and stated is None:
        stated = _until(read_pointer(document, shape.expires_at), now)
    if stated is None or stated == "":
        return None if shape.lifetime is None else float(shape.lifetime)
    try:
        seconds = float(stated) if isinstance(stated, str | int | float) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if isinstance(stated, bool) or math.isnan(seconds):
        warnings.append(
            "the provider states a lifetime that makes no sense, so the token counts as unlimited"
        )
        return None
    return min(max(seconds, 0.0), _LONGEST_LIFETIME_S)


def _until(stated: Any, now: float) -> Any:
    """From a point of time to seconds from now."""
    if isinstance(stated, str) and not stated.replace(".", "", 1).isdigit():
        try:
            moment = datetime.fromisoformat(stated)
        except ValueError:
            return stated
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    try:
        return stated if stated is None or isinstance(stated, bool) else float(stated) - now
    except (TypeError, ValueError, OverflowError):
        return stated


def _scopes(stated: Any) -> str | None:
    """By blanks, whatever they were given in: a text with blanks or commas, or a list. None: not stated."""
    words = (
        stated if isinstance(stated, list) else re.split(r"[\s,]+", stated) if isinstance(stated, str) else []
    )
    return " ".join(word for word in words if isinstance(word, str) and word and word.isprintable()) or None


def _text(value: Any, secrets: Sequence[str] = ()) -> str | None:
    """A text or number for people, without `secrets`, cut to a length that a line can hold."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return hide(str(value), secrets).encode("utf-8", "replace").decode()[:_LONGEST_TEXT] or None
