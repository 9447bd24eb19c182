"""Whatever a token endpoint says, it is read without an exception, and what it yields can be used."""

from __future__ import annotations

import json
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsome_env.model import Secret
from authsome_env.oauth.answer import read_answer, read_error, retry_after
from authsome_env.oauth.echo import hide
from authsome_env.oauth.grant import Grant
from authsome_env.oauth.messages import Garbled, Later, Refused, Response, TokenSet
from authsome_env.oauth.pkce import Authorization, Code, Denied, from_pasted, judge
from authsome_env.oauth.pointer import read_pointer
from authsome_env.providers.schema import Answer

NOW = 1_700_000_000.0
BUSY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

NAMES = [
    *("access_token", "refresh_token", "expires_in", "expires_at", "scope", "token_type", "ok"),
    *("error", "error_description", "interval", "authed_user", "team", "id", "message", "status", "0"),
]
texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=())),  # halves of surrogate pairs, too
    st.sampled_from(["at", "Bearer", "3600", "3600abc", "nan", "-inf", "1e999", "2023-11-14T23:13:20Z"]),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "20231114", "a\0b", "a\r\nb"]),
)
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from([10**400, -(10**400)])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=6),
    ),
    max_leaves=12,
)
numbers = st.sampled_from([10**400, -(10**400), 1e308, float("nan"), True, 3600, "1e999", "x"])
token_answers = st.fixed_dictionaries(
    {"access_token": st.text("at", min_size=1, max_size=3) | texts},
    optional={
        "refresh_token": texts,
        "scope": texts | st.lists(texts, max_size=3),
        "expires_in": numbers | texts,
        "expires_at": numbers | texts,
        "token_type": st.sampled_from(["Bearer", "bot", "mac"]),
        "team": st.fixed_dictionaries({"id": texts | numbers | st.just("x" * 140_000)}),
        "ok": st.booleans(),
    },
)
documents = token_answers | st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
bodies = st.one_of(
    st.binary(max_size=300),
    documents.map(lambda document: json.dumps(document).encode()),
    values.map(lambda value: json.dumps(value).encode()),
    st.lists(st.tuples(st.sampled_from(NAMES), st.text("abc%+&=; \x00ä", max_size=9))).map(
        lambda pairs: "&".join("=".join(pair) for pair in pairs).encode()
    ),
)
pointers = st.lists(st.sampled_from([*NAMES, "~0", "~1", "1"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
shapes = st.one_of(
    st.just(Answer()),
    st.just(Answer(expires_at="/expires_at", fields={"team": "/team/id"})),
    st.just(Answer(ok="/ok", access_token="/authed_user/access_token", fields={"team": "/team/id"})),
    st.builds(
        Answer,
        access_token=pointers,
        refresh_token=pointers,
        expires_in=pointers,
        scope=pointers,
        error=pointers,
        error_description=pointers,
        ok=st.none() | pointers,
        expires_at=st.none() | pointers,
        token_types=st.sampled_from([(), ("bot",)]),
        fields=st.dictionaries(st.sampled_from("abc"), pointers, max_size=2),
    ),
)
statuses = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503])
headers = st.dictionaries(
    st.just("retry-after"),
    st.text(max_size=20) | st.sampled_from(["9" * 400, "-1", "1.5", "Tue, 14 Nov 2023 22:14:20 GMT"]),
)


def can_stand_in_an_environment(value):
    raw = value.reveal_bytes()
    return b"\0" not in raw and len(raw) < (1 << 17) - 200


@BUSY
@given(bodies, statuses, headers, shapes)
def test_every_answer_is_one_of_the_four(body, status, headers, shape):
    answer = read_answer(Response(status, headers, body), shape, now=NOW)
    assert isinstance(answer, TokenSet | Refused | Later | Garbled)
    if isinstance(answer, TokenSet):
        token = answer.access_token.reveal()
        assert token
        assert all("!" <= character <= "~" for character in token)
        assert status < 300
        assert all(can_stand_in_an_environment(value) for value in answer.fields.values())
        assert answer.refresh_token is None or answer.refresh_token.reveal().isascii()
        assert answer.scopes is None or answer.scopes.isprintable()
        assert (answer.lifetime is None) == (answer.expires_at is None)
        assert answer.lifetime is None or 0 <= answer.lifetime <= 10 * 366 * 86400
    if isinstance(answer, Refused):
        str(answer).encode()
        assert answer.code
        assert answer.interval is None or 0 < answer.interval < 3600
    if isinstance(answer, Later):
        assert answer.retry_after is None or 0 <= answer.retry_after <= 3600


@BUSY
@given(bodies, statuses, shapes)
def test_every_answer_to_a_revocation_is_an_error_or_none(body, status, shape):
    refused = read_error(Response(status, {}, body), shape)
    assert refused is None or refused.code


@given(st.text() | st.text(string.digits + ".:+-eE, GMTueNov"), st.floats(0, 4e9))
def test_every_pause_is_bounded(value, now):
    pause = retry_after(value, now)
    assert pause is None or 0 <= pause <= 3600


ascii_tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    ascii_tokens,
    st.none() | ascii_tokens,
    st.none() | st.integers(0, 10**6),
    st.lists(ascii_tokens.filter(lambda word: "," not in word), max_size=4),
    st.sampled_from(["json", "form"]),
)
def test_what_a_server_issues_is_what_is_read(token, refresh, lifetime, scopes, written):
    given_fields = {"access_token": token, "refresh_token": refresh, "expires_in": lifetime}
    fields = {name: value for name, value in given_fields.items() if value is not None}
    fields["scope"] = " ".join(scopes)
    if written == "json":
        body = json.dumps(fields).encode()
    else:
        from urllib.parse import urlencode

        body = urlencode(fields).encode()
    answer = read_answer(Response(200, {}, body), Answer(), now=NOW)
    assert answer.access_token.reveal() == token
    assert (answer.refresh_token.reveal() if answer.refresh_token else None) == refresh
    assert answer.lifetime == lifetime
    assert answer.scopes == (" ".join(scopes) or None)


raw = st.binary(min_size=1, max_size=20).filter(lambda value: b"\0" not in value).map(Secret.from_bytes)
times = st.none() | st.floats(allow_nan=False)
grants = st.builds(
    Grant,
    flow=st.sampled_from(["pkce", "jwt_bearer"]),
    token_url=st.text(max_size=9),
    auth_method=st.text(max_size=9),
    client_id=st.text(max_size=9),
    issuer=st.text(max_size=9),
    revocation_url=st.text(max_size=9),
    scopes=st.text(max_size=9),
    refresh_token=st.none() | raw,
    inputs=st.dictionaries(st.text("abc_.", min_size=1, max_size=5), raw, max_size=3),
    sent_at=times,
    retry_at=times,
    tried_at=times,
    failures=st.integers(0, 10**9),
)


@given(grants)
def test_a_grant_is_the_same_after_it_was_packed(grant):
    again = Grant.unpack(grant.pack())
    assert all(getattr(again, name) == getattr(grant, name) for name in Grant.__slots__)


@given(values, st.text("/~019ab", max_size=8) | pointers)
def test_a_pointer_never_fails(document, pointer):
    read_pointer(document, pointer)


@given(st.text(max_size=60), st.lists(st.text(min_size=8, max_size=20), max_size=3), st.data())
def test_no_secret_is_left_of_what_a_server_quotes(text, secrets, data):
    for secret in secrets:
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + secret + text[place:]
    left = hide(text, sorted(secrets, key=len, reverse=True))
    for secret in secrets:
        assert secret not in left or secret in "***"


ATTEMPT = Authorization(
    url="u",
    state="the-state",
    verifier=None,
    redirect_uri="http://127.0.0.1:1/callback",
    issuer="https://as.example",
    iss_required=True,
)
queries = st.dictionaries(
    st.sampled_from(["code", "state", "iss", "error", "error_description"]),
    st.lists(st.sampled_from(["the-state", "https://as.example", "", "x"]) | st.text(), max_size=2),
)


@given(queries)
def test_nothing_without_the_state_has_a_meaning(query):
    verdict = judge(ATTEMPT, query)
    assert verdict is None or isinstance(verdict, Code | Denied)
    if query.get("state") != ["the-state"]:
        assert verdict is None
    if isinstance(verdict, Code):
        assert query["iss"] == ["https://as.example"]
        assert query["code"] == [verdict.value.reveal()]
        assert not query.get("error")


@given(st.text() | st.text("http:/?code=state&#xy'[]", max_size=40))
def test_whatever_is_pasted_is_an_answer_or_another_try(text):
    assert from_pasted(ATTEMPT, text) is None or isinstance(from_pasted(ATTEMPT, text), Code | Denied)
