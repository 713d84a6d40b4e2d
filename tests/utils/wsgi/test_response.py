"""Files by their path: sent without a thread, and closed whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from vivace.utils.asgi import ClientDisconnected, Message
from vivace.utils.wsgi import WsgiAdapter

pytestmark = pytest.mark.anyio

CONTENT = b"0123456789" * 10
Start = Callable[..., Any]


def scope(method: str = "GET", extensions: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "http_version": "2",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "extensions": {"http.response.pathsend": {}} if extensions is None else extensions,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


class FileApplication:
    """Answers with a file by `wsgi.file_wrapper`."""

    def __init__(self, path: Path, *headers: tuple[str, str], status: str = "200 OK") -> None:
        self.path = path
        self.headers = headers
        self.status = status
        self.files: list[Any] = []

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Any:
        self.files.append(self.path.open("rb"))
        start_response(self.status, list(self.headers))
        return environ["wsgi.file_wrapper"](self.files[-1])


async def exchange(app: Any, scope: dict[str, Any], send: Callable[[Message], None] | None = None) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Message) -> None:
        sent.append(message)
        if send is not None:
            send(message)

    await WsgiAdapter(app, 1)(scope, receive, keep)
    return sent


@pytest.mark.parametrize("headers", [[], [("Content-Length", "100")]])
async def test_a_file_goes_by_its_path_while_no_thread_waits_for_it(path: Path, headers: list[tuple[str, str]]) -> None:
    app = FileApplication(path, *headers)

    def check(message: Message) -> None:
        assert not app.files[0].closed

    sent = await exchange(app, scope(), check)
    assert sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]},
        {"type": "http.response.pathsend", "path": str(path)},
    ]
    assert app.files[0].closed


@pytest.mark.parametrize(
    ("changes", "status", "headers", "expected"),
    [
        ({"extensions": {}}, "200 OK", [], CONTENT),
        ({"extensions": {}}, "200 OK", [("Content-Length", "100")], CONTENT),
        ({}, "200 OK", [("Content-Length", "50")], CONTENT[:50]),
        ({"method": "HEAD"}, "200 OK", [("Content-Length", "100")], b""),
        ({}, "304 Not Modified", [], CONTENT),  # which the server does not send
    ],
)
async def test_a_file_goes_in_pieces_where_its_path_would_not_do(
    path: Path, changes: dict[str, Any], status: str, headers: list[tuple[str, str]], expected: bytes
) -> None:
    app = FileApplication(path, *headers, status=status)
    sent = await exchange(app, scope() | changes)
    assert {message["type"] for message in sent[1:]} == {"http.response.body"}
    assert b"".join(message["body"] for message in sent[1:]) == expected
    assert [message["more_body"] for message in sent[1:]][-1] is False
    assert app.files[0].closed


@pytest.mark.parametrize("kind", ["http.response.start", "http.response.pathsend"])
async def test_the_file_is_closed_when_the_client_leaves(path: Path, kind: str) -> None:
    app = FileApplication(path)

    def leave(message: Message) -> None:
        if message["type"] == kind:
            raise ClientDisconnected("gone")

    with pytest.raises(ClientDisconnected):
        await exchange(app, scope(), leave)
    assert app.files[0].closed


async def test_the_file_is_closed_when_the_request_is_cancelled(path: Path) -> None:
    app = FileApplication(path)
    sending = anyio.Event()

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.pathsend":
            sending.set()
            await anyio.sleep(60)

    async with anyio.create_task_group() as group:
        group.start_soon(WsgiAdapter(app, 1), scope(), receive, send)
        await sending.wait()
        group.cancel_scope.cancel()
    assert app.files[0].closed


async def test_what_was_written_before_goes_before_the_file(path: Path) -> None:
    def app(environ: dict[str, Any], start_response: Start) -> Any:
        start_response("200 OK", [])(b"before ")
        return environ["wsgi.file_wrapper"](path.open("rb"))

    sent = await exchange(app, scope())
    assert b"".join(message["body"] for message in sent[1:]) == b"before " + CONTENT
