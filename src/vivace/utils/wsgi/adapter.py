"""A WSGI application as an ASGI one, and the order of events in one of its requests."""

from __future__ import annotations

import contextvars
import functools
import io
from collections.abc import Callable, Iterable
from typing import Any

from vivace.utils.asgi import Receive, Scope, Send
from vivace.utils.event_loops import current_event_loop, shielded
from vivace.utils.threads import Threads
from vivace.utils.wsgi.environ import build_environ
from vivace.utils.wsgi.handover import Handover
from vivace.utils.wsgi.request_body import BUFFER, RequestBody
from vivace.utils.wsgi.response import Response

WsgiApp = Callable[[dict[str, Any], Callable[..., Callable[[bytes], None]]], Iterable[bytes]]

# Methods whose requests have bodies, which may come while the thread starts; those of others when they are read.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class WsgiAdapter:
    """`app` (PEP 3333) as ASGI 3. At most `threads` of its requests run at a time; others wait for their turn.

    It has no lifespan to speak of, and refuses WebSockets with 403. With `raises_exc_info`, the error for which the
    application has sent an error page (`exc_info` of PEP 3333) is raised after it.
    """

    def __init__(self, app: WsgiApp, threads: int, *, raises_exc_info: bool = False) -> None:
        if threads < 1:
            raise ValueError(f"a WSGI application needs one thread at least, got {threads}")
        self.app = app
        self.raises_exc_info = raises_exc_info
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
        self.adapter = adapter
        self.app = adapter.app
        self.threads = adapter.threads
        self.scope = scope
        self.handover = Handover(current_event_loop())
        self.body = RequestBody(self.handover, receive)
        self.response = Response(self.handover, scope)
        # One context for all that the application does here, in whichever thread.
        self.context = contextvars.copy_context()
        self.result: Iterable[bytes] = ()
        self.error: BaseException | None = None
        self.complete = False  # all of the response was sent

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
            with shielded():
                await self.handover.until_done()
            raise
        finally:
            if self.response.path is not None:
                # The file was sent without the thread, which a slow client would have kept from others.
                self.handover.done = False
                self._have_run(self._close)
                with shielded():
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
        started = done = False
        while not done:
            await self.handover.wait()
            chunks, ended, done = response.take()
            if not self.complete and (chunks or ended):
                if not started:
                    started = True
                    await send(response.head())
                await send({"type": "http.response.body", "body": b"".join(chunks), "more_body": not ended})
                self.complete = ended
        if response.path is not None:
            await send(response.head())
            await send({"type": "http.response.pathsend", "path": response.path})
            self.complete = True

    def _raise_error(self) -> None:
        # Before the application's, which may be no more than that its body ended so: a limit on bodies answers 413.
        error: BaseException | None = None if self.complete else self.body.error
        if error is None and not self.handover.begun:
            self.handover.check()
        error = error or self.error
        if error is None and self.adapter.raises_exc_info:
            error = self.response.exc_info_error
        # Their tracebacks hold us.
        self.error = self.body.error = self.response.exc_info_error = None
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
