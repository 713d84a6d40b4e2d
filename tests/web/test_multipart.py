"""Forms read part by part."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from vivace.web.applications import Application
from vivace.web.middleware import Middleware
from vivace.web.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from vivace.web.multipart import MultiPartException, MultipartReader
from vivace.web.requests import ClientDisconnect, Request
from vivace.web.responses import JSONResponse, Response
from vivace.web.routing import Route
from vivace.web.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]
CONTENT_TYPE = "multipart/form-data; boundary=b"
DISCONNECT: Message = {"type": "http.disconnect"}


def part(disposition: str, data: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["--b", f"Content-Disposition: form-data; {disposition}", *headers])
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


FORM = (
    part('name="token"', b"abc")
    + part('name="file"; filename="../a.txt"', b"\r\n--no" * 100, "Content-Type: text/plain; charset=latin-1")
    + part('name="after"', "ü".encode())
    + b"--b--\r\n"
)


class Client:
    """A client that sends these messages, one for each `receive()`; it counts how many were asked for."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.received = 0

    async def __call__(self) -> Message:
        await anyio.lowlevel.checkpoint()
        message = self.messages[min(self.received, len(self.messages) - 1)]
        self.received += 1
        return message


def sends(*chunks: bytes, ends: bool = True) -> Client:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    return Client([*messages, DISCONNECT])


def request_of(client: Client, content_type: str = CONTENT_TYPE) -> Request:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", content_type.encode())]}
    return Request(scope, client)


def reader_of(body: bytes, size: int = 65536, **limits: Any) -> MultipartReader:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return request_of(sends(*chunks)).multipart(**limits)


@pytest.mark.parametrize("size", [1, 3, 50, 65536])
async def test_parts_come_in_order_however_the_body_is_cut(size: int) -> None:
    seen = []
    async for each in reader_of(FORM, size):
        content = b"".join([chunk async for chunk in each])
        seen.append((each.name, each.filename, each.content_type, content, each.size))
    assert seen == [
        ("token", None, None, b"abc", 3),
        ("file", "../a.txt", "text/plain; charset=latin-1", b"\r\n--no" * 100, 600),
        ("after", None, None, "ü".encode(), 2),
    ]


async def test_a_part_is_text_bytes_or_a_file(tmp_path: Path) -> None:
    reader = reader_of(FORM, 64)
    token = await anext(reader)
    assert await token.text() == "abc"
    file = await anext(reader)
    assert (file.safe_filename, file.headers["content-type"][:10]) == ("a.txt", "text/plain")
    assert await file.save(tmp_path / "saved") == 600
    assert (tmp_path / "saved").read_bytes() == b"\r\n--no" * 100
    after = await anext(reader)
    assert await after.read() == "ü".encode()
    with pytest.raises(StopAsyncIteration):
        await anext(reader)
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_what_is_not_read_is_passed_over() -> None:
    reader = reader_of(FORM, 10)
    assert [each.name async for each in reader] == ["token", "file", "after"]
    reader = reader_of(FORM, 10)
    async for each in reader:
        if each.name == "file":
            async for chunk in each:
                assert chunk
                break
            assert await each.read() != b""
            break
    assert [each.name async for each in reader] == ["after"]


async def test_nothing_is_received_before_it_is_asked_for() -> None:
    client = sends(part('name="a"', b"1"), part('name="f"; filename="f"', b"x" * 10), b"y" * 10, b"--b--\r\n")
    reader = request_of(client).multipart()
    assert client.received == 0
    await anext(reader)
    assert client.received == 1
    await anext(reader)
    assert client.received == 2


@pytest.mark.parametrize("more", [b"", b"more"])
async def test_what_was_right_comes_before_the_error(more: bytes) -> None:
    body = part('name="a"', b"1") + b"--b\r\nbroken header\r\n\r\n"
    reader = reader_of(body + more, len(body))
    assert await (await anext(reader)).read() == b"1"
    for _ in range(2):
        with pytest.raises(MultiPartException, match="Invalid multipart data") as caught:
            await anext(reader)
        assert caught.value.status_code == 400


@pytest.mark.parametrize("body", [part('name="a"', b"1"), FORM[:30], FORM[:200], FORM[:-5], b"nonsense", b"--c\r\n"])
async def test_a_body_that_ends_too_early_is_an_error(body: bytes) -> None:
    reader = reader_of(body)
    with pytest.raises(MultiPartException, match="ends before its closing boundary"):
        async for each in reader:
            await each.read()


async def test_an_empty_body_is_an_empty_form() -> None:
    assert [each async for each in reader_of(b"")] == []
    assert [each async for each in reader_of(b"--b--")] == []


async def test_a_client_that_leaves_in_the_middle_is_an_exception(tmp_path: Path) -> None:
    client = sends(FORM[:200], ends=False)
    request = request_of(client)
    reader = request.multipart()
    await anext(reader)
    file = await anext(reader)
    with pytest.raises(ClientDisconnect):
        await file.save(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ClientDisconnect):
        await anext(reader)
    assert await request.is_disconnected()


async def test_limits_are_kept() -> None:
    with pytest.raises(MultiPartException, match="Too many parts") as caught:
        [each async for each in reader_of(FORM, max_parts=2)]
    assert caught.value.status_code == 400
    with pytest.raises(MultiPartException, match="Part 'file' exceeded maximum size of 599 bytes") as caught:
        [each async for each in reader_of(FORM, 70, max_part_size=599)]
    assert caught.value.status_code == 413
    assert len([each async for each in reader_of(FORM, 70, max_part_size=600, max_parts=3, max_size=len(FORM))]) == 3
    with pytest.raises(MultiPartException, match="Form exceeded maximum size") as caught:
        [each async for each in reader_of(FORM, 70, max_size=len(FORM) - 1)]
    assert caught.value.status_code == 413
    reader = reader_of(FORM)
    with pytest.raises(MultiPartException, match="Part 'token' exceeded maximum size of 2 bytes") as caught:
        await (await anext(reader)).read(2)
    assert caught.value.status_code == 413


async def test_reading_out_of_order_says_what_is_wrong() -> None:
    request = request_of(sends(FORM))
    reader = request.multipart()
    token = await anext(reader)
    chunks = aiter(token)
    file = await anext(reader)
    with pytest.raises(RuntimeError, match="The part 'token' is gone"):
        await token.read()
    with pytest.raises(RuntimeError, match="The part 'token' is gone"):
        await anext(chunks)
    await file.read()
    with pytest.raises(RuntimeError, match="The part 'file' was read to its end"):
        await file.text()
    with pytest.raises(RuntimeError, match=r"read by request.multipart\(\)"):
        await request.form()
    with pytest.raises(RuntimeError, match="being read, or was"):
        request.multipart()


async def test_one_task_reads_the_form() -> None:
    waits = anyio.Event()

    async def receive() -> Message:
        waits.set()
        await anyio.sleep_forever()
        raise AssertionError

    reader = request_of(receive).multipart()  # type: ignore[arg-type]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anext, reader)
        await waits.wait()
        with pytest.raises(RuntimeError, match="another task"):
            await anext(reader)
        tasks.cancel_scope.cancel()


async def test_a_wait_that_was_cancelled_can_be_repeated() -> None:
    class Slow(Client):
        async def __call__(self) -> Message:
            if self.received == 1:
                self.received += 1
                await anyio.sleep_forever()
            if self.received > 1:
                self.messages = [DISCONNECT, DISCONNECT, {"type": "http.request", "body": FORM[300:]}]
            return await super().__call__()

    reader = request_of(Slow([{"type": "http.request", "body": FORM[:300], "more_body": True}])).multipart()
    await anext(reader)
    file = await anext(reader)
    content = await anext(file)
    with anyio.move_on_after(0.01):
        await anext(file)
    content += await file.read()
    assert content == b"\r\n--no" * 100


async def test_a_body_that_is_no_multipart_form_is_a_415(client_for: ClientFor) -> None:
    async def endpoint(request: Request) -> Response:
        return JSONResponse([each.name async for each in request.multipart()])

    async with client_for(Application(routes=[Route("/", endpoint, methods=["POST"])])) as client:
        answer = await client.post("/", json={})
        assert (answer.status_code, answer.text) == (
            415,
            "A multipart/form-data body is expected, not 'application/json'.",
        )
        answer = await client.post("/", content=b"", headers={"content-type": "multipart/form-data"})
        assert (answer.status_code, answer.text) == (400, "Missing boundary in multipart.")
        answer = await client.post("/", content=FORM, headers={"content-type": CONTENT_TYPE})
        assert answer.json() == ["token", "file", "after"]


async def test_a_body_that_was_read_whole_can_be_split_once() -> None:
    request = request_of(sends(FORM))
    await request.body()
    assert [each.name async for each in request.multipart()] == ["token", "file", "after"]
    request = request_of(sends(FORM))
    async for _ in request.stream():
        pass
    with pytest.raises(RuntimeError, match="being read, or was"):
        request.multipart()


async def test_it_streams_below_and_inside_a_base_http_middleware(client_for: ClientFor) -> None:
    asked = anyio.Event()
    seen: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        yield FORM[:300]
        await asked.wait()  # sent only when the first part has arrived
        yield FORM[300:]

    async def endpoint(request: Request) -> Response:
        async for each in request.multipart():
            asked.set()
            seen.append(f"{each.name}={len(await each.read())}")
        return JSONResponse(seen)

    async def passes(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    layers = [Middleware(BaseHTTPMiddleware, dispatch=passes), Middleware(BaseHTTPMiddleware, dispatch=passes)]
    app = Application(routes=[Route("/", endpoint, methods=["POST"])], middleware=layers)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", CONTENT_TYPE.encode())],
        "asgi": {"spec_version": "2.4"},
    }
    chunks = body()

    async def receive() -> Message:
        chunk = await anext(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with anyio.fail_after(20):
        await app(scope, receive, send)
    assert seen == ["token=3", "file=600", "after=2"]
    assert sent[0]["status"] == 200

    async def reads(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return JSONResponse([each.name async for each in request.multipart()])

    app = Application(middleware=[Middleware(BaseHTTPMiddleware, dispatch=reads)])
    async with client_for(app) as client:
        answer = await client.post("/", content=FORM, headers={"content-type": CONTENT_TYPE})
        assert answer.json() == ["token", "file", "after"]


async def test_a_body_given_at_once_is_split_in_slices() -> None:
    data = os.urandom(1_000_000)
    client = sends(part('name="f"; filename="f"', data) + b"--b--")
    reader = request_of(client).multipart()
    file = await anext(reader)
    sizes = [len(chunk) async for chunk in file]
    assert sum(sizes) == len(data)
    assert max(sizes) <= 256 * 1024 + 100


async def test_texts_are_in_the_charset_of_the_form_or_of_the_part() -> None:
    body = (
        part('name="_charset_"', b"iso-8859-2")
        + part('name="a"', "ę".encode("iso-8859-2"))
        + part('name="b"', "ę".encode(), "Content-Type: text/plain; charset=utf-8")
        + part('name="_charset_"; filename="f"', b"utf-8")
        + part('name="_charset_"', b"x" * 1000)
        + part('name="c"', b"\xe9")
        + b"--b--"
    )
    for size in (1, 100_000):
        texts = [await each.text() async for each in reader_of(body, size)]
        assert texts == ["iso-8859-2", "ę", "ę", "utf-8", "x" * 1000, "é"]


async def test_the_preamble_and_the_epilogue_are_ignored() -> None:
    body = b"Preamble\r\n--bc\r\n--b" + b"x\r\n" + FORM + b"\r\n--b\r\nepilogue" * 3
    for size in (1, 2, 100_000):
        assert [each.name async for each in reader_of(body, size)] == ["token", "file", "after"]


async def test_a_header_of_a_part_cannot_smuggle_a_line() -> None:
    for value in (b"a\nb", b"a\0b"):
        body = b'--b\r\nContent-Disposition: form-data; name="a"\r\nX-Note: ' + value + b"\r\n\r\nx\r\n--b--"
        with pytest.raises(MultiPartException, match="Invalid multipart data"):
            [each async for each in reader_of(body)]


async def test_saving_never_replaces_a_file_unasked(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    reader = reader_of(FORM)
    with pytest.raises(FileExistsError):
        await (await anext(reader)).save(target)
    assert await (await anext(reader)).save(target, overwrite=True) == 600
    assert target.read_bytes() == b"\r\n--no" * 100
    assert list(tmp_path.iterdir()) == [target]


async def test_what_was_begun_is_removed_when_saving_fails(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    reader = request_of(sends(FORM[:200], ends=False)).multipart()
    await anext(reader)
    with pytest.raises(ClientDisconnect):
        await (await anext(reader)).save(target, overwrite=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
    big = reader_of(part('name="f"; filename="f"', b"x" * 2_000_000))
    with pytest.raises(MultiPartException):
        await (await anext(big)).save(tmp_path / "other")
    assert list(tmp_path.iterdir()) == [target]


async def test_what_was_begun_is_removed_when_saving_is_cancelled(tmp_path: Path) -> None:
    async def receive() -> Message:
        if list(tmp_path.iterdir()):
            scope.cancel()
            await anyio.lowlevel.checkpoint()
        return {"type": "http.request", "body": part('name="f"; filename="f"', b"x"), "more_body": True}

    with anyio.CancelScope() as scope:
        await (await anext(request_of(receive).multipart())).save(tmp_path / "file")  # type: ignore[arg-type]
    assert scope.cancelled_caught
    assert list(tmp_path.iterdir()) == []


async def test_a_part_shows_what_it_is() -> None:
    file = [each async for each in reader_of(FORM)][1]
    assert repr(file).startswith("Part(name='file', filename='../a.txt', headers=Headers({")
