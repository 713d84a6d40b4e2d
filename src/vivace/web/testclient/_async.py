"""The asynchronous client: the application runs in the event loop of the test."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import anyio

from vivace.web._lifespan import LifespanSession, LifespanUnsupported
from vivace.web.testclient._exchange import Exchange, Step
from vivace.web.testclient._httpx import httpx
from vivace.web.testclient._scope import Front, as_asgi3, known_body, make_scope
from vivace.web.testclient._sync import RequestData, warn_of_timeout, websocket_request
from vivace.web.testclient._websocket import WebSocketExchange, decode_json, encode_json
from vivace.web.types import ASGIApp, Message, Scope

# asyncio keeps only weak references to its tasks.
_tasks: set[asyncio.Task[None]] = set()


def start(function: Callable[[], Awaitable[None]]) -> None:
    """Runs `function` in a task with the context of the caller.

    Not in a task group: a pytest fixture may set a client up in one task and tear it down in another, which no task
    group survives. Whoever starts one here has a way to end it.
    """
    if _is_trio():
        import trio

        trio.lowlevel.spawn_system_task(function, context=contextvars.copy_context())
    else:
        task = asyncio.ensure_future(_as_coroutine(function))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


async def _as_coroutine(function: Callable[[], Awaitable[None]]) -> None:
    await function()


def _is_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()


class AsyncTestClient(httpx.AsyncClient):
    """Calls an application from async code, in the same event loop: `async with AsyncTestClient(app) as client:`.

    Entering runs the application's lifespan. The application sees the context variables of the caller (a test's
    database transaction, for one). Everything else is as in `TestClient`, awaited.
    """

    __test__ = False  # pytest: not a test case

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        cookies: Any = None,
        headers: dict[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
        *,
        extensions: Sequence[str] = (),
    ) -> None:
        self.app = as_asgi3(app)
        self.app_state: dict[str, Any] = {}
        self._session: LifespanSession | None = None
        self._asgi_transport = _Transport(self, raise_server_exceptions, Front.make(root_path, client, extensions))
        super().__init__(
            base_url=base_url,
            headers={"user-agent": "testclient", **(headers or {})},
            transport=self._asgi_transport,
            follow_redirects=follow_redirects,
            cookies=cookies,
        )

    async def __aenter__(self) -> Self:
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.app_state}
        session = LifespanSession(self.app, scope)
        start(session.run)
        try:
            await session.startup()
        except LifespanUnsupported as unsupported:
            session.close()
            if unsupported.__cause__ is not None:
                raise unsupported.__cause__ from None
        except BaseException:
            session.close()
            raise
        else:
            self._session = session
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        try:
            await self._asgi_transport.aclose()
        finally:
            session, self._session = self._session, None
            if session is not None:
                await session.shutdown()

    async def request(  # type: ignore[override]  # `data` may hold lists of any iterable
        self,
        method: str,
        url: httpx._types.URLTypes,
        *,
        content: httpx._types.RequestContent | None = None,
        data: RequestData | None = None,
        files: httpx._types.RequestFiles | None = None,
        json: Any = None,
        params: httpx._types.QueryParamTypes | None = None,
        headers: httpx._types.HeaderTypes | None = None,
        cookies: httpx._types.CookieTypes | None = None,
        auth: httpx._types.AuthTypes | httpx._client.UseClientDefault | None = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: bool | httpx._client.UseClientDefault = httpx.USE_CLIENT_DEFAULT,
        timeout: httpx._types.TimeoutTypes | httpx._client.UseClientDefault = httpx.USE_CLIENT_DEFAULT,  # noqa: ASYNC109
        extensions: dict[str, Any] | None = None,
    ) -> httpx.Response:
        """A request, as httpx makes it. Nothing goes over a network, so `timeout` has no use and is warned of."""
        warn_of_timeout(timeout)
        return await super().request(
            method,
            url,
            content=content,
            data=data,
            files=files,
            json=json,
            params=params,
            headers=headers,
            cookies=cookies,
            auth=auth,
            follow_redirects=follow_redirects,
            timeout=timeout,
            extensions=extensions,
        )

    def websocket_connect(
        self, url: str, subprotocols: Sequence[str] | None = None, **kwargs: Any
    ) -> AsyncWebSocketTestSession:
        """A WebSocket, to be used in `async with`: that is where the handshake happens."""
        request = websocket_request(self, url, subprotocols, kwargs)
        return AsyncWebSocketTestSession(self.app, self._asgi_transport.scope(request))


class _Transport(httpx.AsyncBaseTransport):
    """What httpx calls instead of opening a connection."""

    def __init__(self, client: AsyncTestClient, raise_server_exceptions: bool, front: Front) -> None:
        self._client = client
        self._raise_server_exceptions = raise_server_exceptions
        self._front = front
        self._open: set[_Body] = set()

    def scope(self, request: httpx.Request) -> Scope:
        return make_scope(request, self._front, self._client.app_state)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = Exchange(self._client.app, self.scope(request), known_body(request))
        body = _Body(exchange, request.stream, self._open, self._raise_server_exceptions)
        self._open.add(body)
        start(exchange.run)
        try:
            step = await body.advance()
        except BaseException:
            # The test was cancelled, by a timeout for example: so is the application.
            await body.abort()
            raise
        if step is Step.END:
            await body.aclose()
            if self._raise_server_exceptions:
                raise AssertionError("AsyncTestClient did not receive any response.")
        return exchange.make_response(request, body)

    async def aclose(self) -> None:
        while self._open:
            body = self._open.pop()
            await body.abort()
            await body.aclose()


class _Body(httpx.AsyncByteStream):
    """Both bodies: pulled from the test when the application asks for it, from the application as it is read."""

    def __init__(self, exchange: Exchange, upload: Any, open_bodies: set[_Body], raise_exceptions: bool) -> None:
        self.exchange = exchange
        self._upload: AsyncIterator[bytes] = aiter(upload)
        self._open_bodies = open_bodies
        self._raise_exceptions = raise_exceptions
        self._is_closed = False

    async def advance(self) -> Step:
        """The next step of the response."""
        while (step := await self.exchange.advance()) is Step.UPLOAD:
            self.exchange.feed(await anext(self._upload, None))
        return step

    async def abort(self) -> None:
        """Cancels the application, whatever it does."""
        self._open_bodies.discard(self)
        self.exchange.abort()
        with anyio.CancelScope(shield=True):
            await self._close_upload()

    async def _close_upload(self) -> None:
        # A generator that the test gave as content may hold something open.
        close = getattr(self._upload, "aclose", None)
        if close is not None:
            await close()

    # Not a generator, which trio wants to be closed when the response is left.
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while await self.advance() is not Step.END:
            if chunk := await self.exchange.take():
                return chunk
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._open_bodies.discard(self)
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._close_upload()
        finally:
            await self.exchange.close()
        if self._raise_exceptions and self.exchange.exception is not None:
            raise self.exchange.exception


class AsyncWebSocketTestSession:
    """The client's side of a WebSocket, awaited; see `WebSocketTestSession`."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self.app = app
        self.scope = scope
        self.accepted_subprotocol: str | None = None
        self.extra_headers: list[tuple[bytes, bytes]] | None = None

    async def __aenter__(self) -> Self:
        self._exchange = WebSocketExchange(self.app, self.scope)
        start(self._exchange.run)
        try:
            accepted = await self._exchange.connect()
        except BaseException:
            await self._exchange.end()
            raise
        self.accepted_subprotocol = accepted.get("subprotocol")
        self.extra_headers = accepted.get("headers")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exchange.end()

    async def send(self, message: Message) -> None:
        """Sends an ASGI message."""
        await self._exchange.send(message)

    async def send_text(self, data: str) -> None:
        await self.send({"type": "websocket.receive", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        await self.send({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: Any, mode: Literal["text", "binary"] = "text") -> None:
        await self.send(encode_json(data, mode))

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Leaves; the application sees WebSocketDisconnect with this code."""
        await self._exchange.close(code, reason)

    async def receive(self) -> Message:
        """The next ASGI message of the application, a close included."""
        return await self._exchange.receive()

    async def receive_text(self) -> str:
        text: str = (await self._receive_data())["text"]
        return text

    async def receive_bytes(self) -> bytes:
        data: bytes = (await self._receive_data())["bytes"]
        return data

    async def receive_json(self, mode: Literal["text", "binary"] = "text") -> Any:
        return decode_json(await self._receive_data(), mode)

    async def _receive_data(self) -> Message:
        message = await self.receive()
        await self._exchange.raise_on_close(message)
        return message

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Message]:
        while (message := await self.receive())["type"] != "websocket.close":
            yield message
