"""Where an authorization server listens: by the definition, completed by the server's own metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from authsome_env.errors import LoginFailed, Unreachable
from authsome_env.providers.urls import BASE_URL, check_url, fill_base_url, origin

from .messages import Endpoints, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authsome_env.providers.schema import Definition

    from .messages import Send

# The definition's key → the metadata's (RFC 8414 section 2).
ENDPOINTS = {
    "authorization_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "device_authorization_url": "device_authorization_endpoint",
    "revocation_url": "revocation_endpoint",
    "registration_endpoint": "registration_endpoint",
    "userinfo": "userinfo_endpoint",
}
_NEEDS = {
    "pkce": ("authorization_url", "token_url"),
    "device_code": ("device_authorization_url", "token_url"),
    "dcr_pkce": ("registration_endpoint", "authorization_url", "token_url"),
}


def find_endpoints(definition: Definition, base_url: str | None, flow: str, send: Send) -> Endpoints:
    """For one flow. URLs that the definition gives win over the server's word.

    Raises LoginFailed for metadata that must not be believed or lack what the flow needs, Unreachable.
    """
    oauth = definition.oauth
    assert oauth is not None  # noqa: S101 - the caller has looked
    base = base_url or oauth.base_url
    issuer = fill_base_url(oauth.issuer, base) if oauth.issuer else None
    urls = {
        name: fill_base_url(url, base) if (url := getattr(oauth, name, None)) else None for name in ENDPOINTS
    }
    elsewhere = base_url is not None and oauth.base_url is not None
    if elsewhere and not (oauth.revocation_url or "").startswith(BASE_URL):
        urls["revocation_url"] = None  # it would be told a token of another place
    required = _NEEDS.get(flow, ("token_url",))
    metadata: dict[str, Any] = {}
    if issuer is not None:
        try:
            metadata = find_metadata(issuer, definition.name, send)
        except (LoginFailed, Unreachable):
            if not all(urls[name] for name in required):
                raise
    for name, theirs in ENDPOINTS.items():
        if urls[name] is None and metadata.get(theirs) is not None:
            urls[name] = _checked(metadata[theirs], theirs, definition.name)
    for name in required:
        if urls[name] is None:
            raise LoginFailed(
                f"the server of {definition.name} does not say where its {ENDPOINTS[name]} is",
                f"choose another flow, or give {name} in the definition",
            )
    return Endpoints(
        issuer=metadata.get("issuer") or issuer,
        authorization=urls["authorization_url"],
        token=urls["token_url"],
        device_authorization=urls["device_authorization_url"],
        revocation=urls["revocation_url"],
        registration=urls["registration_endpoint"],
        userinfo=urls["userinfo"],
        iss_required=metadata.get("authorization_response_iss_parameter_supported") is True,
    )


def well_known(issuer: str) -> Iterator[str]:
    """RFC 8414 sections 3.1 and 5, OIDC Discovery section 4: for an issuer with a path, three places."""
    path = urlsplit(issuer).path.rstrip("/")
    yield f"{origin(issuer)}/.well-known/oauth-authorization-server{path}"
    yield f"{origin(issuer)}/.well-known/openid-configuration{path}"
    if path:
        yield f"{origin(issuer)}{path}/.well-known/openid-configuration"


def find_metadata(issuer: str, provider: str, send: Send) -> dict[str, Any]:
    """The issuer's document. Raises LoginFailed if it names another issuer, Unreachable."""
    reason = ""
    for url in well_known(issuer):
        response = send(Request("GET", url, {}))
        if response.status == 200:
            document = response.document()
            if document is not None:
                _check_issuer(document, issuer, provider)
                return document
            reason = "no JSON object"
        elif response.status >= 500:
            reason = f"HTTP {response.status}"
        else:
            reason = reason or f"HTTP {response.status}"
    raise Unreachable(f"the metadata of {issuer} cannot be had: {reason}", "try again later")


def _check_issuer(document: Mapping[str, Any], issuer: str, provider: str) -> None:
    """RFC 8414 section 3.3: identical. Google, Auth0 and others differ by a slash behind a bare host."""
    stated = document.get("issuer")
    bare = urlsplit(issuer).path in ("", "/")
    if stated != issuer and not (
        bare and isinstance(stated, str) and stated.rstrip("/") == issuer.rstrip("/")
    ):
        raise LoginFailed(
            f"the server of {provider} calls itself another issuer than {issuer}",
            f"correct the issuer in the definition: authsome provider show {provider}",
        )


def _checked(url: object, name: str, provider: str) -> str:
    try:
        text = url if isinstance(url, str) else ""
        check_url(text)
    except ValueError as error:
        raise LoginFailed(
            f"the {name} that the server of {provider} names {error}", "ask the provider; nothing was opened"
        ) from None
    return text
