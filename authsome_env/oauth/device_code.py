"""Log in on any device by typing a code there (RFC 8628)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authsome_env.errors import LoginFailed, Unreachable
from authsome_env.providers.urls import check_url

from .messages import Garbled, Later, NoAnswer, NotSent, Refused
from .token_request import expect_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .messages import Outcome, TokenSet
    from .token_request import TokenEndpoint

GRANT = "urn:ietf:params:oauth:grant-type:device_code"

_INTERVAL_S = 5.0  # section 3.2: if the server states none
_LONGEST_INTERVAL_S = 60.0
_SLOW_DOWN_S = 5.0  # section 3.5: for this and every later poll
_EXPIRES_S = 600.0
_LONGEST_EXPIRES_S = 3600.0


class Prompt:
    """What the person needs. `expires_in`: seconds."""

    __slots__ = ("expires_in", "user_code", "verification_uri", "verification_uri_complete")

    def __init__(
        self,
        user_code: str,
        verification_uri: str,
        verification_uri_complete: str | None,
        expires_in: float,
    ) -> None:
        self.user_code = user_code
        self.verification_uri = verification_uri
        self.verification_uri_complete = verification_uri_complete
        self.expires_in = expires_in


def login(
    endpoint: TokenEndpoint,
    device_url: str,
    scopes: Sequence[str],
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    show: Callable[[Prompt], None],
    provider: str,
    again: str,
) -> TokenSet:
    """Show a URL and a code, then ask until the person has agreed.

    `again`: the command to try it again with. Raises LoginFailed, Unreachable.
    """
    grant = _begin(endpoint, device_url, scopes, provider)
    prompt = _prompt(grant, provider)
    deadline = monotonic() + prompt.expires_in
    show(prompt)
    interval = _seconds(grant.get("interval"), _INTERVAL_S, _LONGEST_INTERVAL_S)
    poll = {"grant_type": GRANT, "device_code": str(grant["device_code"])}
    pause = interval
    while monotonic() + pause < deadline:
        sleep(pause)  # from the end of the last answer, also before the first poll
        outcome = _poll(endpoint, poll)
        pause = interval
        if isinstance(outcome, Refused) and outcome.code == "authorization_pending":
            continue
        if isinstance(outcome, Refused) and outcome.code == "slow_down":
            # GitHub says how slow; the RFC adds five seconds.
            interval = min(max(interval + _SLOW_DOWN_S, outcome.interval or 0), _LONGEST_INTERVAL_S)
            pause = interval
        elif isinstance(outcome, Later):
            # Section 3.5: a connection time-out doubles the interval; it is no reason to give up.
            interval = min(interval * 2, _LONGEST_INTERVAL_S)
            pause = max(interval, outcome.retry_after or 0)
        elif isinstance(outcome, Refused):
            raise _refusal(outcome, provider, again)
        else:
            return expect_tokens(outcome, provider=provider)
    raise _expired(provider, again)


def _begin(
    endpoint: TokenEndpoint, device_url: str, scopes: Sequence[str], provider: str
) -> Mapping[str, Any]:
    from .wire import form

    fields = {"client_id": endpoint.client.id} if endpoint.client else {}
    if scopes:
        fields["scope"] = endpoint.oauth.scope_separator.join(scopes)
    fields, proof = endpoint.proved(fields, device_url)
    request = form(device_url, fields, proof)
    response = endpoint.send(request)
    wanted = response.document() or {}
    code = wanted.get("device_code")
    if (
        response.status < 400
        and isinstance(code, str)
        and code.isascii()
        and code
        and wanted.get("user_code")
    ):
        return wanted
    outcome = endpoint.read(request, response, now=endpoint.now())
    if isinstance(outcome, Refused):
        raise LoginFailed(
            f"{provider} refused to begin a device login ({outcome})",
            f"look at the client with `authsome client show {provider}`, and that it may use the device flow",
        )
    reason = outcome.reason if isinstance(outcome, Later | Garbled) else "an answer without a device code"
    raise Unreachable(f"{provider} did not begin a device login: {reason}", "try again later")


def _prompt(grant: Mapping[str, Any], provider: str) -> Prompt:
    # `verification_url` is Google's, from before the RFC.
    uri = grant.get("verification_uri") or grant.get("verification_url")
    complete = grant.get("verification_uri_complete")
    for url in (uri, *([complete] if complete is not None else [])):
        try:
            check_url(url if isinstance(url, str) else "")
        except ValueError as error:
            raise LoginFailed(
                f"the page that {provider} names for the code {error}", "ask the provider; nothing was opened"
            ) from None
    code = "".join(character for character in str(grant["user_code"]) if character.isprintable())[:64]
    expires_in = _seconds(grant.get("expires_in"), _EXPIRES_S, _LONGEST_EXPIRES_S)
    return Prompt(code, str(uri), complete, expires_in)


def _poll(endpoint: TokenEndpoint, fields: Mapping[str, str]) -> Outcome:
    try:
        return endpoint.ask(fields)
    except (NotSent, NoAnswer) as error:
        return Later(error.message, doubtful=False)


def _refusal(refused: Refused, provider: str, again: str) -> LoginFailed:
    if refused.code == "expired_token":
        return _expired(provider, again)
    if refused.code == "access_denied":
        detail = f" ({refused.description})" if refused.description else ""
        return LoginFailed(f"the login to {provider} was denied{detail}", again)
    return LoginFailed(f"{provider} ended the device login ({refused})", again)


def _expired(provider: str, again: str) -> LoginFailed:
    return LoginFailed(f"the code for {provider} expired before it was used", again)


def _seconds(stated: Any, usual: float, most: float) -> float:
    """Of a number or a text; what makes no sense is as if it were not there."""
    try:
        seconds = float(stated)
    except (TypeError, ValueError, OverflowError):
        return usual
    return min(seconds, most) if seconds > 0 else usual
