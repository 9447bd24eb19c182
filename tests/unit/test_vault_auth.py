"""A fresh token in every request: the flow by itself, without a vault and without a network."""

from __future__ import annotations

import anyio
import httpx2
import pytest

from authsome_env.vault_auth import VaultAuth

URL = "https://api.example/"


class Holder:
    """Holds a token, as the vault does; `replace` gives another as long as there are any."""

    def __init__(self, *left):
        self.token = "t0"
        self.left = list(left)
        self.asked = []

    def header(self):
        return "Authorization", f"Bearer {self.token}"

    def replace(self, refused):
        self.asked.append(refused)
        if f"Bearer {self.token}" == refused:
            if not self.left:
                return False
            self.token = self.left.pop(0)
        return True


def send(holder, statuses, *, way, request=None, answers_for=None):
    """The tokens that were sent, with these statuses as answers; and the last status."""
    auth = VaultAuth(holder.header, holder.replace)
    request = request or httpx2.Request("GET", URL)
    sent = []
    left = list(statuses)

    def respond(outgoing):
        sent.append(outgoing.headers.get("Authorization"))
        return httpx2.Response(left.pop(0), request=answers_for or outgoing)

    def by_thread():
        flow = auth.sync_auth_flow(request)
        outgoing = next(flow)
        while True:
            response = respond(outgoing)
            try:
                outgoing = flow.send(response)
            except StopIteration:
                return response.status_code

    async def by_loop():
        flow = auth.async_auth_flow(request)
        outgoing = await anext(flow)
        while True:
            response = respond(outgoing)
            try:
                outgoing = await flow.asend(response)
            except StopAsyncIteration:
                return response.status_code

    status = by_thread() if way == "sync" else anyio.run(by_loop)
    assert left == []
    return sent, status


@pytest.fixture(params=["sync", "async"])
def way(request):
    return request.param


def test_a_good_token_is_sent_once(way):
    holder = Holder("t1")
    assert send(holder, [200], way=way) == (["Bearer t0"], 200)
    assert holder.asked == []


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 302])
def test_no_other_status_asks_for_another_token(way, status):
    holder = Holder("t1")
    assert send(holder, [status], way=way) == (["Bearer t0"], status)
    assert holder.asked == []


def test_a_401_is_one_refresh_and_one_more_try(way):
    holder = Holder("t1", "t2")
    assert send(holder, [401, 200], way=way) == (["Bearer t0", "Bearer t1"], 200)
    assert holder.asked == ["Bearer t0"]


def test_a_second_401_is_the_answer(way):
    holder = Holder("t1", "t2")
    assert send(holder, [401, 401], way=way) == (["Bearer t0", "Bearer t1"], 401)
    assert holder.left == ["t2"]


def test_without_another_token_the_401_is_the_answer(way):
    assert send(Holder(), [401], way=way) == (["Bearer t0"], 401)


def test_a_token_that_was_replaced_meanwhile_is_not_replaced_again(way):
    holder = Holder("t2")
    auth_header = holder.header

    def slow_header():
        name_and_value = auth_header()
        holder.token = "t1"  # another request was faster with its 401
        return name_and_value

    holder.header = slow_header
    assert send(holder, [401, 200], way=way) == (["Bearer t0", "Bearer t1"], 200)
    assert holder.left == ["t2"]


def test_the_refusal_of_another_host_is_none_of_our_token(way):
    """httpx2 leaves the header out where a redirect leads to another host."""
    holder = Holder("t1")
    elsewhere = httpx2.Request("GET", "https://elsewhere.example/")
    assert send(holder, [401], way=way, answers_for=elsewhere) == (["Bearer t0"], 401)
    assert holder.asked == []


def test_a_body_that_can_be_read_once_is_not_sent_twice(way, tmp_path):
    for content in (iter([b"a", b"b"]), (tmp_path / "f").open("w+b")):
        holder = Holder("t1")
        request = httpx2.Request("POST", URL, content=content)
        assert send(holder, [401], way=way, request=request) == (["Bearer t0"], 401)
        assert holder.token == "t1"  # for the next request
        getattr(content, "close", lambda: None)()


@pytest.mark.parametrize("body", [{"content": b"x"}, {"json": {"a": 1}}, {"data": {"a": "b"}}, {}])
def test_a_body_in_memory_is_sent_again(way, body):
    request = httpx2.Request("POST", URL, **body)
    assert send(Holder("t1"), [401, 200], way=way, request=request)[1] == 200
