"""The synchronous client: the application runs in an event loop in another thread."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, Literal, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from vivace.web._lifespan import LifespanSession, LifespanUnsupported
from vivace.web.exceptions import VivaceDeprecationWarning
from vivace.web.testclient._exchange import Exchange, Step
from vivace.web.testclient._httpx import httpx
from vivace.web.testclient._scope import Front, as_asgi3, known_body, make_scope
from vivace.web.testclient._websocket import WebSocketExchange, decode_json, encode_json
from vivace.web.types import ASGIApp, Message, Scope

# What a form is made of: text, bytes, or several of a name.
RequestData = Mapping[str, str | Iterable[str] | bytes]

PortalFactory = Callable[[], AbstractContextManager[BlockingPortal]]


class TestClient(httpx.Client):
    """Calls an application as an HTTP client would: `TestClient(app).get("/")`.

    `with TestClient(app) as client:` also runs the application's lifespan, and keeps one event loop for all requests.
    An exception that the application raises is raised here, unless `raise_server_exceptions` is off; then it is the 500
    that a real client would get. `backend` is "asyncio" or "trio".
    """

    __test__ = False  # pytest: not a test case

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        cookies: Any = None,
        headers: dict[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
        *,
        extensions: Sequence[str] = (),
    ) -> None:
        self.app = as_asgi3(app)
        self.app_state: dict[str, Any] = {}
        self.portal: BlockingPortal | None = None
        self.async_backend: dict[str, Any] = {"backend": backend, "backend_options": backend_options or {}}
        self._lifespan_stack = ExitStack()
        self._asgi_transport = _Transport(self, raise_server_exceptions, Front.make(root_path, client, extensions))
        super().__init__(
            base_url=base_url,
            headers={"user-agent": "testclient", **(headers or {})},
            transport=self._asgi_transport,
            follow_redirects=follow_redirects,
            cookies=cookies,
        )

    @contextlib.contextmanager
    def portal_factory(self) -> Iterator[BlockingPortal]:
        """The way into the event loop: the client's own inside `with`, else one for this call."""
        if self.portal is not None:
            yield self.portal
        else:
            with start_blocking_portal(**self.async_backend) as portal:
                yield portal

    def request(  # type: ignore[override]  # `data` may hold lists of any iterable
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
        timeout: httpx._types.TimeoutTypes | httpx._client.UseClientDefault = httpx.USE_CLIENT_DEFAULT,
        extensions: dict[str, Any] | None = None,
    ) -> httpx.Response:
        """A request, as httpx makes it. Nothing goes over a network, so `timeout` has no use and is warned of."""
        warn_of_timeout(timeout)
        return super().request(
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
    ) -> WebSocketTestSession:
        """A WebSocket, to be used in `with`: that is where the handshake happens and WebSocketDisconnect is raised.

        Further arguments are those of a GET: `headers`, `params`, `cookies`, `auth`.
        """
        request = websocket_request(self, url, subprotocols, kwargs)
        return WebSocketTestSession(self.app, self._asgi_transport.scope(request), self.portal_factory)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.portal = portal = stack.enter_context(start_blocking_portal(**self.async_backend))
            stack.callback(setattr, self, "portal", None)
            scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.app_state}
            session = portal.call(LifespanSession, self.app, scope)
            portal.start_task_soon(session.run)
            try:
                portal.call(session.startup)
            except LifespanUnsupported as unsupported:
                portal.call(session.close)
                if unsupported.__cause__ is not None:
                    raise unsupported.__cause__ from None
            except BaseException:
                portal.call(session.close)
                raise
            else:
                stack.callback(portal.call, session.shutdown)
            stack.callback(self._asgi_transport.close)
            self._lifespan_stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._lifespan_stack.close()


def warn_of_timeout(timeout: object) -> None:
    """A timeout that is set has no effect: nothing goes over a network."""
    if timeout is not httpx.USE_CLIENT_DEFAULT:
        warnings.warn(
            "You should not use the 'timeout' argument with the TestClient. Nothing goes over a network.",
            VivaceDeprecationWarning,
            stacklevel=3,
        )


def websocket_request(
    client: httpx.Client | httpx.AsyncClient, url: str, subprotocols: Sequence[str] | None, options: dict[str, Any]
) -> httpx.Request:
    """The request of the handshake, with the cookies and headers of the client; `url` may be below its base URL."""
    headers = {
        "connection": "upgrade",
        "sec-websocket-key": "testserver==",
        "sec-websocket-version": "13",
        **({} if subprotocols is None else {"sec-websocket-protocol": ", ".join(subprotocols)}),
        **dict(options.pop("headers", None) or {}),
    }
    auth = options.pop("auth", None) or client.auth
    request = client.build_request("GET", url, headers=headers, **options)
    scheme = {"http": "ws", "https": "wss"}.get(request.url.scheme, request.url.scheme)
    request.url = request.url.copy_with(scheme=scheme)
    if isinstance(auth, tuple):
        auth = httpx.BasicAuth(*auth)
    return next(auth.auth_flow(request)) if isinstance(auth, httpx.Auth) else request


class _Transport(httpx.BaseTransport):
    """What httpx calls instead of opening a connection."""

    def __init__(self, client: TestClient, raise_server_exceptions: bool, front: Front) -> None:
        self._client = client
        self._raise_server_exceptions = raise_server_exceptions
        self._front = front
        self._open: set[_Body] = set()

    def scope(self, request: httpx.Request) -> Scope:
        return make_scope(request, self._front, self._client.app_state)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        scope, content = self.scope(request), known_body(request)
        with ExitStack() as stack:
            portal = stack.enter_context(self._client.portal_factory())
            exchange = portal.call(Exchange, self._client.app, scope, content)
            body = _Body(portal, exchange, request.stream, stack, self._open, self._raise_server_exceptions)
            stack.push(body.finish)
            portal.start_task_soon(exchange.run)
            has_response = body.advance() is not Step.END
            if has_response:
                self._open.add(body)
                body.stack = stack.pop_all()
        if not has_response and self._raise_server_exceptions:
            raise AssertionError("TestClient did not receive any response.")
        return exchange.make_response(request, body)

    def close(self) -> None:
        with ExitStack() as stack:
            while self._open:
                stack.callback(self._open.pop().abort)


class _Body(httpx.SyncByteStream):
    """Both bodies: pulled from the test when the application asks for it, from the application as it is read."""

    def __init__(
        self,
        portal: BlockingPortal,
        exchange: Exchange,
        upload: Any,
        stack: ExitStack,
        open_bodies: set[_Body],
        raise_exceptions: bool,
    ) -> None:
        self._portal = portal
        self._exchange = exchange
        self._upload: Iterator[bytes] = iter(upload)
        self._open_bodies = open_bodies
        self._raise_exceptions = raise_exceptions
        self.stack = stack

    def advance(self) -> Step:
        """The next step of the response."""
        while (step := self._portal.call(self._exchange.advance)) is Step.UPLOAD:
            self._portal.call(self._exchange.feed, next(self._upload, None))
        return step

    def __iter__(self) -> Iterator[bytes]:
        while self.advance() is not Step.END:
            if chunk := self._portal.call(self._exchange.take):
                yield chunk
        self.close()

    def close(self) -> None:
        self.stack.close()

    def abort(self) -> None:
        self._portal.call(self._exchange.abort)
        self.close()

    def finish(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Waits for the application to end, and raises what it raised."""
        self._open_bodies.discard(self)
        try:
            # A generator that the test gave as content may hold something open.
            close = getattr(self._upload, "close", None)
            if close is not None:
                close()
        finally:
            self._portal.call(self._exchange.close)
        if exc_type is None and self._raise_exceptions and self._exchange.exception is not None:
            raise self._exchange.exception


class WebSocketTestSession:
    """The client's side of a WebSocket; methods mirror those of the application's `WebSocket`.

    `receive*` raise WebSocketDisconnect when the application closes. Leaving the `with` block closes with 1000, waits
    for the application, and raises what it raised.
    """

    def __init__(self, app: ASGIApp, scope: Scope, portal_factory: PortalFactory) -> None:
        self.app = app
        self.scope = scope
        self.portal_factory = portal_factory
        self.accepted_subprotocol: str | None = None
        self.extra_headers: list[tuple[bytes, bytes]] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.portal = stack.enter_context(self.portal_factory())
            self._exchange = self.portal.call(WebSocketExchange, self.app, self.scope)
            self.portal.start_task_soon(self._exchange.run)
            stack.callback(self.portal.call, self._exchange.end)
            accepted = self.portal.call(self._exchange.connect)
            self.accepted_subprotocol = accepted.get("subprotocol")
            self.extra_headers = accepted.get("headers")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(exc_type, exc_value, traceback)

    def send(self, message: Message) -> None:
        """Sends an ASGI message."""
        self.portal.call(self._exchange.send, message)

    def send_text(self, data: str) -> None:
        self.send({"type": "websocket.receive", "text": data})

    def send_bytes(self, data: bytes) -> None:
        self.send({"type": "websocket.receive", "bytes": data})

    def send_json(self, data: Any, mode: Literal["text", "binary"] = "text") -> None:
        self.send(encode_json(data, mode))

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Leaves; the application sees WebSocketDisconnect with this code."""
        self.portal.call(self._exchange.close, code, reason)

    def receive(self) -> Message:
        """The next ASGI message of the application, a close included."""
        return self.portal.call(self._exchange.receive)

    def receive_text(self) -> str:
        text: str = self._receive_data()["text"]
        return text

    def receive_bytes(self) -> bytes:
        data: bytes = self._receive_data()["bytes"]
        return data

    def receive_json(self, mode: Literal["text", "binary"] = "text") -> Any:
        return decode_json(self._receive_data(), mode)

    def _receive_data(self) -> Message:
        message = self.receive()
        self.portal.call(self._exchange.raise_on_close, message)
        return message
