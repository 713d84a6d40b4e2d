from __future__ import annotations

import pytest

from vivace.web.applications import Application
from vivace.web.middleware.httpsredirect import HTTPSRedirectMiddleware
from vivace.web.responses import PlainTextResponse
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("base_url", "location"),
    [
        ("http://testserver", "https://testserver/a?b=c"),
        ("http://testserver:80", "https://testserver/a?b=c"),
        ("http://testserver:443", "https://testserver/a?b=c"),
        ("http://testserver:8000", "https://testserver:8000/a?b=c"),
    ],
)
async def test_plain_http_is_sent_to_https(base_url: str, location: str) -> None:
    client = AsyncTestClient(
        HTTPSRedirectMiddleware(PlainTextResponse("ok")), base_url=base_url, follow_redirects=False
    )
    response = await client.get("/a?b=c")
    assert (response.status_code, response.headers["location"]) == (307, location)


async def test_https_and_lifespans_pass() -> None:
    app = HTTPSRedirectMiddleware(Application())
    async with AsyncTestClient(app, base_url="https://testserver") as client:
        assert (await client.get("/")).status_code == 404


async def test_a_forged_host_leads_nowhere_else() -> None:
    client = AsyncTestClient(HTTPSRedirectMiddleware(PlainTextResponse("ok")), follow_redirects=False)
    response = await client.get("/", headers={"host": "a/@evil.example"})
    assert response.headers["location"] == "https://testserver/"


async def test_without_any_host_there_is_nowhere_to_send_to() -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": []}
    await HTTPSRedirectMiddleware(PlainTextResponse("ok"))(scope, None, send)  # type: ignore[arg-type]
    assert messages[0]["status"] == 400


async def test_a_websocket_is_closed_where_it_cannot_be_redirected() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "scheme": "ws", "path": "/", "query_string": b"", "headers": [(b"host", b"a")]}
    await HTTPSRedirectMiddleware(PlainTextResponse("ok"))(scope, None, send)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["websocket.close"]
