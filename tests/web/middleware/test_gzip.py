from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.applications import Application
from vivace.web.middleware.gzip import GZipMiddleware, accepts_gzip
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response, StreamingResponse
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio


def app_with(response: Any, **options: Any) -> Application:
    app = Application()
    app.add_middleware(GZipMiddleware, **options)

    @app.get("/")
    async def home(request: Request) -> Response:
        made: Response = response()
        return made

    return app


async def get(app: Application, accept: str = "gzip") -> Any:
    async with AsyncTestClient(app) as client:
        return await client.get("/", headers={"accept-encoding": accept})


async def test_a_large_response_is_compressed() -> None:
    response = await get(app_with(lambda: PlainTextResponse("x" * 4000)))
    assert response.text == "x" * 4000
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept-Encoding"
    assert int(response.headers["content-length"]) < 100


async def test_a_client_that_does_not_take_it_gets_the_response_as_it_is() -> None:
    response = await get(app_with(lambda: PlainTextResponse("x" * 4000)), "identity")
    assert response.text == "x" * 4000
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["content-length"] == "4000"


@pytest.mark.parametrize(
    "response",
    [
        lambda: PlainTextResponse("small"),
        lambda: PlainTextResponse("x" * 4000, headers={"content-encoding": "br"}),
        lambda: PlainTextResponse("x" * 4000, status_code=206),
        lambda: PlainTextResponse("x" * 4000, media_type="image/png"),
        lambda: PlainTextResponse("x" * 4000, media_type="video/mp4; codecs=x"),
        lambda: PlainTextResponse("x" * 4000, media_type="application/grpc+proto"),
        lambda: PlainTextResponse("x" * 4000, media_type="text/event-stream"),
    ],
)
async def test_what_would_not_gain_is_left_alone(response: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await response()(scope, receive, send)

    messages = await run(GZipMiddleware(app))
    assert b"gzip" not in dict(messages[0]["headers"]).values()
    assert messages[1]["body"] == response().body


async def run(app: Any, accept: bytes = b"gzip") -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "POST",
        "headers": [(b"accept-encoding", accept)],
    }
    await app(scope, None, send)
    return messages


async def test_each_part_of_a_stream_leaves_at_once() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"part %d;" % number

    messages = await run(GZipMiddleware(StreamingResponse(parts(), headers={"content-length": "21"}), minimum_size=5))
    assert b"content-length" not in dict(messages[0]["headers"])
    decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert [decompressor.decompress(message["body"]) for message in messages[1:4]] == [
        b"part 0;",
        b"part 1;",
        b"part 2;",
    ]


async def test_large_parts_are_compressed_in_a_thread() -> None:
    response = await get(app_with(lambda: PlainTextResponse("x" * 4000), thread_minimum_size=1000))
    assert response.text == "x" * 4000


async def test_trailers_and_files_that_the_server_sends_pass() -> None:
    async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "trailers": True})
        await send({"type": "http.response.body", "body": b"x" * 4000})
        await send({"type": "http.response.trailers", "headers": []})

    async def file(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/tmp/x"})

    start, body, end = await run(GZipMiddleware(trailers))
    assert b"content-length" not in dict(start["headers"])
    assert gzip.decompress(body["body"]) == b"x" * 4000
    assert end["type"] == "http.response.trailers"
    assert [message["type"] for message in await run(GZipMiddleware(file))] == [
        "http.response.start",
        "http.response.pathsend",
    ]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("GZIP", True),
        ("*", True),
        ("x-gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("identity", False),
        ("", False),
        ("notgzip", False),
        ("gzip;q=x", False),
        ("gzip;level=9", True),
    ],
)
async def test_accept_encoding_is_read_as_it_is_meant(header: str, accepted: bool) -> None:
    assert accepts_gzip([header]) is accepted


@given(st.lists(st.text(max_size=20), max_size=3))
def test_no_accept_encoding_breaks_it(headers: list[str]) -> None:
    assert accepts_gzip(headers) in (True, False)
