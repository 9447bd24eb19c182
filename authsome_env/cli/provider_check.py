"""`authsome provider test`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from authsome_env.errors import Unreachable

from . import arguments
from .invocation import Invocation
from .setting import workspace_of
from .table import table

if TYPE_CHECKING:
    from authsome_env.oauth.probe import Finding
    from authsome_env.providers.schema import Definition


def check_provider(
    invocation: Invocation,
    provider: arguments.Provider,
    online: Annotated[
        bool,
        typer.Option("--online", help="also ask its endpoints, with nothing but a made-up client"),
    ] = False,
) -> None:
    """Offline: the definition's form. Online: the discovery document, TLS, and what a made-up client is told.
    No credential is sent; the exit code is 8 if an endpoint is not there.

    Example: authsome provider test internal-api --online
    """
    definition = workspace_of(invocation).registry().load(provider)
    for key in definition.unknown_keys if not invocation.json else ():
        invocation.warn(f"{key} is unknown and has no effect")
    findings = _findings(definition, invocation) if online else None
    failed = [each for each in findings or () if each.verdict == "failed"]
    if invocation.json:
        result: dict[str, Any] = {
            "name": provider,
            "ok": not failed,
            "unknown_keys": list(definition.unknown_keys),
        }
        if findings is not None:
            result["online"] = [
                {name: getattr(each, name) for name in ("what", "url", "verdict", "status", "detail")}
                for each in findings
            ]
        invocation.data(json.dumps(result) + "\n")
    else:
        filled = ", ".join(definition.env) or "no variable"
        invocation.data(f"{provider}: its form is right; it fills {filled}\n")
        if findings:
            rows = [
                (each.verdict, each.what, str(each.status or "-"), each.url, each.detail) for each in findings
            ]
            invocation.data(table(("", "WHAT", "HTTP", "URL", "FOUND"), rows, invocation))
    if failed:
        names = ", ".join(dict.fromkeys(each.what for each in failed))
        raise Unreachable(
            f"{provider} does not answer as defined: {names}",
            "check the network, then the definition's URLs (authsome provider show --json)",
        )


def _findings(definition: Definition, invocation: Invocation) -> list[Finding]:
    from authsome_env.oauth.probe import probe
    from authsome_env.oauth.wire import Wire

    with Wire(invocation.environ) as send:
        return list(probe(definition, None, send))
