"""WSGI applications on a live server: streamed both ways, always closed, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from wsgiref.validate import validator

import pytest

from vivace.server import ClientDisconnected
from vivace.server.interfaces import adapt
from vivace.server.types import Message
from vivace.utils.wsgi.response import HIGH_WATER

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]
Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], None]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PLAIN = [("Content-Type", "text/plain")]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def answering() -> Callable[[Callable[[Environ], bytes]], Callable[..., Iterable[bytes]]]:
    """Makes an application that answers with what a function makes of the environ."""

    def make(function: Callable[[Environ], bytes]) -> Callable[..., Iterable[bytes]]:
        def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
            body = function(environ)
            start_response("200 OK", PLAIN)
            return [body]

        return app

    return make


class Closing:
    """An iterable that notes when it is closed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = chunks
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        assert not self.closed.is_set()
        self.closed.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


# ---- requests


async def test_the_validator_of_python_finds_no_fault(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"]
        read = body.read(2) + body.readline() + b"".join(body.readlines(5)) + b"".join(body)
        if environ["PATH_INFO"] == "/write":
            start_response("200 OK", PLAIN)(b"written ")
            return [read]
        start_response("200 OK", PLAIN)
        return (chunk for chunk in (b"streamed ", read)) if environ["PATH_INFO"] == "/stream" else [read]

    async with live(validator(app), interface="wsgi", lifespan="on") as site:
        client = await site.connect()
        for method, path, body, expected in (
            ("GET", "/", b"", b""),
            ("POST", "/", b"one\ntwo\nthree", b"one\ntwo\nthree"),
            ("POST", "/write", b"one\ntwo", b"written one\ntwo"),
            ("GET", "/write", b"", b"written "),
            ("PUT", "/stream", b"x" * 100_000, b"streamed " + b"x" * 100_000),
        ):
            head = f"{method} {path}?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            await client.send(head.encode() + body)
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, expected), caplog.text
        await client.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.answer(to_head=True)).status == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_request_and_its_response_stream_at_the_same_time(live: Live) -> None:
    def echo(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        for line in environ["wsgi.input"]:
            yield line.upper()

    async with live(echo) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
        assert b"200 OK" in await client.head()
        assert await client.reader.readuntil(b"ONE\n\r\n") == b"4\r\nONE\n\r\n"
        await client.send(b"4\r\ntwo\n\r\n0\r\n\r\n")
        assert await client.reader.readuntil(b"0\r\n\r\n") == b"4\r\nTWO\n\r\n0\r\n\r\n"
        await client.send(GET)
        assert (await client.answer()).body == b""


async def test_a_large_body_arrives_whole(live: Live) -> None:
    size = 3_000_000

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        body = environ["wsgi.input"]
        read = body.read(1000) + body.read() if environ["PATH_INFO"] == "/" else b"".join(iter(body.readline, b""))
        start_response("200 OK", PLAIN)
        return [b"%d %s" % (len(read), read[-1:])]

    async with live(app) as site:
        for path in (b"/", b"/lines"):
            head = b"PUT %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, size)
            answer = await site.ask(head + b"line of 10" * (size // 10 - 1) + b"the last\nX")
            assert answer.body == b"3000000 X"


async def test_the_client_is_told_to_continue_when_the_application_reads(live: Live) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        read = b"" if environ["PATH_INFO"] == "/unread" else environ["wsgi.input"].read()
        start_response("200 OK", PLAIN)
        return [read]

    async with live(app) as site:
        expect = b"PUT %s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        client = await site.connect(expect % b"/")
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"body")
        assert (await client.answer()).body == b"body"
        assert (await (await site.connect(expect % b"/unread")).head()).startswith(b"HTTP/1.1 200 OK")


async def test_an_unread_body_does_not_disturb_the_next_request(live: Live, answering: Any) -> None:
    async with live(answering(lambda environ: environ["PATH_INFO"].encode())) as site:
        client = await site.connect(b"PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" * 2)
        assert [(await client.answer()).body for _ in range(2)] == [b"/1", b"/1"]


async def test_the_context_of_the_server_is_that_of_the_application(live: Live) -> None:
    seen: list[str] = []

    class Result(Closing):
        def close(self) -> None:
            seen.append(variable.get())
            super().close()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(variable.get())
        variable.set("changed by the request")
        start_response("200 OK", PLAIN)
        return Result(variable.get().encode() for _ in range(1))

    variable.set("set before")
    async with live(app) as site:
        for _ in range(2):
            assert (await site.ask(GET)).body == b"changed by the request"
    assert seen == ["set before", "changed by the request"] * 2


# ---- responses


async def test_a_slow_client_makes_the_application_wait(live: Live) -> None:
    produced = 0
    chunk = b"x" * 16384

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        nonlocal produced
        start_response("200 OK", [("Content-Length", str(1000 * len(chunk)))])
        for _ in range(1000):
            produced += 1
            yield chunk

    async with live(app) as site:
        client = await site.connect(GET)
        await client.head()
        before = -1
        while before != produced:
            before = produced
            await asyncio.sleep(0.1)
        assert produced < 1000
        body = await client.reader.readexactly(1000 * len(chunk))
        assert len(body) == 1000 * len(chunk)
        assert produced == 1000


async def test_one_large_answer_to_a_slow_client_holds_no_thread(live: Live, answering: Any) -> None:
    size = 100 * HIGH_WATER
    app = answering(lambda environ: b"x" * size if environ["PATH_INFO"] == "/" else b"other")
    async with live(app, wsgi_threads=1) as site:
        slow = await site.connect(GET)
        await slow.head()
        assert (await site.ask(GET.replace(b"/", b"/other", 1))).body == b"other"
        assert len(await slow.reader.readexactly(size)) == size


async def test_a_list_goes_with_its_length_and_a_stream_in_chunks(live: Live) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        chunks = [b"one", b"", b"two"]
        if environ["PATH_INFO"] == "/list":
            return chunks
        return (chunk for chunk in chunks)

    async with live(app) as site:
        for method in (b"GET", b"HEAD"):
            client = await site.connect(method + b" /list HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = await client.answer(to_head=method == b"HEAD")
            assert answer.headers["content-length"] == "6"
            await client.send(b"HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            assert "content-length" not in (await client.answer(to_head=True)).headers
            await client.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await client.answer()).body == b"onetwo"


async def test_an_empty_answer_is_one(live: Live) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("204 No Content", [])
        return iter(()) if environ["PATH_INFO"] == "/" else []

    async with live(app) as site:
        client = await site.connect(GET + GET.replace(b"/", b"/list", 1) + GET)
        assert [(await client.answer()).status for _ in range(3)] == [204] * 3


async def test_the_application_may_close_the_connection_and_otherwise_not_say_how_it_is_used(live: Live) -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        connection = "close" if environ["PATH_INFO"] == "/close" else "upgrade"
        start_response("200 OK", [("Connection", connection), ("Keep-Alive", "5"), ("Transfer-Encoding", "chunked")])
        return [b"x"]

    async with live(app) as site:
        client = await site.connect(GET + GET.replace(b"/", b"/close", 1))
        first, last = await client.answer(), await client.answer()
        assert set(first.headers) == {"content-length", "server", "date"}
        assert last.headers["connection"] == "close"
        assert await client.closed()


async def test_more_than_the_content_length_is_not_sent_and_less_is_no_proper_end(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[Closing] = []
    iterated: list[int] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "5")])

        def chunks() -> Iterator[bytes]:
            count = 1 if environ["PATH_INFO"] == "/short" else 4
            for number in range(count):
                iterated.append(number)
                yield b"abc"

        results.append(Closing(chunks()))
        return results[-1]

    async with live(app) as site:
        client = await site.connect(GET * 2)
        assert [(await client.answer()).body for _ in range(2)] == [b"abcab"] * 2
        assert iterated == [0, 1] * 2
        short = await site.connect(GET.replace(b"/", b"/short", 1))
        # 500 if the application came to its end before any of it was sent.
        everything = await short.rest_or_reset()
        assert everything.startswith(b"HTTP/1.1 500 ") or everything.endswith(b"\r\n\r\nabc")
        await until(lambda: all(result.closed.is_set() for result in results))
    assert "its content-length is 5" in caplog.text


# ---- failures


def no_start(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return [b"x"]


def no_start_and_nothing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return []


def generator_without_start(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    yield b""
    start_response("200 OK", [])


def empty_generator_without_start(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return iter(())


def two_starts(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    start_response("201 Created", [])
    return [b"x"]


def text(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
    start_response("200 OK", [])
    return ["text"]


def text_written(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
    write: Any = start_response("200 OK", [])
    write("text")
    return []


def bad_status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("OK", [])
    return []


def number_as_status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response(200, [])
    return []


def bytes_as_header(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [(b"name", b"value")])
    return []


def header_that_is_not_latin1(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("x-name", "\u20ac")])
    return []


def header_with_a_line_break(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("x-name", "a\r\nb: c")])
    return [b"x"]


def bad_length(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "-1")])
    return []


def writes_too_much(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "1")])(b"two")
    return []


def raises(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise ZeroDivisionError("planted")


def exits(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (no_start, "without calling start_response"),
        (no_start_and_nothing, "without calling start_response"),
        (generator_without_start, "without calling start_response"),
        (empty_generator_without_start, "without calling start_response"),
        (two_starts, "a second time"),
        (text, "made of bytes, got 'text'"),
        (text_written, "made of bytes, got 'text'"),
        (bad_status, "got 'OK'"),
        (number_as_status, "got 200"),
        (bytes_as_header, "both str, got b'name'"),
        (header_that_is_not_latin1, "latin-1"),
        (header_with_a_line_break, "control character"),
        (bad_length, "content-length must be a number"),
        (writes_too_much, "more than the content-length"),
        (raises, "planted"),
        (exits, "the application raised SystemExit"),
    ],
)
async def test_a_failure_before_the_first_byte_is_500_and_logged(
    live: Live, caplog: pytest.LogCaptureFixture, app: Any, message: str
) -> None:
    async with live(app, interface="wsgi") as site:
        for _ in range(2):
            assert (await site.ask(GET)).status == 500
    assert message in caplog.text


async def test_a_failure_in_the_middle_cannot_be_taken_for_the_end(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[Closing] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)

        def chunks() -> Iterator[bytes]:
            yield b"begun"
            raise ZeroDivisionError("planted")

        results.append(Closing(chunks()))
        return results[-1]

    async with live(app) as site:
        client = await site.connect(GET)
        everything = await client.rest_or_reset()
    assert not everything.endswith(b"0\r\n\r\n")
    assert results[0].closed.is_set()
    assert "planted" in caplog.text


async def test_a_close_that_fails_is_logged_and_the_answer_stands(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(list[bytes]):
        def close(self) -> None:
            raise ZeroDivisionError("planted in close")

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        return Broken([b"whole"])

    async with live(app) as site:
        client = await site.connect(GET)
        assert (await client.answer()).body == b"whole"
        await client.send(GET)
        assert (await client.answer()).body == b"whole"
    assert "planted in close" in caplog.text


async def test_an_error_page_replaces_a_response_that_has_not_begun(live: Live) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        import sys

        write = start_response("200 OK", [("Content-Length", "1000")])
        try:
            if environ["PATH_INFO"] == "/begun":
                write(b"begun")
            raise ZeroDivisionError("planted")
        except ZeroDivisionError:
            start_response("503 Busy", PLAIN, sys.exc_info())
        return [b"try later"]

    async with live(app) as site:
        answer = await site.ask(GET)
        assert (answer.status, answer.body) == (503, b"try later")
        begun = await site.connect(GET.replace(b"/", b"/begun", 1))
        assert (await begun.rest_or_reset()).endswith(b"begun")


# ---- clients that leave, and the server's end


async def test_a_client_that_leaves_ends_the_response_and_frees_the_thread(live: Live) -> None:
    results: list[Closing] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/other":
            return [b"other"]

        def endless() -> Iterator[bytes]:
            while True:
                yield b"x" * 10_000

        results.append(Closing(endless()))
        return results[-1]

    async with live(app, wsgi_threads=1) as site:
        client = await site.connect(GET)
        await client.head()
        client.leave()
        assert (await site.ask(GET.replace(b"/", b"/other", 1))).body == b"other"
        assert results[0].closed.is_set()


async def test_reading_raises_an_oserror_when_the_rest_will_not_come(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    read: list[bytes] = []
    errors: list[OSError] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"]
        read.append(body.read(2))
        for _ in range(2):
            try:
                body.read(1)
            except OSError as error:
                errors.append(error)
        start_response("400 Bad Request", PLAIN)
        return [b"nobody reads this"]

    async with live(app) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab")
        await until(lambda: read == [b"ab"])
        client.leave()
        await until(lambda: len(errors) == 2)
    assert "failed" not in caplog.text


async def test_a_request_whose_client_leaves_while_it_waits_for_a_thread_is_not_made(live: Live) -> None:
    paths: list[str] = []
    gate = threading.Event()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        paths.append(environ["PATH_INFO"])
        gate.wait(5)
        start_response("200 OK", PLAIN)
        return [environ["wsgi.input"].read() or b"none"]

    async with live(app, wsgi_threads=1) as site:
        first = await site.connect(GET)
        await until(lambda: paths == ["/"])
        gone = await site.connect(GET.replace(b"/", b"/gone", 1))
        patient = await site.connect(b"PUT /patient HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        await asyncio.sleep(0.05)
        gone.leave()
        await asyncio.sleep(0.05)
        gate.set()
        assert (await first.answer()).body == b"none"
        assert (await patient.answer()).body == b"body"
    assert paths == ["/", "/patient"]


async def test_a_client_that_closes_its_side_gets_its_answer(live: Live) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        left.wait(5)
        start_response("200 OK", PLAIN)
        return [body]

    left = threading.Event()
    async with live(app) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        client.half_close()
        await asyncio.sleep(0.05)
        left.set()
        assert (await client.answer()).body == b"body"


async def test_what_an_application_keeps_of_a_request_does_not_block_it_later(live: Live) -> None:
    kept: list[Callable[[], object]] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", PLAIN)
        kept.extend([environ["wsgi.input"].read, lambda: write(b"late")])
        return [b"answer"]

    async with live(app) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        assert (await client.answer()).body == b"answer"
        for late in kept:
            with pytest.raises(ClientDisconnected):
                await asyncio.wait_for(asyncio.to_thread(late), 5)


async def test_a_request_that_waits_for_a_thread_is_not_told_to_continue(live: Live) -> None:
    gate = threading.Event()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        gate.wait(5)
        start_response("200 OK", PLAIN)
        return [environ["wsgi.input"].read()]

    async with live(app, wsgi_threads=1) as site:
        first = await site.connect(GET)
        waits = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waits.reader.read(1), 0.1)
        gate.set()
        assert (await first.answer()).status == 200
        assert await waits.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await waits.send(b"body")
        assert (await waits.answer()).body == b"body"


async def test_a_stop_ends_requests_that_read_write_or_wait(live: Live) -> None:
    ended: list[str] = []
    begun: list[str] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        begun.append(environ["PATH_INFO"])
        try:
            if environ["PATH_INFO"] == "/reads":
                environ["wsgi.input"].read()
            write = start_response("200 OK", PLAIN)
            while True:
                write(b"x" * 100_000)
        except OSError:
            ended.append(environ["PATH_INFO"])
            raise

    async with live(app, wsgi_threads=2, graceful_timeout=0.1) as site:
        await site.connect(b"PUT /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        await site.connect(GET.replace(b"/", b"/writes", 1))
        await until(lambda: len(begun) == 2)
        await site.connect(GET.replace(b"/", b"/waits", 1))
        await asyncio.sleep(0.05)
        await site.server.stop()
        assert sorted(ended) == ["/reads", "/writes"]
    assert sorted(begun) == ["/reads", "/writes"]


async def test_a_thread_that_does_not_come_back_does_not_keep_the_server(live: Live) -> None:
    gate = threading.Event()
    begun = threading.Event()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        begun.set()
        gate.wait(5)
        start_response("200 OK", PLAIN)
        return [b"too late"]

    app3 = adapt(app, wsgi_threads=1)
    scope: dict[str, Any] = {"type": "http", "method": "GET", "http_version": "1.1", "headers": [], "scheme": "http"}

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def refuse(message: Message) -> None:
        raise AssertionError

    scope |= {"path": "/", "raw_path": b"/", "query_string": b"", "root_path": ""}
    request = asyncio.ensure_future(app3(scope, never, refuse))
    await until(begun.is_set)
    request.cancel()
    await asyncio.sleep(0.02)
    assert not request.done()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    gate.set()


# ---- other scopes


async def test_a_websocket_is_answered_with_403(live: Live, answering: Any) -> None:
    handshake = b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    async with live(answering(lambda environ: b"")) as site:
        assert (await site.ask(b"GET / HTTP/1.1\r\nHost: a\r\n" + handshake + key + b"\r\n")).status == 403


async def test_websockets_are_refused_and_unknown_scopes_an_error(answering: Any) -> None:
    app = adapt(answering(lambda environ: b""), wsgi_threads=1)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close"}]
    with pytest.raises(RuntimeError, match='no scope of type "mqtt"'):
        await app({"type": "mqtt"}, receive, send)
