"""A response of server-sent events, for the `EventSource` of browsers (WHATWG HTML 9.2)."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import anyio
import anyio.lowlevel

from vivace.web._utils import create_collapsing_task_group
from vivace.web.background import BackgroundTask
from vivace.web.concurrency import iterate_in_threadpool
from vivace.web.datastructures import Headers
from vivace.web.responses._server_sent_event import ServerSentEvent
from vivace.web.responses._streaming import StreamingResponse
from vivace.web.types import Message, Receive, Scope, Send

# HTML 9.2.7: proxies drop connections that are quiet for long; authors send a comment every 15 seconds or so.
PING_INTERVAL = 15.0
PING = b": ping\n\n"

# A generator that never waits lets others have their turn after so many seconds.
TURN = 0.005


@runtime_checkable
class FrameSource(Protocol):
    """What has its events as bytes already, and several at once: a subscription of a `Broadcast`."""

    def event_frames(self) -> AsyncIterator[bytes]:
        """The events as they are on the wire, until there are no more."""

    def write_through(self, write: Callable[[bytes], bool] | None) -> None:
        """`write` may be called for an event's frame while `event_frames` waits, and tells whether it was written."""


class EventSourceResponse(StreamingResponse):
    """Sends what an iterable yields as server-sent events (names as FastAPI and sse-starlette have them).

    `content` yields `ServerSentEvent`, or data: text as it is, bytes that are whole events already, any other value as
    JSON. It may be a generator, async or plain (which runs in worker threads), or a subscription of a `Broadcast`.

    * `ping`: the seconds of quiet after which a comment is sent, so that proxies keep the connection; 0 is never. The
      generator does not notice it.
    * `retry`: the milliseconds after which browsers shall reconnect, sent before the first event.
    * `send_timeout`: the seconds that a client may take for one event before the connection breaks off (TimeoutError);
      None leaves that to the server.

    When the client leaves, or the server stops, the generator is closed at once, also while it waits: its `finally`
    runs. When the server stops, the response ends as it should, and the browser reconnects. Read the request's body
    before: while the response is sent, nobody else may `receive`.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any] | FrameSource,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
        *,
        ping: float = PING_INTERVAL,
        retry: int | None = None,
        send_timeout: float | None = None,
    ) -> None:
        if ping < 0:
            raise ValueError(f"ping is a number of seconds, or 0 for never, got {ping}")
        if send_timeout is not None and send_timeout <= 0:
            raise ValueError(f"send_timeout is a number of seconds, or None, got {send_timeout}")
        self.ping = ping
        self.send_timeout = send_timeout
        self._opening = b"" if retry is None else ServerSentEvent(retry=retry).encode()
        self._source = content if isinstance(content, FrameSource) else None
        super().__init__(_frames(content), status_code, headers, media_type, background)
        self._source_iterator = self.body_iterator

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Adds what keeps caches and proxies from holding events back, unless `headers` say otherwise."""
        given = Headers(headers)
        more = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().init_headers({**(headers or {}), **{name: more[name] for name in more if name not in given}})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await super().__call__(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            self.body_iterator = _nothing()  # a stream of events may never end, and nobody would read it
        sender = _EventSender(send, self._opening, self.send_timeout)
        if self._source is not None and self._sends_as_it_is():
            self._source.write_through(sender.try_send)
        try:
            await self._send_events(receive, sender)
            if sender.is_open:
                # We are told that the client has left. It may be the server that stops: this ends the response then.
                await sender({"type": "http.response.body", "body": b"", "more_body": False})
        except _ClientLeftError:
            pass
        if self.background is not None:
            await self.background()

    def _sends_as_it_is(self) -> bool:
        """Whether nobody has put a step of their own between the source and what is sent."""
        is_ours = type(self).stream_response is StreamingResponse.stream_response
        return is_ours and self.body_iterator is self._source_iterator

    async def _send_events(self, receive: Receive, sender: _EventSender) -> None:
        """Sends everything, or as much as there is until the client leaves."""
        async with create_collapsing_task_group() as tasks:

            async def break_off() -> None:
                await self.listen_for_disconnect(receive)
                tasks.cancel_scope.cancel()

            tasks.start_soon(break_off)
            if self.ping > 0:
                tasks.start_soon(sender.keep_alive, self.ping)
            await self.stream_response(sender)
            tasks.cancel_scope.cancel()


class _ClientLeftError(Exception):
    """`send` has raised OSError."""


class _EventSender:
    """The `send` of a stream of events, which lets heartbeats in between."""

    __slots__ = ("_heartbeat", "_last", "_opening", "_send", "_sending", "_timeout", "_try_send", "is_open")

    def __init__(self, send: Send, opening: bytes, timeout: float | None) -> None:
        self._send = send
        # Our server's `send` has it (docs/server/protocols.md); a middleware's has not.
        self._try_send: Callable[[bytes], bool] | None = getattr(send, "try_send", None)
        self._opening = opening
        self._timeout = timeout
        self._sending = False
        self.is_open = False
        self._heartbeat: anyio.Event | None = None
        self._last = time.monotonic()

    async def __call__(self, message: Message) -> None:
        if self._heartbeat is not None:
            await self._heartbeat.wait()
        self._sending = True
        self.is_open = self.is_open and message.get("more_body", False)
        try:
            await self._send_now(message)
            if message["type"] == "http.response.start":
                self.is_open = True
                # Servers keep the head until there is a body; the browser's `onopen` shall not wait for an event.
                await self._send_now({"type": "http.response.body", "body": self._opening, "more_body": True})
        finally:
            self._sending = False
        self._last = time.monotonic()

    @property
    def try_send(self) -> Callable[[bytes], bool] | None:
        """Sends a piece in a plain call, if that takes no waiting; None where that cannot be."""
        return None if self._try_send is None else self._send_unless_busy

    def _send_unless_busy(self, data: bytes) -> bool:
        if self._sending or self._heartbeat is not None or self._try_send is None:
            return False
        self._last = time.monotonic()
        return self._try_send(data)

    async def _send_now(self, message: Message) -> None:
        try:
            if self._timeout is None:
                await self._send(message)
                return
            with anyio.move_on_after(self._timeout) as scope:
                await self._send(message)
        except OSError as error:
            raise _ClientLeftError from error
        if scope.cancelled_caught:
            raise TimeoutError(f"the client has taken nothing for {self._timeout} seconds (send_timeout)")

    async def keep_alive(self, interval: float) -> None:
        """Sends a comment whenever nothing was sent for `interval` seconds; until it is cancelled."""
        remaining = interval
        while True:
            await anyio.sleep(remaining)
            quiet = time.monotonic() - self._last
            remaining = interval - quiet
            if self._sending:
                remaining = interval  # the client is slow, not the generator
            elif remaining <= 0:
                await self._beat()
                remaining = interval

    async def _beat(self) -> None:
        self._heartbeat = anyio.Event()
        try:
            await self._send_now({"type": "http.response.body", "body": PING, "more_body": True})
            self._last = time.monotonic()
        finally:
            self._heartbeat.set()
            self._heartbeat = None


def _frames(content: AsyncIterable[Any] | Iterable[Any] | FrameSource) -> AsyncIterable[bytes]:
    if isinstance(content, FrameSource):
        return content.event_frames()
    return _encoded(content if isinstance(content, AsyncIterable) else iterate_in_threadpool(content))


async def _encoded(content: AsyncIterable[Any]) -> AsyncGenerator[bytes, None]:
    turn_ends = time.monotonic() + TURN
    try:
        async for item in content:
            yield encode_event(item)
            if time.monotonic() > turn_ends:
                await anyio.lowlevel.checkpoint()
                turn_ends = time.monotonic() + TURN
    finally:
        if isinstance(content, AsyncGenerator):
            with anyio.CancelScope(shield=True):
                await content.aclose()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


def encode_event(item: Any) -> bytes:
    """What goes out for an item: a `ServerSentEvent`, an event of a `Broadcast`, bytes as they are, or data."""
    if isinstance(item, ServerSentEvent):
        return item.encode()
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    frame = getattr(item, "event_frame", None)
    if isinstance(frame, bytes):
        return frame
    if item is None:
        return ServerSentEvent(raw_data="null").encode()
    return ServerSentEvent(item).encode()
