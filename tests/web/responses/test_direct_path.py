"""Every kind of response is the same on the wire whether it goes out by the direct path or by messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from vivace.server import Config, Server
from vivace.web.applications import Application
from vivace.web.background import BackgroundTask
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from vivace.web.routing import Route
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

ran: list[str] = []


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # which is the server's


async def pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


def with_cookie(request: Request) -> Response:
    response = PlainTextResponse("text", headers={"X-Kind": "own"})
    response.set_cookie("name", "value")
    response.headers.append("Vary", "Accept")
    return response


class Shouting(Response):
    """A response with a `render` of its own."""

    media_type = "text/plain"

    def render(self, content: Any) -> bytes:
        return str(content).upper().encode()


class Counting(PlainTextResponse):
    """A response with a `__call__` of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)
        ran.append("counted")


def refuse(request: Request) -> Response:
    raise HTTPException(418, "no coffee", headers={"X-Pot": "tea"})


def fail(request: Request) -> Response:
    raise ZeroDivisionError("planted")


RESPONSES: dict[str, Callable[[Request], Response]] = {
    "bytes": lambda request: Response(b"bytes"),
    "text": lambda request: Response("text", media_type="text/plain"),
    "empty": lambda request: Response(),
    "memoryview": lambda request: Response(memoryview(b"view")),
    "html": lambda request: HTMLResponse("<p>é</p>"),
    "plain": lambda request: PlainTextResponse("plain", status_code=404),
    "json": lambda request: JSONResponse({"id": 1, "name": "é"}, status_code=201),
    "redirect": lambda request: RedirectResponse("/elsewhere"),
    "no-content": lambda request: Response(status_code=204),
    "not-modified": lambda request: Response(status_code=304, headers={"ETag": '"1"'}),
    "large": lambda request: Response(b"x" * 200_000),
    "own-length": lambda request: Response(b"four", headers={"Content-Length": "4", "Content-Type": "x/y"}),
    "wrong-length": lambda request: Response(b"four", headers={"Content-Length": "400"}),
    "cookie": with_cookie,
    "background": lambda request: Response(b"done", background=BackgroundTask(ran.append, "background")),
    "own-render": lambda request: Shouting("loud"),
    "own-call": lambda request: Counting("counted"),
    "streaming": lambda request: StreamingResponse(pieces(), media_type="text/plain"),
    "file": lambda request: FileResponse(Path(__file__)),
    "refused": refuse,
    "failed": fail,
}


class Wrapping:
    """A middleware that wraps `send`, and so takes the direct path from what is inside."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped(message: Message) -> None:
            self.seen.append(message["type"])
            await send(message)

        await self.app(scope, receive, wrapped)


def endpoint(make: Callable[[Request], Response]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return make(request)

    return answer


async def on_the_wire(app: ASGIApp, method: str, path: str) -> bytes:
    async with Server(app, Config(port=0, date_header=False, lifespan="off")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(10):
            received = await reader.read()
        writer.close()
        return received


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", [*RESPONSES, "missing"])
async def test_both_ways_give_the_client_the_same_bytes(name: str, method: str) -> None:
    app = Application(routes=[Route(f"/{name}", endpoint(make)) for name, make in RESPONSES.items()])
    seen: list[str] = []
    ran.clear()
    direct = await on_the_wire(app, method, f"/{name}")
    ran_directly = ran.copy()
    ran.clear()
    by_messages = await on_the_wire(Wrapping(app, seen), method, f"/{name}")
    assert direct.startswith(b"HTTP/1.1 ")
    assert direct == by_messages
    assert ran_directly == ran
    assert seen[0] == "http.response.start"
