"""A mounted WSGI application: where it thinks it is, what streams, and what a cancelled request leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from anyio import to_thread

from vivace.web.applications import Starlette
from vivace.web.middleware.wsgi import WSGIMiddleware, build_environ
from vivace.web.routing import Mount
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import ASGIApp, Message

pytestmark = pytest.mark.anyio
ClientFor = Callable[[ASGIApp], httpx.AsyncClient]
Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], None]]

PLAIN = [("Content-Type", "text/plain")]


def where(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}|{environ['QUERY_STRING']}".encode("latin-1")]


def scope_of(**changes: Any) -> dict[str, Any]:
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    return scope | changes


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "|/|"),
        ("/a%20b?c=%20d", "|/a b|c=%20d"),
        ("/old/", "/old|/|"),
        ("/old/a%2Fb/%C3%A9?x", "/old|/a/b/é|x"),
        ("/deep/5/inner/x", "/deep/5/inner|/x|"),
    ],
)
async def test_it_knows_where_it_is_mounted(client_for: ClientFor, path: str, expected: str) -> None:
    old = WSGIMiddleware(where)
    routes = [Mount("/deep/{number:int}", routes=[Mount("/inner", old)]), Mount("/old", old), Mount("/", old)]
    async with client_for(Starlette(routes=routes)) as client:
        assert (await client.get(path)).text == expected


async def test_a_body_streams_in_and_out() -> None:
    def echo(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        for line in environ["wsgi.input"]:
            yield line.upper()

    sent: list[bytes] = []
    lines = [b"one\n", b"two\n", b"three\n"]

    async def receive() -> Message:
        # The next line is not there before the last one has been answered.
        while len(sent) < 3 - len(lines):
            await anyio.sleep(0.001)
        return {"type": "http.request", "body": lines.pop(0), "more_body": bool(lines)}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            sent.append(message["body"])

    with anyio.fail_after(10):
        await WSGIMiddleware(echo)(scope_of(method="POST"), receive, send)
    assert sent == [b"ONE\n", b"TWO\n", b"THREE\n"]


async def test_a_limit_on_bodies_holds_inside_it() -> None:
    def careful(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = environ["wsgi.input"].read()
        except OSError:
            start_response("400 Bad Request", PLAIN)
            return [b"not all of it came"]
        start_response("200 OK", PLAIN)
        return [body]

    async def chunks() -> Any:
        for _ in range(3):
            yield b"123"

    app = Starlette(routes=[Mount("/", WSGIMiddleware(careful))], max_body_size=5)
    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=b"12345")).text == "12345"
        assert (await client.post("/", content=b"123456")).status_code == 413
        assert (await client.post("/", content=chunks())).status_code == 413


async def test_a_request_that_is_cancelled_ends_when_its_thread_has_noticed() -> None:
    begun, closed = threading.Event(), threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                begun.set()
                yield b"x" * 100_000

        def close(self) -> None:
            closed.set()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        return Endless()

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(WSGIMiddleware(app), scope_of(), receive, send)
            await to_thread.run_sync(begun.wait, 5)
            group.cancel_scope.cancel()
    assert closed.is_set()


async def test_a_request_is_cancelled_while_it_reads_and_while_it_waits_for_a_thread() -> None:
    paths: list[str] = []
    errors: list[OSError] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        paths.append(environ["PATH_INFO"])
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            errors.append(error)
        return []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    wsgi = WSGIMiddleware(app, workers=1)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(wsgi, scope_of(method="POST"), receive, send)
            while not paths:
                await anyio.sleep(0.001)
            group.start_soon(wsgi, scope_of(path="/waits"), receive, send)
            await anyio.sleep(0.01)
            group.cancel_scope.cancel()
    assert paths == ["/"]
    assert len(errors) == 1


async def test_no_more_requests_run_at_once_than_there_are_workers(client_for: ClientFor) -> None:
    running: list[int] = []
    most = 0
    lock = threading.Lock()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal most
        with lock:
            running.append(1)
            most = max(most, len(running))
        threading.Event().wait(0.01)
        with lock:
            running.pop()
        return where(environ, start_response)

    async with client_for(WSGIMiddleware(app, workers=2)) as client:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(client.get, "/")
    assert most == 2
    with pytest.raises(ValueError, match="one thread at least, got 0"):
        WSGIMiddleware(app, workers=0)


async def test_the_error_of_an_error_page_is_raised_after_it() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        import sys

        try:
            raise ZeroDivisionError("planted")
        except ZeroDivisionError:
            start_response("500 Internal Server Error", PLAIN, sys.exc_info())
        return [b"the page"]

    async with AsyncTestClient(WSGIMiddleware(app), raise_server_exceptions=False) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.text) == (500, "the page")
    async with AsyncTestClient(WSGIMiddleware(app)) as client:
        with pytest.raises(ZeroDivisionError, match="planted"):
            await client.get("/")


def test_an_environ_as_starlette_makes_it() -> None:
    environ = build_environ(scope_of(path="/sub/a", root_path="/sub", server=("example.org", 443)), b"body")
    assert environ["wsgi.input"].read() == b"body"
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["SERVER_PORT"]) == ("/sub", "/a", 443)
    assert "REMOTE_ADDR" not in environ
    assert build_environ(scope_of(client=("127.0.0.1", 1)), b"")["REMOTE_ADDR"] == "127.0.0.1"
