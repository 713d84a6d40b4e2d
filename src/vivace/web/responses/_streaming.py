"""A response that is made while it is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping

import anyio
import anyio.lowlevel

from vivace.web._utils import create_collapsing_task_group
from vivace.web.background import BackgroundTask, send_and_run
from vivace.web.concurrency import iterate_in_threadpool
from vivace.web.requests import ClientDisconnect
from vivace.web.responses._base import Response, denial_send
from vivace.web.types import Message, Receive, Scope, Send

Content = str | bytes | memoryview
SyncContentStream = Iterable[Content]
AsyncContentStream = AsyncIterable[Content]
ContentStream = AsyncContentStream | SyncContentStream


class StreamingResponse(Response):
    """Sends what an iterable yields, text or bytes; a plain iterable runs in worker threads.

    When the client leaves, the iteration ends and an async generator is closed, so its `finally` runs.
    """

    body_iterator: AsyncContentStream

    def __init__(
        self,
        content: ContentStream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.body_iterator = content if isinstance(content, AsyncIterable) else iterate_in_threadpool(content)
        self.status_code = status_code
        self.media_type = self.media_type if media_type is None else media_type
        self.background = background
        self.init_headers(headers)

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Returns when the client has left."""
        await listen_for_disconnect(receive)

    async def stream_response(self, send: Send) -> None:
        """Sends everything; whatever happens, the generator behind it is closed."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in self.body_iterator:
                body = chunk.encode(self.charset) if isinstance(chunk, str) else chunk
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                with anyio.CancelScope(shield=True):
                    await self.body_iterator.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_and_run(self._stream(scope, receive, send), self.background)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.stream_response(denial_send(send))
        elif not send_raises_on_disconnect(scope):
            # Such a server drops what it cannot send and never waits: a quick stream must let the listener run.
            await until_disconnect(
                lambda: self.stream_response(_taking_turns(send)), lambda: self.listen_for_disconnect(receive)
            )
        elif _has_no_body(scope):
            # `send` would raise, but a stream that waits for something to say (server-sent events) does not send.
            await until_disconnect(lambda: self._stream_or_raise(send), lambda: self.listen_for_disconnect(receive))
        else:
            # The stream may still read the request, and `receive` gives each message only once.
            await self._stream_or_raise(send)

    async def _stream_or_raise(self, send: Send) -> None:
        try:
            await self.stream_response(send)
        except OSError as error:
            raise ClientDisconnect from error


def _taking_turns(send: Send) -> Send:
    async def send_and_yield(message: Message) -> None:
        await send(message)
        if message.get("more_body", False):
            await anyio.lowlevel.checkpoint()

    return send_and_yield


async def listen_for_disconnect(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def send_raises_on_disconnect(scope: Scope) -> bool:
    """Whether the server raises OSError when the client has left: since version 2.4 of the HTTP part of ASGI."""
    version: str = scope.get("asgi", {}).get("spec_version", "2.0")
    return tuple(map(int, version.split("."))) >= (2, 4)


def _has_no_body(scope: Scope) -> bool:
    if scope.get("method") not in ("GET", "HEAD"):
        return False
    return all(
        name != b"transfer-encoding" and (name != b"content-length" or value == b"0")
        for name, value in scope.get("headers", ())
    )


async def until_disconnect(work: Callable[[], Awaitable[None]], listen: Callable[[], Awaitable[None]]) -> None:
    """Does the work in this task and breaks it off when `listen` returns in another."""
    async with create_collapsing_task_group() as group:

        async def break_off() -> None:
            await listen()
            group.cancel_scope.cancel()

        group.start_soon(break_off)
        await work()
        group.cancel_scope.cancel()
