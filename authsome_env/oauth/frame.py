"""The frame of every page: self-contained, without a request to anywhere, everything escaped."""

from __future__ import annotations

import html
from base64 import b64encode
from hashlib import sha256

from .page import Page

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
.good h1::before{content:"\\2713\\00a0";content:"\\2713\\00a0"/"";color:var(--good)}
.bad h1::before{content:"\\00d7\\00a0";content:"\\00d7\\00a0"/"";color:var(--bad)}
p{margin:.5rem 0}a{color:var(--accent)}small,.problem{display:block;font-size:.9rem}
small{color:var(--soft)}.problem{color:var(--bad)}
input~small,input~.problem,.copy+small{margin-top:.5rem}
label{display:block;margin:1.1rem 0 .3rem;font-weight:600}
input{width:100%;padding:.65rem .75rem;font:inherit;color:inherit;background:transparent;
border:1px solid var(--line);border-radius:.5rem}
input[aria-invalid]{border-color:var(--bad);border-width:2px}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.row{display:flex;gap:.6rem;flex-wrap:wrap;margin-top:1.6rem}
button{flex:1 1 8rem;padding:.7rem 1rem;font:inherit;font-weight:600;border-radius:.5rem;cursor:pointer;
border:1px solid var(--accent);background:var(--accent);color:var(--on)}
button.quiet{flex:0 0 auto;white-space:nowrap;background:transparent;color:var(--accent)}
.copy{display:flex;flex-wrap:wrap;gap:.5rem}.copy input{flex:1 1 15rem;min-width:0;font-size:.9rem}
.copy button{flex:1 0 auto}
[hidden]{display:none}
"""


def framed(
    title: str,
    heading: str,
    body: str,
    *,
    kind: str = "",
    status: int = 200,
    script: str | None = None,
    posts: bool = False,
    last: bool = False,
) -> Page:
    """`body`: HTML. `kind`: "good", "bad" or neither. `posts`: it holds a form of ours."""
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
        f"default-src 'none'; style-src '{_hash(_STYLE)}'; img-src data:; base-uri 'none';"
        f" frame-ancestors 'none'; form-action '{'self' if posts else 'none'}'"
    )
    if script:
        policy += f"; script-src '{_hash(script)}'"
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    if posts:
        headers["Referrer-Policy"] = (
            "same-origin"  # with no-referrer a browser hides the form's origin from us
        )
    return Page(status, text.encode("utf-8", "replace"), headers, last=last)


def escape(text: str) -> str:
    """For an element or a quoted attribute. What controls or turns the text around becomes visible."""
    return html.escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
