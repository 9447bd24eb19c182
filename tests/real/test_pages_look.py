"""Every page in a real Chromium: readable in light and dark and on a phone, and to those who do not see it.

`AUTHSOME_SCREENSHOTS=FOLDER` keeps a picture of each.
"""

from __future__ import annotations

import os
import threading
import time

import pytest
from playwright.sync_api import expect

from authsome_env.app.clients import client_fields
from authsome_env.oauth import form_page, pages
from authsome_env.oauth.loopback import Loopback
from authsome_env.oauth.page import nothing_here
from authsome_env.providers.registry import Registry

expect.set_options(timeout=60_000)

# Every text against the colour behind it, as WCAG 2.2 computes contrast (1.4.3, and 1.4.11 for borders).
CONTRAST = """() => {
  const parse = c => { const [r,g,b,a=1] = c.match(/[\\d.]+/g).map(Number); return [r,g,b,a] };
  const over = (f, b) => [0,1,2].map(i => f[i]*f[3] + b[i]*(1-f[3])).concat(1);
  const light = c => { const [r,g,b] = c.slice(0,3).map(v => { v/=255;
    return v<=.04045 ? v/12.92 : ((v+.055)/1.055)**2.4 }); return .2126*r+.7152*g+.0722*b };
  const ratio = (a, b) => { const [x,y] = [light(a),light(b)].sort((m,n)=>n-m); return (x+.05)/(y+.05) };
  const behind = e => { const chain=[]; for (; e; e=e.parentElement) chain.unshift(e);
    return chain.reduce((b,e) => over(parse(getComputedStyle(e).backgroundColor), b), [255,255,255,1]) };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
    if (text && !['SCRIPT','STYLE'].includes(e.tagName) && e.checkVisibility()) {
      const b = behind(e); found.push([text, ratio(over(parse(getComputedStyle(e).color), b), b), 4.5]) } }
  for (const e of document.querySelectorAll('input:not([type=hidden]),button')) {
    const s = getComputedStyle(e), b = behind(e), outside = behind(e.parentElement);
    if (!e.checkVisibility()) continue;
    found.push([e.id + ' text', ratio(over(parse(s.color), b), b), 4.5]);
    found.push([e.id + ' border', ratio(over(parse(s.borderTopColor), outside), outside), 3]) }
  for (const mark of [getComputedStyle(document.querySelector('h1'), '::before')])
    if (mark.content !== 'none') { const b = behind(document.querySelector('h1'));
      found.push(['mark', ratio(over(parse(mark.color), b), b), 4.5]) }
  return found }"""

LONG = "a-very-long-account-name-without-a-single-blank@a-very-long-subdomain.of-a-company.example"
NAMES = [
    *("success", "denied", "failed", "taken", "cancelled", "stranger", "gone"),
    *("form-openai", "form-aws", "form-aws-problems", "form-client", "form-client-problems"),
]


def _form(provider, *, problems=None, given=None, client=False):
    definition = Registry("/nonexistent").load(provider)
    return form_page.form(
        definition.display_name,
        client_fields(definition) if client else definition.fields,
        token="0" * 48,
        documentation=definition.docs,
        redirect_uri="http://127.0.0.1/callback" if client else None,
        given=given or {},
        problems=problems or {},
    )


def _pages():
    made = [
        pages.success("GitHub", LONG, f"github:{'w' * 64}"),
        pages.failure("GitHub", "The login was denied", "the login to github was denied (not now)"),
        pages.failure("GitHub", "The login failed", "github refused the login (" + "x" * 400 + ")"),
        pages.taken("OpenAI"),
        pages.cancelled("OpenAI"),
        pages.stranger(),
        pages.gone(),
        _form("openai"),
        _form("aws"),
        _form(
            "aws",
            given={"access_key_id": "AKIA-or-what", "region": "north"},
            problems={
                "access_key_id": "that is no Access key ID of aws: an access key ID is AKIA (long-lived)"
                " or ASIA (temporary) and 16 capital letters and digits",
                "secret_access_key": "the Secret access key of aws is empty",
            },
        ),
        _form("github", client=True),
        _form("github", client=True, problems={"client_id": "the GitHub client id of github is empty"}),
    ]
    for page in made:
        page.last = False
    return dict(zip(NAMES, made, strict=True))


@pytest.fixture(scope="module")
def served():
    """`served(name)` is the address of that page."""
    shown = _pages()
    over = threading.Event()
    with Loopback() as loopback:

        def handle(heard):
            return shown.get(heard.path[1:]) or nothing_here()

        def serve():
            while not over.is_set():
                loopback.serve(handle, until=time.monotonic() + 0.2)

        thread = threading.Thread(target=serve)
        thread.start()
        yield lambda name: f"{loopback.origin}/{name}"
        over.set()
        thread.join()


@pytest.fixture
def look(browser, served):
    """`look(name)`: that page, in which nothing goes wrong and which asks nobody for anything."""
    complaints, requests = [], []
    listeners = {
        "console": lambda message: complaints.append(message.text),
        "request": lambda request: requests.append(request.url),
    }
    for event, listener in listeners.items():
        browser.context.on(event, listener)
    yield lambda name: browser.open(served(name))
    for event, listener in listeners.items():
        browser.context.remove_listener(event, listener)
    origin = served("")
    assert [url for url in requests if not url.startswith(origin)] == []
    # Chromium itself notes an error status of what it was sent to.
    assert [each for each in complaints if "the server responded with a status of 4" not in each] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read_by_day_and_night_and_on_a_phone(look, name):
    page = look(name)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        low = [each for each in page.evaluate(CONTRAST) if each[1] < each[2]]
        assert low == []
        for width, height in ((1280, 800), (390, 844), (320, 568)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for control in page.locator("button:visible, input:visible").all():
                box = control.bounding_box()
                assert box["height"] >= 44  # for a thumb
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
            if folder := os.environ.get("AUTHSOME_SCREENSHOTS"):
                page.screenshot(path=os.path.join(folder, f"{name}-{scheme}-{width}.png"), full_page=True)
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != back


@pytest.mark.parametrize("name", NAMES)
def test_it_has_one_heading_one_landmark_a_language_and_a_title(look, name):
    page = look(name)
    assert page.get_by_role("heading").count() == page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("main").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title().endswith(" · authsome")
    identities = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(identities) == len(set(identities))
    pointed = page.evaluate(
        "[...document.querySelectorAll('[aria-describedby],label')]"
        ".flatMap(e => (e.getAttribute('aria-describedby') || e.htmlFor).split(' '))"
    )
    assert set(pointed) <= set(identities)


TREES = {
    "success": """
- main:
  - paragraph: authsome
  - heading "Logged in" [level=1]
""",
    "denied": """
- main:
  - paragraph: authsome
  - heading "The login was denied" [level=1]
  - paragraph: the login to github was denied (not now)
""",
    "form-openai": """
- main:
  - paragraph: authsome
  - heading "Connect OpenAI" [level=1]
  - paragraph: /Give authsome your OpenAI credential/
  - paragraph:
    - link "Where to find it":
      - /url: https://platform.openai.com/api-keys
  - text: OpenAI API key
  - textbox "OpenAI API key" [active]
  - text: /OpenAI keys begin with sk-/
  - button "Save"
  - button "Cancel"
""",
    "form-aws-problems": """
- main:
  - alert: /Not saved yet/
  - text: Access key ID
  - textbox "Access key ID" [active]: AKIA-or-what
  - text: /That is no Access key ID/
  - textbox "Secret access key"
  - textbox "Session token (with a temporary key) (optional)"
  - textbox "Region (optional)": north
  - button "Save"
  - button "Cancel"
""",
    "form-client": """
- main:
  - heading "Connect GitHub" [level=1]
  - textbox "Redirect URI to register": http://127.0.0.1/callback
  - button "Copy"
  - status
  - textbox "GitHub client id" [active]
  - textbox "GitHub client secret (optional)"
  - button "Save"
  - button "Cancel"
""",
}


@pytest.mark.parametrize("name", TREES)
def test_a_screen_reader_meets_it_like_this(look, name):
    expect(look(name).locator("body")).to_match_aria_snapshot(TREES[name].strip("\n"))


def test_what_is_wrong_with_a_field_is_said_with_it(look):
    page = look("form-aws-problems")
    wrong = page.get_by_label("Access key ID")
    expect(wrong).to_have_accessible_description(
        "That is no Access key ID of aws: an access key ID is AKIA (long-lived) or ASIA (temporary) and"
        " 16 capital letters and digits."
    )
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_focused()
    secret = page.get_by_label("Secret access key")
    expect(secret).to_have_accessible_description(
        "a secret access key has 40 characters: letters, digits, / and + The Secret access key of aws is"
        " empty."
    )
    expect(secret).to_have_attribute("type", "password")
    expect(secret).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Region")).not_to_have_attribute("aria-invalid", "true")
    assert page.title().startswith("Not saved yet")


def test_whoever_moves_by_keyboard_sees_where_they_are(look):
    page = look("form-client")
    page.locator("body").press("Shift+Tab")
    for _ in range(8):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(e => e === document.body ? null : getComputedStyle(e).outlineStyle)(document.activeElement)"
        )
        assert outline in (None, "solid")
