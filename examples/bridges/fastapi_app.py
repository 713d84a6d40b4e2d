"""FastAPI, on Starlette or, with `--toolkit vivace`, on vivace.web."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypedDict

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.responses import JSONResponse
from pydantic import BaseModel


class State(TypedDict):
    """What the lifespan leaves for the requests."""

    started: bool


class Book(BaseModel):
    title: str
    pages: int = 0


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    print("fastapi: started", flush=True)
    yield {"started": True}
    print("fastapi: stopped", flush=True)


app = FastAPI(lifespan=lifespan)


@app.get("/greet/{name}")
async def greet(name: str) -> dict[str, str]:
    return {"greeting": f"Hello, {name}!"}


@app.get("/where")
async def where(request: Request) -> dict[str, str]:
    return {"url": str(request.url_for("greet", name="Ada"))}


@app.get("/started")
async def started(request: Request) -> dict[str, bool]:
    return {"started": request.state.started}


@app.post("/length")
async def length(request: Request) -> dict[str, int]:
    return {"length": len(await request.body())}


@app.post("/books", status_code=201)
def add(book: Book) -> Book:  # a plain function runs in a thread
    return book


@app.websocket("/ws")
async def echo(websocket: WebSocket, key: Annotated[str | None, Query()] = None) -> None:
    if key == "wrong":  # answered before the handshake: the client sees a response instead of a WebSocket
        await websocket.send_denial_response(JSONResponse({"detail": "wrong key"}, status_code=403))
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)
