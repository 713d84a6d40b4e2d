"""The coding that the client likes best, and nothing that would be wrong once the bytes are others."""

from __future__ import annotations

import functools
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import brotli
import pytest
import zstandard

from vivace.web.applications import Starlette
from vivace.web.middleware import Middleware
from vivace.web.middleware.compression import CompressionMiddleware
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.requests import Request
from vivace.web.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from vivace.web.routing import Route
from vivace.web.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

TEXT = "text that repeats itself, " * 200
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    "gzip": lambda body: zlib.decompress(body, 16 + zlib.MAX_WBITS),
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


class Answer:
    """A response as its messages were."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self.status: int = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.coding = self.headers.get("content-encoding", "")
        self.raw = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def content(self) -> bytes:
        return DECODE[self.coding](self.raw)


async def ask(app: ASGIApp, accept: str | None = "gzip, br, zstd", method: str = "GET", **scope: Any) -> Answer:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    headers = [] if accept is None else [(b"accept-encoding", accept.encode())]
    headers += scope.pop("headers", [])
    request = {"type": "http", "http_version": "1.1", "method": method, "path": "/", "query_string": b""}
    await app(request | {"headers": headers} | scope, receive, send)
    return Answer(messages)


def compressing(response: Callable[[], Response], **options: Any) -> ASGIApp:
    async def home(request: Request) -> Response:
        return response()

    return Starlette(routes=[Route("/", home)], middleware=[Middleware(CompressionMiddleware, **options)])


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0.5, br;q=0.9, gzip;q=0.1", "br"),
        ("zstd;q=0, *;q=0.1", "br"),
        ("GZIP;Q=1", "gzip"),
        ("gzip;q=0.5, identity;q=0.8", ""),
        ("deflate", ""),
        ("", ""),
        (None, ""),
        ("gzip;q=nonsense", ""),
    ],
)
async def test_the_client_says_which(accept: str | None, coding: str) -> None:
    answer = await ask(compressing(lambda: PlainTextResponse(TEXT)), accept)
    assert answer.coding == coding
    assert answer.content == TEXT.encode()
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len(answer.raw))
    assert (len(answer.raw) < 200) == bool(coding)


async def test_of_equals_the_first_that_is_offered() -> None:
    app = compressing(lambda: PlainTextResponse(TEXT), codings=["gzip", "zstd"], levels={"gzip": 9})
    assert (await ask(app)).coding == "gzip"
    assert (await ask(app, "br, zstd")).coding == "zstd"
    assert (await ask(app, "br")).coding == ""


@pytest.mark.parametrize(
    "response",
    [
        lambda: PlainTextResponse("small"),
        lambda: PlainTextResponse(TEXT, headers={"content-encoding": "br"}),
        lambda: PlainTextResponse(TEXT, headers={"content-digest": "sha-256=:AA==:"}),
        lambda: PlainTextResponse(TEXT, headers={"cache-control": "public, No-Transform"}),
        lambda: PlainTextResponse(TEXT, status_code=206, headers={"content-range": "bytes 0-1/2"}),
        lambda: Response(TEXT, media_type="image/png"),
        lambda: Response(TEXT, media_type="Video/MP4; codecs=x"),
        lambda: Response(TEXT, media_type="application/grpc+proto"),
        lambda: Response(TEXT, media_type="text/event-stream"),
        lambda: StreamingResponse(iter([b"small", b" too"]), headers={"content-length": "9"}),
        lambda: Response(status_code=204),
    ],
)
async def test_what_would_not_gain_or_must_not_change_is_left_alone(response: Any) -> None:
    plain = await ask(compressing(response), None)
    answer = await ask(compressing(response))
    assert answer.raw == plain.raw
    assert {**answer.headers, "vary": ""} == {**plain.headers, "vary": ""}


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
async def test_each_part_of_a_stream_leaves_at_once(coding: str) -> None:
    async def events() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"data: %d\n\n" % number

    app = compressing(lambda: StreamingResponse(events(), media_type="text/event-stream"), exclude_content_types=())
    answer = await ask(app, coding)
    assert answer.coding == coding
    assert "content-length" not in answer.headers
    decoders: dict[str, Any] = {
        "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress,
        "br": lambda: brotli.Decompressor().process,
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
    }
    decode = decoders[coding]()
    pieces = [decode(message["body"]) for message in answer.messages[1:] if message["body"]]
    assert [piece for piece in pieces if piece] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


async def test_a_strong_etag_becomes_weak_and_ranges_are_not_offered() -> None:
    headers = {"etag": '"1"', "accept-ranges": "bytes"}
    app = compressing(lambda: PlainTextResponse(TEXT, headers=headers))
    answer = await ask(app)
    assert answer.headers["etag"] == 'W/"1"'
    assert "accept-ranges" not in answer.headers
    plain = await ask(app, None)
    assert (plain.headers["etag"], plain.headers["accept-ranges"]) == ('"1"', "bytes")
    weak = await ask(compressing(lambda: PlainTextResponse(TEXT, headers={"etag": 'W/"1"'})))
    assert weak.headers["etag"] == 'W/"1"'
    unchanged = await ask(compressing(lambda: Response(status_code=304, headers={"etag": '"1"'})))
    assert (unchanged.headers["etag"], unchanged.coding) == ('W/"1"', "")


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    app = compressing(lambda: PlainTextResponse(TEXT, headers={"etag": '"1"'}))
    get, head = await ask(app), await ask(app, method="HEAD")
    assert set(get.headers) - set(head.headers) == {"content-length"}
    assert head.headers.items() <= get.headers.items()
    small = await ask(compressing(lambda: PlainTextResponse("small")), method="HEAD")
    assert (small.coding, small.headers["content-length"]) == ("", "5")


async def test_a_file_is_compressed_and_a_part_of_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT * 200)
    app = compressing(lambda: FileResponse(path))
    pathsend: dict[str, Any] = {"http.response.pathsend": {}}
    for extensions in ({}, pathsend):
        answer = await ask(app, extensions=extensions)
        assert answer.coding == "zstd"
        assert answer.content == path.read_bytes()
        assert answer.headers["etag"].startswith("W/")
        assert {message["type"] for message in answer.messages[1:]} == {"http.response.body"}
    part = await ask(app, headers=[(b"range", b"bytes=0-3")])
    assert (part.status, part.raw, part.coding) == (206, b"text", "")
    # By its path still goes what would not be compressed.
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"x" * 1000)
    small = tmp_path / "small.txt"
    small.write_text("small")
    for other in (picture, small):
        answer = await ask(compressing(functools.partial(FileResponse, other)), extensions=pathsend)
        assert answer.messages[1]["type"] == "http.response.pathsend"


async def test_a_response_that_is_sent_twice_is_the_same_twice() -> None:
    response = PlainTextResponse(TEXT, headers={"etag": '"1"'})
    app = CompressionMiddleware(response)
    first, second = await ask(app), await ask(app)
    assert first.headers == second.headers
    assert (await ask(app, None)).content == TEXT.encode()


async def test_two_layers_compress_once() -> None:
    inner = GZipMiddleware(PlainTextResponse(TEXT))
    answer = await ask(CompressionMiddleware(inner))
    assert (answer.coding, answer.content) == ("gzip", TEXT.encode())


async def test_large_parts_are_compressed_in_a_thread_and_others_pass() -> None:
    app = compressing(lambda: PlainTextResponse(TEXT * 100), thread_minimum_size=1000)
    assert (await ask(app)).content == TEXT.encode() * 100
    seen: list[str] = []

    async def other(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await CompressionMiddleware(other)({"type": "websocket"}, None, None)  # type: ignore[arg-type]
    assert seen == ["websocket"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codings": ["deflate"]}, "'deflate' is no content coding"),
        ({"levels": {"gzip": 10}}, "zstd 1 to 19, br 0 to 11, gzip 1 to 9"),
        ({"levels": {"lzma": 1}}, "no level 1 of 'lzma'"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompressionMiddleware(PlainTextResponse(""), **options)
