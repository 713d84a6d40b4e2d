"""ASGI 2, as applications were before 2019: a class of the scope, whose instance is called with receive and send."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

state = {"started": False}


class Application:
    """Everything the other examples do, without a framework."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await getattr(self, self.scope["type"])(receive, send)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        for step in ("startup", "shutdown"):
            await receive()
            state["started"] = step == "startup"
            print(f"asgi2: {'started' if state['started'] else 'stopped'}", flush=True)
            await send({"type": f"lifespan.{step}.complete"})

    async def http(self, receive: Receive, send: Send) -> None:
        root_path = self.scope.get("root_path", "")
        path = self.scope["path"].removeprefix(root_path)
        if path.startswith("/greet/"):
            content: object = {"greeting": f"Hello, {path.removeprefix('/greet/')}!"}
        elif path == "/where":
            host = dict(self.scope["headers"])[b"host"].decode()
            content = {"url": f"{self.scope['scheme']}://{host}{quote(root_path)}/greet/Ada"}
        elif path == "/length":
            content = {"length": await self.read(receive)}
        else:
            content = state
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(content).encode()})

    async def read(self, receive: Receive) -> int:
        """How long the body is."""
        length, more = 0, True
        while more:
            message = await receive()
            length += len(message.get("body", b""))
            more = message.get("more_body", False)
        return length

    async def websocket(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            else:
                await send({"type": "websocket.send", "text": message["text"]})


app = Application
