"""Everybody hears what one says, as users of Starlette write it: a queue for each client, or a loop of sends.

WebSockets at /room, server-sent events at /events and POST /publish; `loop_app` has the loop of sends at /room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

queues: set[asyncio.Queue[str]] = set()
websockets: set[WebSocket] = set()


async def room(websocket: WebSocket) -> None:
    """Tells all what each says; a task sends what is in the client's queue."""
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue(256)
    queues.add(queue)

    async def forward() -> None:
        while True:
            await websocket.send_text(await queue.get())

    task = asyncio.create_task(forward())
    try:
        async for text in websocket.iter_text():
            tell(text)
    finally:
        queues.discard(queue)
        task.cancel()


def tell(text: str) -> None:
    """Puts it into all queues."""
    for queue in queues:
        queue.put_nowait(text)


async def loop(websocket: WebSocket) -> None:
    """Tells all what each says, one after the other: the connection manager of FastAPI's tutorial."""
    await websocket.accept()
    websockets.add(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            for other in list(websockets):
                await other.send_text(text)
    except WebSocketDisconnect:
        websockets.discard(websocket)


async def events(request: Request) -> Response:
    """What is published."""
    return StreamingResponse(listen(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def listen() -> AsyncIterator[str]:
    """A client's events, from its queue."""
    queue: asyncio.Queue[str] = asyncio.Queue(256)
    queues.add(queue)
    try:
        yield ": open\n\n"
        while True:
            yield f"data: {await queue.get()}\n\n"
    finally:
        queues.discard(queue)


async def publish(request: Request) -> Response:
    """Tells all what the body says."""
    tell((await request.body()).decode())
    return Response(status_code=204)


http_routes = [Route("/events", events), Route("/publish", publish, methods=["POST"])]
app = Starlette(routes=[WebSocketRoute("/room", room), *http_routes])
loop_app = Starlette(routes=[WebSocketRoute("/room", loop), *http_routes])
