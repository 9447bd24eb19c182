"""Connections of one provider, side by side: a certified authorization server, the real command, Chromium."""

from __future__ import annotations

import json
import re

import pytest
from real.acme import agree, sign_in, wait_until


def device_login(acme, *words, account):
    """The code is typed on the server's own page, by somebody at another screen."""
    acme.browser.forget()
    words = ("acme", *words, "--flow", "device_code", "--no-browser")
    with acme.begin(*words) as process:
        said = b""
        while b"type the code" not in said:
            said += process.stderr.readline()
        page_url = re.search(rb"open (\S+) on any device", said)[1].decode()
        code = re.search(rb"type the code (\S+)", said)[1].decode()
        page = acme.browser.open(page_url)
        page.locator("input[name=user_code]").fill(code)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Continue").click()  # yes, that is what my device shows
        sign_in(page, account)
        agree(page)
        return acme.end(process, *words)


def test_four_ways_in_each_refreshed_and_ended_alone(acme):
    server = acme.server
    assert acme.login(only={"openid", "email", "api:read"})[0] == 0
    wide = ("--scopes", "openid,email,api:read,api:write")
    code, said, _ = acme.login("-c", "work", *wide, account="bob", only={"openid", "email", "api:write"})
    assert (code, "saved acme:work, the account of bob@example.test" in said) == (0, True)
    code, said = device_login(acme, "-c", "box", account="carol")
    assert (code, "saved acme:box, the account of carol@example.test" in said) == (0, True)
    code, said, _ = acme.login("-c", "own", "--flow", "dcr_pkce", account="dave")
    assert (code, "saved acme:own, the account of dave@example.test" in said) == (0, True)

    names = {"default": "alice", "work": "bob", "box": "carol", "own": "dave"}
    assert {name: acme.shown(name)["account"].split("@")[0] for name in names} == names
    assert acme.shown("default")["scopes"] == ["openid", "email", "api:read"]
    assert acme.shown("work")["scopes"] == ["openid", "email", "api:write"]  # as granted, not as asked for
    assert [name for name in names if acme.shown(name)["default"]] == ["default"]

    old = {name: acme.token(f"acme:{name}") for name in names}
    assert {name: server.introspect(token)["sub"] for name, token in old.items()} == names
    before = server.granted("refresh_token")
    for name in names:
        acme.program("refresh", "acme", "-c", name, check=True)
    assert server.granted("refresh_token") == (before[0] + 4, before[1])
    new = {name: acme.token(f"acme:{name}") for name in names}
    assert {name: server.introspect(token)["sub"] for name, token in new.items()} == names
    assert not set(new.values()) & set(old.values())
    assert acme.shown("work")["scopes"] == ["openid", "email", "api:write"]

    done = acme.program("revoke", "acme", "-c", "work", check=True)
    assert b"revoked acme:work; deleted acme:work" in done.stderr
    acme.program("logout", "acme", "-c", "box", check=True)
    assert [name for name in names if acme.alive(new[name])] == ["default", "box", "own"]
    assert [name for name in names if acme.shown(name)] == ["default", "own"]
    acme.program("revoke", "acme", "--yes", check=True)
    assert [name for name in names if acme.alive(new[name])] == ["box"]


def test_a_client_is_registered_once_for_all_logins_and_goes_with_the_last(acme):
    before = acme.server.counts()
    acme.define("dcr_pkce", client=None)
    assert acme.login()[0] == 0
    assert acme.login("-c", "work", account="bob")[0] == 0
    assert acme.server.counts()["clients_registered"] == before["clients_registered"] + 1
    clients = {
        acme.server.introspect(acme.token(f"acme:{name}"))["client_id"] for name in ("default", "work")
    }
    shown = acme.program("client", "show", "acme", check=True).stdout.decode()
    assert "registered by authsome" in shown
    assert clients == {re.search(r"client id +(\S+)", shown)[1]}
    acme.program("refresh", "acme", check=True)
    acme.program("revoke", "acme", "--yes", check=True)
    assert acme.server.counts()["clients_deleted"] == before["clients_deleted"] + 1  # RFC 7592
    assert "none yet" in acme.program("client", "show", "acme", check=True).stdout.decode()


def test_force_switches_the_default_and_says_so(acme):
    acme.login()
    acme.login("-c", "work", account="bob")
    refused = acme.program("login", "acme", "-c", "work")
    assert (refused.returncode, b"for bob@example.test" in refused.stderr) == (6, True)
    code, said, _ = acme.login("-c", "work", "--force", account="carol")
    assert code == 0
    assert "default: work (was default)" in said
    assert [acme.shown(name)["default"] for name in ("default", "work")] == [False, True]
    assert acme.server.introspect(acme.token())["sub"] == "carol"


def test_the_same_account_under_a_second_name_is_said(acme):
    acme.login()
    code, said, _ = acme.login("-c", "twin")
    assert code == 0
    assert "acme:default is for the same account, alice@example.test" in said
    # One family each: what ends the one leaves the other.
    tokens = [acme.token(), acme.token("acme:twin")]
    acme.program("revoke", "acme", "-c", "twin", check=True)
    assert [acme.alive(token) for token in tokens] == [True, False]


@pytest.mark.parametrize("status", ["expired", "invalid"])
def test_a_dead_one_is_repaired_in_place_and_stays_the_default(acme, status):
    if status == "expired":
        client = acme.server.register(  # one that gets no refresh token
            redirect_uris=["http://127.0.0.1/callback"],
            grant_types=["authorization_code"],
            token_endpoint_auth_method="none",
            application_type="native",
        )
        acme.define(client=client["client_id"])
        acme.server.set(access_ttl=1)
    else:
        acme.define(client=None)
    registered = () if status == "expired" else ("--flow", "dcr_pkce")
    acme.login("-c", "main", *registered)
    acme.login("-c", "other", *registered, account="bob")
    if status == "expired":
        wait_until(lambda: acme.shown("main")["status"] == "expired")
        acme.server.set(access_ttl=3600)
    else:
        shown = json.loads(acme.program("client", "show", "acme", "--json", check=True).stdout)
        acme.server.revoke(acme.token("acme:main"), client_id=shown["client_id"])
    dead = acme.program("refresh", "acme")
    assert (dead.returncode, b"authsome login acme" in dead.stderr) == (4 if status == "expired" else 5, True)
    assert acme.shown("main")["status"] == status
    code, said, _ = acme.login("-c", "main")  # in the way of before
    assert (code, "repaired acme:main, the account of alice@example.test" in said) == (0, True)
    assert acme.shown("main")["status"] == "connected"
    assert [acme.shown(name)["default"] for name in ("main", "other")] == [True, False]
    assert acme.server.introspect(acme.token())["sub"] == "alice"


def test_what_is_due_is_renewed_before_a_program_gets_it(acme):
    acme.server.set(access_ttl=2)
    acme.login()
    old = acme.token()
    acme.outlive()
    acme.server.set(access_ttl=3600)
    new = (
        acme.program("run", "-p", "acme", "--", "printenv", "ACME_TOKEN", check=True).stdout.decode().strip()
    )
    assert (acme.alive(new), acme.alive(old)) == (True, False)


def test_denied_consent_saves_nothing(acme):
    code, said, page = acme.login(deny=True)
    assert code == 9
    assert "the login to acme was denied (the person said no)" in said
    assert "was denied" in page.locator("h1").inner_text()
    assert acme.shown() is None
