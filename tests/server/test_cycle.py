"""One request-response cycle as the ASGI specification has it, between an application and a live connection."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from vivace.server import ClientDisconnected
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
END: Message = {"type": "http.response.body", "body": b"end"}

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def test_the_scope_is_what_asgi_says(live: Live) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send(START)
        await send(END)

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n")
        await client.answer()
        sockname = client.writer.get_extra_info("sockname")
        port = site.server.port
    assert scopes == [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/a b",
            "raw_path": b"/a%20b",
            "query_string": b"c=d",
            "root_path": "",
            "headers": [(b"host", b"x"), (b"x-y", b"z")],
            "client": sockname,
            "server": ("127.0.0.1", port),
            "state": {},
            "extensions": {
                "http.response.early_hint": {},
                "http.response.pathsend": {},
                "http.response.trailers": {},
            },
        }
    ]


async def test_a_root_path_is_part_of_the_path(live: Live) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send(START)
        await send(END)

    async with live(app, lifespan="off", root_path="/site") as site:
        await site.ask(b"GET /a%20b HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (scopes[0]["root_path"], scopes[0]["path"], scopes[0]["raw_path"]) == ("/site", "/site/a b", b"/site/a%20b")


async def test_what_one_request_puts_in_its_scope_another_does_not_see(live: Live) -> None:
    seen: list[tuple[bool, ...]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        parts = (scope, scope["state"], scope["extensions"])
        seen.append(tuple("mark" in part for part in parts))
        for part_of_scope in parts:
            part_of_scope["mark"] = True
        scope["headers"].append((b"mark", b""))
        await send(START)
        await send(END)

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET * 2)
        await client.answer()
        await client.answer()
    assert seen == [(False, False, False)] * 2


async def test_each_request_has_a_task_and_a_context_of_its_own(live: Live) -> None:
    tasks: list[asyncio.Task[Any] | None] = []
    values: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        values.append(variable.get())
        variable.set("a request's own")
        await send(START)
        await send(END)

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET * 3)
        for _ in range(3):
            await client.answer()
    assert len(set(tasks)) == 3
    assert values == ["unset"] * 3


async def test_timeouts_task_groups_and_cancel_scopes_work_in_an_application(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.move_on_after(0.01) as cancelled:
            await anyio.sleep(10)
        assert (await receive())["type"] == "http.request"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        await send(START)
        await send(part(str(cancelled.cancelled_caught).encode(), False))

    async with live(app, lifespan="off") as site:
        assert (await site.ask(GET)).body == b"True"


async def test_send_may_be_a_task_or_have_a_timeout(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.create_task(send(START))  # type: ignore[arg-type]  # as applications do
        await asyncio.wait_for(send(part(b"a")), 1)
        await asyncio.shield(send(part(b"b")))
        await asyncio.gather(send(part(b"c")), send(part(b"d")))
        async with anyio.create_task_group() as group:
            group.start_soon(send, part(b"e"))  # type: ignore[arg-type]
        waiting = asyncio.ensure_future(send(part(b"f")))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await send(part(b"g", False))

    async with live(app, lifespan="off") as site:
        assert (await site.ask(GET)).body == b"abcdefg"


async def test_receive_may_be_a_task_that_is_cancelled_without_losing_a_piece(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0.02)
        waiting.cancel()
        await send(START)
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send(part(message["body"], more))

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        await asyncio.sleep(0.05)
        await client.send(b"body")
        assert (await client.answer()).body == b"body"


# ---- the client goes away


@pytest.mark.parametrize("reset", [False, True])
async def test_receive_says_when_the_client_is_gone_and_send_raises_oserror(live: Live, reset: bool) -> None:
    heard: list[Any] = []
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(await receive())
        heard.append(await receive())
        heard.append(await receive())
        try:
            await send(START)
            await send(END)
        except OSError as error:
            heard.append(error)
        done.set()

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        await asyncio.sleep(0.05)
        client.leave(reset=reset)
        await asyncio.wait_for(done.wait(), 2)
    assert heard[:3] == [
        {"type": "http.request", "body": b"", "more_body": False},
        {"type": "http.disconnect"},
        {"type": "http.disconnect"},
    ]
    assert isinstance(heard[3], ClientDisconnected)


async def test_receive_after_the_response_says_disconnect(live: Live) -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)
        heard.append(await receive())

    async with live(app, lifespan="off") as site:
        await site.ask(GET)
        await asyncio.sleep(0.01)
    assert heard == [{"type": "http.disconnect"}]


async def test_a_waiting_receive_hears_that_the_response_is_complete(live: Live) -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send(START)
        await send(END)
        heard.append(await waiting)

    async with live(app, lifespan="off") as site:
        await site.ask(GET)
        await asyncio.sleep(0.01)
    assert heard == [{"type": "http.disconnect"}]


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_disconnect_let_through_is_no_error(
    live: Live, caplog: pytest.LogCaptureFixture, grouped: bool
) -> None:
    async def stream(receive: Receive, send: Send) -> None:
        await send(START)
        while True:
            await send(part(b"x" * 1000))
            await asyncio.sleep(0.001)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if grouped:
            async with asyncio.TaskGroup() as group:
                group.create_task(stream(receive, send))
        else:
            await stream(receive, send)

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        await client.head()
        client.leave()
        await asyncio.sleep(0.1)
        assert not site.server._service.tasks
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_what_an_application_does_after_its_response_goes_on(live: Live) -> None:
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)
        await asyncio.sleep(0.05)
        done.set()

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET * 2)
        await client.answer()
        await client.answer()
        assert not done.is_set()
        await asyncio.wait_for(done.wait(), 1)


# ---- the application misbehaves


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError("planted")


async def raises_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    raise ZeroDivisionError("planted")


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def returns_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)


async def sends_nonsense(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.nonsense"})


async def sends_body_first(scope: Scope, receive: Receive, send: Send) -> None:
    await send(END)


async def starts_twice(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(START)


async def sends_a_bad_status(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START | {"status": 42})  # type: ignore[operator]


async def sends_text(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": "text"})


async def injects_a_header(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START | {"headers": [(b"x", b"1\r\nset-cookie: a=b")]})  # type: ignore[operator]


async def sends_too_much(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START | {"headers": [(b"content-length", b"1")]})  # type: ignore[operator]
    await send(END)


async def sends_too_little(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START | {"headers": [(b"content-length", b"10")]})  # type: ignore[operator]
    await send(END)


@pytest.mark.parametrize(
    ("app", "logged"),
    [
        (raises, "ZeroDivisionError: planted"),
        (raises_after_start, "ZeroDivisionError: planted"),
        (returns, "The application returned with no response: GET /"),
        (returns_after_start, "The application returned with an incomplete response: GET /"),
        (sends_nonsense, 'send() does not know "http.nonsense" here'),
        (sends_body_first, '"http.response.body" before "http.response.start"'),
        (starts_twice, 'a second "http.response.start"'),
        (sends_a_bad_status, "from 200 to 999, got 42"),
        (sends_text, "a response body must be bytes, got 'text'"),
        (injects_a_header, "holds a control character"),
        (sends_too_much, "longer than its content-length of 1"),
        (sends_too_little, "ended after 3 bytes; its content-length is 10"),
    ],
)
async def test_a_failure_before_the_first_byte_is_500_and_logged(
    live: Live, caplog: pytest.LogCaptureFixture, app: ASGIApp, logged: str
) -> None:
    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        answer = await client.answer()
        assert (answer.status, answer.body) == (500, b"Internal Server Error")
        assert "set-cookie" not in answer.headers
        assert await client.closed()
    assert logged in caplog.text


async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(part(b"begun"))
    await asyncio.sleep(0.05)
    raise ZeroDivisionError("planted")


async def stops_short(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(part(b"begun"))
    await asyncio.sleep(0.05)


async def runs_over(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START | {"headers": [(b"content-length", b"6")]})  # type: ignore[operator]
    await send(part(b"begun"))
    await asyncio.sleep(0.05)
    await send(part(b"too much"))


@pytest.mark.parametrize("app", [breaks_off, stops_short, runs_over])
async def test_a_failure_in_the_middle_of_a_response_cannot_be_taken_for_its_end(
    live: Live, caplog: pytest.LogCaptureFixture, app: ASGIApp
) -> None:
    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        head = await client.head()
        rest = await client.rest_or_reset()
        assert b"0\r\n\r\n" not in rest
        assert len(rest) < 6 or b"chunked" in head
    assert "The application" in caplog.text


async def test_a_message_after_the_end_of_the_response_is_an_error(live: Live) -> None:
    failures: list[Exception] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)
        for message in (START, END):
            try:
                await send(message)
            except RuntimeError as error:
                failures.append(error)

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET * 2)
        assert (await client.answer()).body == b"end"
        assert (await client.answer()).body == b"end"
    assert len(failures) == 4
    assert "after the response was complete" in str(failures[1])


async def test_a_cancelled_application_ends_its_connection(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        assert (await client.answer()).status == 500
        assert await client.closed()


async def test_a_status_that_is_no_number_is_named(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": "200"})

    async with live(app, lifespan="off") as site:
        assert (await site.ask(GET)).status == 500
    assert "the status of a response must be a whole number, got '200'" in caplog.text


async def test_a_request_that_a_stop_cancels_is_answered_with_503(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    async with live(app, lifespan="off", graceful_timeout=0.05) as site:
        client = await site.connect(GET)
        upload = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + bytes(50_000))
        await asyncio.sleep(0.05)
        stopping = asyncio.ensure_future(site.server.stop())
        assert (await client.answer()).status == 503
        assert (await upload.answer()).status == 503
        await upload.close()
        await stopping
