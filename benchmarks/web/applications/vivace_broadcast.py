"""Everybody hears what one says: WebSockets at /room, server-sent events at /events and POST /publish."""

from __future__ import annotations

from vivace.web import Application, EventSourceResponse, Request, Response, Route, WebSocket, WebSocketRoute
from vivace.web.broadcast import Broadcast

broadcast = Broadcast()


async def room(websocket: WebSocket) -> None:
    """Tells all what each says."""
    await websocket.accept()
    async with broadcast.subscribe("room").forward_to(websocket):
        async for text in websocket.iter_text():
            await broadcast.publish("room", text)


async def events(request: Request) -> Response:
    """What is published."""
    return EventSourceResponse(broadcast.subscribe("room"))


async def publish(request: Request) -> Response:
    """Tells all what the body says."""
    await broadcast.publish("room", (await request.body()).decode())
    return Response(status_code=204)


app = Application(
    routes=[
        WebSocketRoute("/room", room),
        Route("/events", events),
        Route("/publish", publish, methods=["POST"]),
    ]
)
