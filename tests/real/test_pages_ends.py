"""The pages that a login ends with, in a real Chromium that comes back from a real authorization server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

WAIT_S = 120.0
expect.set_options(timeout=WAIT_S * 1000)


@pytest.fixture(scope="module")
def server():
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "authsome_env.cli.demo_server", "3600"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    process.communicate()


@pytest.fixture
def login(authsome, browser, server):
    """`login()`: one that waits for its browser; `.url` is where that is to be sent."""
    definition = {
        "schema_version": 1,
        "name": "acme",
        "display_name": "Acme",
        "auth_type": "oauth2",
        "flow": "pkce",
        "oauth": {
            "authorization_url": f"{server}/authorize",
            "token_url": f"{server}/token",
            "scopes": ["read"],
            "token_endpoint_auth_method": "none",
        },
        "client": {"client_id": "tour"},
        "env": {"ACME_TOKEN": "{access_token}"},
        "account": {"url": f"{server}/me", "id": "/account"},
    }
    folder = os.path.join(authsome.home, "providers")
    os.makedirs(folder, 0o700)
    with open(os.path.join(folder, "acme.json"), "w") as file:
        json.dump(definition, file)
    started, dialogs, asked = [], [], []
    listeners = {
        "dialog": lambda dialog: dialogs.append(dialog.dismiss()),
        "request": lambda request: asked.append(request.url),
    }

    class Login:
        def __init__(self, words, env):
            self.process = authsome.start("login", "acme", *words, env=env, stderr=subprocess.PIPE)
            started.append(self)
            self.process.stderr.readline()
            self.url = self.process.stderr.readline().decode().strip()
            self.query = dict(parse_qsl(urlsplit(self.url).query))

        def back(self, **fields):
            return f"{self.query['redirect_uri']}?{urlencode({'state': self.query['state'], **fields})}"

        def end(self):
            _, err = self.process.communicate(timeout=WAIT_S)
            authsome.heard(("login",), None, err)
            self.said = err.decode()
            return self.process.returncode

    for event, listener in listeners.items():
        browser.context.on(event, listener)
    yield lambda *words, env=None: Login(words, env)
    for event, listener in listeners.items():
        browser.context.remove_listener(event, listener)
    for each in started:
        if each.process.returncode is None:
            each.process.kill()
            each.end()
    assert dialogs == []
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "http://localhost:"))] == []


def test_success_is_shown_when_it_is_one_and_without_the_code(authsome, browser, login):
    waiting = login(env=browser.environ)
    page = browser.arrived()
    expect(page.get_by_role("heading")).to_have_text("Logged in")
    assert waiting.end() == 0
    assert json.loads(authsome("list", "--json").stdout)["connections"][0]["account"] == "alice"
    words = page.get_by_role("paragraph")
    expect(words.nth(1)).to_have_text("Acme is connected as alice.")
    expect(words.nth(2)).to_have_text("It is saved as acme:default. You can close this page.")
    session = browser.context.new_cdp_session(page)
    entries = [entry["url"] for entry in session.send("Page.getNavigationHistory")["entries"]]
    assert entries[-1] == page.url
    for secret in ("code=", waiting.query["state"]):
        assert [url for url in entries if secret in url] == []
        assert secret not in page.content()
    assert page.evaluate("document.referrer") == ""


def test_denial_and_errors_are_text_whatever_is_in_them(browser, login):
    waiting = login("--no-browser")
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script> & so on"
    page = browser.open(waiting.back(error="access_denied", error_description=attack))
    expect(page.get_by_role("heading")).to_have_text("The login was denied")
    expect(page.get_by_role("main")).to_contain_text(f"the login to acme was denied ({attack})")
    assert page.locator("img, main script").count() == 0
    assert waiting.end() == 9
    assert attack in waiting.said
    assert "error" not in page.url


def test_a_failed_exchange_is_no_success(browser, login):
    waiting = login("--no-browser")
    page = browser.open(waiting.back(code="made-up"))
    expect(page.get_by_role("heading")).to_have_text("The login failed")
    expect(page.get_by_role("main")).to_contain_text("Nothing was saved")
    assert waiting.end() == 9


def test_an_old_page_is_told_so_and_the_login_goes_on(browser, login):
    waiting = login("--no-browser")
    old = browser.open(waiting.back(state="of-yesterday", code="old"))
    expect(old.get_by_role("heading")).to_have_text("This is not the answer of this login")
    denied = browser.open(waiting.back(error="access_denied"))
    expect(denied.get_by_role("heading")).to_have_text("The login was denied")
    assert waiting.end() == 9


def test_another_site_cannot_end_a_login_by_any_request(browser, login, server):
    waiting = login("--no-browser")
    true = json.dumps(waiting.back(error="access_denied"))
    false = json.dumps(waiting.back(state="x", error="access_denied"))
    page = browser.open(server.replace("127.0.0.1", "localhost"))  # the same machine, another site
    page.evaluate(
        f"""async () => {{
          const send = (url, how) => fetch(url, how).catch(() => 0);
          await send({false}); await send({false}, {{mode: 'no-cors'}});
          await send({true}, {{mode: 'no-cors', method: 'POST', body: 'x'}});
          await send({true}, {{mode: 'no-cors', method: 'HEAD'}});
          for (const name of ['img', 'script', 'iframe', 'embed'])
            await new Promise(done => {{ const e = document.createElement(name); e.onload = e.onerror = done;
              e.src = {false}; document.body.append(e); setTimeout(done, 1000) }})
        }}"""
    )
    assert waiting.process.poll() is None
    denied = browser.open(waiting.back(error="access_denied"))
    expect(denied.get_by_role("heading")).to_have_text("The login was denied")
    assert waiting.end() == 9
