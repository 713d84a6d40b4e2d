"""What BaseHTTPMiddleware is known for in Starlette, by the number of the issue there; on our server where it matters.

The faults that show without a server are in `test_base.py`.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest

from vivace.server import Config, Server
from vivace.web.applications import Application
from vivace.web.background import BackgroundTask
from vivace.web.middleware import Middleware
from vivace.web.middleware.base import BaseHTTPMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response, StreamingResponse
from vivace.web.routing import Route
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

PATIENCE = 10.0

CallNext = Callable[[Request], Awaitable[Response]]


async def passing(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


def app_with(endpoint: Any, *, layers: int = 2, methods: list[str] | None = None) -> Application:
    stack = [Middleware(BaseHTTPMiddleware, dispatch=passing) for _ in range(layers)]
    return Application(routes=[Route("/", endpoint, methods=methods)], middleware=stack)


def on_server(app: ASGIApp, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    """Runs `talk` on a connection to the application on our server."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE):
            async with Server(app, Config.from_options({"port": 0, "access_log": False})) as server:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                try:
                    await talk(reader, writer)
                finally:
                    writer.close()

    asyncio.run(run())


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def response_of(reader: asyncio.StreamReader) -> bytes:
    """The body of a response that has a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))


def test_a_background_task_outlives_the_connection() -> None:
    """#1438: it was cancelled when the client closed the connection after its response."""
    done = asyncio.Event()

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("body", background=BackgroundTask(work, request))

    async def work(request: Request) -> None:
        assert await request.is_disconnected() or (await request.receive())["type"] == "http.disconnect"
        await asyncio.sleep(0.01)
        done.set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST)
        assert await response_of(reader) == b"body"
        writer.transport.abort()
        await done.wait()

    on_server(app_with(endpoint), talk)


def test_a_background_task_keeps_no_other_request_waiting() -> None:
    """#919, #2093: the next request of the same connection waited for it."""
    release = asyncio.Event()
    bodies = iter(["first", "second"])

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(next(bodies), background=BackgroundTask(release.wait))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in (b"first", b"second"):
            writer.write(REQUEST)
            assert await response_of(reader) == body
        release.set()

    on_server(app_with(endpoint), talk)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stream_ends_when_the_client_leaves(method: str) -> None:
    """#1438's other half: the endless stream below went on for nobody, since it did not see the client leave."""
    ended = asyncio.Event()

    async def ticks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(ticks())

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(method.encode() + b" / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        await reader.readuntil(b"tick")
        writer.transport.abort()
        await ended.wait()

    on_server(app_with(endpoint, methods=["GET", "POST"]), talk)


@pytest.mark.anyio
async def test_a_client_that_leaves_before_the_response_is_no_error_of_ours() -> None:
    """#2516: several of them, one in the other, raised "No response returned" then."""
    events: list[str] = []

    async def endpoint(request: Request) -> Response:
        await request.body()
        await anyio.sleep(0)
        events.append("answered")
        return PlainTextResponse("body")

    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        events.append(message["type"])

    with anyio.fail_after(PATIENCE):
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        await app_with(endpoint, layers=5)(scope, receive, send)
    assert events[0] == "answered"


variable: contextvars.ContextVar[list[str]] = contextvars.ContextVar("variable")


class Noting:
    """A pure ASGI layer that adds to a context variable on the way in and notes what it is on the way out."""

    def __init__(self, app: ASGIApp, name: str, seen: dict[str, list[str]]) -> None:
        self.app, self.name, self.seen = app, name, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            variable.set([*variable.get([]), self.name])
        await self.app(scope, receive, send)
        if scope["type"] == "http":
            self.seen[self.name] = variable.get()


@pytest.mark.anyio
async def test_context_variables_pass_between_layers_of_both_kinds() -> None:
    """#1678, #1525, #2943: what was set below one of them was lost above it, for the pure ones around it too."""
    seen: dict[str, list[str]] = {}

    async def endpoint(request: Request) -> Response:
        variable.set([*variable.get(), "endpoint"])
        return PlainTextResponse("body")

    layers = []
    for name in ("outer", "middle", "inner"):
        layers += [Middleware(Noting, name, seen), Middleware(BaseHTTPMiddleware, dispatch=passing)]
    app = Application(routes=[Route("/", endpoint)], middleware=layers)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pass

    await app({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}, receive, send)
    whole = ["outer", "middle", "inner", "endpoint"]
    assert seen == {"outer": whole, "middle": whole, "inner": whole}


def test_two_of_them_read_the_body_and_the_endpoint_too() -> None:
    """#1640: the documentation of 2022 said that two cannot be used together; reading the body hung."""

    async def reading(request: Request, call_next: CallNext) -> Response:
        assert await request.body() == b"abc"
        return await call_next(request)

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        await writer.drain()
        writer.write(b"abc")
        assert await response_of(reader) == b"abc"

    layers = [Middleware(BaseHTTPMiddleware, dispatch=reading) for _ in range(2)]
    on_server(Application(routes=[Route("/", endpoint, methods=["POST"])], middleware=layers), talk)


def test_a_response_that_fails_halfway_is_seen_to_be_broken() -> None:
    """An exception after the response had started looked like the end of it, or became another exception."""

    async def breaking() -> AsyncIterator[bytes]:
        yield b"one"
        raise ValueError("halfway")

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(breaking())

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readuntil(b"0\r\n\r\n")  # the end of a chunked body

    on_server(app_with(endpoint), talk)
