"""The pages that the browser sees: self-contained, without a request to anywhere, everything escaped."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsome_env.providers.schema import Field

_STYLE = """
:root{color-scheme:light dark;--back:#f4f4f1;--card:#fff;--text:#1d1f21;--soft:#5b6066;--line:#8a9099;
--accent:#0b5c8a;--on:#fff;--bad:#a3200d;--good:#136c34}
@media(prefers-color-scheme:dark){:root{--back:#131517;--card:#1d2023;--text:#eceef0;--soft:#a9b0b8;
--line:#767d86;--accent:#7cc0ec;--on:#0d1114;--bad:#ff9a8a;--good:#7bd99b}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--back);
color:var(--text);font:1.0625rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:30rem;background:var(--card);border-radius:.9rem;padding:2rem 1.75rem;
box-shadow:0 1px 2px #0002,0 8px 28px #0000001a;overflow-wrap:anywhere}
@media(max-width:24rem){body{padding:.75rem}main{padding:1.5rem 1.1rem}}
.name{margin:0 0 .75rem;font-size:.875rem;letter-spacing:.03em;color:var(--soft)}
h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.25;font-weight:650}
.good h1::before{content:"\\2713\\00a0";color:var(--good)}
.bad h1::before{content:"\\00d7\\00a0";color:var(--bad)}
p{margin:.5rem 0}a{color:var(--accent)}small,.hint{display:block;color:var(--soft);font-size:.9rem}
label{display:block;margin:1.1rem 0 .3rem;font-weight:600}
input{width:100%;padding:.65rem .75rem;font:inherit;color:inherit;background:transparent;
border:1px solid var(--line);border-radius:.5rem}
input[aria-invalid]{border-color:var(--bad);border-width:2px}
.problem{display:block;color:var(--bad);font-size:.9rem;margin-top:.3rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.row{display:flex;gap:.6rem;flex-wrap:wrap;margin-top:1.6rem}
button{flex:1 1 8rem;padding:.7rem 1rem;font:inherit;font-weight:600;border-radius:.5rem;cursor:pointer;
border:1px solid var(--accent);background:var(--accent);color:var(--on)}
button.quiet{flex:0 0 auto;white-space:nowrap;background:transparent;color:var(--accent)}
.copy{display:flex;gap:.5rem}.copy input{flex:1 1 auto;min-width:0;font-size:.9rem}
[hidden]{display:none}
"""

_COPY = """
const button=document.getElementById("copy"),field=document.getElementById("redirect_uri");
button.hidden=false;
button.addEventListener("click",async()=>{field.select();
try{await navigator.clipboard.writeText(field.value)}catch{document.execCommand("copy")}
button.textContent="Copied";document.getElementById("said").textContent="The redirect URI was copied."});
"""

_REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    413: "Content Too Large",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
}


class Page:
    """An answer. `last`: nothing more is to come after it."""

    __slots__ = ("body", "headers", "last", "status")

    def __init__(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, last: bool = False
    ) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.last = last

    def raw(self) -> bytes:
        """As HTTP/1.1."""
        headers = {
            "Content-Length": str(len(self.body)),
            "Connection": "close",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            # Not no-referrer: browsers would hide the origin of our own form from us.
            "Referrer-Policy": "same-origin",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


def plain(status: int, text: str) -> Page:
    """For who is not our browser."""
    return Page(status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})


def see_other(path: str) -> Page:
    return Page(303, b"", {"Location": path})


def success(service: str, account: str | None, reference: str) -> Page:
    whose = f" as <strong>{escape(account)}</strong>" if account else ""
    return _page(
        f"{service}: logged in",
        "Logged in",
        f"<p>{escape(service)} is connected{whose}.</p>"
        f"<p>It is saved as <strong>{escape(reference)}</strong>. You can close this page.</p>",
        kind="good",
    )


def saved(service: str) -> Page:
    return _page(
        f"{service}: taken",
        "Thank you",
        f"<p>{escape(service)}: what you typed has reached authsome on this machine.</p>"
        "<p>You can close this page; the rest is said in the terminal.</p>",
        kind="good",
        last=True,
    )


def failure(service: str, title: str, detail: str) -> Page:
    return _page(
        f"{service}: {title.lower()}",
        title,
        f"<p>{escape(detail)}</p><p>Nothing was saved. You can close this page.</p>",
        kind="bad",
    )


def cancelled(service: str) -> Page:
    return _page(
        f"{service}: cancelled",
        "Cancelled",
        "<p>Nothing was saved. You can close this page.</p>",
        last=True,
    )


def stranger() -> Page:
    return _page(
        "Not this login",
        "This is not the answer of this login",
        "<p>It was ignored, and the login goes on. If you came here by an old page, close it.</p>",
        status=400,
    )


def gone() -> Page:
    return _page("Over", "This login is over", "<p>You can close this page.</p>", status=410)


def form(
    service: str,
    fields: Sequence[Field],
    *,
    token: str,
    documentation: str | None,
    redirect_uri: str | None,
    given: Mapping[str, str],
    problems: Mapping[str, str],
) -> Page:
    """`token`: proves that the form is ours. `given`: what was typed before, no secrets among it."""
    what = "client" if redirect_uri else "key"
    intro = (
        f"<p>Register an OAuth client at {escape(service)}, and give its id and secret here.</p>"
        if redirect_uri
        else f"<p>Give authsome your {escape(service)} credential. It goes to this machine alone.</p>"
    )
    if documentation:
        href = escape(documentation, quote=True)
        intro += f'<p><a href="{href}" target="_blank" rel="noreferrer noopener">Where to find it</a></p>'
    if problems:
        intro += '<p class="problem" role="alert">Something needs another look; see below.</p>'
    if redirect_uri:
        intro += _redirect_uri(redirect_uri)
    first = next((field.name for field in fields if field.name in problems), fields[0].name)
    inputs = "".join(_input(each, given, problems, focus=each.name == first) for each in fields)
    hidden = f'<input type="hidden" name="token" value="{escape(token, quote=True)}">'
    body = (
        f'{intro}<form method="post" autocomplete="off" accept-charset="utf-8">{hidden}{inputs}'
        '<div class="row"><button type="submit" name="answer" value="save">Save</button>'
        '<button class="quiet" type="submit" name="answer" value="cancel" formnovalidate>Cancel</button>'
        "</div></form>"
    )
    return _page(f"{service}: {what}", f"Connect {service}", body, script=_COPY if redirect_uri else None)


def _redirect_uri(uri: str) -> str:
    value = escape(uri, quote=True)
    return (
        '<label for="redirect_uri">Redirect URI to register</label><div class="copy">'
        f'<input id="redirect_uri" value="{value}" readonly>'
        '<button class="quiet" id="copy" type="button" hidden>Copy</button></div>'
        '<small id="said" role="status"></small>'
    )


def _input(field: Field, given: Mapping[str, str], problems: Mapping[str, str], *, focus: bool) -> str:
    name = escape(field.name, quote=True)
    described = []
    after = ""
    if field.pattern_hint:
        described.append(f"{name}-hint")
        after += f'<span class="hint" id="{name}-hint">{escape(field.pattern_hint)}</span>'
    if field.name in problems:
        described.append(f"{name}-problem")
        after += f'<span class="problem" id="{name}-problem">{escape(problems[field.name])}</span>'
    attributes = [f'id="{name}"', f'name="{name}"', f'type="{"password" if field.secret else "text"}"']
    attributes += ['autocomplete="off"', 'autocapitalize="off"', 'autocorrect="off"', 'spellcheck="false"']
    if not field.secret:
        attributes.append(f'value="{escape(given.get(field.name, ""), quote=True)}"')
    if not field.optional:
        attributes.append("required")
    if described:
        attributes.append(f'aria-describedby="{" ".join(described)}"')
    if field.name in problems:
        attributes.append("aria-invalid=true")
    if focus:
        attributes.append("autofocus")
    optional = " (optional)" if field.optional else ""
    return f'<label for="{name}">{escape(field.label)}{optional}</label><input {" ".join(attributes)}>{after}'


def _page(
    title: str,
    heading: str,
    body: str,
    *,
    kind: str = "",
    status: int = 200,
    script: str | None = None,
    last: bool = False,
) -> Page:
    scripted = f"<script>{script}</script>" if script else ""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)} · authsome</title><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head>"
        f'<body><main class="{kind}"><p class="name">authsome</p><h1>{escape(heading)}</h1>{body}</main>'
        f"{scripted}</body></html>"
    )
    policy = (
        f"default-src 'none'; style-src '{_hash(_STYLE)}'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    if script:
        policy += f"; script-src '{_hash(script)}'"
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return Page(status, text.encode("utf-8", "replace"), headers, last=last)


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
