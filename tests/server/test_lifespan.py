"""Lifespan with real frameworks: those that have one, and those that refuse it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from vivace.server import LifespanError
from vivace.server.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("lifespan", ["auto", "on"])
async def test_the_state_of_starlette_is_copied_for_each_request_and_its_values_shared(
    live: Live, lifespan: str
) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def around(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        events.append("start")
        yield {"count": 0, "shared": []}
        events.append("end")

    async def count(request: Request) -> JSONResponse:
        request.state.count += 1
        request.state.shared.append("x")
        return JSONResponse([request.state.count, len(request.state.shared)])

    async with live(Starlette(routes=[Route("/", count)], lifespan=around), lifespan=lifespan) as site:
        assert [(await site.ask(GET)).body for _ in range(2)] == [b"[1,1]", b"[1,2]"]
        assert events == ["start"]
    assert events == ["start", "end"]


@pytest.mark.parametrize("lifespan", ["auto", "on"])
async def test_a_start_of_starlette_that_fails_stops_the_server_and_says_why(live: Live, lifespan: str) -> None:
    async def connect() -> None:
        raise ConnectionRefusedError("no database")

    @asynccontextmanager
    async def around(app: Starlette) -> AsyncIterator[None]:
        await connect()
        yield

    with pytest.raises(LifespanError, match=r"(?s)failed to start\.\nTraceback.*no database$"):
        async with live(Starlette(lifespan=around), lifespan=lifespan):
            pass


async def test_a_refusal_in_djangos_words_is_for_debugging_only(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")

    caplog.set_level(logging.DEBUG, "vivace.server")
    async with live(app):
        pass
    said = [record.levelname for record in caplog.records if "lifespan" in record.getMessage()]
    assert said == ["DEBUG"]
