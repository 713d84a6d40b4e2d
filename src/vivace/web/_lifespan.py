"""The server's side of the ASGI lifespan protocol, for applications inside applications and for the test clients."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import anyio

from vivace.web.types import ASGIApp, Message, Scope


class LifespanError(RuntimeError):
    """An application said that its start-up or shutdown failed; the message is its own."""


class LifespanUnsupported(Exception):
    """The application raised, or ended, before it said anything: it takes no part in the lifespan protocol."""


class LifespanSession:
    """Runs one application through its lifespan: `run` in a task, `startup` and `shutdown` from another.

    When the application fails, whichever of the two is waiting raises the application's own exception.
    """

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._app = app
        self._scope = scope
        self._to_app, self._app_receives = anyio.create_memory_object_stream[Message](math.inf)
        self._app_sends, self._from_app = anyio.create_memory_object_stream[Message](math.inf)
        self._exception: BaseException | None = None
        self._said_anything = False

    async def run(self) -> None:
        """The application's side; ends when the application does, and keeps its exception for the waiting side."""
        with self._app_sends, self._app_receives:
            try:
                await self._app(self._scope, self._app_receives.receive, self._send)
            except Exception as exception:  # noqa: BLE001 (raised by startup or shutdown)
                self._exception = exception

    async def _send(self, message: Message) -> None:
        if not message["type"].startswith("lifespan."):
            raise RuntimeError(f"Expected a lifespan message, got {message['type']!r}")
        self._said_anything = True
        await self._app_sends.send(message)

    async def startup(self) -> None:
        """Waits until the application is up; LifespanUnsupported when it does not know the protocol."""
        await self._step("startup")

    async def shutdown(self) -> None:
        """Waits until the application is down."""
        with self._to_app, self._from_app:
            await self._step("shutdown")

    def close(self) -> None:
        """Lets go of the streams of an application that never came up."""
        self._to_app.close()
        self._from_app.close()

    async def _step(self, name: str) -> None:
        with contextlib.suppress(anyio.BrokenResourceError):  # it has ended already; what it left says how
            await self._to_app.send({"type": f"lifespan.{name}"})
        message: dict[str, Any] | Message
        try:
            message = await self._from_app.receive()
        except anyio.EndOfStream:
            if not self._said_anything:
                raise LifespanUnsupported from self._exception
            message = {"type": f"lifespan.{name}.failed", "message": "The application ended before it was told to."}
        if message["type"] == f"lifespan.{name}.complete":
            return
        await self._wait_for_end()
        if self._exception is not None:
            raise self._exception
        raise LifespanError(message.get("message") or f"The application's {name} failed.")

    async def _wait_for_end(self) -> None:
        try:
            while True:
                await self._from_app.receive()
        except anyio.EndOfStream:
            return
