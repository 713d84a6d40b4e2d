"""As `test_bad_input`, in bytes on a socket, through our server: what it passes on, and what it refuses itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.web.bad_input import METHODS, make_application

from vivace.server import Config, Server

PATIENCE = 20.0
Ask = Callable[[bytes], int]

same = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Errors(logging.Handler):
    """What the server says of applications that failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """`ask(data)` sends this on a connection of its own and gives the status of the first answer."""
    application = make_application(tmp_path_factory.mktemp("bad-input"))
    errors = Errors()
    logging.getLogger().addHandler(errors)
    with asyncio.Runner() as runner:
        server = Server(application, Config.from_options({"port": 0, "access_log": False, "header_timeout": 1.0}))
        runner.run(server.__aenter__())

        async def exchange(data: bytes) -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                writer.write(data)
                writer.write_eof()
                line = await asyncio.wait_for(reader.readline(), PATIENCE)
            finally:
                writer.close()
            return int(line.split()[1]) if line else 0

        def ask(data: bytes) -> int:
            status = runner.run(exchange(data))
            assert status < 500
            assert errors.messages == []
            return status

        yield ask
        runner.run(server.__aexit__(None, None, None))
    logging.getLogger().removeHandler(errors)


def made_of(*pieces: bytes, most: int = 6) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(pieces) | st.binary(max_size=3), max_size=most).map(b"".join)


targets = made_of(
    *(
        b"/everything",
        b"/",
        b"?",
        b"%ff",
        b"%00",
        b"..",
        b"%2e%2e/",
        b"static/",
        b"a.txt",
        b"#",
        b"\\",
        b"http://",
        b"@",
        b"*",
    ),
    *(b"item/1/1.5/", b"?name=", b"/file", b"/again", b"\xff", b"%0d%0a", b"://[", b"%", b"/under/x/"),
)
fields = made_of(
    *(
        b"Cookie: ",
        b"session=",
        b"Range: bytes=",
        b"0-1",
        b"-",
        b",",
        b"If-Range: ",
        b"If-None-Match: ",
        b'"a"',
        b"; ",
        b"\\",
    ),
    *(
        b"\r\n",
        b": ",
        b"Host: ",
        b"[::1",
        b"x:99999",
        b"Accept: ",
        b"X-Type: ",
        b"\xff",
        b"\x01",
        b"\t",
        b'"',
        b"Origin: null",
    ),
    *(
        b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
        b"Expect: 100-continue",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
    ),
    most=10,
)


@same
@given(st.sampled_from(METHODS), targets, fields)
def test_any_request_head_is_answered(ask: Ask, method: str, target: bytes, field: bytes) -> None:
    head = method.encode() + b" /" + target.lstrip(b"/") + b" HTTP/1.1\r\nHost: a\r\n"
    ask(head + field + b"\r\nConnection: close\r\n\r\n")
    ask(method.encode() + b" /everything HTTP/1.1\r\n" + field + b"\r\n\r\n")


bodies = made_of(
    *(
        b"--b\r\n",
        b"\r\n--b--\r\n",
        b"\r\n",
        b'Content-Disposition: form-data; name="a"\r\n\r\n',
        b'; filename="b"',
        b"\0",
    ),
    *(
        b'Content-Disposition: form-data; name="a"; filename="b"\r\n\r\n',
        b"a=1&",
        b"%ff",
        b'{"a":',
        b"[",
        b"]",
        b"1e999",
        b"x" * 999,
    ),
)


@same
@given(
    st.sampled_from([b"/form", b"/parts", b"/base", b"/csrf", b"/body"]),
    st.sampled_from(
        [b"multipart/form-data; boundary=b", b"application/x-www-form-urlencoded", b"application/json", b"\xff"]
    ),
    bodies,
    st.sampled_from([0, 0, 0, 1, -1, 50]),
)
def test_any_body_is_answered(ask: Ask, path: bytes, content_type: bytes, body: bytes, wrong: int) -> None:
    length = max(0, len(body) + wrong)
    head = b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Type: " + content_type
    ask(head + b"\r\nContent-Length: %d\r\n\r\n" % length + body)
    chunk = b"%x\r\n" % (len(body) + wrong if len(body) + wrong > 0 else len(body) + 1) + body
    ask(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"\r\n0\r\n\r\n")


def test_right_requests_are_answered(ask: Ask) -> None:
    assert ask(b"GET /everything?a=%ff HTTP/1.1\r\nHost: a\r\n\r\n") == 200
    form = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'
    head = b"POST /parts HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    assert ask(head + b"Content-Length: %d\r\n\r\n" % len(form) + form) == 200
    assert ask(head + b"Content-Length: 3\r\n\r\n--b") == 400
