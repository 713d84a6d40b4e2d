"""WebSockets on a live server: with the `websockets` client, and with bytes that no such client would send."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.server.websocket_frames import close, closing, frame, frames, text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from vivace.server import ClientDisconnected
from vivace.server.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

PATIENCE = 5.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def handshake(*lines: str, without: str = "-") -> bytes:
    """An opening handshake; its key is RFC 6455's, and so is the answer."""
    kept = [
        "Host: a",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    fields = [line for line in kept if not line.startswith(without)]
    return "\r\n".join(["GET /chat?a=b HTTP/1.1", *fields, *lines, "", ""]).encode()


def open_client(site: Any, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{site.server.port}/", proxy=None, close_timeout=PATIENCE, **options)


async def opened(site: Any, more: bytes = b"") -> Any:
    """A raw client whose WebSocket is accepted."""
    client = await site.connect(handshake() + more)
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 101 ")
    return client


async def read_frame(client: Any) -> tuple[int, bytes]:
    """The next frame, of fewer than 126 bytes."""
    async with asyncio.timeout(PATIENCE):
        head = await client.reader.readexactly(2)
        [found] = frames(head + await client.reader.readexactly(head[1]))
    return found


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends back what it receives."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"http"})
        return
    assert (await receive())["type"] == "websocket.connect"
    subprotocol = next(iter(scope["subprotocols"]), None)
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": [(b"x-a", b"b")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


class Recorder:
    """Accepts, and keeps what it received; it receives when it may."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.may_receive = asyncio.Event()
        self.may_receive.set()
        self.accepted = asyncio.Event()
        self.error: BaseException | None = None
        self.send: Send

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.send = send
        self.accepted.set()
        try:
            while not self.messages or self.messages[-1]["type"] == "websocket.receive":
                await self.may_receive.wait()
                self.messages.append(await receive())
        except BaseException as error:
            self.error = error
            raise

    async def end(self) -> Message:
        """The disconnect."""
        await until(lambda: self.messages and self.messages[-1]["type"] == "websocket.disconnect")
        return self.messages[-1]


# ---- with a client of the field


async def test_messages_of_every_size_come_back(live: Live) -> None:
    async with live(echo, lifespan="off") as site, open_client(site, compression=None) as client:
        for size in (0, 1, 125, 126, 65535, 65536, 300_000):
            for message in ("é" * size, b"\xff" * size):
                await client.send(message)
                assert await client.recv() == message


async def test_compressed_messages_come_back(live: Live) -> None:
    async with live(echo, lifespan="off") as site, open_client(site) as client:
        assert client.response is not None
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        for size in (10, 1024, 300_000):
            await client.send("é" * size)
            assert await client.recv() == "é" * size


async def test_fragments_are_one_message(live: Live) -> None:
    async with live(echo, lifespan="off") as site, open_client(site) as client:
        await client.send(["a", "b", "c"])
        assert await client.recv() == "abc"


async def test_a_subprotocol_and_headers_are_answered(live: Live) -> None:
    async with live(echo, lifespan="off") as site, open_client(site, subprotocols=["chat", "other"]) as client:
        assert client.subprotocol == "chat"
        assert client.response is not None
        assert client.response.headers["X-A"] == "b"


async def test_both_sides_ping(live: Live) -> None:
    async with live(echo, lifespan="off", websocket_ping_interval=0.05) as site, open_client(site) as client:
        waiter = await client.ping()
        await asyncio.wait_for(waiter, PATIENCE)
        await asyncio.sleep(0.2)  # the client answers the server's
        await client.send("a")
        assert await client.recv() == "a"


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4000, "ü")])
async def test_the_client_closes(live: Live, code: int, reason: str) -> None:
    recorder = Recorder()
    async with live(recorder, lifespan="off") as site, open_client(site) as client:
        await client.close(code, reason)
        assert await recorder.end() == {"type": "websocket.disconnect", "code": code, "reason": reason}


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
async def test_the_application_ends(live: Live, error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        if error is not None:
            raise error

    async with live(app, lifespan="off") as site, open_client(site) as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == (1000 if error is None else 1011)
    assert ("ZeroDivisionError" in caplog.text) == (error is not None)


async def test_a_thousand_clients_talk_at_once(live: Live) -> None:
    async with live(echo, lifespan="off") as site:

        async def talk() -> None:
            async with open_client(site) as client:
                for number in range(3):
                    await client.send(str(number))
                    assert await client.recv() == str(number)

        for _ in range(10):
            await asyncio.gather(*(talk() for _ in range(20)))


async def test_starlettes_websockets_work(live: Live) -> None:
    disconnected: list[tuple[int, str]] = []

    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_json(await websocket.receive_json())
        except WebSocketDisconnect as error:
            disconnected.append((error.code, error.reason))

    class TextOnly(WebSocketEndpoint):
        encoding = "text"

        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await websocket.send_text(data)

    async def refuse(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("not you", 401))

    app = Starlette(
        routes=[WebSocketRoute("/chat", chat), WebSocketRoute("/text", TextOnly), WebSocketRoute("/refuse", refuse)]
    )
    async with live(app) as site:
        address = f"ws://127.0.0.1:{site.server.port}"
        async with connect(f"{address}/chat", proxy=None) as client:
            await client.send('{"a":1}')
            assert await client.recv() == '{"a":1}'
            await client.close(4000, "bye")
        await until(lambda: disconnected == [(4000, "bye")])
        async with connect(f"{address}/text", proxy=None) as client:
            await client.send("a")
            assert await client.recv() == "a"
        for path, status, body in (("refuse", 401, b"not you"), ("nowhere", 403, b"")):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{address}/{path}", proxy=None)
            assert (refused.value.response.status_code, refused.value.response.body) == (status, body)


# ---- the handshake


async def test_the_scope_is_what_asgi_says(live: Live) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send({"type": "websocket.close"})

    async with live(app, lifespan="off", root_path="/site") as site:
        client = await site.connect(handshake("Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c"))
        assert (await client.answer()).status == 403
        sockname = client.writer.get_extra_info("sockname")
        port = site.server.port
    headers = scopes[0].pop("headers")
    assert (b"sec-websocket-version", b"13") in headers
    assert scopes == [
        {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/site/chat",
            "raw_path": b"/site/chat",
            "query_string": b"a=b",
            "root_path": "/site",
            "client": sockname,
            "server": ("127.0.0.1", port),
            "subprotocols": ["a", "b", "c"],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
    ]


async def test_the_answer_is_the_rfcs(live: Live) -> None:
    async with live(echo, lifespan="off") as site:
        client = await site.connect(handshake())
        assert (await client.head()).split(b"\r\n") == [
            b"HTTP/1.1 101 Switching Protocols",
            b"upgrade: websocket",
            b"connection: Upgrade",
            b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            b"x-a: b",
            b"",
            b"",
        ]


REFUSED: dict[str, tuple[bytes, int, dict[str, str]]] = {
    "no key": (handshake(without="Sec-WebSocket-Key"), 400, {}),
    "an old version": (
        handshake("Sec-WebSocket-Version: 8", without="Sec-WebSocket-Version"),
        426,
        {"sec-websocket-version": "13", "upgrade": "websocket"},
    ),
    "a POST": (handshake().replace(b"GET", b"POST"), 405, {"allow": "GET"}),
    "a body": (handshake("Content-Length: 1") + b"a", 400, {}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_wrong_handshake_never_reaches_the_application(live: Live, case: str) -> None:
    data, status, headers = REFUSED[case]
    called: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope)

    async with live(app, lifespan="off") as site:
        answer = await site.ask(data)
        assert answer.status == status
        assert headers.items() <= answer.headers.items()
    assert called == []


async def test_after_a_refusal_the_connection_serves_requests(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await echo(scope, receive, send)
        else:
            await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"a", b"b")]})
            await send({"type": "websocket.http.response.body", "body": b"no", "more_body": True})
            await send({"type": "websocket.http.response.body", "body": b"pe"})

    async with live(app, lifespan="off") as site:
        client = await site.connect(handshake() + GET)
        refused = await client.answer()
        assert (refused.status, refused.headers["a"], refused.body) == (401, "b", b"nope")
        assert (await client.answer()).body == b"http"
        await client.send(GET)
        assert (await client.answer()).body == b"http"


async def test_frames_may_come_with_the_handshake(live: Live) -> None:
    async with live(echo, lifespan="off") as site:
        client = await opened(site, text("a") + text("b")[:2])
        assert await read_frame(client) == (1, b"a")
        await client.send(text("b")[2:])
        assert await read_frame(client) == (1, b"b")


async def test_an_application_that_does_not_answer_is_a_503(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages.extend([await receive(), await receive()])

    async with live(app, lifespan="off", websocket_open_timeout=0.05) as site:
        assert (await site.ask(handshake())).status == 503
        await until(lambda: len(messages) == 2)
    assert messages[1] == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    assert "did not answer in time: WebSocket /chat" in caplog.text


async def test_websocket_off_means_the_upgrade_is_ignored(live: Live) -> None:
    async with live(echo, lifespan="off", websocket=False) as site:
        assert (await site.ask(handshake())).body == b"http"


# ---- the application's tasks


async def test_everything_that_waits_can_wait_for_a_message(live: Live) -> None:
    tasks: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        with anyio.move_on_after(0.01) as cancelled:
            await receive()
        assert cancelled.cancelled_caught
        with suppress(TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await receive()
        await send({"type": "websocket.send", "text": "go"})
        first = await receive()
        second: Message = await asyncio.create_task(receive())  # type: ignore[arg-type]
        [third] = await asyncio.gather(receive())
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())
        await send({"type": "websocket.send", "text": first["text"] + second["text"] + third["text"]})
        await receive()

    async with live(app, lifespan="off") as site:
        client = await opened(site)
        assert await read_frame(client) == (1, b"go")
        for letter in "abc":
            await client.send(text(letter))
            await asyncio.sleep(0.01)
        assert await read_frame(client) == (1, b"abc")
        await client.send(close(1000))
        assert await read_frame(client) == closing(1000)
        assert await client.closed()
    assert tasks[0] is tasks[1] is not None


async def test_two_tasks_receive_and_send_at_once(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

        async def work() -> None:
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "bytes": message["bytes"]})

        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            group.create_task(work())

    async with live(app, lifespan="off") as site, open_client(site, compression=None) as client:
        messages = [bytes([number]) * 50_000 for number in range(30)]
        for message in messages:
            await client.send(message)
        received = [await client.recv() for _ in messages]
        assert sorted(received, key=lambda data: data[0]) == messages


# ---- who waits for whom


async def test_a_client_that_sends_what_nobody_receives_has_to_wait(live: Live) -> None:
    recorder = Recorder()
    recorder.may_receive.clear()
    async with live(recorder, lifespan="off") as site:
        client = await opened(site)
        sent = 0
        with suppress(TimeoutError):
            while sent < 1000:
                client.writer.write(frame(2, bytes(65536)))
                async with asyncio.timeout(0.1):
                    await client.writer.drain()
                sent += 1
        assert sent < 1000
        recorder.may_receive.set()
        await client.send(close(1000))
        assert await read_frame(client) == closing(1000)
        await recorder.end()
        assert len(recorder.messages) == sent + 2


async def test_send_waits_for_a_client_that_does_not_read(live: Live) -> None:
    recorder = Recorder()
    async with live(recorder, lifespan="off") as site:
        client = await opened(site)
        await recorder.accepted.wait()
        sent = 0
        with suppress(TimeoutError):
            while sent < 1000:
                async with asyncio.timeout(0.1):
                    await recorder.send({"type": "websocket.send", "bytes": bytes(65536)})
                sent += 1
        assert sent < 1000
        await client.send(frame(9, b"a") * 1000)
        client.leave(reset=True)
        assert (await recorder.end())["code"] == 1006
        with pytest.raises(ClientDisconnected):
            await recorder.send({"type": "websocket.send", "text": "a"})


# ---- ends


async def test_a_breach_of_the_protocol_is_told_before_the_connection_is_closed(live: Live) -> None:
    recorder = Recorder()
    async with live(recorder, lifespan="off", max_websocket_message_size=1000) as site:
        client = await opened(site)
        # More than the socket's buffers hold: a reset would take the close frame from the client.
        writing = asyncio.ensure_future(client.send(frame(2, bytes(8_000_000))))
        opcode, payload = await read_frame(client)
        assert (opcode, payload[:2]) == (8, b"\x03\xf1")
        assert (await recorder.end())["code"] == 1009
        client.leave()
        with suppress(OSError):
            await writing


ENDS: dict[str, tuple[bytes, bool]] = {
    "a reset": (b"", True),
    "an end": (b"", False),
    "a reset inside a frame": (text("hello")[:7], True),
    "an end inside a frame": (text("hello")[:7], False),
}


@pytest.mark.parametrize("case", ENDS)
async def test_a_client_that_leaves_without_a_close_frame_is_1006(live: Live, case: str) -> None:
    data, reset = ENDS[case]
    recorder = Recorder()
    async with live(recorder, lifespan="off") as site:
        client = await opened(site, text("a"))
        neighbour = await opened(site)
        await until(lambda: recorder.messages)
        await client.send(data)
        client.leave(reset=reset)
        assert await recorder.end() == {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        recorder.messages.clear()
        await neighbour.send(frame(9, b"still here"))
        assert await read_frame(neighbour) == (10, b"still here")


async def test_garbage_after_the_upgrade_is_1002(live: Live) -> None:
    recorder = Recorder()
    async with live(recorder, lifespan="off") as site:
        client = await opened(site)
        await client.send(GET)
        assert (await read_frame(client))[1][:2] == b"\x03\xea"
        assert await client.closed()
        assert (await recorder.end())["code"] == 1002


async def test_the_server_closes_the_connection_when_both_have_closed(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000, "reason": "bye"})

    async with live(app, lifespan="off") as site:
        client = await opened(site)
        assert await read_frame(client) == closing(4000, "bye")
        await client.send(text("crossing") + close(4000))
        assert await client.closed()


async def test_a_client_that_never_answers_a_close_is_dropped(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    async with live(app, lifespan="off", websocket_close_timeout=0.05) as site:
        client = await opened(site)
        assert await client.rest_or_reset() == b"\x88\x02\x03\xe8"


async def test_a_client_that_never_answers_a_ping_is_dropped(live: Live) -> None:
    recorder = Recorder()
    async with live(recorder, lifespan="off", websocket_ping_interval=0.05, websocket_ping_timeout=0.05) as site:
        client = await opened(site)
        data = await client.rest_or_reset()
        assert frames(data) == [(9, b""), closing(1011, "keepalive ping timeout")]
        told = {"type": "websocket.disconnect", "code": 1006, "reason": "keepalive ping timeout"}
        assert await recorder.end() == told


async def test_a_server_that_stops_says_1012(live: Live) -> None:
    recorder = Recorder()
    closed: list[int | None] = []

    async def listen(client: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            await client.recv()
        closed.append(client.close_code)

    async with live(recorder, lifespan="off") as site:
        clients = [await open_client(site) for _ in range(3)]
        listening = [asyncio.ensure_future(listen(client)) for client in clients]
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*listening)
    assert closed == [1012] * 3
    assert recorder.messages[-1]["code"] == 1012


async def test_a_websocket_is_one_line_of_the_access_log(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vivace.access")
    async with live(echo, lifespan="off", access_log=True) as site:
        logging.getLogger("vivace.access").propagate = True
        client = await opened(site, text("abc"))
        assert await read_frame(client) == (1, b"abc")
        assert caplog.text == ""
        await client.send(close(1000))
        assert await read_frame(client) == closing(1000)
        await until(lambda: caplog.text)
    [record] = caplog.records
    assert '"GET /chat?a=b HTTP/1.1" 101 9' in record.getMessage()
