from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import anyio
import pytest

from vivace.web.applications import Application
from vivace.web.background import BackgroundTask
from vivace.web.exceptions import VivaceDeprecationWarning
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from vivace.web.routing import WebSocketRoute
from vivace.web.testclient import TestClient, WebSocketDenialResponse
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketDisconnect


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def make_app(events: list[str]) -> Application:
    @contextlib.asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[dict[str, Any]]:
        events.append("up")
        yield {"pool": 5}
        events.append("down")

    app = Application(lifespan=lifespan)

    @app.route("/echo/{rest:path}", methods=["GET", "POST"])
    async def echo(request: Request) -> Response:
        body = (await request.body()).decode()
        return JSONResponse(
            {
                "method": request.method,
                "path": request.path_params["rest"],
                "query": dict(request.query_params),
                "body": body,
                "agent": request.headers["user-agent"],
                "cookies": request.cookies,
                "client": request.client,
            }
        )

    @app.get("/state")
    async def state(request: Request) -> Response:
        request.state.seen = True
        return JSONResponse(dict(request.scope["state"]))

    @app.get("/login")
    async def login(request: Request) -> Response:
        response = RedirectResponse("/echo/", status_code=303)
        response.set_cookie("name", "ann")
        return response

    @app.get("/fail")
    async def fail(request: Request) -> Response:
        raise ValueError("failed")

    @app.get("/work")
    async def work(request: Request) -> Response:
        return PlainTextResponse("done", background=BackgroundTask(events.append, "worked"))

    return app


def test_a_request_needs_no_server(backend: Any) -> None:
    client = TestClient(make_app([]), backend=backend, headers={"x-a": "1"}, cookies={"c": "d"}, client=("me", 1))
    response = client.post("/echo/a%20b%2Fc?q=%C3%A9", content="hello")
    assert response.json() == {
        "method": "POST",
        "path": "a b/c",
        "query": {"q": "é"},
        "body": "hello",
        "agent": "testclient",
        "cookies": {"c": "d"},
        "client": ["me", 1],
    }


def test_the_lifespan_runs_in_a_with_block_and_each_request_has_its_own_copy_of_the_state(backend: Any) -> None:
    events: list[str] = []
    with TestClient(make_app(events), backend=backend) as client:
        assert events == ["up"]
        assert client.get("/state").json() == {"pool": 5, "seen": True}
        assert client.app_state == {"pool": 5}
    assert events == ["up", "down"]
    assert client.portal is None


def test_cookies_and_redirects_are_followed(backend: Any) -> None:
    client = TestClient(make_app([]), backend=backend)
    assert client.get("/login").json()["cookies"] == {"name": "ann"}
    assert client.get("/login", follow_redirects=False).status_code == 303


def test_what_the_application_raises_is_raised_here_unless_it_is_off(backend: Any) -> None:
    with pytest.raises(ValueError, match="failed"):
        TestClient(make_app([]), backend=backend).get("/fail")
    response = TestClient(make_app([]), backend=backend, raise_server_exceptions=False).get("/fail")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


def test_background_work_is_done_when_the_response_is_there(backend: Any) -> None:
    events: list[str] = []
    TestClient(make_app(events), backend=backend).get("/work")
    assert events == ["worked"]


def test_a_response_can_be_read_as_it_comes(backend: Any) -> None:
    second = threading.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        second.set()
        yield b"two"

    app = Application()
    app.add_route("/", lambda request: StreamingResponse(chunks()))
    with TestClient(app, backend=backend).stream("GET", "/") as response:
        parts = response.iter_raw()
        assert next(parts) == b"one"
        assert list(parts) == [b"two"]
    assert second.is_set()


def test_closing_a_response_early_ends_the_application(backend: Any) -> None:
    ended = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            ended.set()

    app = Application()
    app.add_route("/", lambda request: StreamingResponse(endless()))
    with TestClient(app, backend=backend) as client:
        with client.stream("GET", "/") as response:
            assert next(response.iter_raw()) == b"more"
        assert ended.wait(5)
        ended.clear()
        client.send(client.build_request("GET", "/"), stream=True)
    assert ended.wait(5)  # leaving the client ends what is still open


def test_head_has_no_body(backend: Any) -> None:
    response = TestClient(PlainTextResponse("text"), backend=backend).head("/")
    assert (response.text, response.headers["content-length"]) == ("", "4")


def test_a_timeout_has_no_use() -> None:
    with pytest.warns(VivaceDeprecationWarning, match="should not use the 'timeout' argument"):
        TestClient(PlainTextResponse("")).get("/", timeout=1)


def test_an_asgi_2_application_is_called_its_way() -> None:
    def app(scope: Scope) -> Any:
        return partial(PlainTextResponse("two"), scope)

    assert TestClient(app).get("/").text == "two"  # type: ignore[arg-type]


async def start(send: Send, **more: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [], **more})


async def no_response(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def starts_twice(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await start(send)


async def body_first(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})


async def body_after_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await send({"type": "http.response.body", "body": b""})
    await send({"type": "http.response.body", "body": b""})


async def trailers_unannounced(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await send({"type": "http.response.trailers", "headers": []})


async def trailers_before_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, trailers=True)
    await send({"type": "http.response.trailers", "headers": []})


async def body_twice(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, trailers=True)
    await send({"type": "http.response.body", "body": b""})
    await send({"type": "http.response.body", "body": b""})


async def trailers_twice(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, trailers=True)
    await send({"type": "http.response.body", "body": b""})
    await send({"type": "http.response.trailers", "headers": []})
    await send({"type": "http.response.trailers", "headers": []})


async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (body_twice, "after body completed"),
        (trailers_twice, "after response completed"),
        (cancelled, "did not receive any response"),
        (no_response, "did not receive any response"),
        (starts_twice, "multiple"),
        (body_first, "without"),
        (body_after_the_end, "after response completed"),
        (trailers_unannounced, "without declaring trailers"),
        (trailers_before_the_end, "before body completed"),
    ],
)
def test_messages_that_no_server_takes_are_errors(app: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        TestClient(app).get("/")


def test_an_application_without_a_response_is_500_to_a_client() -> None:
    assert TestClient(no_response, raise_server_exceptions=False).get("/").status_code == 500


def test_trailers_and_what_a_template_was_made_of_are_on_the_response() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.debug", "info": {"template": "t", "context": {"a": 1}}})
        await start(send, trailers=True)
        await send({"type": "http.response.body", "body": b"x"})
        await send({"type": "http.response.trailers", "headers": [(b"a", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"b", b"2")]})

    response: Any = TestClient(app).get("/")
    assert response.extensions["http.response.trailers"] == [(b"a", b"1"), (b"b", b"2")]
    assert (response.template, response.context) == ("t", {"a": 1})


@pytest.mark.parametrize("fails", ["up", "down"])
def test_a_lifespan_that_fails_is_raised(fails: str, backend: Any) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        if fails == "up":
            raise RuntimeError("no up")
        yield
        raise RuntimeError("no down")

    with pytest.raises(RuntimeError, match=f"no {fails}"):
        with TestClient(Application(lifespan=lifespan), backend=backend):
            pass


def test_an_application_that_refuses_lifespans_with_an_exception_is_reported() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("http only")

    with pytest.raises(ValueError, match="http only"):
        with TestClient(app):
            pass


def websocket_app() -> Application:
    app = Application()

    @app.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept(subprotocol=(websocket.scope["subprotocols"] or [None])[0], headers=[(b"x-a", b"1")])
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                websocket.app.state.left = message["code"], message.get("reason")
                return
            await websocket.send({**message, "type": "websocket.send"})

    @app.websocket("/refuse")
    async def refuse(websocket: WebSocket) -> None:
        await websocket.close(code=1008, reason="no")

    @app.websocket("/deny")
    async def deny(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("not you", status_code=403))

    @app.websocket("/fail")
    async def fail(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("failed")

    @app.websocket("/hang")
    async def hang(websocket: WebSocket) -> None:
        await websocket.accept()
        await anyio.sleep_forever()

    @app.websocket("/push")
    async def push(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text("more")
            await anyio.sleep(0)

    @app.websocket("/end")
    async def end(websocket: WebSocket) -> None:
        await websocket.accept()

    return app


@pytest.fixture
def websockets(backend: Any) -> Iterator[TestClient]:
    with TestClient(websocket_app(), backend=backend) as client:
        yield client


def test_a_websocket_carries_text_bytes_and_json(websockets: TestClient) -> None:
    with websockets.websocket_connect("/echo", subprotocols=["one", "two"]) as session:
        assert (session.accepted_subprotocol, session.extra_headers) == ("one", [(b"x-a", b"1")])
        session.send_text("hi")
        assert session.receive_text() == "hi"
        session.send_bytes(b"\x00")
        assert session.receive_bytes() == b"\x00"
        for mode in ("text", "binary"):
            session.send_json({"é": 1}, mode=mode)
            assert session.receive_json(mode=mode) == {"é": 1}
        session.close(4000, "bye")
    assert websockets.app.state.left == (4000, "bye")  # type: ignore[attr-defined]


def test_leaving_the_block_closes_with_1000(websockets: TestClient) -> None:
    with websockets.websocket_connect("/echo"):
        pass
    assert websockets.app.state.left == (1000, None)  # type: ignore[attr-defined]


def test_a_refused_websocket_raises(websockets: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as refused:
        with websockets.websocket_connect("/refuse"):
            pass
    assert (refused.value.code, refused.value.reason) == (1008, "no")
    with pytest.raises(WebSocketDenialResponse) as denied:
        with websockets.websocket_connect("/deny"):
            pass
    assert (denied.value.status_code, denied.value.text) == (403, "not you")


def test_what_a_websocket_endpoint_raises_is_raised_here(websockets: TestClient) -> None:
    with pytest.raises(ValueError, match="failed"):
        with websockets.websocket_connect("/fail"):
            pass
    with pytest.raises(ValueError, match="failed"):
        with websockets.websocket_connect("/fail") as session:
            session.receive_text()


def test_a_disconnect_that_an_endpoint_lets_pass_is_raised_here(backend: Any) -> None:
    async def listens(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()

    with pytest.raises(WebSocketDisconnect) as left:
        with TestClient(Application(routes=[WebSocketRoute("/", listens)]), backend=backend) as client:
            with client.websocket_connect("/") as session:
                session.close(4001)
    assert left.value.code == 4001


def test_an_endpoint_that_just_ends_has_closed(websockets: TestClient) -> None:
    with websockets.websocket_connect("/end") as session:
        with pytest.raises(WebSocketDisconnect):
            session.receive_text()


@pytest.mark.parametrize("path", ["/hang", "/push"])
def test_an_endpoint_that_does_not_end_is_ended(websockets: TestClient, path: str) -> None:
    with websockets.websocket_connect(path) as session:
        if path == "/push":
            assert session.receive_text() == "more"


def test_a_websocket_takes_credentials_and_cookies(backend: Any) -> None:
    app = Application()

    @app.websocket("/")
    async def headers(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json([websocket.headers.get("authorization"), websocket.cookies, websocket.url.query])
        await websocket.close()

    client = TestClient(app, backend=backend, cookies={"a": "b"})
    with client.websocket_connect("/", auth=("ann", "secret"), params={"q": "1"}) as session:
        assert session.receive_json() == ["Basic YW5uOnNlY3JldA==", {"a": "b"}, "q=1"]
