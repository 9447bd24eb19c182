"""A login that meets a misbehaving server: nothing is saved, its code is spent once, the exit code fits."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from cli.acme import Acme
from cli.misbehaving import PLAYS, changed

AT_ONCE = 4
REFUSALS = {"404", "invalid_grant", "invalid_client", "200 invalid_grant", "error object", "echo"}
PLAIN = PLAYS.keys() - {"good", "held", "held after", "unsteady", "hang", "drip"}
BEFORE_A_CODE = PLAIN - {"lost", "echo"}
"""Those that do not depend on what a login has begun."""


def try_all(login, plays):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(plays, pool.map(login, plays), strict=True))


def check_failures(authsome, ended, code_of):
    for play, done in ended.items():
        assert (done.returncode, done.stdout) == (code_of(play), b""), (play, done.stderr)
        error, hint = done.stderr.decode().splitlines()[-2:]
        kind = "[unreachable]" if done.returncode == 8 else "[login_failed]"
        assert error.startswith("authsome: "), play
        assert error.endswith(kind), play
        assert hint.startswith("hint: "), play
    assert authsome("list", "--json", check=True).stdout == b'{"connections": []}\n'


def test_the_exchange_of_the_code(authsome, acme, misbehaving):
    """Also of a server that hangs: these are the ones that are waited for."""
    shapes = {
        "line": changed(access_token="a\r\nb"),
        "nul": changed(access_token="a\0b"),
        "long": changed(access_token="a" * 140_000),
        "mac": changed(token_type="mac"),
    }
    plays = {**{play: play for play in ("hang", "drip", *sorted(PLAIN))}, **shapes}
    begun = {name: misbehaving.code(play) for name, play in plays.items()}

    def login(name):
        code = begun[name][0].encode() + b"\n"
        return authsome("login", "acme", "-c", name.replace(" ", "-"), "--no-browser", input=code)

    ended = try_all(login, plays)
    check_failures(authsome, ended, lambda play: 9 if play in REFUSALS else 8)
    sent = [fields.get("code") for _, fields in misbehaving.asked]
    assert sorted(sent) == sorted(code for code, _ in begun.values())
    secret = misbehaving.client_secret.encode()
    assert secret[:6] not in ended["echo"].stderr


def provider(authsome, server, number, flow, **oauth):
    made = Acme(authsome, server, name=f"acme-{number}")
    made.define(flow, **oauth)
    return made.name


def test_the_metadata(authsome, misbehaving):
    plays = sorted(BEFORE_A_CODE)
    none = dict.fromkeys(("authorization_url", "token_url", "revocation_url"))
    names = {
        play: provider(
            authsome, misbehaving, number, "pkce", issuer=f"{misbehaving.url}/{quote(play)}", **none
        )
        for number, play in enumerate(plays)
    }
    ended = try_all(lambda play: authsome("login", names[play], "--no-browser"), plays)
    check_failures(authsome, ended, lambda play: 9 if play == "200 invalid_grant" else 8)
    assert len(misbehaving.asked) <= 3 * len(plays)


@pytest.mark.parametrize(
    ("flow", "endpoint"), [("device_code", "device_authorization_url"), ("dcr_pkce", "registration_endpoint")]
)
def test_the_first_request_of_a_flow(authsome, misbehaving, flow, endpoint):
    plays = sorted(BEFORE_A_CODE)
    names = {
        play: provider(
            authsome, misbehaving, number, flow, **{endpoint: f"{misbehaving.url}/{quote(play)}/begin"}
        )
        for number, play in enumerate(plays)
    }
    ended = try_all(lambda play: authsome("login", names[play], "--no-browser"), plays)
    check_failures(authsome, ended, lambda play: 9 if play in REFUSALS else 8)
    assert len(misbehaving.asked) == len(plays)


EVIL = (
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://192.0.2.1/x",
    "https://user@host.example/",
    "https://host.example/\nx",
    "-oProxyCommand=x",
    7,
)


@pytest.fixture
def browser(authsome, tmp_path):
    """A browser that leaves a mark when it is opened."""
    mark = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f"#!/bin/sh\necho opened >{mark}\n")
    script.chmod(0o755)
    authsome.environ["BROWSER"] = f"{script} %s"
    return mark


@pytest.mark.parametrize("which", ["authorization_endpoint", "token_endpoint", "revocation_endpoint"])
def test_metadata_that_names_urls_of_no_good_kind_is_not_believed(authsome, misbehaving, browser, which):
    none = dict.fromkeys(("authorization_url", "token_url", "revocation_url"))
    made = {}
    for number, url in enumerate(EVIL):
        issuer = f"{misbehaving.url}/{number}"
        usual = dict.fromkeys(("authorization_endpoint", "token_endpoint"), f"{issuer}/x")
        document = {"issuer": issuer, **usual, which: url}
        misbehaving.pages[f"/.well-known/oauth-authorization-server/{number}"] = (
            lambda request, document=document: request.reply(200, document)
        )
        made[url] = provider(authsome, misbehaving, number, "pkce", issuer=issuer, **none)
    for url, done in try_all(lambda url: authsome("login", made[url]), EVIL).items():
        assert done.returncode == 9, (url, done.stderr)
        assert f"the {which} that the server of".encode() in done.stderr, url
    assert not browser.exists()
    assert all("well-known" in path for path, _ in misbehaving.asked)


def test_a_device_login_opens_no_page_of_no_good_kind(authsome, misbehaving, browser):
    code = misbehaving.draw()
    made = {}
    for number, url in enumerate(EVIL):
        answer = {"device_code": code, "user_code": "AB-12", "verification_uri": url, "interval": 1}
        misbehaving.pages[f"/{number}/device"] = lambda request, answer=answer: request.reply(200, answer)
        where = f"{misbehaving.url}/{number}/device"
        made[url] = provider(authsome, misbehaving, number, "device_code", device_authorization_url=where)
    for url, done in try_all(lambda url: authsome("login", made[url]), EVIL).items():
        assert done.returncode == 9, (url, done.stderr)
        assert b"names for the code" in done.stderr, url
    assert not browser.exists()
    assert len(misbehaving.asked) == len(EVIL)


@pytest.mark.parametrize("name", ["authorization_url", "token_url", "revocation_url", "issuer"])
def test_plain_http_is_for_loopback_only(authsome, tmp_path, name):
    path = tmp_path / "definition.json"
    definition = {
        "schema_version": 1,
        "name": "plain",
        "auth_type": "oauth2",
        "flow": "pkce",
        "env": {"X_TOKEN": "{access_token}"},
    }
    for url in ("http://example.com/x", "http://localhost/x", "http://127.0.0.1.example.com/x"):
        oauth = {"authorization_url": "https://a.example/", "token_url": "https://a.example/", name: url}
        path.write_text(json.dumps({**definition, "oauth": oauth}))
        done = authsome("provider", "add", str(path))
        assert done.returncode == 4
        assert f"oauth.{name}".encode() in done.stderr
        assert b"plain http" in done.stderr
