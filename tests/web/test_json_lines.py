"""Reading a body of JSON lines."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.applications import Application
from vivace.web.exceptions import HTTPException
from vivace.web.requests import ClientDisconnect, MalformedJSONLine, Request
from vivace.web.responses import JSONResponse, Response
from vivace.web.routing import Route
from vivace.web.testclient import TestClient
from vivace.web.types import Message

pytestmark = pytest.mark.anyio


class Row(msgspec.Struct):
    id: int


def request(*chunks: bytes, leaves: bool = False) -> Request:
    """A request whose body comes in these chunks."""
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"} if leaves else {"type": "http.request"})

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def values(request: Request, *arguments: Any, **options: Any) -> list[Any]:
    return [value async for value in request.json_lines(*arguments, **options)]


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ((), []),
        ((b"1",), [1]),
        ((b"1\n",), [1]),
        ((b"1\n2\n", b"3"), [1, 2, 3]),
        ((b'{"a"', b": ", b"1}\n[", b"2]\n"), [{"a": 1}, [2]]),
        ((b"1\r\n\r\n  \n2\r\n",), [1, 2]),
        ((b"", b"\n", b"\n\n"), []),
        ((b'"\xc3', b'\xbc"\n'), ["ü"]),
    ],
)
async def test_each_line_is_a_value(chunks: Sequence[bytes], found: list[Any]) -> None:
    assert await values(request(*chunks)) == found


async def test_a_line_is_given_as_soon_as_it_is_there() -> None:
    lines = request(b"1\n2", b"\n", leaves=True).json_lines()
    assert [await anext(lines), await anext(lines)] == [1, 2]
    with pytest.raises(ClientDisconnect):
        await anext(lines)


async def test_a_body_that_is_known_can_be_read_again() -> None:
    known = request(b"1\n2\n")
    await known.body()
    assert await values(known) == [1, 2]
    assert await values(known) == [1, 2]
    gone = request(b"1\n")
    assert await values(gone) == [1]
    with pytest.raises(RuntimeError, match="Stream consumed"):
        gone.json_lines()


async def test_lines_have_the_type_that_is_asked_for() -> None:
    assert await values(request(b'{"id":1}\n{"id":2}'), Row) == [Row(1), Row(2)]
    with pytest.raises(HTTPException) as caught:
        await values(request(b'{"id":1}\n\n{"id":"x"}'), Row)
    assert caught.value.status_code == 422
    assert caught.value.detail == "Line 3: Expected `int`, got `str` - at `$.id`"


@pytest.mark.parametrize("type", [Any, Row])
async def test_a_malformed_line_is_named(type: Any) -> None:
    with pytest.raises(MalformedJSONLine) as caught:
        await values(request(b'{"id":1}\n\n{"id"', b": nope}\n"), type)
    error = caught.value
    assert (error.status_code, error.line) == (400, 3)
    assert error.detail == "Malformed JSON in line 3: Expecting value (column 8)"
    assert isinstance(error, json.JSONDecodeError)
    again = pickle.loads(pickle.dumps(error))
    assert (again.detail, again.line) == (error.detail, 3)


@pytest.mark.parametrize(
    "chunks", [(b"1\n" + b"9" * 11,), (b"1\n9999", b"9999", b"9999"), (b"1\n" + b"9" * 11 + b"\n",)]
)
async def test_a_line_that_is_too_long_is_refused_before_it_is_all_there(chunks: Sequence[bytes]) -> None:
    with pytest.raises(HTTPException, match="413: Line 2 is longer than 10 bytes"):
        await values(request(*chunks, leaves=True), max_line_length=10)
    assert await values(request(b"9" * 10 + b"\n"), max_line_length=10) == [9999999999]


async def test_the_limit_must_make_sense() -> None:
    with pytest.raises(ValueError, match="max_line_length"):
        request().json_lines(max_line_length=0)


def test_an_application_answers_what_is_wrong() -> None:
    async def total(request: Request) -> Response:
        return JSONResponse(sum([row.id async for row in request.json_lines(Row)]))

    client = TestClient(Application(routes=[Route("/", total, methods=["POST"])]))
    assert client.post("/", content=b'{"id":1}\n{"id":2}\n').json() == 3
    wrong = client.post("/", content=b'{"id":1}\n{"id":\n')
    assert (wrong.status_code, wrong.text) == (400, "Malformed JSON in line 2: Expecting value (column 7)")
    assert client.post("/", content=b"[]").status_code == 422


@given(st.lists(st.binary(max_size=20)))
def test_any_body_is_values_or_an_error_for_the_client(chunks: list[bytes]) -> None:
    async def read() -> None:
        status = 200
        try:
            await values(request(*chunks), max_line_length=30)
        except HTTPException as error:
            status = error.status_code
        assert status in (200, 400, 413)

    anyio.run(read)


JSON = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(JSON), st.integers(1, 10))
def test_whatever_the_chunks_the_values_are_the_same(wanted: list[Any], size: int) -> None:
    body = b"".join(msgspec.json.encode(value) + b"\n" for value in wanted)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]

    async def read() -> None:
        assert await values(request(*chunks)) == wanted

    anyio.run(read)
