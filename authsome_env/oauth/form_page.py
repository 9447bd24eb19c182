"""The page of a form: what is asked for, what was wrong with it, and the redirect URI to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frame import escape, framed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authsome_env.providers.schema import Field

    from .page import Page

# Names and ids of ours have a hyphen, which no field of a provider has.
TOKEN = "form-token"  # noqa: S105 - a name
BUTTON = "form-button"

_COPY = """
const uri=document.getElementById("redirect-uri"),button=document.getElementById("copy-button");
const copy=async()=>{try{await navigator.clipboard.writeText(uri.value);return true}
catch{uri.select();return document.execCommand("copy")}};
button.hidden=false;
button.addEventListener("click",async()=>{const done=await copy();
button.textContent=done?"Copied":"Copy";document.getElementById("copy-said").textContent=
done?"Copied to the clipboard.":"It could not be copied; select it and copy it yourself."});
"""


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
    name = escape(service)
    intro = (
        f"<p>Register an OAuth client at {name}, with the redirect URI below, and give its id and secret."
        if redirect_uri
        else f"<p>Give authsome your {name} credential."
    )
    intro += " What you type goes to this machine alone, and is kept encrypted.</p>"
    if documentation:
        href = escape(documentation)
        intro += f'<p><a href="{href}" target="_blank" rel="noreferrer noopener">Where to find it</a></p>'
    if problems:
        intro += '<p class="problem" role="alert">Not saved yet: something below needs another look.</p>'
    if redirect_uri:
        intro += _redirect_uri(redirect_uri)
    first = next((field.name for field in fields if field.name in problems), fields[0].name)
    inputs = "".join(
        _input(each, given.get(each.name, ""), problems.get(each.name), focus=each.name == first)
        for each in fields
    )
    body = (
        f'{intro}<form method="post" autocomplete="off" accept-charset="utf-8">'
        f'<input type="hidden" name="{TOKEN}" value="{escape(token)}">{inputs}'
        f'<div class="row"><button type="submit" name="{BUTTON}" value="save">Save</button>'
        f'<button class="quiet" type="submit" name="{BUTTON}" value="cancel" formnovalidate>Cancel</button>'
        "</div></form>"
    )
    title = f"{service}: {'client' if redirect_uri else 'key'}"
    if problems:
        title = f"Not saved yet · {title}"
    return framed(title, f"Connect {service}", body, script=_COPY if redirect_uri else None, posts=True)


def _redirect_uri(uri: str) -> str:
    return (
        '<label for="redirect-uri">Redirect URI to register</label><div class="copy">'
        f'<input id="redirect-uri" value="{escape(uri)}" readonly>'
        '<button class="quiet" id="copy-button" type="button" hidden>Copy</button></div>'
        '<small id="copy-said" role="status"></small>'
    )


def _input(field: Field, value: str, problem: str | None, *, focus: bool) -> str:
    name = escape(field.name)
    attributes = [f'id="{name}" name="{name}" autocapitalize="off" autocorrect="off" spellcheck="false"']
    if field.secret:
        # Browsers offer to keep what looks like a password, whatever "off" says, but not such a code.
        attributes.append('type="password" autocomplete="one-time-code"')
    else:
        attributes.append(f'type="text" autocomplete="off" value="{escape(value)}"')
    if not field.optional:
        attributes.append("required")
    if focus:
        attributes.append("autofocus")
    described, after = [], ""
    if field.pattern_hint and field.pattern_hint not in (problem or ""):
        described.append(f"{name}-hint")
        after += f'<small id="{name}-hint">{escape(field.pattern_hint)}</small>'
    if problem:
        attributes.append('aria-invalid="true"')
        described.append(f"{name}-problem")
        after += (
            f'<span class="problem" id="{name}-problem">{escape(problem[:1].upper() + problem[1:])}.</span>'
        )
    if described:
        attributes.append(f'aria-describedby="{" ".join(described)}"')
    optional = " (optional)" if field.optional else ""
    return f'<label for="{name}">{escape(field.label)}{optional}</label><input {" ".join(attributes)}>{after}'
