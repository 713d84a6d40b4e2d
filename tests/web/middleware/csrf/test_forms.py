from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, strategies

from vivace.web.middleware.csrf.forms import find_field, is_form, peek_field
from vivace.web.types import Message

pytestmark = pytest.mark.anyio

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
TOKEN = b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nsecret\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="token"; filename="a"\r\n\r\nnone\r\n'


@pytest.mark.parametrize(
    ("data", "content_type", "is_complete", "found"),
    [
        (b"token=secret", URLENCODED, True, "secret"),
        (b"token=secret", URLENCODED, False, None),
        (b"token=secret&", URLENCODED, False, "secret"),
        (b"a=b&%74oken=s%65cret+x&token=2", URLENCODED + "; charset=utf-8", True, "secret x"),
        (b"a=b", URLENCODED, True, None),
        (b"", URLENCODED, True, None),
        (b"token", URLENCODED, True, ""),
        (TOKEN + b"--b--", MULTIPART, True, "secret"),
        (TOKEN + b"--b\r\nContent", MULTIPART, False, "secret"),
        (TOKEN, MULTIPART, False, None),
        (b"preamble\r\n" + FILE + TOKEN + b"--b--", MULTIPART, True, "secret"),
        (FILE + b"--b--", MULTIPART, True, None),
        (b"--b\r\nContent-Type: a\r\n\r\nx\r\n--b--", MULTIPART, True, None),
        (b"--b\r\nnothing\r\n--b--", MULTIPART, True, None),
        (TOKEN, "multipart/form-data", True, None),
        (b"token=secret", "application/json", True, None),
        (b"\xff=\xff&token=\xe4", URLENCODED, True, "ä"),
    ],
)
def test_a_field_is_found_when_it_is_there_wholly(
    data: bytes, content_type: str, is_complete: bool, found: str | None
) -> None:
    assert find_field(data, content_type, "token", is_complete=is_complete) == found


def test_only_forms_have_fields() -> None:
    assert is_form(URLENCODED)
    assert is_form("Multipart/Form-Data; boundary=x")
    assert not is_form("application/json")
    assert not is_form("")


class Body:
    """A client that sends these parts, and counts what was taken."""

    def __init__(self, parts: list[bytes], *, leaves: bool = False) -> None:
        self.messages: Iterator[Message] = iter(
            [{"type": "http.request", "body": part, "more_body": True} for part in parts[:-1]]
            + [{"type": "http.disconnect"} if leaves else {"type": "http.request", "body": parts[-1]}]
        )
        self.taken = 0

    async def receive(self) -> Message:
        self.taken += 1
        return next(self.messages)


async def test_no_more_is_read_than_is_needed_and_all_is_given_again() -> None:
    parts = [b"token=se", b"cret&rest=", b"x" * 10, b"end"]
    body = Body(parts)
    found, receive = await peek_field(body.receive, URLENCODED, "token", 100)
    assert (found, body.taken) == ("secret", 2)
    again = [await receive() for _ in parts]
    assert [message.get("body") for message in again] == parts
    assert body.taken == 4


async def test_a_field_beyond_the_limit_is_not_looked_for() -> None:
    body = Body([b"a=" + b"x" * 60 + b"&", b"b=" + b"x" * 60 + b"&", b"token=secret"])
    found, receive = await peek_field(body.receive, URLENCODED, "token", 100)
    assert (found, body.taken) == (None, 2)
    assert sum([len((await receive())["body"]) for _ in range(3)]) == 63 + 63 + 12
    assert (await peek_field(Body([b"x" * 99 + b"&token=a"]).receive, URLENCODED, "token", 100))[0] is None


async def test_a_client_that_leaves_is_seen_by_the_application() -> None:
    body = Body([b"token=se", b""], leaves=True)
    found, receive = await peek_field(body.receive, URLENCODED, "token", 100)
    assert found is None
    assert [(await receive())["type"], (await receive())["type"]] == ["http.request", "http.disconnect"]


async def test_many_small_parts_are_not_searched_again_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0

    def count(data: bytes, *args: object, **kwargs: object) -> str | None:
        nonlocal searched
        searched += len(data)
        return None

    monkeypatch.setattr("vivace.web.middleware.csrf.forms.find_field", count)
    await peek_field(Body([b"x"] * 5000).receive, URLENCODED, "token", 4096)
    assert searched < 4 * 4096


@given(strategies.binary(max_size=300), strategies.sampled_from([URLENCODED, MULTIPART]), strategies.booleans())
def test_no_body_is_an_error(data: bytes, content_type: str, is_complete: bool) -> None:
    find_field(data, content_type, "token", is_complete=is_complete)
    find_field(TOKEN + data, content_type, "token", is_complete=is_complete)


@given(strategies.text(), strategies.dictionaries(strategies.text(), strategies.text()))
def test_what_a_client_encodes_is_found(value: str, others: dict[str, str]) -> None:
    others.pop("token", None)
    data = urlencode({**others, "token": value}, errors="replace").encode()
    assert find_field(data, URLENCODED, "token", is_complete=True) == value.encode(errors="replace").decode("latin-1")
    request = httpx.Request("POST", "http://a/", files={"file": b"x"}, data={"token": "secret"})
    assert find_field(request.read(), request.headers["content-type"], "token", is_complete=True) == "secret"
