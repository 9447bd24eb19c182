"""What git asks, and who is meant: every case of the choice, as a table."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsome_env.app import git_request
from authsome_env.app.told import Told
from authsome_env.errors import NoDefault, UsageError
from authsome_env.model import Secret

HOST = "git.example"


def told(name, account=None, **changes):
    changes = {"implied": True, "fields": {"access_token": Secret("tok")}, "git_hosts": (HOST,), **changes}
    return Told(id=name * 4, provider=changes.pop("provider", "acme"), name=name, account=account, **changes)


def request(**said):
    return git_request.Request({"protocol": "https", "host": HOST, **said})


ALICE, BOB = told("home", "Alice", account_id="1"), told("work", "bob", account_id="2")
UNKNOWN = told("default")
HIDDEN = told("work", "bob", implied=False)
TWIN = told("work", provider="acme-pat")

CHOICES = [
    # connections, user name, path, who is meant
    ([], "", "", None),
    ([], "alice", "alice/x", None),
    # the only one
    ([ALICE], "", "", ALICE),
    ([ALICE], "", "other/x.git", ALICE),
    ([ALICE], "alice", "", ALICE),
    ([ALICE], "home", "", ALICE),
    ([ALICE], "1", "", ALICE),
    ([ALICE], "acme:home", "", ALICE),
    ([ALICE], "x-access-token", "", ALICE),
    ([ALICE], "oauth2", "", ALICE),
    ([ALICE], "git", "", ALICE),
    ([told("a", "A", git_user="x-acme")], "x-acme", "", "a"),
    ([ALICE], "x-acme", "", NoDefault),
    ([ALICE], "mallory", "", NoDefault),
    ([ALICE], "mallory", "alice/x.git", NoDefault),
    ([UNKNOWN], "whoever", "", UNKNOWN),
    # two
    ([ALICE, BOB], "", "", NoDefault),
    ([ALICE, BOB], "", "other/x.git", NoDefault),
    ([ALICE, BOB], "", "alice/x.git", ALICE),
    ([ALICE, BOB], "", "/alice/x.git", ALICE),
    ([ALICE, BOB], "", "work/x.git", BOB),
    ([ALICE, BOB], "git", "work/x.git", BOB),
    ([ALICE, BOB], "", "alice", NoDefault),  # that is a repository, and nobody's name
    ([ALICE, BOB], "", "aliceandbob/x.git", NoDefault),
    ([ALICE, BOB], "ALICE", "bob/x.git", ALICE),
    ([ALICE, BOB], "mallory", "bob/x.git", NoDefault),
    ([ALICE, UNKNOWN], "whoever", "", NoDefault),
    # a name is a name in both, and which is meant is said by a reference
    ([BOB, TWIN], "work", "", NoDefault),
    ([BOB, TWIN], "acme-pat:work", "", TWIN),
    ([BOB, TWIN], "bob", "", BOB),
    ([told("bob", "x"), told("b", "bob")], "bob", "", "bob"),  # the connection's name, before a label
    # of the vault, with one default
    ([ALICE, HIDDEN], "", "", ALICE),
    ([ALICE, HIDDEN], "", "other/x.git", ALICE),
    ([ALICE, HIDDEN], "", "bob/x.git", HIDDEN),
    ([ALICE, HIDDEN], "work", "", HIDDEN),
    ([HIDDEN], "", "", NoDefault),
    ([told("a", "x"), told("b", "X", implied=False)], "", "x/y", "a"),
]


@pytest.mark.parametrize(("connections", "user", "path", "meant"), CHOICES)
def test_choice(connections, user, path, meant):
    asked = request(username=user, path=path)
    if meant is NoDefault:
        with pytest.raises(NoDefault) as error:
            git_request.choose(asked, connections)
        assert all(each.reference in error.value.message for each in connections)
        assert f"credential.https://{HOST}" in error.value.hint
        return
    found = git_request.choose(asked, connections)
    assert (found.name if isinstance(meant, str) else found) == meant


@pytest.mark.parametrize(("connections", "user", "path", "meant"), [c for c in CHOICES if c[3] is NoDefault])
def test_what_the_hint_says_to_type_is_a_choice(connections, user, path, meant):
    with pytest.raises(NoDefault) as error:
        git_request.choose(request(username=user, path=path), connections)
    typed = re.findall(r"for (\S+): git config --global credential\.\S+\.username (\S+)", error.value.hint)
    assert typed
    for reference, name in typed:
        chosen = git_request.choose(request(username=name, path=path), connections)
        assert chosen.reference == reference
    urls = re.findall(r"\(or (\S+)… as the URL\)", error.value.hint)
    assert [unquote(urlsplit(url).username) for url in urls] == [name for _, name in typed]
    assert ("useHttpPath true" in error.value.hint) == ("/" not in path)


@pytest.mark.parametrize(
    ("protocol", "host", "hosts", "served"),
    [
        ("https", HOST, (HOST,), True),
        ("https", HOST.upper(), (HOST,), True),
        ("https", f"{HOST}:443", (HOST,), True),
        ("https", f"{HOST}:80", (HOST,), False),
        ("https", f"{HOST}:8443", (f"{HOST}:8443",), True),
        ("https", HOST, (f"{HOST}:8443",), False),
        ("https", f"a.{HOST}", (HOST,), False),
        ("https", f"{HOST}.", (HOST,), False),
        ("https", "", ("",), False),
        ("http", HOST, (HOST,), False),
        ("http", f"localhost.{HOST}", (f"localhost.{HOST}",), False),
        ("http", "127.0.0.1:8080", ("127.0.0.1:8080",), True),
        ("http", "localhost:80", ("localhost",), True),
        ("http", "[::1]:8080", ("[::1]:8080",), True),
        ("http", "[::1]", ("[::1]",), True),
        ("ssh", HOST, (HOST,), False),
        ("", HOST, (HOST,), False),
        ("HTTPS", HOST, (HOST,), False),
    ],
)
def test_exact_hosts_by_a_safe_way(protocol, host, hosts, served):
    asked = git_request.Request({"protocol": protocol, "host": host})
    each = told("a", git_hosts=hosts)
    assert git_request.serving(asked, [each]) == ([each] if served else [])


def test_the_answer():
    assert git_request.answer(told("a", "me")) == b"username=me\npassword=tok\n"
    assert git_request.answer(told("a")) == b"username=x-access-token\npassword=tok\n"
    whole = told("a", "me", git_user="x-acme", expires_at=12.9, fields={"api_key": Secret("k\udc80")})
    assert git_request.answer(whole) == b"username=x-acme\npassword=k\x80\npassword_expiry_utc=12\n"
    fields = {"username": Secret("who"), "token": Secret("tok")}
    assert git_request.answer(told("a", fields=fields, public=frozenset({"username"}))).startswith(
        b"username=who\npassword=tok\n"
    )


@pytest.mark.parametrize(
    "each",
    [
        told("a", fields={"api_key": Secret("a\nhost=evil.example")}),
        told("a", fields={"api_key": Secret("a\0b")}),
        told("a", fields={"api_key": Secret("a\rb")}),
        told("a", "me\nx=y"),
        told("a", fields={"one": Secret("1"), "two": Secret("2")}),
        told("a", fields={}),
    ],
)
def test_what_the_protocol_cannot_hold_is_no_answer(each):
    with pytest.raises(UsageError) as error:
        git_request.answer(each)
    assert "evil" not in error.value.message


@given(st.binary(max_size=300))
def test_any_bytes_are_understood_or_refused(raw):
    with contextlib.suppress(git_request.Malformed):
        asked = git_request.parse(raw)
        assert git_request.serving(asked, [told("a")]) == [] or (asked.protocol, asked.host) == (
            "https",
            HOST,
        )


_VALUE = st.text(st.characters(blacklist_characters="\n\0", blacklist_categories=("Cs",)), max_size=40)


@given(
    st.dictionaries(st.sampled_from(["protocol", "path", "username", "password", "wwwauth[]", "x"]), _VALUE)
)
def test_what_git_writes_is_read_as_it_was_meant(said):
    raw = "".join(f"{key}={value}\n" for key, value in said.items()).encode() + b"\nrest that is not read"
    asked = git_request.parse(raw)
    for key in ("protocol", "path", "username", "password"):
        assert getattr(asked, key) == said.get(key, "")


@given(
    st.lists(
        st.builds(
            told,
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from([None, "a", "B", "d"]),
            implied=st.booleans(),
            account_id=st.sampled_from([None, "a", "7"]),
        ),
        max_size=4,
    ),
    st.sampled_from(["", "a", "b", "B", "d", "7", "git", "acme:a", "z"]),
    st.sampled_from(["", "a/x", "b/x", "d/x", "z/x"]),
)
def test_nobody_gets_another_account_by_guess(connections, user, path):
    try:
        found = git_request.choose(request(username=user, path=path), connections)
    except NoDefault:
        return
    if found is None:
        assert connections == []
    elif user and user != "git":
        names = (found.name, found.reference, found.account, (found.account or "").lower(), found.account_id)
        assert user in names or user.lower() in names or (len(connections) == 1 and found.account is None)
    else:
        owner = path.partition("/")[0]
        by_owner = bool(owner) and owner in (found.name, (found.account or "").lower(), found.account_id)
        assert by_owner or [each for each in connections if each.implied] == [found]
