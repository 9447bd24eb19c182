"""How a login ended, as the browser shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frame import escape, framed

if TYPE_CHECKING:
    from .page import Page


def success(service: str, account: str | None, reference: str) -> Page:
    whose = f" as <strong>{escape(account)}</strong>" if account else ""
    return framed(
        f"{service}: logged in",
        "Logged in",
        f"<p>{escape(service)} is connected{whose}.</p>"
        f"<p>It is saved as <strong>{escape(reference)}</strong>. You can close this page.</p>",
        kind="good",
        last=True,
    )


def failure(service: str, title: str, detail: str) -> Page:
    return framed(
        f"{service}: {title.lower()}",
        title,
        f"<p>{escape(detail)}</p><p>Nothing was saved. You can close this page; the terminal says"
        " what to do next.</p>",
        kind="bad",
        last=True,
    )


def taken(service: str) -> Page:
    return framed(
        f"{service}: taken",
        "Thank you",
        f"<p>{escape(service)}: what you typed has reached authsome on this machine.</p>"
        "<p>You can close this page; the rest is said in the terminal.</p>",
        kind="good",
        last=True,
    )


def cancelled(service: str) -> Page:
    return framed(
        f"{service}: cancelled",
        "Cancelled",
        "<p>Nothing was saved. You can close this page.</p>",
        last=True,
    )


def stranger() -> Page:
    return framed(
        "Not this login",
        "This is not the answer of this login",
        "<p>It was ignored, and the login goes on. If you came here by an old page, close it.</p>",
        status=400,
    )


def gone() -> Page:
    return framed("Over", "This login is over", "<p>You can close this page.</p>", status=410)
