"""Starlette, as it is installed, or vivace.web under its name: `vivace run starlette_app:app --toolkit vivace`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


class State(TypedDict):
    """What the lifespan leaves for the requests."""

    started: bool


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[State]:
    print("starlette: started", flush=True)
    yield {"started": True}
    print("starlette: stopped", flush=True)


async def greet(request: Request) -> JSONResponse:
    return JSONResponse({"greeting": f"Hello, {request.path_params['name']}!"})


async def where(request: Request) -> JSONResponse:
    return JSONResponse({"url": str(request.url_for("greet", name="Ada"))})


async def started(request: Request) -> JSONResponse:
    return JSONResponse({"started": request.state.started})


async def length(request: Request) -> JSONResponse:
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
    return JSONResponse({"length": count})


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


app = Starlette(
    routes=[
        Route("/greet/{name}", greet),
        Route("/where", where),
        Route("/started", started),
        Route("/length", length, methods=["POST"]),
        WebSocketRoute("/ws", echo),
    ],
    lifespan=lifespan,
)
