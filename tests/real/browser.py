"""A real Chromium for the module's tests, and a `BROWSER` that hands a page to it as a desktop would."""

from __future__ import annotations

import os
import sys
import tempfile

import pytest

HAND_OVER = os.path.join(os.path.dirname(__file__), "probes", "hand_over.py")
WAIT_MS = 60_000
LOADED = "location.href != 'about:blank' && document.readyState == 'complete'"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-proxy-server", "--remote-debugging-port=0"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # nothing but this machine
)


class Browser:
    """`.environ` is for the program that opens a page; `.arrived()` is that page, for the test to click."""

    def __init__(self, context, profile) -> None:
        self.context = context
        self.profile = profile
        context.set_default_timeout(WAIT_MS)
        with open(os.path.join(profile, "DevToolsActivePort")) as file:
            port = file.readline().strip()
        self.environ = {"BROWSER": f"{sys.executable} {HAND_OVER} {port} %s"}
        self._arrived = []
        context.on("page", self._opened)

    def _opened(self, page):
        self._arrived.append(page)

    def arrived(self):
        """The next page (of Playwright) that was opened by another program."""
        while not self._arrived:
            self.context.wait_for_event("page")
        page = self._arrived.pop(0)
        page.wait_for_function(LOADED)  # asked for, because the event may have been before we listened
        return page

    def has_arrived(self):
        """Whether there is one; looks for a moment."""
        self.context.pages[0].wait_for_timeout(20)
        return bool(self._arrived)

    def open(self, url):
        """A page that the test itself opens."""
        page = self.context.new_page()
        self._arrived.remove(page)
        page.goto(url)
        return page

    def forget(self):
        """A new person sits down: no cookies, and of all pages an empty one."""
        self.context.clear_cookies()
        for page in self.context.pages[1:]:
            page.close()
        self._arrived.clear()


@pytest.fixture(scope="module")
def chromium(need):
    path = need("chromium")
    from playwright.sync_api import sync_playwright

    # Chromium's own children may write there a moment longer than it lives.
    folder = tempfile.TemporaryDirectory(prefix="authsome-chromium-", ignore_cleanup_errors=True)
    with sync_playwright() as playwright, folder as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=path,
            args=FLAGS,
            env={**os.environ, "HOME": profile},
        )
        yield Browser(context, profile)
        context.close()


@pytest.fixture
def browser(chromium):
    """The module's Chromium, as nobody has used it before."""
    chromium.forget()
    return chromium
