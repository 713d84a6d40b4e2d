from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from vivace.web.background import BackgroundTask
from vivace.web.requests import ClientDisconnect, Request
from vivace.web.responses import StreamingResponse
from vivace.web.types import ASGIApp, Message, Scope

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]

OLD: dict[str, Any] = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.3"}}
NEW: dict[str, Any] = {**OLD, "asgi": {"spec_version": "2.4"}}


class Client:
    """Plays the server's part: counts the chunks and leaves after some of them."""

    def __init__(self, leaves_after: int | None = None, *, raises: bool = False) -> None:
        self.chunks: list[Any] = []
        self.leaves_after = leaves_after
        self.raises = raises
        self.left = anyio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        if self.left.is_set() and self.raises:
            raise OSError("gone")
        if message["type"] == "http.response.body":
            self.chunks.append(message["body"])
            if len(self.chunks) == self.leaves_after:
                self.left.set()


class Stream:
    """Counts without end, and remembers that its `finally` ran."""

    def __init__(self) -> None:
        self.closed = False

    async def __call__(self) -> AsyncGenerator[str, None]:
        try:
            number = 0
            while True:
                number += 1
                yield str(number)
                await anyio.lowlevel.checkpoint()
        finally:
            await anyio.lowlevel.cancel_shielded_checkpoint()
            self.closed = True


async def test_text_and_bytes_are_sent_as_they_come(client_for: ClientFor) -> None:
    async def numbers() -> AsyncGenerator[str | bytes | memoryview, None]:
        yield "ü"
        yield b"-"
        yield memoryview(b"x")

    async with client_for(StreamingResponse(numbers(), media_type="text/plain", headers={"x-a": "1"})) as client:
        answer = await client.get("/")
    assert answer.text == "ü-x"
    assert (answer.headers["content-type"], answer.headers["x-a"]) == ("text/plain; charset=utf-8", "1")
    assert "content-length" not in answer.headers


async def test_any_async_iterable_will_do(client_for: ClientFor) -> None:
    class Numbers:
        def __aiter__(self) -> Numbers:
            self.left = [b"b", b"a"]
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    async with client_for(StreamingResponse(Numbers())) as client:
        assert (await client.get("/")).text == "ab"


async def test_a_plain_iterable_runs_in_worker_threads(client_for: ClientFor) -> None:
    threads: set[int] = set()

    def slow() -> Iterator[str]:
        for character in "abc":
            threads.add(threading.get_ident())
            yield character

    async with client_for(StreamingResponse(slow())) as client:
        assert (await client.get("/")).text == "abc"
    assert threading.get_ident() not in threads


async def test_a_plain_generator_is_closed_when_it_is_left() -> None:
    closed = threading.Event()

    def endless() -> Iterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.set()

    client = Client(leaves_after=3)
    with anyio.fail_after(5):
        await StreamingResponse(endless())(OLD, client.receive, client.send)
    assert closed.is_set()


@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_a_stream_stops_and_is_closed_when_the_client_leaves(scope: Scope) -> None:
    stream, client, done = Stream(), Client(leaves_after=3), anyio.Event()

    async def finish() -> None:
        done.set()

    with anyio.fail_after(5):
        await StreamingResponse(stream(), background=BackgroundTask(finish))(scope, client.receive, client.send)
    assert stream.closed
    assert len(client.chunks) < 10
    assert done.is_set()


async def test_a_send_that_fails_is_a_disconnect_and_closes_the_stream() -> None:
    stream, client = Stream(), Client(leaves_after=3, raises=True)
    with anyio.fail_after(5), pytest.raises(ClientDisconnect):
        await StreamingResponse(stream())({**NEW, "method": "POST"}, client.receive, client.send)
    assert stream.closed
    assert client.chunks == [b"1", b"2", b"3"]


@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_a_stream_with_nothing_to_say_ends_too_when_the_client_leaves(scope: Scope) -> None:
    async def silent() -> AsyncGenerator[str, None]:
        yield "hello"
        await anyio.sleep_forever()

    client = Client(leaves_after=1)
    with anyio.fail_after(5):
        await StreamingResponse(silent())(scope, client.receive, client.send)


async def test_a_stream_that_never_waits_ends_too_on_a_server_that_never_makes_it_wait() -> None:
    client, sent = Client(), 0

    async def dropping(message: Message) -> None:
        nonlocal sent
        sent += 1
        if sent == 3:
            client.left.set()

    async def endless() -> AsyncGenerator[bytes, None]:
        while True:
            yield b"x"

    with anyio.fail_after(5):
        await StreamingResponse(endless())(dict(OLD), client.receive, dropping)
    assert sent < 20


async def test_a_stream_may_still_read_the_request() -> None:
    incoming = iter([b"a", b"b", b"c"])

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        body = next(incoming, None)
        return {"type": "http.request", "body": body or b"", "more_body": body is not None}

    scope = {**NEW, "method": "POST", "headers": [(b"transfer-encoding", b"chunked")]}
    for method in ("POST", "GET"):
        incoming, client = iter([b"a", b"b", b"c"]), Client()
        request = Request({**scope, "method": method}, receive)
        with anyio.fail_after(5):
            await StreamingResponse(request.stream())(request.scope, receive, client.send)
        assert b"".join(client.chunks) == b"abc"


@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_an_error_in_the_stream_is_raised_as_itself(scope: Scope) -> None:
    async def broken() -> AsyncGenerator[str, None]:
        yield "x"
        raise ValueError("broken")

    client = Client()
    with anyio.fail_after(5), pytest.raises(ValueError, match="broken"):
        await StreamingResponse(broken())(scope, client.receive, client.send)


async def test_a_cancelled_response_closes_its_stream() -> None:
    stream, client = Stream(), Client()

    async def cancelling(message: Message) -> None:
        await client.send(message)
        if len(client.chunks) == 2:
            scope.cancel()
            await anyio.sleep_forever()

    with anyio.fail_after(5), anyio.CancelScope() as scope:
        await StreamingResponse(stream())(dict(NEW), client.receive, cancelling)
    assert scope.cancelled_caught
    assert stream.closed


async def test_a_stream_can_refuse_a_websocket() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    done: list[int] = []
    response = StreamingResponse(iter(["no"]), status_code=403, background=BackgroundTask(done.append, 1))
    await response({"type": "websocket"}, receive, send)
    assert {message["type"] for message in sent} == {"websocket.http.response.start", "websocket.http.response.body"}
    assert done == [1]
