"""What the server writes."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from vivace.server import Config
from vivace.server.logging import access_logger, configure_logging
from vivace.server.logging.formatters import AccessFormatter, LineFormatter
from vivace.server.logging.opening import open_access_log
from vivace.server.types import ASGIApp, Receive, Scope, Send

Live = Callable[..., AbstractAsyncContextManager[Any]]


def scope(**different: Any) -> dict[str, Any]:
    """What an access line is made from."""
    return {
        "type": "http",
        "client": ("127.0.0.1", 5000),
        "raw_path": b"/",
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "headers": [],
        "extensions": {},
        **different,
    }


def written_by(formatter: logging.Formatter) -> io.StringIO:
    """What the access logger writes, through that formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    access_logger.handlers = [handler]
    access_logger.setLevel("INFO")
    access_logger.propagate = False
    return stream


@pytest.mark.anyio
async def test_each_response_is_a_line_with_status_bytes_and_duration(live: Live, echo: ASGIApp) -> None:
    stream = written_by(AccessFormatter())
    async with live(echo, access_log=True) as site:
        client = await site.connect(b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\nHEAD /c HTTP/1.0\r\n\r\n")
        port = client.writer.get_extra_info("sockname")[1]
        await client.rest()
        await (await site.connect(b"bad\r\n\r\n")).rest()
        await (await site.connect(b"PUT /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: x\r\n\r\n")).rest()
        late = await site.connect(b"PUT /z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await asyncio.sleep(0.02)
        await late.send(b"nonsense\r\n")
        await late.rest()
    first, second, third, fourth, fifth = stream.getvalue().splitlines()
    assert f' INFO    127.0.0.1:{port} "GET /a?b HTTP/1.1" 200 9 B ' in first
    assert first.endswith(" ms")
    assert '"HEAD /c HTTP/1.0" 200 0 B ' in second
    assert '"- invalid method HTTP/1.1" 400 14 B ' in third
    assert '"PUT /x?y HTTP/1.1" 417 47 B ' in fourth
    assert '"PUT /z HTTP/1.1" 400 18 B ' in fifth


@pytest.mark.anyio
async def test_a_response_that_the_application_breaks_off_is_a_line_too(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
        raise ZeroDivisionError

    stream = written_by(AccessFormatter())
    async with live(app, access_log=True, lifespan="off") as site:
        await (await site.connect(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")).rest_or_reset()
    (line,) = stream.getvalue().splitlines()
    assert '"GET /broken HTTP/1.1" 200 100 B ' in line


@pytest.mark.anyio
async def test_a_response_that_the_client_did_not_wait_for_is_a_line_too(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
            await asyncio.sleep(0.001)

    stream = written_by(AccessFormatter())
    async with live(app, access_log=True, lifespan="off") as site:
        client = await site.connect(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.head()
        client.leave(reset=True)
        await asyncio.sleep(0.1)
    (line,) = stream.getvalue().splitlines()
    assert '"GET /endless HTTP/1.1" 200 ' in line


def test_levels_and_statuses_are_coloured_on_a_terminal() -> None:
    stream = written_by(AccessFormatter(colors=True))
    log = open_access_log(Config())
    assert log is not None
    log.response(scope(client=("10.0.0.1", 5)), "GET", 404, 3, 0.0015)
    log.response(scope(client=None), "GET", 200, 3, 0.0015)
    missing, found = stream.getvalue().splitlines()
    assert '\x1b[32mINFO   \x1b[0m 10.0.0.1:5 "GET / HTTP/1.1" \x1b[33m404\x1b[0m 3 B 1.5 ms' in missing
    assert '- "GET / HTTP/1.1" \x1b[32m200\x1b[0m 3 B' in found


def test_an_access_log_that_nobody_would_see_is_none() -> None:
    configure_logging(Config(log_level="warning"))
    assert open_access_log(Config(log_level="warning")) is None
    configure_logging(Config())
    assert open_access_log(Config(access_log=False)) is None
    assert open_access_log(Config()) is not None


def test_a_log_configuration_of_the_users_is_used_instead() -> None:
    before = list(logging.getLogger("vivace.server").handlers)
    configure_logging(
        Config(log_config={"version": 1, "incremental": True, "loggers": {"vivace.access": {"level": "ERROR"}}})
    )
    assert logging.getLogger("vivace.server").handlers == before
    assert access_logger.level == logging.ERROR


def test_other_loggers_are_left_alone() -> None:
    other = logging.getLogger("somebody.else")
    configure_logging(Config())
    assert not other.disabled
    assert logging.getLogger("vivace.server").handlers


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ZeroDivisionError("planted")
    except ZeroDivisionError as error:
        record = logging.LogRecord(
            "vivace.server", logging.ERROR, "", 0, "failed", (), (type(error), error, error.__traceback__)
        )
    lines = LineFormatter().format(record).splitlines()
    assert lines[0].endswith("ERROR   failed")
    assert lines[-1] == "ZeroDivisionError: planted"
