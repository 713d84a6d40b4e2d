from __future__ import annotations

import pytest

from vivace.web.applications import Application
from vivace.web.middleware.striprootpath import StripRootPathMiddleware
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse
from vivace.web.routing import Mount
from vivace.web.testclient import AsyncTestClient, TestClient
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocket

pytestmark = pytest.mark.anyio


async def paths(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells what an application sees that knows no root path."""
    seen = [scope["path"], scope["raw_path"].decode(), scope["root_path"]]
    if scope["type"] == "websocket":
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        await websocket.send_json(seen)
        await websocket.close()
        return
    await JSONResponse(seen)(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/old/books/1", ["/books/1", "/books/1", "/old"]),
        ("/old/a%2Fb%20c", ["/a/b c", "/a%2Fb%20c", "/old"]),
        ("/old/", ["/", "/", "/old"]),
        ("/ol%64/x", ["/x", "/x", "/old"]),
    ],
)
async def test_the_prefix_is_taken_off_the_path(path: str, seen: list[str]) -> None:
    client = AsyncTestClient(Application(routes=[Mount("/old", StripRootPathMiddleware(paths))]))
    assert (await client.get(path)).json() == seen


async def test_the_scope_outside_is_not_changed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        inner = StripRootPathMiddleware(paths)
        await inner(scope, receive, send)
        assert Request(scope).url.path == "/site/page"

    client = AsyncTestClient(app, root_path="/site")
    assert (await client.get("/site/page")).json() == ["/page", "/page", "/site"]


async def test_without_a_prefix_nothing_is_done() -> None:
    assert (await AsyncTestClient(StripRootPathMiddleware(paths)).get("/a")).json() == ["/a", "/a", ""]


async def test_without_a_raw_path_one_is_made() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope["raw_path"]
        await StripRootPathMiddleware(paths)(scope, receive, send)

    client = AsyncTestClient(app, root_path="/site")
    assert (await client.get("/site/a b")).json() == ["/a b", "/a%20b", "/site"]


def test_websockets_and_lifespans_pass() -> None:
    app = Application(routes=[Mount("/old", StripRootPathMiddleware(paths))])
    with TestClient(StripRootPathMiddleware(app)) as client, client.websocket_connect("/old/ws") as websocket:
        assert websocket.receive_json() == ["/ws", "/ws", "/old"]
