"""Middleware as one function, `dispatch(request, call_next)`: the easy way, when it need not see every ASGI message.

The application below runs in a task of its own, because `call_next` hands over a response that is not finished. What
usually suffers from that does not here: context variables set below are seen above (and the other way round),
background tasks run to their end, a client that leaves while the response streams is seen below, and cancelling
`call_next`, by a timeout for example, ends what it waits for.
"""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import anyio.abc

from vivace.web._utils import create_collapsing_task_group
from vivace.web.requests import ClientDisconnect, Request
from vivace.web.responses import Response
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

RequestResponseEndpoint = Callable[[Request], Awaitable[Response]]
DispatchFunction = Callable[[Request, RequestResponseEndpoint], Awaitable[Response]]


class BaseHTTPMiddleware:
    """Subclass with `async dispatch(self, request, call_next) -> response`, or pass the function as `dispatch`.

    `await call_next(request)` runs what is below and gives its response, whose `body_iterator` streams. Return that
    response, changed or not, or another one.
    """

    def __init__(self, app: ASGIApp, dispatch: DispatchFunction | None = None) -> None:
        self.app = app
        self.dispatch_func: DispatchFunction = self.dispatch if dispatch is None else dispatch

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """What this middleware does."""
        raise NotImplementedError(f"{type(self).__name__} needs a dispatch(request, call_next) method.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _SharedRequest(scope, _SharedReceive(receive), send)
        response_sent = anyio.Event()
        calls: list[_Call] = []
        try:
            async with create_collapsing_task_group() as tasks:

                async def call_next(request_below: Request) -> Response:
                    below = request_below if isinstance(request_below, _SharedRequest) else request
                    call = _Call(self.app, below, send, response_sent)
                    calls.append(call)
                    tasks.start_soon(call.run)
                    return await call.response()

                response = await self.dispatch_func(request, call_next)
                await response(scope, request.receive_below, send)
                response_sent.set()
                for call in calls:
                    call.let_go()
        finally:
            for call in calls:
                call.close()
        for call in calls:
            call.finish()


class _SharedReceive:
    """A `receive` that two may wait on, and that remembers that the client has left."""

    __slots__ = ("_lock", "_receive", "disconnected")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._lock = anyio.Lock()
        self.disconnected = False

    async def __call__(self) -> Message:
        # Not `async with`: that is a checkpoint, and whoever only looks whether the client has left (in a cancelled
        # scope, as `request.is_disconnected()` does) would never reach the server's `receive`.
        try:
            self._lock.acquire_nowait()
        except anyio.WouldBlock:
            await self._lock.acquire()
        try:
            if self.disconnected:
                return {"type": "http.disconnect"}
            message = await self._receive()
            self.disconnected = message["type"] == "http.disconnect"
            return message
        finally:
            self._lock.release()


class _SharedRequest(Request):
    """The request that `dispatch` gets; what it has read of the body can be read again below."""

    def __init__(self, scope: Scope, receive: _SharedReceive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._shared_receive = receive
        self.passed_body = False

    @property
    def client_has_left(self) -> bool:
        """Whether anybody, above or below, has seen the client leave."""
        return self._shared_receive.disconnected

    async def receive_below(self) -> Message:
        """The `receive` of what is below."""
        if self.passed_body:
            return await self._wait_for_disconnect()
        if hasattr(self, "_body"):
            self.passed_body = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        if self._stream_consumed:
            # Read by `stream()` and gone; an empty body, so that what is below does not wait for it.
            self.passed_body = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._is_disconnected:
            return {"type": "http.disconnect"}
        message, self._early = self._early or await self.receive(), None
        if message["type"] == "http.request":
            self.passed_body = self._stream_consumed = not message.get("more_body", False)
        else:
            self._is_disconnected = True
        return message

    async def _wait_for_disconnect(self) -> Message:
        if not self._is_disconnected:
            message = await self.receive()
            if message["type"] != "http.disconnect":
                raise RuntimeError(f"Unexpected message received: {message['type']}")
            self._is_disconnected = True
        return {"type": "http.disconnect"}


# What an application may still send of a response that was replaced, before it is told that nobody listens: enough for
# one that is about to end, and has background tasks to run.
MAX_DROPPED_MESSAGES = 32
MAX_DROPPING_SECONDS = 1.0


class _NobodyListensError(OSError):
    """Tells an application that goes on streaming a response which the middleware has replaced to stop."""


class _Call:
    """One run of the application below, and the response it gives."""

    def __init__(self, app: ASGIApp, request: _SharedRequest, send: Send, response_sent: anyio.Event) -> None:
        self._app = app
        self._request = request
        self._send_above = send
        self._response_sent = response_sent
        self._to_above, self._from_below = anyio.create_memory_object_stream[Message](0)
        self._cancel_scope = anyio.CancelScope()
        self._exception: Exception | None = None
        self._was_raised = False
        self._expects_trailers = False
        self._context: contextvars.Context | None = None
        self._adopted: dict[contextvars.ContextVar[Any], contextvars.Token[Any]] = {}
        self._debug: Message | None = None
        self._dropped = 0
        self._dropping_since = 0.0

    # Below: in the application's task.

    async def run(self) -> None:
        """Runs the application; its exception is kept for whoever waits."""
        if hasattr(self._request, "_body"):
            self._request.passed_body = False  # called a second time, it can be read again
        with self._to_above, self._cancel_scope:
            try:
                await self._app(self._request.scope, self._receive, self._send)
            except Exception as exception:  # noqa: BLE001 (raised by response, body or finish)
                if not (self._response_sent.is_set() and _says_nobody_listens(exception)):
                    self._exception = exception
            finally:
                self._context = contextvars.copy_context()

    async def _receive(self) -> Message:
        if self._response_sent.is_set():  # by another response, maybe: what came of the request does not matter now
            return {"type": "http.disconnect"}
        return await self._request.receive_below()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.early_hint", "http.response.push"):
            await self._send_above(message)
            return
        if kind == "http.response.debug":
            self._debug = message
            return
        if kind == "http.response.start":
            self._expects_trailers = message.get("trailers", False)
            self._context = contextvars.copy_context()
        is_last = self._is_last(message)
        try:
            await self._to_above.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            if not is_last:
                self._count_dropped()
            return
        if is_last:
            # What the application does after its response, background tasks for example, it does after it is sent.
            await self._response_sent.wait()

    def _count_dropped(self) -> None:
        self._dropped += 1
        since = anyio.current_time() - self._dropping_since
        if self._dropped > MAX_DROPPED_MESSAGES or since > MAX_DROPPING_SECONDS:
            raise _NobodyListensError("This response was replaced; nobody listens to it.")

    def _is_last(self, message: Message) -> bool:
        if message["type"] == "http.response.body":
            return not message.get("more_body", False) and not self._expects_trailers
        if message["type"] == "http.response.trailers":
            return not message.get("more_trailers", False)
        return message["type"] in ("http.response.pathsend", "http.response.zerocopysend")

    # Above: in the task of the middleware.

    async def response(self) -> Response:
        """The response, as soon as it has begun."""
        start: Message | None = None
        try:
            start = await self._from_below.receive()
        except anyio.EndOfStream:
            pass
        except anyio.get_cancelled_exc_class():
            self._cancel_scope.cancel()
            raise
        if start is None:
            self._raise_exception()
            raise RuntimeError("No response returned.")
        self._adopt_context()
        if start["type"] != "http.response.start":
            raise RuntimeError(f"Expected http.response.start, got {start['type']!r}.")
        return _PassedResponse(start, self, self._debug)

    async def body(self) -> AsyncIterator[str | bytes | memoryview | Message]:
        """The chunks of the body, and as they are the messages that are none (pathsend, trailers)."""
        async for message in self._from_below:
            if message["type"] != "http.response.body":
                yield message
            elif (body := message.get("body", b"")) or message.get("more_body", False):
                yield body  # an empty one has the head of the response sent
            if self._is_last(message):
                return
        # It ended before its end: the client must see a broken response, never a short one.
        self._raise_exception()
        if self._request.client_has_left:
            raise ClientDisconnect
        raise RuntimeError("The application returned before its response was complete.")

    def let_go(self) -> None:
        """Nobody will read from this response any more."""
        self._dropping_since = anyio.current_time()
        self._from_below.close()

    def close(self) -> None:
        """Closes both ends, also of an application that was cancelled before it began."""
        self._to_above.close()
        self._from_below.close()

    def finish(self) -> None:
        """After the application has ended: its context variables, and its exception if nobody has seen it yet."""
        self._adopt_context()
        if not self._was_raised:
            self._raise_exception()

    def _raise_exception(self) -> None:
        if self._exception is not None:
            self._was_raised = True
            raise self._exception

    def _adopt_context(self) -> None:
        """Takes over the context variables of the application, as if it ran in this task."""
        context, self._context = self._context, None
        if context is None:
            return
        current = contextvars.copy_context()
        for variable, value in context.items():
            if variable not in current or current[variable] is not value:
                token = variable.set(value)
                self._adopted.setdefault(variable, token)
        for variable in [each for each in self._adopted if each not in context]:
            variable.reset(self._adopted.pop(variable))


class _PassedResponse(Response):
    """The response from below, sent on message by message as it comes."""

    def __init__(self, start: Message, call: _Call, debug: Message | None) -> None:
        self.status_code = start["status"]
        self.raw_headers = list(start.get("headers", ()))
        self.background = None
        self.media_type = None
        self.body_iterator: AsyncIterator[str | bytes | memoryview | Message] = call.body()
        self._debug = debug
        self._has_trailers = start.get("trailers", False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._debug is not None:
            await send(self._debug)
        start: Message = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if self._has_trailers:
            start["trailers"] = True
        await send(start)
        try:
            await self._send_body(send)
        except ClientDisconnect:
            return  # nobody is there to miss the rest, and the application has ended
        if self.background is not None:
            await self.background()

    async def _send_body(self, send: Send) -> None:
        body_ended = False
        async for chunk in self.body_iterator:
            if not isinstance(chunk, MutableMapping):
                body = chunk.encode() if isinstance(chunk, str) else chunk
                await send({"type": "http.response.body", "body": body, "more_body": True})
                continue
            if chunk["type"] == "http.response.trailers" and not body_ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            body_ended = True
            await send(chunk)
        if not body_ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _says_nobody_listens(exception: BaseException) -> bool:
    if isinstance(exception, BaseExceptionGroup):
        return all(_says_nobody_listens(each) for each in exception.exceptions)
    return isinstance(exception, _NobodyListensError | ClientDisconnect)
