from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from vivace.web.applications import Application
from vivace.web.endpoints import HTTPEndpoint
from vivace.web.middleware import Middleware
from vivace.web.middleware.conditional import ConditionalGetMiddleware, condition, etag, last_modified
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.requests import Request
from vivace.web.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

DAY = datetime(2026, 1, 31, tzinfo=UTC)
HTTP_DAY = "Sat, 31 Jan 2026 00:00:00 GMT"


def app_with(*layers: Middleware, **options: Any) -> Application:
    app = Application(middleware=[*layers, Middleware(ConditionalGetMiddleware, **options)])

    @app.route("/", methods=["GET", "POST"])
    async def home(request: Request) -> Response:
        headers = {name[2:]: value for name, value in request.headers.items() if name.startswith("x-")}
        return PlainTextResponse("home " * 200, headers={"vary": "Accept", "set-cookie": "a=b", **headers})

    @app.route("/stream")
    async def stream(request: Request) -> Response:
        return StreamingResponse(iter(["a", "b"]), headers=dict(request.query_params))

    @app.route("/missing")
    async def missing(request: Request) -> Response:
        return PlainTextResponse("missing", 404)

    return app


async def test_a_body_gets_a_tag_and_is_sent_once() -> None:
    async with AsyncTestClient(app_with()) as client:
        first = await client.get("/")
        tag = first.headers["etag"]
        assert (first.status_code, tag[0]) == (200, '"')
        again = await client.get("/", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["vary"] == "Accept"
        assert again.headers["set-cookie"] == "a=b"
        assert not {"content-length", "content-type"} & again.headers.keys()
        assert (await client.get("/", headers={"if-none-match": '"other"'})).text == first.text
        assert (await client.get("/", headers={"if-match": '"other"'})).status_code == 412
        head = await client.head("/")
        assert (head.headers["etag"], head.headers["content-length"]) == (tag, "1000")
        assert (await client.head("/", headers={"if-none-match": tag})).status_code == 304
        post = await client.post("/", headers={"if-none-match": tag})
        assert (post.status_code, "etag" in post.headers) == (200, False)


async def test_what_the_application_says_itself_counts() -> None:
    async with AsyncTestClient(app_with()) as client:
        own = {"x-etag": 'W/"own"'}
        assert (await client.get("/", headers=own)).headers["etag"] == 'W/"own"'
        assert (await client.get("/", headers={**own, "if-none-match": '"own"'})).status_code == 304
        dated = {"x-last-modified": HTTP_DAY, "if-modified-since": HTTP_DAY}
        assert (await client.get("/", headers=dated)).status_code == 304
        assert (await client.get("/", headers={**dated, "if-modified-since": "nonsense"})).status_code == 200


@pytest.mark.parametrize("headers", [{"x-cache-control": "private, No-Store"}])
async def test_what_nobody_may_keep_has_no_tag(headers: dict[str, str]) -> None:
    async with AsyncTestClient(app_with()) as client:
        assert "etag" not in (await client.get("/", headers=headers)).headers
        assert "etag" not in (await client.get("/missing")).headers
        assert "etag" not in (await client.get("/stream")).headers
        assert (await client.get("/stream")).text == "ab"
    async with AsyncTestClient(app_with(max_size=999)) as client:
        assert "etag" not in (await client.get("/")).headers


async def test_a_stream_with_a_tag_of_its_own_is_not_sent_twice() -> None:
    async with AsyncTestClient(app_with()) as client:
        response = await client.get("/stream", params={"etag": '"s"'}, headers={"if-none-match": '"s"'})
        assert (response.status_code, response.content) == (304, b"")
        response = await client.get(
            "/stream", params={"last-modified": HTTP_DAY}, headers={"if-modified-since": HTTP_DAY}
        )
        assert response.status_code == 304
        assert (await client.get("/stream", params={"last-modified": HTTP_DAY})).text == "ab"


async def test_an_endless_stream_that_nobody_needs_is_ended() -> None:
    closed = anyio.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "more"
        finally:
            closed.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(endless(), headers={"etag": '"e"'})(scope, receive, send)

    client = AsyncTestClient(ConditionalGetMiddleware(app))
    with anyio.fail_after(10):
        assert (await client.get("/", headers={"if-none-match": '"e"'})).status_code == 304
    assert closed.is_set()


async def test_an_error_of_the_application_is_not_swallowed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        await AsyncTestClient(ConditionalGetMiddleware(app)).get("/")


async def test_a_file_answers_for_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("file")
    client = AsyncTestClient(ConditionalGetMiddleware(FileResponse(tmp_path / "a")))
    tag = (await client.get("/")).headers["etag"]
    assert (await client.get("/", headers={"if-none-match": tag})).status_code == 304
    assert (await client.get("/", headers={"range": "bytes=0-1"})).text == "fi"


async def test_a_file_that_the_server_sends_passes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/tmp/a"})

    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await ConditionalGetMiddleware(app)({"type": "http", "method": "GET", "headers": []}, None, send)  # type: ignore[arg-type]
    assert sent == ["http.response.start", "http.response.pathsend"]


async def test_a_head_of_its_own_gets_no_tag_of_a_body_that_is_not_there() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(headers={"content-length": "1000"})(scope, receive, send)

    client = AsyncTestClient(ConditionalGetMiddleware(app))
    assert "etag" not in (await client.head("/")).headers


async def test_it_stands_inside_of_compression_and_outside_of_it() -> None:
    for app in (app_with(Middleware(GZipMiddleware)), GZipMiddleware(app_with()), app_with(weak=True)):
        async with AsyncTestClient(app) as client:
            first = await client.get("/")
            again = await client.get("/", headers={"if-none-match": first.headers["etag"]})
            assert (first.text, again.status_code) == ("home " * 200, 304)


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="max_size"):
        ConditionalGetMiddleware(PlainTextResponse("in"), max_size=-1)
    with pytest.raises(TypeError, match="condition"):
        condition()


class Document:
    """Something with a version, as handlers know it."""

    def __init__(self) -> None:
        self.version: str | None = "1"
        self.made = 0

    async def tag(self, request: Request) -> str | None:
        return self.version

    def moment(self, request: Request) -> datetime:
        return DAY

    def app(self) -> Application:
        app = Application()

        @app.route("/tag", methods=["GET", "PUT"])
        @etag(self.tag)
        async def tagged(request: Request) -> Response:
            self.made += 1
            return PlainTextResponse("made")

        @app.route("/day")
        @last_modified(self.moment)
        def dated(request: Request) -> Response:
            self.made += 1
            return PlainTextResponse("made")

        document = self

        @app.route("/both")
        class Both(HTTPEndpoint):
            @condition(self.tag, self.moment)
            async def get(self, request: Request) -> Response:
                return PlainTextResponse("made", headers={"etag": '"own"'})

            @condition(lambda request: 'W/"weak"')
            async def put(self, request: Request) -> Response:
                document.made += 1
                return PlainTextResponse("made")

        return app


async def test_a_tag_that_fits_saves_the_handler() -> None:
    document = Document()
    async with AsyncTestClient(document.app()) as client:
        assert (await client.get("/tag")).headers["etag"] == '"1"'
        response = await client.get("/tag", headers={"if-none-match": '"1"'})
        assert (response.status_code, response.headers["etag"], document.made) == (304, '"1"', 1)
        assert (await client.get("/tag", headers={"if-none-match": '"0"'})).text == "made"
        response = await client.get("/day", headers={"if-modified-since": HTTP_DAY})
        assert (response.status_code, response.headers["last-modified"]) == (304, HTTP_DAY)
        assert (await client.get("/day")).headers["last-modified"] == HTTP_DAY
        response = await client.get("/both")
        assert (response.headers["etag"], response.headers["last-modified"]) == ('"own"', HTTP_DAY)


async def test_two_writers_do_not_overwrite_each_other() -> None:
    document = Document()
    async with AsyncTestClient(document.app()) as client:
        assert (await client.put("/tag", headers={"if-match": '"1"'})).text == "made"
        document.version = "2"
        response = await client.put("/tag", headers={"if-match": '"1"'})
        assert (response.status_code, response.text, document.made) == (412, "Precondition Failed", 1)
        assert (await client.put("/tag", headers={"if-none-match": "*"})).status_code == 412
        document.version = None
        assert (await client.put("/tag", headers={"if-none-match": "*"})).text == "made"
        assert (await client.put("/tag", headers={"if-match": "*"})).status_code == 412
        # RFC 9110 13.1.1: a weak tag does not do for writing.
        assert (await client.put("/both", headers={"if-match": 'W/"weak"'})).status_code == 412
        assert "etag" not in (await client.put("/both")).headers


async def test_a_time_has_a_zone() -> None:
    app = Application()

    @app.route("/")
    @last_modified(lambda request: DAY.replace(tzinfo=None))
    async def handler(request: Request) -> Response:
        return Response()

    @app.route("/none")
    @last_modified(lambda request: None)
    async def none(request: Request) -> Response:
        return Response()

    async with AsyncTestClient(app) as client:
        with pytest.raises(ValueError, match="aware datetime"):
            await client.get("/")
        assert "last-modified" not in (await client.get("/none")).headers
