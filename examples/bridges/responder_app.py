"""Responder 9, on Starlette or, with `--toolkit vivace`, on vivace.web."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import responder
from starlette.websockets import WebSocket


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    print("responder: started", flush=True)
    app_state["started"] = True
    yield
    print("responder: stopped", flush=True)


app_state = {"started": False}
api = app = responder.API(lifespan=lifespan, secret_key=os.environ.get("SECRET_KEY", os.urandom(32).hex()))


@api.route("/greet/{name}")
async def greet(req: responder.Request, resp: responder.Response, *, name: str) -> None:
    resp.media = {"greeting": f"Hello, {name}!"}


@api.route("/started")
def started(req: responder.Request, resp: responder.Response) -> None:
    resp.media = app_state


@api.route("/length", methods=["POST"])
async def length(req: responder.Request, resp: responder.Response) -> None:
    resp.media = {"length": len(await req.content)}


@api.route("/ws", websocket=True)
async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for text in ws.iter_text():
        await ws.send_text(text)
