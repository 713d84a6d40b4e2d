"""A room to chat in, and what happens in it, live: WebSockets, server-sent events and one Broadcast.

    vivace run examples/live/app.py

Messages go through a WebSocket. How many people are there, and how many messages were sent, comes as server-sent
events, which browsers ask for again by themselves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from vivace.web import (
    Application,
    EventSourceResponse,
    FileResponse,
    Middleware,
    Mount,
    Request,
    Response,
    Route,
    StaticFiles,
    WebSocket,
    WebSocketException,
    WebSocketRoute,
)
from vivace.web.broadcast import Broadcast
from vivace.web.middleware.security_headers import CSP, SecurityHeadersMiddleware

HERE = Path(__file__).parent
MAX_LENGTH = 500


class Message(msgspec.Struct):
    """What somebody says."""

    name: str
    text: str


class Numbers(msgspec.Struct):
    """How the room does."""

    people: int
    messages: int


# Who comes in sees the last twenty messages. Of the numbers only the newest matter, however slow a client is.
room = Broadcast(history=20)
numbers = Broadcast(history=1, overflow="conflate")
count = Numbers(people=0, messages=0)


async def page(request: Request) -> Response:
    """The page."""
    return FileResponse(HERE / "static" / "live.html")


async def chat(websocket: WebSocket) -> None:
    """Says to all what each says."""
    await websocket.accept()
    count.people += 1
    try:
        await numbers.publish("numbers", count)
        async with room.subscribe("room", history=20).forward_to(websocket):
            async for said in websocket.iter_json():
                await room.publish("room", checked(said))
                count.messages += 1
                await numbers.publish("numbers", count)
    finally:
        count.people -= 1
        numbers.publish_nowait("numbers", count)


def checked(said: object) -> Message:
    """A message that is worth telling; otherwise the WebSocket is closed."""
    try:
        message = msgspec.convert(said, Message)
    except msgspec.ValidationError as error:
        raise WebSocketException(1008, str(error)) from None
    if not message.text.strip() or len(message.text) > MAX_LENGTH or len(message.name) > 40:
        raise WebSocketException(1008, f"A message has 1 to {MAX_LENGTH} characters, a name at most 40.")
    return message


async def live(request: Request) -> Response:
    """The numbers, whenever they change; who comes back gets those that were missed."""
    return EventSourceResponse(
        numbers.subscribe("numbers", history=1, last_event_id=request.last_event_id),
        retry=1000,
    )


@asynccontextmanager
async def lifespan(app: Application) -> AsyncIterator[None]:
    """Whoever still listens at the end is told."""
    async with room, numbers:
        await numbers.publish("numbers", count)
        yield


policy = {
    "default-src": ["'none'"],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'none'"],
}
app = Application(
    routes=[
        Route("/", page),
        WebSocketRoute("/chat", chat),
        Route("/live", live),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ],
    middleware=[Middleware(SecurityHeadersMiddleware, csp=policy)],
    lifespan=lifespan,
)
