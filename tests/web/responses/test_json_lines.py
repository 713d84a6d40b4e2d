from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from datetime import date
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from vivace.web.responses import JSONLinesResponse, NDJSONResponse
from vivace.web.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]
SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.5"}}


class Row(msgspec.Struct):
    id: int
    day: date


async def rows() -> AsyncIterator[Any]:
    yield Row(1, date(2026, 1, 31))
    yield "a\nb"
    yield None


class Client:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.left = anyio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def is_complete(self) -> bool:
        return not self.messages[-1].get("more_body", True)


@pytest.mark.parametrize(
    ("response", "media_type"), [(JSONLinesResponse, "application/jsonl"), (NDJSONResponse, "application/x-ndjson")]
)
async def test_each_value_is_a_line(client_for: ClientFor, response: type[JSONLinesResponse], media_type: str) -> None:
    async with client_for(response(rows(), 201, {"x-a": "1"})) as client:
        answer = await client.get("/")
    assert answer.text == '{"id":1,"day":"2026-01-31"}\n"a\\nb"\nnull\n'
    assert (answer.status_code, answer.headers["content-type"], answer.headers["x-a"]) == (201, media_type, "1")


async def test_a_plain_generator_runs_in_threads(client_for: ClientFor) -> None:
    threads = set()

    def numbers() -> Iterator[int]:
        for number in range(3):
            threads.add(threading.get_ident())
            yield number

    async with client_for(JSONLinesResponse(numbers())) as client:
        assert (await client.get("/")).text == "0\n1\n2\n"
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("count", [0, 1, 30_000])
async def test_values_that_are_there_leave_in_large_pieces(count: int) -> None:
    client = Client()
    await JSONLinesResponse([{"number": number} for number in range(count)])(SCOPE, client.receive, client.send)
    pieces = [message["body"] for message in client.messages[1:-1]]
    assert len(pieces) < 10
    assert b"".join(pieces).count(b"\n") == count
    assert client.is_complete


async def test_lines_leave_as_they_come() -> None:
    client, go = Client(), anyio.Event()

    async def slow() -> AsyncIterator[int]:
        yield 1
        await go.wait()
        yield 2

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(JSONLinesResponse(slow()), SCOPE, client.receive, client.send)
        await anyio.wait_all_tasks_blocked()
        assert [message["body"] for message in client.messages[1:]] == [b"1\n"]
        go.set()
    assert client.is_complete


@pytest.mark.parametrize("bad", [float("nan"), object(), LookupError("broken")])
async def test_an_error_in_the_middle_is_never_an_end(bad: Any) -> None:
    client, closed = Client(), False

    async def values() -> AsyncGenerator[Any, None]:
        nonlocal closed
        try:
            yield 1
            if isinstance(bad, Exception):
                raise bad
            yield bad
        finally:
            closed = True

    with pytest.raises((ValueError, TypeError, LookupError)):
        await JSONLinesResponse(values())(SCOPE, client.receive, client.send)
    assert closed
    assert not client.is_complete


async def test_a_client_that_leaves_ends_the_values() -> None:
    client, closed = Client(), False

    async def values() -> AsyncGenerator[int, None]:
        nonlocal closed
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            closed = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(JSONLinesResponse(values()), SCOPE, client.receive, client.send)
        await anyio.wait_all_tasks_blocked()
        client.left.set()
    assert closed


async def test_another_encoder_may_be_had(client_for: ClientFor) -> None:
    class Spaced(JSONLinesResponse):
        def render_line(self, value: Any) -> bytes:
            return repr(value).encode()

    async with client_for(Spaced(({"a": 1}, [2]))) as client:
        assert (await client.get("/")).text == "{'a': 1}\n[2]\n"
