"""Bodies that stream through the test clients, both ways, and clients that leave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from vivace.web import Application, FileResponse, PlainTextResponse, Request, Response, StreamingResponse
from vivace.web.requests import ClientDisconnect
from vivace.web.responses import EventSourceResponse
from vivace.web.testclient import AsyncTestClient, TestClient
from vivace.web.types import Receive, Scope, Send

PATIENCE = 10


@pytest.fixture
def log() -> list[str]:
    """What the application below says that it has seen."""
    return []


@pytest.fixture
def app(log: list[str], tmp_path: Path) -> Application:
    app = Application()

    @app.route("/upload", methods=["POST"])
    async def upload(request: Request) -> Response:
        try:
            async for chunk in request.stream():
                log.append(f"got {chunk.decode()}")  # noqa: PERF401 - as they come
        except ClientDisconnect:
            log.append("disconnected")
            raise
        return PlainTextResponse("done")

    @app.route("/echo", methods=["POST"])
    async def echo(request: Request) -> Response:
        return StreamingResponse(request.stream())

    @app.get("/events")
    async def events(request: Request) -> Response:
        async def count() -> AsyncIterator[dict[str, int]]:
            try:
                number = 0
                while True:
                    number += 1
                    yield {"number": number}
            finally:
                log.append("left")

        return EventSourceResponse(count())

    @app.get("/quiet")
    async def quiet(request: Request) -> Response:
        async def wait() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await anyio.sleep_forever()
            finally:
                log.append("left")

        return StreamingResponse(wait())

    @app.get("/file")
    async def file(request: Request) -> Response:
        (tmp_path / "a.txt").write_text("contents")
        return FileResponse(tmp_path / "a.txt")

    @app.get("/hints")
    async def hints(request: Request) -> Response:
        await request.send_early_hints("</a.css>; rel=preload")
        return PlainTextResponse("page")

    @app.get("/fails")
    async def fails(request: Request) -> Response:
        pytest.fail("said in a handler")

    return app


@pytest.fixture(params=["asyncio", "trio"])
def client(request: pytest.FixtureRequest, app: Application) -> TestClient:
    return TestClient(app, backend=request.param)


def test_an_upload_is_asked_for_chunk_by_chunk_in_the_thread_of_the_test(client: TestClient, log: list[str]) -> None:
    def content() -> Iterator[bytes]:
        for number in range(3):
            log.append(f"give {number}")
            yield b"%d" % number

    assert client.post("/upload", content=content()).text == "done"
    assert log == ["give 0", "got 0", "give 1", "got 1", "give 2", "got 2", "got "]


def test_what_is_uploaded_can_come_back_at_the_same_time(client: TestClient) -> None:
    given: list[int] = []

    def content() -> Iterator[bytes]:
        for number in range(100):
            given.append(number)
            yield b"%d," % number

    with client.stream("POST", "/echo", content=content()) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"0,"
        assert len(given) <= 2
        assert b"".join(chunks) == b"".join(b"%d," % number for number in range(1, 100))


def test_an_upload_that_fails_is_raised_here_and_is_a_disconnect_there(client: TestClient, log: list[str]) -> None:
    def content() -> Iterator[bytes]:
        yield b"0"
        raise LookupError

    with pytest.raises(LookupError):
        client.post("/upload", content=content())
    assert log == ["got 0", "disconnected"]


def test_an_upload_that_nobody_reads_is_closed(client: TestClient, log: list[str]) -> None:
    def content() -> Iterator[bytes]:
        try:
            yield b"0"
            yield b"1"
        finally:
            log.append("closed")

    with client.stream("POST", "/echo", content=content()) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"0"
    assert log == ["closed"]


def test_an_endless_stream_of_events_is_read_event_by_event_and_left(client: TestClient, log: list[str]) -> None:
    with client, client.stream("GET", "/events") as response:
        lines = response.iter_lines()
        assert [line for line, _ in zip(lines, range(4), strict=False) if line] == [
            'data: {"number":1}',
            'data: {"number":2}',
        ]
        assert log == []
    assert log == ["left"]


def test_a_stream_that_says_nothing_sees_that_its_client_left(client: TestClient, log: list[str]) -> None:
    with client.stream("GET", "/quiet") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
    assert log == ["left"]


def test_an_application_is_told_of_the_disconnect_and_may_finish_its_work() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        seen.append((await receive())["type"])
        try:
            await send({"type": "http.response.body", "body": b"second", "more_body": True})
        finally:
            await anyio.sleep(0)
            seen.append("cleaned up")

    with TestClient(app).stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
    assert seen == ["http.disconnect", "cleaned up"]


def test_what_goes_wrong_after_the_client_left_is_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await receive()
        raise LookupError

    with pytest.raises(LookupError), TestClient(app).stream("GET", "/") as response:
        chunks = response.iter_raw()
        next(chunks)


def test_a_group_of_nothing_but_disconnects_is_none() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more() -> None:
            await send({"type": "http.response.body", "body": b"more", "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        async with anyio.create_task_group() as group:
            group.start_soon(send_more)

    with TestClient(app).stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"


def test_a_file_goes_by_its_path_where_the_client_takes_it(app: Application) -> None:
    kinds: list[str] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Any) -> None:
            kinds.append(message["type"])
            await send(message)

        await app(scope, receive, watch)

    assert TestClient(watched).get("/file").text == "contents"
    assert "http.response.pathsend" not in kinds
    response = TestClient(watched, extensions=["http.response.pathsend"]).get("/file")
    assert (response.text, response.headers["content-length"]) == ("contents", "8")
    assert "http.response.pathsend" in kinds


def test_an_extension_that_it_does_not_know_is_refused(app: Application) -> None:
    with pytest.raises(ValueError, match=r"'http.response.path'. Did you mean \"http.response.pathsend\"\?"):
        TestClient(app, extensions=["http.response.path"])


def test_early_hints_are_on_the_response(client: TestClient) -> None:
    assert client.get("/hints").extensions["http.response.early_hint"] == ["</a.css>; rel=preload"]


def test_pytest_fail_in_a_handler_fails_the_test(client: TestClient) -> None:
    with pytest.raises(pytest.fail.Exception, match="said in a handler"):
        client.get("/fails")
    with client, pytest.raises(pytest.fail.Exception):
        client.get("/fails")


def test_a_websocket_is_below_the_base_url() -> None:
    app = Application()

    @app.websocket_route("/v1/where")
    async def where(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text(str(websocket.url))

    client = TestClient(app, base_url="https://example.org/v1")
    with client.websocket_connect("/where", params={"a": "1"}) as websocket:
        assert websocket.receive_text() == "wss://example.org/v1/where?a=1"
    with TestClient(app).websocket_connect("/v1/where") as websocket:
        assert websocket.receive_text() == "ws://testserver/v1/where"


@pytest.mark.anyio
async def test_the_async_client_gives_an_upload_as_it_is_asked_for(app: Application, log: list[str]) -> None:
    async def content() -> AsyncIterator[bytes]:
        for number in range(2):
            log.append(f"give {number}")
            await anyio.sleep(0)
            yield b"%d" % number

    async with AsyncTestClient(app) as client:
        assert (await client.post("/upload", content=content())).text == "done"
    assert log == ["give 0", "got 0", "give 1", "got 1", "got "]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/events", "/quiet"])
async def test_an_endless_stream_is_read_and_left(app: Application, log: list[str], path: str) -> None:
    async with AsyncTestClient(app) as client, client.stream("GET", path) as response:
        async with aclosing(response.aiter_raw()) as chunks:  # as trio wants it of every generator
            assert await anext(chunks)
            assert log == []
    assert log == ["left"]


@pytest.mark.anyio
async def test_a_stream_that_the_client_forgot_ends_with_the_client(app: Application, log: list[str]) -> None:
    client = AsyncTestClient(app)
    with anyio.fail_after(PATIENCE):
        async with client:
            request = client.build_request("GET", "/quiet")
            response = await client.send(request, stream=True)
            assert response.status_code == 200
    assert log == ["left"]


@pytest.mark.anyio
async def test_a_request_that_times_out_closes_its_upload(app: Application, log: list[str]) -> None:
    async def content() -> AsyncIterator[bytes]:
        try:
            yield b"0"
            await anyio.sleep_forever()
        finally:
            log.append("closed")

    async with AsyncTestClient(app) as client:
        with anyio.move_on_after(0.05):
            await client.post("/upload", content=content())
    assert "closed" in log


@pytest.mark.anyio
async def test_the_async_client_warns_of_a_timeout_and_raises_what_a_handler_fails_with(app: Application) -> None:
    client = AsyncTestClient(app)
    with pytest.warns(UserWarning, match="timeout"):
        await client.get("/hints", timeout=1)
    with pytest.raises(pytest.fail.Exception):
        await client.get("/fails")
