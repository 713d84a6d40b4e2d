"""A limit of the toolkit on the server: what is left of the body is nobody's next request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from vivace.web import concurrency
from vivace.web.applications import Application
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, Response
from vivace.web.routing import Route

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]


async def size(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


APP = Application(routes=[Route("/", size, methods=["PUT"])], max_body_size=1000)
SMALL = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


async def test_a_declared_body_over_the_limit_is_not_waited_for(live: Live) -> None:
    async with live(APP) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        assert (await client.answer()).status == 413
        # A small rest is read and thrown away, so that the connection can go on.
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001 + SMALL)
        assert (await client.answer()).status == 413
        assert (await client.answer()).body == b"3"


async def test_who_waits_to_be_told_to_continue_is_not(live: Live) -> None:
    async with live(APP) as site:
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n"
        client = await site.connect(head)
        assert (await client.head()).startswith(b"HTTP/1.1 413 ")


async def test_a_body_without_end_is_refused_when_it_passes_the_limit(live: Live) -> None:
    async with live(APP) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            await client.send(b"ff\r\n" + b"x" * 255 + b"\r\n")
            await asyncio.sleep(0.01)
        assert (await client.answer()).status == 413
        assert (await site.ask(SMALL)).body == b"3"


async def test_every_request_is_a_new_one_to_the_pool_of_threads(live: Live) -> None:
    """Neither what the lifespan had called in a thread nor an earlier request of the connection counts as its own."""
    begun: list[bool] = []

    async def handler(request: Request) -> Response:
        for _ in range(2):
            begun.append(concurrency._has_begun.get())
            await concurrency.run_in_threadpool(time.sleep, 0)
        return JSONResponse(1)

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        await concurrency.run_in_threadpool(time.sleep, 0)
        yield

    app = Application(routes=[Route("/", handler)], lifespan=lifespan)
    async with live(app, lifespan="on") as site:
        client = await site.connect(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert begun == [False, True] * 2
