"""Log in with OAuth, refresh and revoke: the real command against a real authorization server process.

The server is that of the tour (Authlib's server side): single-use refresh tokens, reuse detection.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

import authsome_env

# A person who says no: the server sends the browser back with an error and the state.
DENY = (
    "import sys, urllib.request as u, urllib.parse as p;"
    " q = dict(p.parse_qsl(p.urlsplit(sys.argv[1]).query));"
    " u.urlopen(q['redirect_uri'] + '?' + p.urlencode({'error': 'access_denied', 'state': q['state'],"
    " 'error_description': '<script>alert(1)</script>'})).read()"
)
# Strangers knock first: no state, a wrong one, an error without state; then the true answer, twice.
FORGED = (
    "import sys, urllib.request as u, urllib.parse as p\n"
    "q = dict(p.parse_qsl(p.urlsplit(sys.argv[1]).query)); back = q['redirect_uri']\n"
    "for bad in ('', '?code=x', '?code=x&state=wrong', '?error=access_denied', '/../favicon.ico'):\n"
    "    try: u.urlopen(back + bad); sys.exit('a stranger was believed')\n"
    "    except u.HTTPError as e: assert e.code in (400, 404), e.code\n"
    "u.urlopen(sys.argv[1] + '&account=alice').read()\n"
)


def token(authsome, reference="acme"):
    return authsome("token", reference, check=True).stdout.decode().strip()


def shown(authsome, name="default"):
    connections = json.loads(authsome("list", "--json", check=True).stdout)["connections"]
    return next(each for each in connections if each["connection"] == name)


def test_two_accounts_side_by_side_and_a_third_name_for_the_first(authsome, connect):
    server = connect(3600)
    done = connect.login(check=True)
    assert b"saved acme:default, the account of alice" in done.stderr
    connect.login("-c", "work", "--scopes", "read,write", account="bob", check=True)
    again = connect.login("-c", "twin", check=True)
    assert b"acme:default is for the same account, alice" in again.stderr
    assert [server.account(token(authsome, f"acme:{name}")) for name in ("default", "work")] == [
        "alice",
        "bob",
    ]
    assert shown(authsome, "work")["scopes"] == ["read", "write"]
    assert shown(authsome)["default"] is True
    run = authsome("run", "-p", "acme:work", "--", "sh", "-c", "printf %s $ACME_TOKEN", check=True)
    assert server.account(run.stdout.decode()) == "bob"


def test_what_is_due_is_refreshed_before_it_is_handed_out(authsome, connect):
    server = connect(2)
    connect.login(check=True)
    first = token(authsome)
    for line in (
        ("token", "acme"),
        ("get", "acme", "--field", "access_token", "--show-secret"),
        ("export", "acme", "--format", "json"),
        ("env", "--format", "json"),
        ("run", "--", "sh", "-c", "printf %s $ACME_TOKEN"),
    ):
        time.sleep(2.1)
        before = server.counts()["refreshes"]
        out = authsome(*line, check=True).stdout.decode().strip()
        value = json.loads(out)["ACME_TOKEN"] if out.startswith("{") else out
        assert server.account(value) == "alice"
        assert value != first
        assert server.counts()["refreshes"] == before + 1
    time.sleep(2.1)
    before = server.counts()["refreshes"]
    authsome("env", "--format", "bash", "--unset", check=True)  # names alone: nothing to refresh
    assert server.counts()["refreshes"] == before


def test_revoke_ends_one_at_the_server_and_logout_only_forgets_it(authsome, connect):
    server = connect(3600)
    connect.login(check=True)
    connect.login("-c", "work", account="bob", check=True)
    connect.login("-c", "third", account="carol", check=True)
    tokens = {name: token(authsome, f"acme:{name}") for name in ("default", "work", "third")}
    done = authsome("revoke", "acme", "-c", "work", check=True)
    assert b"revoked acme:work; deleted acme:work" in done.stderr
    authsome("logout", "acme", "-c", "third", check=True)
    assert {name: server.account(value) for name, value in tokens.items()} == {
        "default": "alice",
        "work": None,
        "third": "carol",
    }
    assert json.loads(authsome("list", "--json").stdout)["connections"][0]["connection"] == "default"
    assert os.listdir(os.path.join(authsome.home, "locks")) == []


def test_force_makes_it_the_default_and_a_usable_one_is_not_replaced_without(authsome, connect):
    connect(3600)
    connect.login(check=True)
    assert connect.login().returncode == 6
    done = connect.login("-c", "work", "--force", account="bob", check=True)
    assert b"default: work (was default)" in done.stderr


def test_a_refused_one_is_invalid_until_a_login_repairs_it_in_place(authsome, connect):
    server = connect(2)
    connect.login("--scopes", "read,write", check=True)
    connect.login("-c", "copy", check=True)
    authsome("revoke", "acme", "-c", "copy", check=True)  # ends all that alice gave, at this server
    time.sleep(2.1)
    failed = authsome("token", "acme")
    assert failed.returncode == 5
    assert b"the provider refused to refresh (invalid_grant" in failed.stderr
    assert b"authsome login acme -c default" in failed.stderr
    assert shown(authsome)["status"] == "invalid"
    before = server.counts()
    assert authsome("token", "acme").returncode == 5
    assert server.counts() == before  # asked once, not each time
    connect.login(check=True)
    repaired = shown(authsome)
    assert (repaired["status"], repaired["default"]) == ("connected", True)
    assert repaired["scopes"] == ["read", "write"]  # as before, for nothing else was wished


def test_denied_and_forged_and_closed(authsome, connect):
    connect(3600)
    denied = connect.login(program=DENY)
    assert denied.returncode == 9
    assert b"the login to acme was denied (<script>alert(1)</script>)" in denied.stderr
    forged = connect.login(program=FORGED)
    assert forged.returncode == 0, forged.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert connect.login("-c", "b", "--port", port).returncode == 9
    assert authsome("--no-input", "login", "acme", "-c", "b").returncode == 9


@pytest.mark.parametrize("what", ["address", "code", "in two writes"])
def test_an_address_or_a_code_is_pasted_where_there_is_no_browser(authsome, connect, what):
    connect(3600)
    process = authsome.start("login", "acme", "--no-browser", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = iter(process.stderr.readline, b"")
    url = next(line for line in lines if b"http" in line).decode().strip()

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(url)
    back = answer.value.headers["Location"]
    answer.value.close()
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
    process.stdin.write(b"https://elsewhere.example/?code=x&state=y\n")
    process.stdin.flush()
    assert b"not the answer of this login" in next(lines)
    pasted = (code if what == "code" else back).encode() + b"\n"
    if what == "in two writes":
        process.stdin.write(pasted[:40])
        process.stdin.flush()
        time.sleep(0.3)
        pasted = pasted[40:]
    process.stdin.write(pasted)
    process.stdin.close()
    assert process.wait(30) == 0
    process.stderr.close()
    assert shown(authsome)["account"] == "alice"


def test_a_definition_that_changes_its_server_gets_no_token(authsome, connect):
    connect(2)
    connect.login(check=True)
    other = connect(2)  # the same name, defined with another server from now on
    time.sleep(2.1)
    stopped = authsome("token", "acme")
    assert stopped.returncode == 5
    assert b"is defined with another server by now" in stopped.stderr
    assert other.counts()["refreshes"] == 0


def test_the_python_api_sends_a_fresh_token(authsome, connect, serve):
    server = connect(2)
    connect.login(check=True)
    time.sleep(2.1)
    vault = authsome_env.open_vault(environ=authsome.environment())
    import httpx2

    with httpx2.Client(auth=vault.httpx_auth("acme"), trust_env=False) as client:
        assert client.get(f"{server.url}/me").json() == {"account": "alice"}
        time.sleep(2.1)
        assert client.get(f"{server.url}/me").json() == {"account": "alice"}
    assert server.counts()["refreshes"] == 2
