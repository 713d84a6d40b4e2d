from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.background import BackgroundTask
from vivace.web.responses import FileResponse
from vivace.web.types import ASGIApp, Message, Scope

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]
CONTENT = bytes(range(256)) * 4


class SmallSteps(FileResponse):
    """Reads piece by piece what FileResponse reads at once."""

    chunk_size = 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_bytes(CONTENT)
    return path


async def sent_by(response: FileResponse, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.fail_after(5):
        await response(scope, receive, send)
    return sent


@pytest.mark.parametrize("kind", [FileResponse, SmallSteps])
async def test_a_file_is_sent_with_what_is_known_of_it(
    client_for: ClientFor, path: Path, kind: type[FileResponse]
) -> None:
    os.utime(path, (784111777, 784111777))
    async with client_for(kind(path)) as client:
        answer = await client.get("/")
        head = await client.head("/")
    assert answer.content == CONTENT
    assert head.content == b""
    assert answer.headers == head.headers
    assert dict(answer.headers) == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "1024",
        "accept-ranges": "bytes",
        "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        "etag": f'"{784111777 * 10**9:x}-400"',
    }


@pytest.mark.parametrize("kind", [FileResponse, SmallSteps])
async def test_an_empty_file_is_sent(client_for: ClientFor, tmp_path: Path, kind: type[FileResponse]) -> None:
    (tmp_path / "empty").touch()
    async with client_for(kind(tmp_path / "empty")) as client:
        answer = await client.get("/")
        assert (answer.content, answer.headers["content-length"]) == (b"", "0")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert (await client.get("/", headers={"range": "bytes=0-"})).status_code == 416


@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("Übersicht.pdf", "attachment; filename*=utf-8''%C3%9Cbersicht.pdf"),
        ('a"; x="b\r\nc', "attachment; filename*=utf-8''a%22%3B%20x%3D%22b%0D%0Ac"),
    ],
)
def test_a_name_to_save_it_under_is_safe(path: Path, filename: str, disposition: str) -> None:
    assert FileResponse(path, filename=filename).headers["content-disposition"] == disposition
    inline = FileResponse(path, filename="a.pdf", content_disposition_type="inline")
    assert inline.headers["content-disposition"] == 'inline; filename="a.pdf"'
    assert inline.headers["content-type"] == "application/pdf"


def test_what_is_set_is_kept(path: Path) -> None:
    given_headers = {"etag": '"mine"', "last-modified": "never", "content-disposition": "inline"}
    response = FileResponse(path, headers=given_headers, filename="a", stat_result=path.stat(), media_type="image/png")
    assert {name: response.headers[name] for name in given_headers} == given_headers
    assert (response.headers["content-length"], response.headers["content-type"]) == ("1024", "image/png")


async def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    scope = {"type": "http", "method": "GET", "headers": []}
    with pytest.raises(RuntimeError, match="missing does not exist"):
        await sent_by(FileResponse(tmp_path / "missing"), scope)
    with pytest.raises(RuntimeError, match="is not a file"):
        await sent_by(FileResponse(tmp_path), scope)


async def test_a_file_that_changed_is_sent_as_it_is_now(client_for: ClientFor, path: Path) -> None:
    async with client_for(FileResponse(path)) as client:
        before = await client.get("/")
        path.write_bytes(b"new")
        after = await client.get("/")
    assert (after.content, after.headers["content-length"]) == (b"new", "3")
    assert after.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize("kind", [FileResponse, SmallSteps])
async def test_a_file_that_grew_or_shrank_never_sends_another_length_than_it_said(
    path: Path, kind: type[FileResponse]
) -> None:
    scope = {"type": "http", "method": "GET", "headers": []}
    response = kind(path, stat_result=path.stat())
    path.write_bytes(CONTENT + b"more")
    sent = await sent_by(response, scope)
    assert b"".join(message.get("body", b"") for message in sent) == CONTENT
    path.write_bytes(b"less")
    with pytest.raises(RuntimeError, match=r"shorter than expected\."):
        await sent_by(response, scope)


@pytest.mark.parametrize("kind", [FileResponse, SmallSteps])
@pytest.mark.parametrize(
    ("value", "start", "end"), [("0-99", 0, 100), ("1000-", 1000, 1024), ("-24", 1000, 1024), ("5-5", 5, 6)]
)
async def test_a_part_is_sent(
    client_for: ClientFor, path: Path, kind: type[FileResponse], value: str, start: int, end: int
) -> None:
    async with client_for(kind(path)) as client:
        answer = await client.get("/", headers={"range": f"bytes={value}"})
        head = await client.head("/", headers={"range": f"bytes={value}"})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
    assert answer.headers["content-length"] == str(end - start)
    assert (head.status_code, head.headers, head.content) == (206, answer.headers, b"")


@pytest.mark.parametrize("kind", [FileResponse, SmallSteps])
async def test_several_parts_are_sent_as_multipart(client_for: ClientFor, path: Path, kind: type[FileResponse]) -> None:
    async with client_for(kind(path)) as client:
        answer = await client.get("/", headers={"range": "bytes=300-500,0-4,2-9"})
        head = await client.head("/", headers={"range": "bytes=300-500,0-4,2-9"})
    boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    expected = b"".join(
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n".encode()
        + f"Content-Range: bytes {first}-{last}/1024\r\n\r\n".encode()
        + CONTENT[first : last + 1]
        + b"\r\n"
        for first, last in ((0, 9), (300, 500))
    )
    assert answer.status_code == head.status_code == 206
    assert answer.content == expected + f"--{boundary}--".encode()
    assert answer.headers["content-length"] == head.headers["content-length"] == str(len(answer.content))
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [
        ("bytes: 0-1", 400, "Malformed range header."),
        ("bytes=5-4", 400, "Range header: start must be less than end"),
        ("bytes=x", 400, "Range header: range must be requested"),
        ("bytes=1024-", 416, ""),
    ],
)
async def test_a_range_that_cannot_be_sent_is_refused(
    client_for: ClientFor, path: Path, value: str, status: int, body: str
) -> None:
    cleaned: list[int] = []
    async with client_for(FileResponse(path, background=BackgroundTask(cleaned.append, 1))) as client:
        answer = await client.get("/", headers={"range": value})
    assert (answer.status_code, answer.text) == (status, body)
    assert answer.headers.get("content-range") == ("bytes */1024" if status == 416 else None)
    # The task may be what deletes the file: it runs whatever was answered.
    assert cleaned == [1]


async def test_a_range_counts_only_where_it_should(client_for: ClientFor, path: Path) -> None:
    async with client_for(FileResponse(path)) as client:
        assert (await client.post("/", headers={"range": "bytes=0-1"})).status_code == 200
        assert (await client.get("/", headers={"range": "items=0-1"})).status_code == 200
    async with client_for(FileResponse(path, status_code=404)) as client:
        assert (await client.get("/", headers={"range": "bytes=0-1"})).content == CONTENT


async def test_a_range_counts_only_for_the_file_that_the_client_knows(client_for: ClientFor, path: Path) -> None:
    async with client_for(FileResponse(path)) as client:
        known = (await client.get("/")).headers
        for value, status in (
            (known["etag"], 206),
            (known["last-modified"], 206),
            ('"other"', 200),
            ("W/" + known["etag"], 200),
        ):
            answer = await client.get("/", headers={"range": "bytes=0-1", "if-range": value})
            assert answer.status_code == status


async def test_a_file_that_the_client_has_is_not_sent_again(client_for: ClientFor, path: Path) -> None:
    response = FileResponse(path, headers={"cache-control": "max-age=60", "x-other": "1"})
    response.set_cookie("seen", "1")
    async with client_for(response) as client:
        known = (await client.get("/")).headers
        for condition in ({"if-none-match": known["etag"]}, {"if-modified-since": known["last-modified"]}):
            answer = await client.get("/", headers={**condition, "range": "bytes=0-1"})
            assert (answer.status_code, answer.content) == (304, b"")
            assert set(answer.headers) == {"cache-control", "etag", "set-cookie"}
        assert (await client.get("/", headers={"if-none-match": '"other"'})).status_code == 200
        assert (await client.get("/", headers={"if-match": '"other"'})).status_code == 412
        assert (await client.post("/", headers={"if-match": '"other"'})).status_code == 200


async def test_a_server_that_can_sends_the_file_itself(path: Path) -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "headers": [],
        "extensions": {"http.response.pathsend": {}},
    }
    sent = await sent_by(FileResponse(path), scope)
    assert sent[1:] == [{"type": "http.response.pathsend", "path": str(path)}]
    sent = await sent_by(FileResponse(path), {**scope, "method": "HEAD"})
    assert sent[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]
    sent = await sent_by(FileResponse(path), {**scope, "headers": [(b"range", b"bytes=0-1")]})
    assert sent[1:] == [{"type": "http.response.body", "body": CONTENT[:2], "more_body": False}]


@pytest.mark.parametrize("version", ["2.3", "2.4"])
async def test_a_file_is_closed_when_the_transfer_ends_early(path: Path, version: str) -> None:
    opened: list[anyio.AsyncFile[bytes]] = []

    class Watched(SmallSteps):
        def _open_file(self) -> Any:
            manager = super()._open_file()
            enter = manager.__aenter__

            class Noting:
                async def __aenter__(self) -> anyio.AsyncFile[bytes]:
                    opened.append(await enter())
                    return opened[0]

                async def __aexit__(self, *error: object) -> bool | None:
                    return await manager.__aexit__(*error)  # type: ignore[arg-type]

            return Noting()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": version}}
    with anyio.fail_after(5), pytest.raises(OSError, match="gone"):
        await Watched(path)(scope, receive, send)
    assert [file.closed for file in opened] == [True]


async def test_an_old_server_tells_that_the_client_left(path: Path) -> None:
    left = anyio.Event()
    bodies = 0

    async def send(message: Message) -> None:
        nonlocal bodies
        if message["type"] == "http.response.body":
            bodies += 1
            left.set()
            await anyio.sleep_forever()

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    with anyio.fail_after(5):
        await SmallSteps(path)({"type": "http", "method": "GET", "headers": []}, receive, send)
    assert bodies == 1


async def test_a_file_can_refuse_a_websocket(path: Path) -> None:
    sent = await sent_by(FileResponse(path, status_code=403), {"type": "websocket", "headers": []})
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]


@given(value=st.text(alphabet="bytes=-,0123456789 ") | st.text())
def test_any_range_header_gives_a_response(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile-range"
    path.write_bytes(CONTENT)
    headers = [(b"range", value.encode("latin-1", "replace"))]
    sent = anyio.run(sent_by, FileResponse(path), {"type": "http", "method": "GET", "headers": headers})
    assert sent[0]["status"] in (200, 206, 400, 416)
    body = b"".join(message["body"] for message in sent[1:])
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(body)).encode()


def test_the_length_of_a_multipart_body_is_known_beforehand(path: Path) -> None:
    length, head = FileResponse(path).generate_multipart([(0, 10), (20, 30)], "b", 1024, "text/plain")
    assert re.match(rb"--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 20-29/1024\r\n\r\n$", head(20, 30))
    assert length == len(head(0, 10)) + len(head(20, 30)) + 20 + 4 + len("--b--")


async def test_a_file_of_unknown_size_is_sent_as_far_as_it_goes(client_for: ClientFor) -> None:
    async with client_for(FileResponse("/proc/self/status")) as client:
        answer = await client.get("/", headers={"range": "bytes=0-3"})
        head = await client.head("/")
    assert (answer.status_code, answer.content[:5]) == (200, b"Name:")
    assert (answer.headers["content-length"], "etag" in answer.headers) == (str(len(answer.content)), False)
    assert (head.content, int(head.headers["content-length"]) > 0) == (b"", True)


async def test_a_file_that_is_replaced_before_it_is_opened_is_sent_as_the_new_one(path: Path) -> None:
    looks = 0

    class Replaced(SmallSteps):
        async def _stat(self) -> os.stat_result:
            nonlocal looks
            found = await super()._stat()
            looks += 1
            if looks == 1:
                other = path.with_name("other")
                other.write_bytes(b"n" * 2000)
                other.replace(path)
            return found

    sent = await sent_by(Replaced(path), {"type": "http", "method": "GET", "headers": []})
    assert dict(sent[0]["headers"])[b"content-length"] == b"2000"
    assert b"".join(message["body"] for message in sent[1:]) == b"n" * 2000


async def test_a_file_that_never_stays_the_same_is_an_error(path: Path) -> None:
    class Restless(SmallSteps):
        async def _stat(self) -> os.stat_result:
            found = await super()._stat()
            path.write_bytes(path.read_bytes() + b"x")
            return found

    with pytest.raises(RuntimeError, match="changes all the time"):
        await sent_by(Restless(path), {"type": "http", "method": "GET", "headers": []})


@pytest.mark.parametrize(("content", "breaks_off"), [(b"m" * len(CONTENT), True), (CONTENT + b"appended", False)])
async def test_a_file_that_is_written_anew_while_it_is_sent_breaks_off(
    path: Path, content: bytes, breaks_off: bool
) -> None:
    sent: list[Message] = []
    os.utime(path, (784111777, 784111777))

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 3:
            path.write_bytes(content)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    response = SmallSteps(path)(
        {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}, receive, send
    )
    if breaks_off:
        with pytest.raises(RuntimeError, match="written anew while it was sent"):
            await response
        assert all(message["more_body"] for message in sent[1:])
    else:
        await response
        assert b"".join(message["body"] for message in sent[1:]) == CONTENT
