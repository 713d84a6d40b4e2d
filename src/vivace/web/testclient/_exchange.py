"""One request through an application, in its event loop: what the synchronous and the asynchronous client share."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, ClassVar

import anyio

from vivace.web.requests import ClientDisconnect
from vivace.web.testclient._direct import DirectSend
from vivace.web.testclient._httpx import httpx
from vivace.web.types import ASGIApp, Message, Scope

# How long an application may take to end after the client has left, before it is cancelled.
GRACE = 1.0

# How much of a file that the application names is read at a time.
FILE_CHUNK = 64 * 1024


class ProtocolError(AssertionError):
    """The application sent ASGI messages in an order, or of a type, that no server would take."""


class Step(Enum):
    """What an exchange has come to."""

    UPLOAD = 1  # the application waits for more of the request's body: `feed` it
    START = 2  # the response has begun
    CHUNK = 3  # a part of its body is there: `take` it
    END = 4  # the application has ended


class Exchange:
    """Puts one request to an application: `run` in a task of its own, the rest from the client.

    Bodies go chunk by chunk, both ways: the application waits until the client has fed or taken one. `body` is that of
    the request, when it is known; None when the client is to be asked for it, chunk by chunk.

    `offers_direct_path` gives the application a `send` that can do what our server's can: our tests run both ways.
    """

    offers_direct_path: ClassVar[bool] = False

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes | None) -> None:
        self._app = app
        self._scope = scope
        self._changed = anyio.Event()
        self._cancel_scope = anyio.CancelScope()
        self._finished = False
        self._has_left = False
        # The request's body: what the application has not received yet, and what is still to come.
        self._fed: Message | None = None
        self._is_uploaded = False
        self._is_waiting = False
        self._remaining = _content_length(scope)
        if body is not None:
            self._remaining = len(body)
            self.feed(body)
        # The response.
        self._start: Message | None = None
        self._is_start_told = False
        self._chunk: bytes | None = None
        self._body_ended = False
        self._complete = False
        self._trailers: list[tuple[bytes, bytes]] = []
        self._early_hints: list[str] = []
        self._debug: dict[str, Any] | None = None
        self.exception: BaseException | None = None

    # The client's side.

    async def advance(self) -> Step:
        """Waits until the client has something to do, and says what."""
        while True:
            if self._start is not None and not self._is_start_told:
                self._is_start_told = True
                return Step.START
            if self._chunk is not None:
                return Step.CHUNK
            if self._finished:
                return Step.END
            if self._is_waiting and not self._is_uploaded and not self._complete:
                return Step.UPLOAD
            await self._changed.wait()

    def feed(self, chunk: bytes | None) -> None:
        """Hands on a part of the request's body; None after the last."""
        if chunk is not None and self._remaining is not None:
            self._remaining -= len(chunk)
        self._is_uploaded = chunk is None or self._remaining == 0
        self._is_waiting = False
        self._fed = {"type": "http.request", "body": chunk or b"", "more_body": not self._is_uploaded}
        self._notify()

    async def take(self) -> bytes:
        """The part of the response's body that has come; empty when nobody is to see it."""
        chunk, self._chunk = self._chunk, None
        if self._body_ended and not self._expects_trailers:
            self._complete = True
        self._notify()
        return b"" if chunk is None or self._scope["method"] == "HEAD" else chunk

    async def close(self) -> None:
        """Waits for the application to end. It sees a disconnect if its response is not complete."""
        if not self._complete:
            self._leave()
            with anyio.move_on_after(GRACE):
                await self._until(lambda: self._finished)
            self._cancel_scope.cancel()
        await self._until(lambda: self._finished)

    def abort(self) -> None:
        """Cancels the application, whatever it does."""
        self._leave()
        self._cancel_scope.cancel()

    def make_response(self, request: httpx.Request, stream: Any) -> httpx.Response:
        """The httpx response; `stream` gives its body."""
        if self._start is None:
            return httpx.Response(500, stream=httpx.ByteStream(b""), request=request)
        headers = [(bytes(name), bytes(value)) for name, value in self._start.get("headers", ())]
        response = httpx.Response(self._start["status"], headers=headers, stream=stream, request=request)
        if self._expects_trailers:
            response.extensions["http.response.trailers"] = self._trailers
        if self._early_hints:
            response.extensions["http.response.early_hint"] = self._early_hints
        if self._debug is not None:
            response.extensions["http.response.debug"] = self._debug
            # What a template response was made of, where Django's and Starlette's clients have it.
            for name in ("template", "context"):
                if name in self._debug:
                    setattr(response, name, self._debug[name])
        return response

    # The application's side.

    async def run(self) -> None:
        """Calls the application; what it raises is kept for the client, `pytest.fail()` and `sys.exit()` too."""
        try:
            with self._cancel_scope:
                send = DirectSend(self._send) if self.offers_direct_path else self._send
                await self._app(self._scope, self._receive, send)
        except (anyio.get_cancelled_exc_class(), GeneratorExit):
            raise
        except BaseException as exception:  # noqa: BLE001 (raised at the client)
            if not (self._has_left and _tells_of_disconnect(exception)):
                self.exception = exception
        finally:
            self._finished = True
            self._notify()

    async def _receive(self) -> Message:
        while self._fed is None:
            if self._complete or self._has_left:
                return {"type": "http.disconnect"}
            self._is_waiting = True
            self._notify()
            await self._changed.wait()
        message, self._fed = self._fed, None
        return message

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if self._start is not None:
                raise ProtocolError('Received multiple "http.response.start" messages.')
            self._start = dict(message)
            self._notify()
        elif kind == "http.response.body":
            # A copy: the application may use its buffer again.
            await self._send_body(bytes(message.get("body", b"")), message.get("more_body", False))
        elif kind == "http.response.pathsend":
            await self._send_file(message["path"])
        elif kind == "http.response.trailers":
            self._take_trailers(message)
        elif kind == "http.response.early_hint":
            self._early_hints += [link.decode("latin-1") for link in message["links"]]
        elif kind == "http.response.debug":
            self._debug = message["info"]

    async def _send_body(self, chunk: bytes, more: bool) -> None:
        if self._start is None:
            raise ProtocolError('Received "http.response.body" without "http.response.start".')
        if self._complete:
            raise ProtocolError('Received "http.response.body" after response completed.')
        if self._body_ended:
            raise ProtocolError('Received "http.response.body" after body completed.')
        if self._has_left:
            raise OSError("The client closed the response.")
        self._chunk = chunk
        self._body_ended = not more
        self._notify()
        await self._until(lambda: self._chunk is None or self._has_left)
        if self._chunk is not None:
            raise OSError("The client closed the response.")

    async def _send_file(self, path: str) -> None:
        async with await anyio.open_file(path, "rb") as file:
            while chunk := await file.read(FILE_CHUNK):
                await self._send_body(chunk, more=True)
        await self._send_body(b"", more=False)

    def _take_trailers(self, message: Message) -> None:
        if not self._expects_trailers:
            raise ProtocolError('Received "http.response.trailers" without declaring trailers.')
        if not self._body_ended:
            raise ProtocolError('Received "http.response.trailers" before body completed.')
        if self._complete:
            raise ProtocolError('Received "http.response.trailers" after response completed.')
        self._trailers.extend(message.get("headers", ()))
        if not message.get("more_trailers", False):
            self._complete = True
            self._notify()

    @property
    def _expects_trailers(self) -> bool:
        return self._start is not None and bool(self._start.get("trailers", False))

    def _leave(self) -> None:
        self._has_left = True
        self._fed = None
        self._notify()

    def _notify(self) -> None:
        """Wakes whoever waits, the client or the application, to look again."""
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():  # tests send what is no length, too
            return int(value)
    return None


def _tells_of_disconnect(exception: BaseException) -> bool:
    """Whether this is nothing but what an application gets to see when its client has left."""
    if isinstance(exception, BaseExceptionGroup):
        return all(map(_tells_of_disconnect, exception.exceptions))
    return isinstance(exception, OSError | ClientDisconnect)
