"""BaseHTTPMiddleware, and above all what it is known for doing wrong elsewhere."""

from __future__ import annotations

import contextlib
import contextvars
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest

from vivace.web.applications import Application
from vivace.web.background import BackgroundTask
from vivace.web.middleware import Middleware
from vivace.web.middleware.base import BaseHTTPMiddleware, _SharedReceive
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response, StreamingResponse
from vivace.web.routing import Route
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

CallNext = Callable[[Request], Awaitable[Response]]
Dispatch = Callable[[Request, CallNext], Awaitable[Response]]


async def passing(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


def app_with(endpoint: Any, *dispatches: Dispatch, methods: list[str] | None = None) -> Application:
    layers = [Middleware(BaseHTTPMiddleware, dispatch=dispatch) for dispatch in dispatches]
    return Application(routes=[Route("/", endpoint, methods=methods)], middleware=layers)


async def test_a_response_can_be_changed_or_replaced() -> None:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("original", headers={"x-a": "1"})

    async def change(request: Request, call_next: CallNext) -> Response:
        if "replace" in request.query_params:
            await call_next(request)
            return PlainTextResponse("replaced", status_code=202)
        if "early" in request.query_params:
            return PlainTextResponse("early")
        response = await call_next(request)
        response.headers["x-b"] = "2"
        return response

    async with AsyncTestClient(app_with(endpoint, change, passing)) as client:
        response = await client.get("/")
        assert (response.text, response.headers["x-a"], response.headers["x-b"]) == ("original", "1", "2")
        assert response.headers["content-length"] == "8"
        assert (await client.get("/?replace")).text == "replaced"
        assert (await client.get("/?early")).text == "early"


request_user: contextvars.ContextVar[str] = contextvars.ContextVar("request_user")


async def test_context_variables_go_down_and_come_up() -> None:
    seen: list[str] = []

    async def endpoint(request: Request) -> Response:
        seen.append(request_user.get())
        request_user.set("set by the endpoint")
        return PlainTextResponse("")

    async def above(request: Request, call_next: CallNext) -> Response:
        token = request_user.set("set above")
        response = await call_next(request)
        seen.append(request_user.get())
        request_user.reset(token)
        seen.append(request_user.get("unset"))
        return response

    async with AsyncTestClient(app_with(endpoint, above, passing)) as client:
        await client.get("/")
    assert seen == ["set above", "set by the endpoint", "unset"]


async def test_a_variable_that_is_unset_again_below_is_unset_above() -> None:
    seen: list[str] = []

    class Below:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            token = request_user.set("during")
            await self.app(scope, receive, send)
            request_user.reset(token)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await BaseHTTPMiddleware(Below(PlainTextResponse("")), dispatch=above)(scope, receive, send)
        seen.append(request_user.get("unset"))

    async def above(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append(request_user.get("unset"))
        return response

    async with AsyncTestClient(Route("/", call_class(call))) as client:
        await client.get("/")
    assert seen == ["during", "unset"]


def call_class(function: ASGIApp) -> Any:
    class Called:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await function(scope, receive, send)

    return Called()


async def test_background_tasks_run_after_the_response_and_to_their_end() -> None:
    events: list[str] = []

    async def work() -> None:
        events.append("work begins")
        await anyio.sleep(0.01)
        events.append("work ends")

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("done", background=BackgroundTask(work))

    async def replacing(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return PlainTextResponse("other")

    async def send(message: Message) -> None:
        await anyio.sleep(0)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            events.append("response sent")

    async def receive() -> Message:
        return {"type": "http.disconnect"}  # the client is gone: the work is done all the same

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    for dispatch in (passing, replacing):
        events.clear()
        await app_with(endpoint, dispatch, passing)(dict(scope), receive, send)
        assert events == ["response sent", "work begins", "work ends"]


@pytest.mark.parametrize(
    ("method", "spec_version"), [("POST", "2.4"), ("GET", "2.4"), ("GET", "2.3")], ids=["asking", "listening", "older"]
)
async def test_a_streaming_endpoint_sees_the_client_leave(method: str, spec_version: str) -> None:
    left = anyio.Event()
    ended = anyio.Event()
    sent: list[Message] = []

    async def ticks(request: Request) -> AsyncIterator[bytes]:
        try:
            while method == "GET" or not await request.is_disconnected():
                yield b"tick"
                await anyio.sleep(0)
        finally:
            ended.set()

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(ticks(request))

    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        if not left.is_set():  # as a server does: what is there is given without waiting
            await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 5:
            left.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "method": method,
        "path": "/",
        "headers": [],
        "query_string": b"",
    }
    with anyio.fail_after(5):
        await app_with(endpoint, passing, passing, methods=["GET", "POST"])(scope, receive, send)
    assert ended.is_set()
    assert [message["body"] for message in sent[1:5]] == [b"tick"] * 4


async def test_cancelling_call_next_ends_what_it_waits_for() -> None:
    ended = anyio.Event()

    async def endpoint(request: Request) -> Response:
        try:
            await anyio.sleep(60)
        finally:
            ended.set()
        return PlainTextResponse("late")

    async def limited(request: Request, call_next: CallNext) -> Response:
        with anyio.move_on_after(0.01):
            return await call_next(request)
        return PlainTextResponse("too slow", status_code=504)

    async with AsyncTestClient(app_with(endpoint, limited, passing)) as client:
        with anyio.fail_after(5):
            response = await client.get("/")
    assert (response.status_code, ended.is_set()) == (504, True)


async def test_a_stream_that_nobody_reads_any_more_is_told_so() -> None:
    ended = anyio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
                await anyio.sleep(0)
        finally:
            ended.set()

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(endless())

    async def replacing(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return PlainTextResponse("other")

    async with AsyncTestClient(app_with(endpoint, replacing)) as client:
        with anyio.fail_after(5):
            assert (await client.get("/")).text == "other"
    assert ended.is_set()


async def test_an_exception_comes_up_as_itself() -> None:
    class Odd(Exception):
        pass

    caught: list[Exception] = []

    async def endpoint(request: Request) -> Response:
        raise Odd("below")

    async def catching(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        except Odd as odd:
            caught.append(odd)
            if "answer" in request.query_params:
                return PlainTextResponse("caught")
            raise

    async with AsyncTestClient(app_with(endpoint, catching, passing)) as client:
        assert (await client.get("/?answer")).text == "caught"
        with pytest.raises(Odd, match="below"):
            await client.get("/")
    text = "".join(traceback.format_exception(caught[-1]))
    assert "EndOfStream" not in text
    assert "ExceptionGroup" not in text


async def test_a_response_that_breaks_off_is_not_completed() -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"one"
        raise RuntimeError("broken off")

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(breaking())

    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        return {}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    with pytest.raises(RuntimeError, match="broken off"):
        await app_with(endpoint, passing)(scope, receive, send)
    assert messages[-1] == {"type": "http.response.body", "body": b"one", "more_body": True}


async def test_an_application_that_ends_without_a_response_is_reported() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body", "body": b""})

    for app, message in [
        (silent, "No response returned"),
        (half, "before its response was complete"),
        (wrong, "Expected http.response.start"),
    ]:
        async with AsyncTestClient(Route("/", call_class(BaseHTTPMiddleware(app, dispatch=passing)))) as client:
            with pytest.raises(RuntimeError, match=message):
                await client.get("/")


async def test_the_body_can_be_read_above_and_below() -> None:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def reading(request: Request, call_next: CallNext) -> Response:
        how = request.query_params.get("how")
        if how == "body":
            assert await request.body() == b"abc"
        if how == "stream":
            assert b"".join([chunk async for chunk in request.stream()]) == b"abc"
        return await call_next(request)

    app = app_with(endpoint, reading, passing, methods=["POST"])
    async with AsyncTestClient(app) as client:
        assert (await client.post("/?how=body", content=b"abc")).text == "abc"
        assert (await client.post("/?how=stream", content=b"abc")).text == ""
        assert (await client.post("/", content=b"abc")).text == "abc"


async def test_call_next_may_be_tried_twice() -> None:
    attempts: list[bytes] = []

    async def endpoint(request: Request) -> Response:
        attempts.append(await request.body())
        if len(attempts) == 1:
            raise ConnectionError("first")
        return PlainTextResponse("second")

    async def retrying(request: Request, call_next: CallNext) -> Response:
        await request.body()
        try:
            return await call_next(request)
        except ConnectionError:
            return await call_next(request)

    async with AsyncTestClient(app_with(endpoint, retrying, methods=["POST"])) as client:
        assert (await client.post("/", content=b"abc")).text == "second"
    assert attempts == [b"abc", b"abc"]


async def test_messages_beside_the_body_pass() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": []})
        await send({"type": "http.response.debug", "info": {"a": 1}})
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        await send({"type": "http.response.trailers", "headers": [(b"x-t", b"1")]})

    async with AsyncTestClient(Route("/", call_class(BaseHTTPMiddleware(app, dispatch=passing)))) as client:
        response = await client.get("/")
    assert response.text == "one"
    assert response.extensions["http.response.trailers"] == [(b"x-t", b"1")]
    assert response.extensions["http.response.debug"] == {"a": 1}


async def test_a_file_that_the_server_sends_passes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/tmp/x"})

    messages: list[str] = []

    async def send(message: Message) -> None:
        messages.append(message["type"])

    await BaseHTTPMiddleware(app, dispatch=passing)({"type": "http", "headers": []}, None, send)  # type: ignore[arg-type]
    assert messages == ["http.response.start", "http.response.pathsend"]


async def test_another_iterator_may_take_the_place_of_the_body() -> None:
    async def upper(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk.decode().upper()

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(iter(["a", "b"]))

    async def shouting(request: Request, call_next: CallNext) -> Response:
        response: Any = await call_next(request)
        response.body_iterator = upper(response.body_iterator)
        response.background = BackgroundTask(done.append, True)
        return response  # type: ignore[no-any-return]

    done: list[bool] = []
    async with AsyncTestClient(app_with(endpoint, shouting)) as client:
        assert (await client.get("/")).text == "AB"
    assert done == [True]


async def test_websockets_and_lifespans_pass_it_by() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    for kind in ("websocket", "lifespan"):
        await BaseHTTPMiddleware(app, dispatch=passing)({"type": kind}, None, None)  # type: ignore[arg-type]
    assert seen == ["websocket", "lifespan"]


async def test_a_subclass_without_dispatch_is_told_so() -> None:
    async with AsyncTestClient(Route("/", call_class(BaseHTTPMiddleware(PlainTextResponse("a"))))) as client:
        with pytest.raises(NotImplementedError, match="needs a dispatch"):
            await client.get("/")


async def test_two_may_wait_for_the_client_to_leave() -> None:
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        await anyio.sleep(0.01)
        return {"type": "http.disconnect"}

    shared = _SharedReceive(receive)
    got: list[Message] = []

    async def wait() -> None:
        got.append(await shared())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
    assert got == [{"type": "http.disconnect"}] * 2
    assert asked == 1


async def test_a_client_that_has_left_before_is_seen_below() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages = [await receive(), await receive()]
        assert messages == [{"type": "http.disconnect"}] * 2
        await PlainTextResponse("")(scope, receive, send)

    async def asking(request: Request, call_next: CallNext) -> Response:
        assert await request.is_disconnected()
        return await call_next(request)

    async def send(message: Message) -> None:
        pass

    for dispatch in (asking, passing):
        await BaseHTTPMiddleware(app, dispatch=dispatch)({"type": "http", "headers": []}, receive, send)


async def test_a_message_after_the_body_that_is_no_disconnect_is_an_error() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()

    with pytest.raises(RuntimeError, match=r"Unexpected message received: http\.request"):
        await BaseHTTPMiddleware(app, dispatch=passing)({"type": "http", "headers": []}, receive, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("in_a_group", [False, True])
async def test_an_application_that_goes_on_sending_to_nobody_is_stopped_and_others_finish(in_a_group: bool) -> None:
    finished: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        finished.append("three more")
        async with anyio.create_task_group() if in_a_group else contextlib.nullcontext():
            while True:
                await send({"type": "http.response.body", "body": b"a", "more_body": True})

    async def replacing(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return PlainTextResponse("other")

    async with AsyncTestClient(Route("/", call_class(BaseHTTPMiddleware(app, dispatch=replacing)))) as client:
        with anyio.fail_after(5):
            assert (await client.get("/")).text == "other"
    assert finished == ["three more"]
