"""Logins by the browser, and what goes wrong: a certified authorization server, our command, Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import urllib.error
import urllib.parse
import urllib.request

import pexpect
import pytest
from real.acme import TIMEOUT_S, agree, sign_in

NO_BROWSER = {"BROWSER": None}


def url_said(process):
    """The URL to open, as a login prints it."""
    for line in process.stderr:
        if line.startswith(b"  http"):
            return line.decode().strip()
    raise AssertionError("no URL was printed")


def by_hand(acme, url, account):
    """Open it, sign in and agree; the page."""
    acme.browser.forget()
    page = acme.browser.open(url)
    sign_in(page, account)
    agree(page)
    return page


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def port_of(url):
    return urllib.parse.urlsplit(query_of(url)["redirect_uri"]).port


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def is_free(port):
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return False
    return True


def refuse_to_come_back(page):
    """As a browser on another machine: what it cannot open is in the list that is returned."""
    addresses = []
    devtools = page.context.new_cdp_session(page)  # Playwright's own routes do not see redirects

    def fail(paused):
        addresses.append(paused["request"]["url"])
        refused = {"requestId": paused["requestId"], "errorReason": "ConnectionRefused"}
        devtools.send("Fetch.failRequest", refused)

    devtools.on("Fetch.requestPaused", fail)
    devtools.send("Fetch.enable", {"patterns": [{"urlPattern": "*/callback?*"}]})
    return addresses


@pytest.mark.parametrize(
    ("client", "method"),
    [("native", "none"), ("basic:client/id", "client_secret_basic"), ("post", "client_secret_post")],
)
def test_a_client_proves_itself_at_every_endpoint(acme, client, method):
    acme.define(client=client, token_endpoint_auth_method=method)
    if method != "none":
        hard = acme.server.hard_secret.encode()
        acme.program("client", "set", "acme", "--client-id", client, "--stdin", input=hard, check=True)
    code, said, page = acme.login()
    assert (code, "saved acme:default, the account of alice@example.test" in said) == (0, True)
    assert "alice@example.test" in page.locator("body").inner_text()
    acme.program("refresh", "acme", check=True)
    token = acme.token()
    assert acme.server.introspect(token)["client_id"] == client
    acme.program("revoke", "acme", "-c", "default", check=True)
    assert not acme.alive(token)


def test_the_request_is_that_of_a_native_application(acme):
    with acme.begin("acme") as process:
        asked = query_of(url_said(process))
        acme.browser.arrived()
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_type"] == "code"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", asked["redirect_uri"])
    assert len(asked["state"]) >= 40
    assert len(asked["code_challenge"]) == 43


@pytest.mark.parametrize("issuer", ["https://another.example", None])
def test_an_answer_of_another_issuer_is_refused(acme, issuer):
    """RFC 9207: this server says that it names itself in every answer, so none without a name is its own."""
    with acme.begin("acme") as process:
        page = acme.browser.arrived()
        addresses = refuse_to_come_back(page)
        sign_in(page, "alice")
        agree(page)
        page.wait_for_url("chrome-error://**")
        changed = query_of(addresses[0])
        assert changed.pop("iss") == acme.server.url
        if issuer:
            changed["iss"] = issuer
        redirect = addresses[0].partition("?")[0]
        shown = acme.browser.open(f"{redirect}?{urllib.parse.urlencode(changed)}")
        code, said = acme.end(process, "acme")
        assert code == 9
        assert "comes from another server" in said
        assert "another server" in shown.locator("body").inner_text()
    assert acme.server.granted("authorization_code")[1] == 0  # the code was never shown to anybody
    assert acme.shown() is None


def test_the_browser_comes_back_to_the_port_that_was_asked_for(acme):
    port = free_port()
    code, _, page = acme.login("--port", str(port))
    assert code == 0
    assert urllib.parse.urlsplit(page.url).port == port
    assert is_free(port)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_redirect_uri_that_the_provider_fixed_is_used_to_the_letter(acme, host):
    fixed = f"http://{host}:{free_port()}/signed/in"
    client = acme.server.register(
        redirect_uris=[fixed],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="none",
        application_type="web",  # for these the port has to match as well
    )
    acme.define(client=client["client_id"], redirect_uri=fixed)
    code, _, page = acme.login()
    assert (code, page.url.startswith(fixed.removesuffix("signed/in"))) == (0, True)
    acme.program("refresh", "acme", check=True)
    acme.browser.forget()
    with acme.begin("acme", "-c", "a"):
        acme.browser.arrived()
        second = acme.program("login", "acme", "-c", "b")
        assert (second.returncode, b"cannot listen at port" in second.stderr) == (9, True)
    assert acme.program("login", "acme", "-c", "c", "--port", "1").returncode == 2


@pytest.mark.parametrize("what", ["address", "code"])
def test_what_the_browser_of_another_machine_ends_at_is_pasted_at_the_terminal(acme, what):
    terminal = pexpect.spawn(
        acme.program.program,
        ["login", "acme", "--no-browser"],
        env=acme.program.environment(acme.browser.environ),
        timeout=TIMEOUT_S,
        encoding="utf-8",
        dimensions=(24, 4000),
    )
    with terminal:
        terminal.expect(r"  (http\S+)")
        url = terminal.match[1]
        terminal.expect("or paste here")
        page = acme.browser.context.new_page()
        addresses = refuse_to_come_back(page)
        page.goto(url)
        sign_in(page, "alice")
        agree(page)
        page.wait_for_url("chrome-error://**")
        terminal.sendline("https://elsewhere.example/?code=x&state=y")
        terminal.expect("not the answer of this login")
        terminal.sendline(addresses[0] if what == "address" else query_of(addresses[0])["code"])
        terminal.expect("saved acme:default, the account of alice@example.test")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0


def test_interrupted_while_it_waits_it_frees_the_port_and_saves_nothing(acme):
    terminal = pexpect.spawn(
        acme.program.program,
        ["login", "acme"],
        env=acme.program.environment(acme.browser.environ),
        timeout=TIMEOUT_S,
        encoding="utf-8",
        dimensions=(24, 4000),
    )
    with terminal:
        terminal.expect(r"  (http\S+)")
        port = port_of(terminal.match[1])
        acme.browser.arrived()
        assert not is_free(port)
        terminal.sendintr()
        terminal.expect("login was cancelled; nothing was saved")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 9
    assert is_free(port)
    assert acme.shown() is None
    assert acme.login()[0] == 0


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_frees_the_port(acme, signal_number):
    with acme.begin("acme") as process:
        port = port_of(url_said(process))
        acme.browser.arrived()
        process.send_signal(signal_number)
        assert acme.end(process, "acme")[0] == -signal_number
    assert is_free(port)
    assert acme.shown() is None


@pytest.mark.parametrize("browser_is", ["hanging", "failing", "absent", "none"])
def test_without_the_browser_s_help_the_url_is_opened_by_hand(acme, tmp_path, browser_is):
    script, pid = tmp_path / "browser", tmp_path / "pid"
    script.write_text(
        f"#!/bin/sh\necho noise; echo noise >&2\necho $$ >{pid}\nexec sleep 60\n"
        if browser_is == "hanging"
        else "#!/bin/sh\nexit 1\n"
    )
    script.chmod(0o755)
    named = {"hanging": str(script), "failing": str(script), "absent": f"{tmp_path}/nothing", "none": None}
    with acme.begin("acme", env={"BROWSER": named[browser_is]}) as process:
        by_hand(acme, url_said(process), "alice")
        code, said = acme.end(process, "acme")
    if browser_is == "hanging":
        os.kill(int(pid.read_text()), signal.SIGKILL)
    assert (code, "saved acme:default, the account of alice@example.test" in said) == (0, True)
    assert "noise" not in said


def test_two_logins_at_the_same_time_are_two_connections(acme):
    one, two = (acme.begin("acme", "-c", name, env=NO_BROWSER) for name in ("one", "two"))
    with one as first, two as second:
        by_hand(acme, url_said(second), "bob")
        assert acme.end(second)[0] == 0
        by_hand(acme, url_said(first), "alice")
        assert acme.end(first)[0] == 0
    assert {name: acme.shown(name)["account"] for name in ("one", "two")} == {
        "one": "alice@example.test",
        "two": "bob@example.test",
    }


def test_of_two_logins_of_one_name_the_first_that_ends_stays(acme):
    with acme.begin("acme", env=NO_BROWSER) as first, acme.begin("acme", env=NO_BROWSER) as second:
        by_hand(acme, url_said(second), "bob")
        assert acme.end(second)[0] == 0
        page = by_hand(acme, url_said(first), "alice")
        code, said = acme.end(first)
        assert (code, "is connected as default already" in said) == (6, True)
        assert "is connected as default already" in page.locator("body").inner_text()
    assert acme.shown()["account"] == "bob@example.test"


def test_strangers_at_the_port_change_nothing(acme):
    with acme.begin("acme") as process:
        redirect = query_of(url_said(process))["redirect_uri"]
        for bad in ("", "?code=x", "?code=x&state=wrong", "?error=access_denied", "?error=x&state="):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(redirect + bad)
            refused.value.close()
        page = acme.browser.arrived()
        sign_in(page, "alice")
        agree(page)
        assert acme.end(process)[0] == 0
