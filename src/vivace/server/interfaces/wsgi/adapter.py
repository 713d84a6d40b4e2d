"""A WSGI application as an ASGI one, and the order of events in one of its requests."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import io
from collections.abc import Callable, Iterable
from typing import Any

from vivace.server.interfaces.wsgi.environ import build_environ
from vivace.server.interfaces.wsgi.handover import Handover
from vivace.server.interfaces.wsgi.request_body import BUFFER, RequestBody
from vivace.server.interfaces.wsgi.response import Response
from vivace.server.interfaces.wsgi.threads import Threads
from vivace.server.types import Receive, Scope, Send

WsgiApp = Callable[[dict[str, Any], Callable[..., Callable[[bytes], None]]], Iterable[bytes]]

# Methods whose requests have bodies, which may come while the thread starts; those of others when they are read.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class WsgiAdapter:
    """`app` (PEP 3333) as ASGI 3. At most `threads` of its requests run at a time; others wait for their turn.

    It has no lifespan to speak of, and refuses WebSockets with 403.
    """

    def __init__(self, app: WsgiApp, threads: int) -> None:
        self.app = app
        self.threads = Threads(threads, "vivace wsgi")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "http":
            await Exchange(self, scope, receive).run(send)
        elif scope["type"] == "lifespan":
            for event in ("lifespan.startup", "lifespan.shutdown"):
                await receive()
                await send({"type": f"{event}.complete"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            raise RuntimeError(f'A WSGI application knows HTTP, and no scope of type "{scope["type"]}"')


class Exchange:
    """One request in a thread, and its response. `run` returns after the thread has left it, whatever happens."""

    def __init__(self, adapter: WsgiAdapter, scope: Scope, receive: Receive) -> None:
        self.app = adapter.app
        self.threads = adapter.threads
        self.scope = scope
        self.handover = Handover(asyncio.get_running_loop())
        self.body = RequestBody(self.handover, receive)
        self.response = Response(self.handover, scope)
        # One context for all that the application does here, in whichever thread.
        self.context = contextvars.copy_context()
        self.result: Iterable[bytes] = ()
        self.error: BaseException | None = None

    # ---- in the loop

    async def run(self, send: Send) -> None:
        """Have the application called, and send what it answers. Raises what it raised."""
        waits = not self._have_run(self._call)
        if (waits or self.scope["method"] in WITH_BODY) and not _expects_continue(self.scope):
            self.body.begin(watch=waits)
        try:
            await self._send_response(send)
        except BaseException:
            # The client is gone, what the application answers cannot be sent, or this task is cancelled.
            self.handover.lose()
            await self.handover.until_done()
            raise
        finally:
            if self.response.path is not None:
                # The file was sent without the thread, which a slow client would have kept from others.
                self.handover.done = False
                self._have_run(self._close)
                await self.handover.until_done()
            # Should the application have kept something that reads or writes, it is not to wait for ever.
            self.handover.lose()
            await self.body.end()
        self._raise_error()

    def _have_run(self, function: Callable[[], None]) -> bool:
        """Have `function` run in a thread. Returns False when none is free, so that it waits for one."""
        return self.threads.submit(functools.partial(self.context.run, self._in_thread, function))

    async def _send_response(self, send: Send) -> None:
        response = self.response
        started = complete = done = False
        while not done:
            await self.handover.wait()
            chunks, ended, done = response.take()
            if not complete and (chunks or ended):
                if not started:
                    started = True
                    await send(response.head())
                complete = ended
                await send({"type": "http.response.body", "body": b"".join(chunks), "more_body": not ended})
        if response.path is not None:
            await send(response.head())
            await send({"type": "http.response.pathsend", "path": response.path})

    def _raise_error(self) -> None:
        if not self.handover.begun:
            self.handover.check()
        # Its traceback holds us.
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error

    # ---- in the thread

    def _in_thread(self, function: Callable[[], None]) -> None:
        if not self.handover.begin():
            return
        try:
            function()
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop raises it
            self.error = error
        except BaseException as error:  # noqa: BLE001 - a request cannot end the program
            self.error = RuntimeError(f"the application raised {type(error).__name__}")
            self.error.__cause__ = error
        finally:
            self.handover.finish()

    def _call(self) -> None:
        environ = build_environ(self.scope, io.BufferedReader(self.body, BUFFER))
        self.result = self.app(environ, self.response.start)
        try:
            self.response.send(self.result)
        finally:
            if self.response.path is None:
                self._close()

    def _close(self) -> None:
        close = getattr(self.result, "close", None)
        if close is not None:
            close()


def _expects_continue(scope: Scope) -> bool:
    """Whether the client sends its body only when the application has asked for it."""
    return any(name == b"expect" for name, _ in scope["headers"])
