"""Log in with OAuth: choose flow, endpoints and client, run the flow, learn whose account it is, save it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

from authsome_env.errors import NotAllowed, UsageError, nearest
from authsome_env.model import DEFAULT_CONNECTION
from authsome_env.oauth.discovery import find_endpoints
from authsome_env.oauth.grant import Grant
from authsome_env.oauth.token_request import TokenEndpoint, expect_tokens
from authsome_env.oauth.wire import Wire
from authsome_env.providers.urls import check_base_url

from .clients import PUBLIC, bound_client, find_client, method_of, oauth_client
from .login import Login, check_login, save_login

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsome_env.model import Connection, Secret
    from authsome_env.oauth.device_code import Prompt
    from authsome_env.oauth.messages import Endpoints, OAuthClient, Send, TokenSet
    from authsome_env.providers.schema import Definition, Field, OAuth
    from authsome_env.vault.clients import StoredClient

    from .workspace import Workspace

INTERACTIVE = ("pkce", "device_code", "dcr_pkce")


class Person(Protocol):
    """The one who logs in, as far as a flow has to do with them. Each may raise LoginCancelled."""

    def say(self, text: str) -> None: ...

    def show_url(self, url: str) -> None:
        """Say which page to open."""

    def open(self, url: str) -> bool:
        """Open it in a browser; whether that went well. False: none was to be opened."""

    def pasted(self) -> int | None:
        """A descriptor to read what is pasted from, line by line; None: nothing can be."""

    def show_code(self, prompt: Prompt) -> None: ...

    def fields(self, wanted: Sequence[Field]) -> Mapping[str, Secret]:
        """What a machine's flow logs in with."""

    def client(self, wanted: Sequence[Field], redirect_uri: str | None) -> Mapping[str, Secret]:
        """The client id and secret; `redirect_uri`: to be registered at the provider."""

    def optional(self, name: str) -> Secret | None:
        """A value that was given by a variable, or None; never asked for."""


class Wishes:
    """What the command line asks for."""

    def __init__(
        self,
        *,
        flow: str | None = None,
        scopes: Sequence[str] | None = None,
        base_url: str | None = None,
        port: int | None = None,
        force: bool = False,
    ) -> None:
        self.flow = flow
        self.scopes = scopes
        """None: those of the definition."""
        self.base_url = base_url
        self.port = port
        self.force = force


def login_oauth(
    workspace: Workspace, definition: Definition, name: str, wishes: Wishes, person: Person
) -> Login:
    """Log in and save the connection `name`.

    Raises UsageError, NotAllowed, ConnectionExists (all before anything is asked), LoginFailed, Unreachable.
    """
    login = OAuthLogin(workspace, definition, name, wishes, person)
    former = check_login(workspace, definition.name, name, force=wishes.force)
    if former is not None:
        login.repeat(*former)
    with Wire(workspace.environ) as send:
        return login.run(send)


class OAuthLogin:
    def __init__(
        self, workspace: Workspace, definition: Definition, name: str, wishes: Wishes, person: Person
    ) -> None:
        if definition.oauth is None:
            raise NotAllowed(f"{definition.name} does not log in with OAuth", "leave the flow out")
        self.workspace = workspace
        self.definition = definition
        self.oauth: OAuth = definition.oauth
        self.name = name
        self.wishes = wishes
        self.person = person
        self.flow = _chosen_flow(definition, wishes.flow)
        self.base_url = _chosen_base_url(self.oauth, wishes.base_url, definition.name)
        self.scopes = self.oauth.scopes if wishes.scopes is None else wishes.scopes
        if wishes.port is not None and self.flow not in ("pkce", "dcr_pkce"):
            raise UsageError(f"--port is for the browser, which {self.flow} has no need of", "leave it out")
        self.again = f"authsome login {definition.name}"
        """The command to try it again with, as far as it says which login this is."""
        if name != DEFAULT_CONNECTION:
            self.again += f" -c {name}"
        if wishes.flow is not None:
            self.again += f" --flow {wishes.flow}"
        self.client: StoredClient | None = None
        self.inputs: Mapping[str, Secret] = {}
        self.method = PUBLIC

    def repeat(self, former: Connection, renew_part: bytes | None) -> None:
        """A repair is the login of before, as far as nothing else is wished."""
        if renew_part is None:
            return
        grant = Grant.unpack(renew_part)
        if self.wishes.flow is None and self.wishes.port is None and grant.flow in self.definition.flows:
            self.flow = grant.flow
        if self.wishes.base_url is None and self.oauth.base_url is not None:
            self.base_url = former.base_url
        if self.wishes.scopes is None:
            self.scopes = grant.scopes.split()

    def run(self, send: Send) -> Login:
        endpoints = find_endpoints(self.definition, self.base_url, self.flow, send)
        if self.flow in ("pkce", "dcr_pkce"):
            from .browser_login import by_browser

            return by_browser(self, endpoints, send)
        if self.flow == "device_code":
            tokens = self._by_device(endpoints, send)
        else:
            tokens = self._by_machine(endpoints, send)
        return self.save(tokens, endpoints, send)

    def choose_client(self, endpoints: Endpoints, redirect_uri: str | None, send: Send) -> OAuthClient:
        """The client to log in with, registered now if the flow says so."""
        if self.flow == "dcr_pkce":
            from .registered import registered_client

            found = registered_client(self, endpoints, redirect_uri, send)
        else:
            from .clients import client_fields

            wanted = client_fields(self.definition)
            found = find_client(
                self.workspace, self.definition, lambda: self.person.client(wanted, redirect_uri)
            )
        self.client = bound_client(found, endpoints.token or "")
        self.method = method_of(self.definition, self.client)
        return oauth_client(self.client, self.method)

    def save(self, tokens: TokenSet, endpoints: Endpoints, send: Send) -> Login:
        """Learn whose account it is, and write the connection."""
        from authsome_env.oauth.account import find_account
        from authsome_env.oauth.revoke import revocation_url

        found = find_account(
            self.definition.account,
            tokens=tokens,
            endpoints=endpoints,
            base_url=self.base_url,
            definition_base_url=self.oauth.base_url,
            scopes=tokens.scopes or " ".join(self.scopes),
            send=send,
        )
        grant = Grant(
            flow=self.flow,
            token_url=endpoints.token or "",
            issuer=endpoints.issuer or "",
            revocation_url=revocation_url(self.oauth, endpoints, self.base_url) or "",
            client_id=self.client.id if self.client else "",
            auth_method=self.method,
            scopes=" ".join(self.scopes),
            refresh_token=tokens.refresh_token if self.flow in INTERACTIVE else None,
            inputs=self.inputs,
        )
        renewable = grant.refresh_token is not None or self.flow not in INTERACTIVE
        login = save_login(
            self.workspace,
            self.definition.name,
            self.name,
            {"access_token": tokens.access_token, **tokens.fields},
            force=self.wishes.force,
            renew=grant.pack(),
            client=self.client if self.client and self.client.fields else None,
            auth_type="oauth2",
            # RFC 6749 section 5.1: an answer that says nothing of scopes granted what was asked for
            scopes=tokens.scopes or " ".join(self.scopes) or None,
            account_id=found.id,
            account=found.label,
            base_url=self.base_url,
            expires_at=tokens.expires_at,
            lifetime=tokens.lifetime,
            renewable=renewable,  # also a token without a stated end: `refresh`, or a 401, asks for another
        )
        login.warnings += [*tokens.warnings, *([found.warning] if found.warning else [])]
        return login

    def _by_device(self, endpoints: Endpoints, send: Send) -> TokenSet:
        from authsome_env.oauth import device_code

        client = self.choose_client(endpoints, None, send)
        return device_code.login(
            self.token_endpoint(endpoints, client, send),
            endpoints.device_authorization or "",
            self.scopes,
            monotonic=time.monotonic,
            sleep=time.sleep,
            show=self.person.show_code,
            provider=self.definition.name,
            again=self.again,
        )

    def _by_machine(self, endpoints: Endpoints, send: Send) -> TokenSet:
        if self.flow == "client_credentials":
            from authsome_env.oauth import client_credentials

            client = self.choose_client(endpoints, None, send)
            outcome = client_credentials.mint(self.token_endpoint(endpoints, client, send), self.scopes)
        elif self.flow == "jwt_bearer":
            from authsome_env.oauth import jwt_bearer

            self.inputs = self.person.fields(self.oauth.assertion.fields if self.oauth.assertion else ())
            endpoint = self.token_endpoint(endpoints, self._known_client(endpoints), send)
            outcome = jwt_bearer.mint(endpoint, self.inputs, self.scopes)
        else:
            from authsome_env.oauth import token_exchange

            given = self.person.optional("subject_token")
            subject = token_exchange.find_subject(self.workspace.environ, self.oauth, given=given)
            self.inputs = subject.pack()
            endpoint = self.token_endpoint(endpoints, self._known_client(endpoints), send)
            outcome = token_exchange.mint(endpoint, subject, self.scopes)
        return expect_tokens(outcome, provider=self.definition.name)

    def token_endpoint(self, endpoints: Endpoints, client: OAuthClient | None, send: Send) -> TokenEndpoint:
        return TokenEndpoint(
            endpoints.token or "",
            self.oauth,
            client,
            send=send,
            now=self.workspace.now,
            random=os.urandom,
        )

    def _known_client(self, endpoints: Endpoints) -> OAuthClient | None:
        """A client where there is one; these flows can do without (RFC 7523 section 3.1, RFC 8693)."""
        from .clients import check_variables, known_client, stored_client

        check_variables(self.workspace.registry(), self.definition)
        found = stored_client(self.workspace, self.definition.name) or known_client(
            self.definition, self.workspace.environ
        )
        if found is None:
            return None
        self.client = bound_client(found, endpoints.token or "")
        self.method = method_of(self.definition, self.client)
        return oauth_client(self.client, self.method)


def _chosen_flow(definition: Definition, wanted: str | None) -> str:
    if wanted is None:
        return definition.flow
    if wanted not in definition.flows:
        raise UsageError(
            f"{definition.name} has no flow {wanted}{nearest(wanted, definition.flows)}",
            f"its flows: {', '.join(definition.flows)}",
        )
    return wanted


def _chosen_base_url(oauth: OAuth, wanted: str | None, provider: str) -> str | None:
    """None: the definition's own."""
    if wanted is None:
        return None
    if oauth.base_url is None:
        raise UsageError(f"{provider} is at one place only, so --base-url has no meaning", "leave it out")
    checked = check_base_url(wanted)
    return None if checked == oauth.base_url.rstrip("/") else checked
