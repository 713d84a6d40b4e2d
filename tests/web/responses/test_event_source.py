from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from vivace.web.applications import Application
from vivace.web.background import BackgroundTask
from vivace.web.middleware import Middleware
from vivace.web.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.requests import Request
from vivace.web.responses import EventSourceResponse, Response, ServerSentEvent
from vivace.web.routing import Route
from vivace.web.testclient import TestClient
from vivace.web.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]
SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"spec_version": "2.5"}}
PATIENCE = 20


class Client:
    """The server's side of a request, whose client leaves when it is told to."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.left = anyio.Event()
        self.gone = False
        self.reads = anyio.Event()
        self.reads.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.gone:
            raise OSError("gone")
        self.messages.append(message)
        await anyio.lowlevel.checkpoint()
        await self.reads.wait()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    async def until(self, text: bytes) -> None:
        with anyio.fail_after(PATIENCE):
            while text not in self.body:
                await anyio.sleep(0.001)

    @property
    def is_complete(self) -> bool:
        return self.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


class Watched:
    """A generator that gives one event, waits for ever, and notes its end."""

    def __init__(self) -> None:
        self.closed = False

    async def events(self) -> AsyncGenerator[str, None]:
        try:
            yield "first"
            await anyio.sleep_forever()
        finally:
            self.closed = True


async def test_what_a_generator_yields_becomes_events(client_for: ClientFor) -> None:
    async def events() -> AsyncIterator[Any]:
        yield "text"
        yield {"a": 1}
        yield None
        yield ServerSentEvent("x", event="e", id="1")
        yield b": ready\n\n"
        yield memoryview(b"data: m\n\n")

    async with client_for(EventSourceResponse(events(), retry=250)) as client:
        answer = await client.get("/")
    assert answer.text == (
        'retry: 250\n\ndata: text\n\ndata: {"a":1}\n\ndata: null\n\nevent: e\ndata: x\nid: 1\n\n: ready\n\ndata: m\n\n'
    )
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")


async def test_a_plain_generator_runs_in_threads_and_is_closed(client_for: ClientFor) -> None:
    async def answer(events: Iterator[str]) -> str:
        async with client_for(EventSourceResponse(events)) as client:
            return (await client.get("/")).text

    assert await answer(iter(["a", "b"])) == "data: a\n\ndata: b\n\n"


async def test_headers_may_say_otherwise() -> None:
    headers = {"cache-control": "no-cache", "X-A": "1"}
    response = EventSourceResponse(iter(()), 201, headers, media_type="text/plain")
    assert response.headers["cache-control"] == "no-cache"
    assert (response.headers["x-accel-buffering"], response.headers["x-a"]) == ("no", "1")
    assert response.status_code == 201
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("options", [{"ping": -1}, {"send_timeout": 0}, {"retry": -1}])
async def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ping|send_timeout|retry"):
        EventSourceResponse(iter(()), **options)


async def test_the_head_leaves_before_the_first_event() -> None:
    client, watched = Client(), Watched()

    async def quiet() -> AsyncIterator[str]:
        await anyio.sleep_forever()
        yield ""

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(quiet()), SCOPE, client.receive, client.send)
        with anyio.fail_after(PATIENCE):
            while len(client.messages) < 2:
                await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
    assert client.messages[1] == {"type": "http.response.body", "body": b"", "more_body": True}
    assert not watched.closed


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_that_leaves_ends_a_generator_that_waits(method: str) -> None:
    client, watched, done = Client(), Watched(), anyio.Event()

    async def note() -> None:
        done.set()

    response = EventSourceResponse(watched.events(), background=BackgroundTask(note))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(response, {**SCOPE, "method": method}, client.receive, client.send)
        await client.until(b"first")
        assert not watched.closed
        client.gone = True
        client.left.set()
    assert watched.closed
    assert done.is_set()
    assert not client.is_complete


async def test_a_server_that_stops_still_ends_the_response() -> None:
    client, watched = Client(), Watched()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(watched.events()), SCOPE, client.receive, client.send)
        await client.until(b"first")
        client.left.set()
    assert watched.closed
    assert client.is_complete


async def test_a_client_that_left_before_the_response_gets_none() -> None:
    client = Client()
    client.left.set()

    async def slow(message: Message) -> None:
        await anyio.sleep_forever()

    await EventSourceResponse(iter(["x"]))(SCOPE, client.receive, slow)
    assert client.messages == []


async def test_a_send_that_fails_ends_the_generator() -> None:
    client, closed = Client(), False

    async def events() -> AsyncGenerator[str, None]:
        nonlocal closed
        try:
            while True:
                yield "again"
                client.gone = True
        finally:
            closed = True

    await EventSourceResponse(events())(SCOPE, client.receive, client.send)
    assert closed


async def test_heartbeats_do_not_disturb_a_slow_generator() -> None:
    client, go, done = Client(), anyio.Event(), False

    async def slow() -> AsyncIterator[str]:
        nonlocal done
        await go.wait()
        yield "late"
        done = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(slow(), ping=0.01), SCOPE, client.receive, client.send)
        await client.until(b": ping\n\n: ping\n\n: ping\n\n")
        go.set()
    assert done
    assert client.body.endswith(b"data: late\n\n")
    assert client.is_complete


async def test_a_busy_stream_needs_no_heartbeats() -> None:
    client = Client()

    async def events() -> AsyncIterator[int]:
        for number in range(20):
            await anyio.sleep(0.005)
            yield number

    await EventSourceResponse(events(), ping=60)(SCOPE, client.receive, client.send)
    await EventSourceResponse(events(), ping=0)(SCOPE, client.receive, client.send)
    assert b"ping" not in client.body


async def test_heartbeats_do_not_pile_up_for_a_slow_client() -> None:
    client = Client()

    async def events() -> AsyncIterator[str]:
        yield "first"
        client.reads = anyio.Event()
        yield "stuck"
        yield "after"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(events(), ping=0.005), SCOPE, client.receive, client.send)
        await client.until(b"stuck")
        await anyio.sleep(0.05)
        assert client.body.endswith(b"data: stuck\n\n")
        client.reads.set()
    assert client.body.endswith(b"data: stuck\n\ndata: after\n\n")


async def test_an_event_waits_for_the_heartbeat_before_it() -> None:
    client, go = Client(), anyio.Event()

    async def events() -> AsyncIterator[str]:
        client.reads = anyio.Event()
        await go.wait()
        yield "after"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(events(), ping=0.005), SCOPE, client.receive, client.send)
        await client.until(b"ping")
        go.set()
        await anyio.sleep(0.05)
        assert client.body == b": ping\n\n"
        client.reads.set()
    assert client.body.endswith(b"data: after\n\n")


async def test_a_client_that_takes_nothing_is_dropped_after_a_while() -> None:
    client, watched = Client(), Watched()
    client.reads = anyio.Event()
    with pytest.raises(TimeoutError, match=r"send_timeout"):
        await EventSourceResponse(watched.events(), send_timeout=0.01)(SCOPE, client.receive, client.send)
    client, watched = Client(), Watched()
    await EventSourceResponse(iter(["a"]), send_timeout=PATIENCE)(SCOPE, client.receive, client.send)
    assert client.is_complete


async def test_an_error_of_the_generator_breaks_the_response() -> None:
    client = Client()

    async def events() -> AsyncIterator[str]:
        yield "first"
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        await EventSourceResponse(events())(SCOPE, client.receive, client.send)
    assert not client.is_complete


async def test_a_generator_that_never_waits_lets_others_work() -> None:
    client, counted = Client(), 0

    async def quick(message: Message) -> None:
        client.messages.append(message)

    async def events() -> AsyncIterator[str]:
        while not client.left.is_set():
            yield "x"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(events()), SCOPE, client.receive, quick)
        for _ in range(3):
            await anyio.sleep(0.001)
            counted += 1
        client.left.set()
    assert counted == 3


async def test_head_is_answered_at_once() -> None:
    client, watched = Client(), Watched()
    await EventSourceResponse(watched.events())({**SCOPE, "method": "HEAD"}, client.receive, client.send)
    assert (client.body, client.is_complete) == (b"", True)


async def test_it_may_refuse_a_websocket() -> None:
    client = Client()
    scope = {"type": "websocket", "headers": [], "asgi": {}}
    await EventSourceResponse(iter(["no"]), 403)(scope, client.receive, client.send)
    assert {message["type"] for message in client.messages} == {
        "websocket.http.response.start",
        "websocket.http.response.body",
    }
    assert client.body == b"data: no\n\n"


async def through(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


@pytest.mark.parametrize(
    "middleware",
    [
        Middleware(BaseHTTPMiddleware, dispatch=through),
        Middleware(GZipMiddleware, minimum_size=0),
        Middleware(GZipMiddleware, minimum_size=0, exclude_content_types=()),
    ],
    ids=["function", "gzip", "forced-gzip"],
)
async def test_events_come_at_once_through_middleware(middleware: Middleware) -> None:
    client, watched = Client(), Watched()

    async def endpoint(request: Request) -> Response:
        return EventSourceResponse(watched.events())

    app = Application(routes=[Route("/", endpoint)], middleware=[middleware])
    scope = {**SCOPE, "headers": [(b"accept-encoding", b"gzip")]}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, scope, client.receive, client.send)
        with anyio.fail_after(PATIENCE):
            # The head, what opens the stream, and the event.
            while len([message for message in client.messages if message["type"] == "http.response.body"]) < 2:
                await anyio.sleep(0.001)
        assert not watched.closed
        client.left.set()
    assert watched.closed


def test_the_last_event_id_is_what_the_browser_has_seen() -> None:
    async def endpoint(request: Request) -> Response:
        return Response(repr(request.last_event_id))

    client = TestClient(Application(routes=[Route("/", endpoint)]))
    assert client.get("/").text == "None"
    assert client.get("/", headers={"Last-Event-ID": ""}).text == "None"
    assert client.get("/", headers={"Last-Event-ID": "7"}).text == "'7'"
    # HTML 9.2.3: it is UTF-8.
    assert client.get("/", headers=[(b"last-event-id", "ü".encode())]).text == "'ü'"
    assert client.get("/", headers=[(b"last-event-id", b"\xff")]).text == "'\ufffd'"
