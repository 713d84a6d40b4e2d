"""What every middleware of the box keeps: contexts, streams, cancellation, and all that it has nothing to do with."""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

import vivace.web.middleware
from vivace.web.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from vivace.web.middleware import Middleware, wrap
from vivace.web.middleware.authentication import AuthenticationMiddleware
from vivace.web.middleware.base import BaseHTTPMiddleware
from vivace.web.middleware.body_limit import RequestBodyLimitMiddleware
from vivace.web.middleware.compression import CompressionMiddleware
from vivace.web.middleware.conditional import ConditionalGetMiddleware
from vivace.web.middleware.cors import CORSMiddleware
from vivace.web.middleware.csrf import CSRFMiddleware
from vivace.web.middleware.errors import ServerErrorMiddleware
from vivace.web.middleware.exceptions import ExceptionMiddleware
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.middleware.httpsredirect import HTTPSRedirectMiddleware
from vivace.web.middleware.opentelemetry import OpenTelemetryMiddleware
from vivace.web.middleware.problem_details import ProblemDetailsMiddleware
from vivace.web.middleware.ratelimit import RateLimitMiddleware
from vivace.web.middleware.request_id import RequestIdMiddleware
from vivace.web.middleware.security_headers import CSP, SecurityHeadersMiddleware
from vivace.web.middleware.sessions import SessionMiddleware
from vivace.web.middleware.striprootpath import StripRootPathMiddleware
from vivace.web.middleware.timeout import TimeoutMiddleware
from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.requests import ClientDisconnect, HTTPConnection, Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

PATIENCE = 10.0
ORIGIN = "http://testserver"


class Nobody(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        return None


async def passing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    return await call_next(request)


# At work: each does for the request below what it is there for.
WORKING = {
    "authentication": Middleware(AuthenticationMiddleware, backend=Nobody()),
    "base": Middleware(BaseHTTPMiddleware, dispatch=passing),
    "body limit": Middleware(RequestBodyLimitMiddleware, max_body_size=1000),
    "compression": Middleware(CompressionMiddleware, minimum_size=0),
    "conditional": Middleware(ConditionalGetMiddleware),
    "cors": Middleware(CORSMiddleware, allow_origins=[ORIGIN]),
    "csrf": Middleware(CSRFMiddleware),
    "csrf without token": Middleware(CSRFMiddleware, require_token=False),
    "errors": Middleware(ServerErrorMiddleware),
    "exceptions": Middleware(ExceptionMiddleware),
    "gzip": Middleware(GZipMiddleware, minimum_size=0),
    "https redirect": Middleware(HTTPSRedirectMiddleware),
    "opentelemetry": Middleware(OpenTelemetryMiddleware),
    "problem details": Middleware(ProblemDetailsMiddleware),
    "rate limit": Middleware(RateLimitMiddleware, "1000000/second"),
    "request id": Middleware(RequestIdMiddleware),
    "security headers": Middleware(SecurityHeadersMiddleware, csp={"script-src": [CSP.NONCE]}, hsts_seconds=60),
    "sessions": Middleware(SessionMiddleware, secret_key="s" * 32),
    "strip root path": Middleware(StripRootPathMiddleware),
    "timeout": Middleware(TimeoutMiddleware, 60),
    "timeout of all": Middleware(TimeoutMiddleware, 60, whole_response=True),
    "trusted host": Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]),
}
# An application, not a layer around one.
NO_LAYERS = {"WSGIMiddleware"}
# Those that look at HTTP requests only.
HTTP_ONLY = [
    "base",
    "body limit",
    "compression",
    "conditional",
    "cors",
    "errors",
    "gzip",
    "opentelemetry",
    "security headers",
    "timeout",
]

Layer = Callable[[ASGIApp], ASGIApp]


@pytest.fixture(params=[*WORKING, "all"])
def layer(request: pytest.FixtureRequest) -> Layer:
    layers = list(WORKING.values()) if request.param == "all" else [WORKING[request.param]]
    return lambda app: wrap(app, layers)


def test_every_middleware_of_the_box_is_here() -> None:
    names = set()
    for module in pkgutil.walk_packages(vivace.web.middleware.__path__, "vivace.web.middleware."):
        found = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        names |= {name for name, cls in found if name.endswith("Middleware") and name != "Middleware" and callable(cls)}
    assert names - NO_LAYERS == {each.cls.__name__ for each in WORKING.values()}  # type: ignore[attr-defined]


def scope_of(kind: str = "http", **more: Any) -> Scope:
    fields = {"host": "testserver", "accept-encoding": "gzip", "origin": "https://testserver", "cookie": "a=b"}
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https" if kind == "http" else "wss",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        "client": ("127.0.0.1", 1234),
        "server": ("testserver", 443),
        "state": {},
        "extensions": {"http.response.trailers": {}, "http.response.pathsend": {}, "http.response.early_hint": {}},
        **more,
    }


async def nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def start_with(*headers: tuple[bytes, bytes], **more: Any) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": list(headers), **more}


def body_of(body: bytes, *, more_body: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more_body}


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


async def test_context_variables_go_down_and_come_up(layer: Layer) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set("set below")
        await send(start_with())
        await send(body_of(b""))

    async def send(message: Message) -> None:
        pass

    variable.set("set above")
    await layer(app)(scope_of(), nothing, send)
    assert [*seen, variable.get()] == ["set above", "set below"]


async def test_a_response_streams(layer: Layer) -> None:
    """The first chunk is with the client before the second one is made, and the last comes last."""
    arrived = anyio.Event()
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start_with())
        await send(body_of(b"first", more_body=True))
        await arrived.wait()
        await send(body_of(b"second", more_body=True))
        await send(body_of(b""))

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            arrived.set()

    with anyio.fail_after(PATIENCE):
        await layer(app)(scope_of(), nothing, send)
    assert sent[0]["type"] == "http.response.start"
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * (len(sent) - 2) + [False]


async def test_a_request_streams(layer: Layer) -> None:
    """The first part of the body is with the application before the client makes the second."""
    taken = anyio.Event()
    parts = iter([b"first", b"second"])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"first"
        taken.set()
        assert (await receive())["body"] == b"second"
        await send(start_with())
        await send(body_of(b""))

    async def receive() -> Message:
        part = next(parts)
        if part == b"second":
            await taken.wait()
        return {"type": "http.request", "body": part, "more_body": part == b"first"}

    async def send(message: Message) -> None:
        pass

    with anyio.fail_after(PATIENCE):
        await layer(app)(scope_of(), receive, send)


async def test_cancellation_reaches_the_application(layer: Layer) -> None:
    events: list[str] = []
    running = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            running.set()
            await anyio.sleep_forever()
        finally:
            events.append("ended")

    async def send(message: Message) -> None:
        events.append(message["type"])

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, layer(app), send)
            await running.wait()
            tasks.cancel_scope.cancel()
    assert events == ["ended"]


async def call(app: ASGIApp, send: Send) -> None:
    await app(scope_of(), nothing, send)


async def test_a_client_that_leaves_is_seen(layer: Layer) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            seen.append((await receive())["type"])
            if seen[-1] == "http.disconnect":
                break
        await send(start_with())
        await send(body_of(b""))

    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        pass

    with anyio.fail_after(PATIENCE):
        await layer(app)(scope_of(), receive, send)
    assert seen == ["http.request", "http.disconnect"]


async def test_a_stream_ends_when_nobody_is_there_to_send_to(layer: Layer) -> None:
    ended = anyio.Event()
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(start_with())
            while True:
                await send(body_of(b"more", more_body=True))
        finally:
            ended.set()

    async def send(message: Message) -> None:
        nonlocal sent
        sent += 1
        if sent > 3:
            raise OSError("the client has left")

    with anyio.fail_after(PATIENCE):
        with contextlib.suppress(OSError, ClientDisconnect):
            await layer(app)(scope_of(), nothing, send)
    assert ended.is_set()
    assert sent < 10


@pytest.mark.parametrize("begun", [False, True])
async def test_an_exception_comes_up_as_itself(layer: Layer, begun: bool) -> None:
    class OddError(Exception):
        pass

    error = OddError("below")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send(start_with())
            await send(body_of(b"begun", more_body=True))
        raise error

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(OddError) as raised:
        await layer(app)(scope_of(), nothing, send)
    assert raised.value is error
    if begun:
        # What has begun is broken off, never completed.
        assert [message["type"] for message in sent].count("http.response.start") == 1
        assert all(message.get("more_body") for message in sent[1:])


async def test_trailers_pass(layer: Layer) -> None:
    trailers = {"type": "http.response.trailers", "headers": [(b"a", b"b")], "more_trailers": False}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start_with(trailers=True))
        await send(body_of(b"body"))
        await send(trailers)

    sent = await messages_through(layer(app))
    assert sent[0]["trailers"] is True
    assert sent[-1] == trailers


@pytest.mark.parametrize("kind", ["pathsend", "zerocopysend"])
async def test_files_that_the_server_sends_pass(layer: Layer, kind: str) -> None:
    file = {"type": f"http.response.{kind}", "path": "/tmp/file"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Text would be read, for it is compressed.
        await send(start_with((b"content-length", b"4"), (b"content-type", b"image/png")))
        await send(file)

    sent = await messages_through(layer(app))
    assert (b"content-length", b"4") in sent[0]["headers"]
    assert sent[1:] == [file]


async def test_early_hints_and_messages_that_nobody_knows_pass_where_they_are(layer: Layer) -> None:
    hint = {"type": "http.response.early_hint", "links": [b"</a>"]}
    unknown = {"type": "http.response.of_tomorrow", "a": 1}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(hint)
        await send(start_with())
        await send(unknown)
        await send(body_of(b"body"))

    sent = await messages_through(layer(app))
    assert sent[0] == hint
    assert [message["type"] for message in sent[1:3]] == ["http.response.start", unknown["type"]]
    assert sent[2] == unknown


async def messages_through(app: ASGIApp, scope: Scope | None = None) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with anyio.fail_after(PATIENCE):
        await app(scope or scope_of(), nothing, send)
    return sent


async def test_a_response_that_is_sent_twice_is_the_same_twice(layer: Layer) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if "session" in scope:
            Request(scope).session["a"] = "b"
        await response(scope, receive, send)

    response = PlainTextResponse("body " * 100, headers={"vary": "Accept"})
    before = list(response.raw_headers)
    outside = layer(app)
    first, second = [{name for name, _ in (await messages_through(outside))[0]["headers"]} for _ in range(2)]
    assert first == second
    assert response.raw_headers == before


async def test_a_websocket_passes(layer: Layer) -> None:
    from_client = iter(
        [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "a"}, {"type": "websocket.disconnect"}]
    )
    received: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.append((await receive())["type"])
        await send({"type": "websocket.accept", "headers": []})
        received.append((await receive())["type"])
        await send({"type": "websocket.send", "bytes": b"b"})
        received.append((await receive())["type"])

    sent: list[Message] = []

    async def receive() -> Message:
        return next(from_client)

    async def send(message: Message) -> None:
        sent.append(message)

    await layer(app)(scope_of("websocket"), receive, send)
    assert received == ["websocket.connect", "websocket.receive", "websocket.disconnect"]
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
    assert sent[1] == {"type": "websocket.send", "bytes": b"b"}


def application_of(seen: list[Any]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope, receive, send))

    return app


async def test_a_lifespan_passes_with_nothing_around_it(layer: Layer) -> None:
    seen: list[Any] = []
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    await layer(application_of(seen))(scope, nothing, messages_through)  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, nothing, messages_through]


@pytest.mark.parametrize("name", HTTP_ONLY)
async def test_what_is_for_requests_leaves_websockets_as_they_are(name: str) -> None:
    seen: list[Any] = []
    scope = scope_of("websocket")
    await wrap(application_of(seen), [WORKING[name]])(scope, nothing, messages_through)  # type: ignore[arg-type]
    assert seen[1:] == [nothing, messages_through]


@pytest.mark.parametrize(
    ("middleware", "more"),
    [
        (Middleware(ConditionalGetMiddleware), {"method": "POST"}),
        (Middleware(CSRFMiddleware, require_token=False), {}),
        (Middleware(HTTPSRedirectMiddleware), {}),
        (Middleware(RequestIdMiddleware), {"state": {"request_id": "of the server"}}),
        (
            Middleware(
                SecurityHeadersMiddleware,
                content_type_nosniff=False,
                frame_options=None,
                referrer_policy=None,
                cross_origin_opener_policy=None,
            ),
            {},
        ),
        (Middleware(StripRootPathMiddleware), {}),
        (Middleware(TimeoutMiddleware, None), {}),
        (Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]), {}),
        (Middleware(AuthenticationMiddleware, backend=Nobody()), {}),
        (Middleware(OpenTelemetryMiddleware, excluded_urls=["/"]), {}),
    ],
)
async def test_who_has_nothing_to_do_puts_nothing_around(middleware: Middleware, more: dict[str, Any]) -> None:
    seen: list[Any] = []
    await wrap(application_of(seen), [middleware])(scope_of(**more), nothing, messages_through)  # type: ignore[arg-type]
    assert seen[1:] == [nothing, messages_through]


@pytest.mark.parametrize("name", ["cors", "csrf", "request id", "security headers", "timeout", "timeout of all"])
async def test_a_whole_response_takes_the_direct_path_of_the_server(name: str) -> None:
    class DirectSend:
        response_started = False
        responses: list[tuple[int, Any, bytes]] = []

        async def __call__(self, message: Message) -> None:
            raise AssertionError("a message")

        async def respond(self, status: int, headers: Any, body: bytes) -> None:
            self.responses.append((status, dict(headers), body))

    send = DirectSend()
    await wrap(PlainTextResponse("body"), [WORKING[name]])(scope_of(), nothing, send)
    status, headers, body = send.responses.pop()
    assert (status, headers[b"content-length"], body) == (200, b"4", b"body")
    assert len(headers) > 2 or name in ("csrf", "timeout", "timeout of all")
