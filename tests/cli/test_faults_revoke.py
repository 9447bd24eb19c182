"""A revocation that goes wrong: what the server did not do is told, and deleted here all the same."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from cli.misbehaving import PLAYS

AT_ONCE = 4
# RFC 7009 section 2.2: the body of a 200 is of no meaning.
DONE = {"good", "html", "empty", "deep", "unsteady"}
REFUSED = {"404", "invalid_grant", "invalid_client", "200 invalid_grant", "error object", "echo"}
BUSY = {"503", "503 until a date", "429 in 7 s", "429 for ages", "429 of nonsense"}
WAITING = {"held", "held after"}


def test_each_way_to_misbehave(authsome, acme, misbehaving):
    plays = sorted(PLAYS.keys() - WAITING)
    families = {play: acme.login(f"c{number}") for number, play in enumerate(plays)}
    for play, family in families.items():
        family.play = play
    misbehaving.asked.clear()

    def revoke(play):
        return authsome("revoke", "acme", "-c", f"c{plays.index(play)}", "--yes")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = dict(zip(plays, pool.map(revoke, plays), strict=True))
    for number, play in enumerate(plays):
        code = 0 if play in DONE else 5 if play in REFUSED else 8
        said = ended[play].stderr.decode().splitlines()
        assert ended[play].returncode == code, (play, said)
        warnings = [line for line in said if line.startswith(f"authsome: warning: acme:c{number}: ")]
        assert [line.split(": ")[3] for line in warnings] == (
            [] if play in DONE else ["refresh token", "access token"]
        ), play
        assert f"deleted acme:c{number}" in said[-1], play
        sent = [fields for _, fields in misbehaving.asked if fields["token"] in tokens_of(families[play])]
        kinds = [fields["token_type_hint"] for fields in sent]
        # A server that is busy is asked once more.
        assert list(dict.fromkeys(kinds)) == ["refresh_token", "access_token"], play
        assert kinds == sorted(kinds, reverse=True), play
        assert len(kinds) <= (4 if play in BUSY else 2), play
    assert {play for play in plays if families[play].revoked} == {"good", "lost", "unsteady"}
    assert misbehaving.client_secret[:6].encode() not in ended["echo"].stderr
    assert all(token[:6].encode() not in ended["echo"].stderr for token in tokens_of(families["echo"]))
    assert authsome("list", "--json", check=True).stdout == b'{"connections": []}\n'


def tokens_of(family):
    return family.refresh, family.access


def test_a_server_that_is_gone_keeps_nothing_here(authsome, acme, misbehaving):
    acme.login("default")
    acme.login("work")
    misbehaving.socket.close()
    done = authsome("revoke", "acme", "--yes", "--json")
    assert done.returncode == 8
    result = json.loads(done.stdout)
    assert [each["revoked"] for each in result["connections"]] == [[], []]
    assert all(
        "cannot connect to" in problem for each in result["connections"] for problem in each["problems"]
    )
    assert authsome("list", "--json", check=True).stdout == b'{"connections": []}\n'
    assert authsome("client", "show", "acme", "--json", check=True).stdout.count(b'"client_id": null') == 1


def test_a_revocation_waits_for_a_refresh_and_ends_what_came_of_it(authsome, acme):
    """Else the rotated tokens would live on, where nobody could end them."""
    family = acme.login("default", "held", left=-1.0)
    with ThreadPoolExecutor(2) as pool:
        refreshing = pool.submit(acme.token, "default")
        assert family.arrived.wait(60)
        revoking = pool.submit(authsome, "revoke", "acme", "-c", "default", "--yes")
        family.go.set()
        assert refreshing.result().returncode in (0, 3)
        assert revoking.result().returncode == 0
    assert family.rotations == 1
    assert family.revoked == ["refresh_token", "access_token"]
