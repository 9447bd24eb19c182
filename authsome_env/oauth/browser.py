"""Open a page in the user's browser, and never wait for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from authsome_env.providers.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_S = 1.5
"""Whoever cannot open it says so by then; a browser that stays in the foreground says nothing."""

_KEYS = ("AUTHSOME_MASTER_KEY", "AUTHSOME_MASTER_KEY_FILE", "AUTHSOME_PASSPHRASE")

_OPENERS = (
    *("xdg-open", "gio", "x-www-browser", "sensible-browser", "firefox", "firefox-esr", "google-chrome"),
    *("chromium", "chromium-browser", "brave-browser", "microsoft-edge", "epiphany", "konqueror"),
)

# It ends with 0 if the standard library found a browser that took the page. Run by its own process, because
# some browsers stay in the foreground until they are closed.
_PROGRAM = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"


def can_open(environ: Mapping[str, str], command: str | None) -> bool:
    """Whether it is worth trying: a browser is named, or there is a desktop with one."""
    if command or environ.get("BROWSER") or sys.platform == "darwin":
        return True
    path = environ.get("PATH")
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return any(shutil.which(name, path=path) for name in _OPENERS)
    return "WSL_DISTRO_NAME" in environ and shutil.which("wslview", path=path) is not None


def open_browser(url: str, *, environ: Mapping[str, str], command: str | None) -> bool:
    """Whether a browser took it, as far as can be told. `command`: what to use, as in BROWSER."""
    if not (is_for_browsers(url) and can_open(environ, command)):
        return False
    passed = {name: value for name, value in environ.items() if name not in _KEYS}
    if command:
        passed["BROWSER"] = command
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, url],
            env=passed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what browsers say must not get between our data
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        return process.wait(_PATIENCE_S) == 0
    except subprocess.TimeoutExpired:
        process.returncode = 0  # it goes on without us, and is reaped by whoever comes after
        return True


def is_for_browsers(url: str) -> bool:
    """https, or http to this machine: no program, no file and no option (RFC 9700 section 4.11)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    local = parts.scheme == "http" and (is_loopback(host) or host == "localhost")
    return all("!" <= character <= "~" for character in url) and (
        local or (parts.scheme == "https" and host != "")
    )
