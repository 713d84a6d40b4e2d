"""Headers of every response, on a live server and over every protocol."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.server.conftest import Site, reply
from tests.server.http2_client import http2, post
from tests.server.protocol.http2_cases import GET
from websockets.asyncio.client import connect

from vivace.server.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Site]]

DEFAULTS = ('Alt-Svc: h3=":443"', "X-Frame-Options: DENY", "Link: </a>", "Link: </b>")
REQUEST = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails, or answers with a header of its own."""
    if scope["type"] == "lifespan" or scope["path"] == "/fail":
        raise RuntimeError
    own = [] if scope["path"] == "/" else [(b"X-FRAME-options", b"SAMEORIGIN")]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "headers": own})
        await send({"type": "websocket.close"})
        return
    if scope["path"] == "/own":
        await send({"type": "http.response.start", "status": 200, "headers": [*own, (b"server", b"mine")]})
        await send({"type": "http.response.body", "body": b""})
        return
    await reply(send, b"hello")


async def heads(site: Site) -> list[tuple[str, list[str]]]:
    """Status line and header lines of several HTTP/1.1 responses."""
    found = []
    for data in (REQUEST % b"", REQUEST % b"own", REQUEST % b"fail", b"nonsense\r\n\r\n"):
        lines = (await (await site.connect(data)).head()).decode().split("\r\n")
        found.append((lines[0], lines[1:-2]))
    return found


async def test_http1(live: Live) -> None:
    async with live(app, headers=DEFAULTS) as site:
        usual, own, failed, refused = await heads(site)
        for status, lines in (usual, failed, refused):
            assert lines.count('alt-svc: h3=":443"') == 1, status
            assert [line for line in lines if line.startswith("link")] == ["link: </a>", "link: </b>"]
            assert lines.count("x-frame-options: DENY") == 1
            assert lines.count("server: vivace") == 1
        assert "x-frame-options: DENY" not in own[1]
        assert "X-FRAME-options: SAMEORIGIN" in own[1]
        assert "server: mine" in own[1]
        assert failed[0].endswith("500 Internal Server Error")
        assert refused[0].endswith("400 Bad Request")


async def test_server_may_be_one_of_them(live: Live) -> None:
    async with live(app, headers=("Server: apache",)) as site:
        usual, own, _, _ = await heads(site)
        assert [line for line in usual[1] if line.startswith("server")] == ["server: apache"]
        assert [line for line in own[1] if line.startswith("server")] == ["server: mine"]


def fields(response: Any, name: bytes) -> list[bytes]:
    return [value for block in response.fields for known, value in block if known == name]


async def test_http2(live: Live) -> None:
    async with live(app, headers=DEFAULTS, max_body_size=10) as site:
        client = await http2(site)
        own = [*GET[:2], (b":path", b"/own"), GET[3]]
        fail = [*GET[:2], (b":path", b"/fail"), GET[3]]
        usual, again, owned, failed = [
            await client.ask(stream, target) for stream, target in ((1, GET), (3, GET), (5, own), (7, fail))
        ]
        await client.send(post(9, b"x" * 100, fields=[(b"content-length", b"100")]))
        refused = await client.response(9)
        assert [response.status for response in (usual, again, owned, failed, refused)] == [200, 200, 200, 500, 413]
        for response in (usual, again, owned, failed, refused):
            assert fields(response, b"alt-svc") == [b'h3=":443"']
            assert fields(response, b"link") == [b"</a>", b"</b>"]
        assert fields(usual, b"x-frame-options") == [b"DENY"]
        assert fields(owned, b"x-frame-options") == [b"SAMEORIGIN"]


@pytest.mark.parametrize(("path", "frames"), [("/", "DENY"), ("/own", "SAMEORIGIN")])
async def test_websocket(live: Live, path: str, frames: str) -> None:
    async with (
        live(app, headers=DEFAULTS) as site,
        connect(f"ws://127.0.0.1:{site.server.port}{path}", proxy=None) as client,
    ):
        assert client.response is not None
        assert client.response.headers.get_all("X-Frame-Options") == [frames]
        assert client.response.headers["Alt-Svc"] == 'h3=":443"'
