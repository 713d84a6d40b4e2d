"""What access lines look like, and what they are when logging is configured otherwise."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.server.logging.test_access_log import scope

from vivace.server import Config, ConfigError
from vivace.server.logging import access_logger, configure_logging, flush_logs, server_logger
from vivace.server.logging.json_lines import JsonFormatter
from vivace.server.logging.opening import open_access_log
from vivace.server.options.access_log_format import ATOMS
from vivace.server.types import Receive, Scope, Send

Live = Callable[..., AbstractAsyncContextManager[Any]]
HOSTILE = b'a"b\\c\r\nd\xc3\xa9\xff\x00'


def lines_of(path: Path, *responses: dict[str, Any], **options: Any) -> list[str]:
    """What is in the log file after those responses, given as arguments of AccessLog.response."""
    config = Config.from_options({"log_file": str(path), **options})
    configure_logging(config)
    log = open_access_log(config)
    assert log is not None
    for each in responses:
        log.response(**{"scope": scope(), "method": "GET", "status": 200, "size": 13, "seconds": 0.0015, **each})
    flush_logs()
    return path.read_text(encoding="utf-8").splitlines()


def test_text_tells_tls_close_code_and_id_where_there_are(tmp_path: Path) -> None:
    tls = {"tls": {"tls_version": 0x0304, "cipher_suite": 0x1301}}
    plain, full = lines_of(
        tmp_path / "log",
        {"scope": scope(client=("::1", 5), raw_path=b'/"', query_string=b"a")},
        {"scope": scope(client=None, extensions=tls), "close_code": 1000, "request_id": b"abc"},
    )
    assert plain.endswith(r' INFO    [::1]:5 "GET /\x22?a HTTP/1.1" 200 13 B 1.5 ms')
    assert full.endswith(' - "GET / HTTP/1.1" 200 13 B 1.5 ms TLSv1.3 closed 1000 abc')
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} INFO", plain)


def test_json_is_an_object_a_line_whatever_the_client_sends(tmp_path: Path) -> None:
    headers = [(b"user-agent", HOSTILE), (b"referer", "é".encode())]
    (line,) = lines_of(
        tmp_path / "log",
        {"scope": scope(headers=headers, raw_path=b'/"\\', query_string=b"a=b"), "request_id": b"id"},
        log_format="json",
    )
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert found == {
        "level": "info",
        "logger": "vivace.access",
        "message": 'GET /"\\ 200',
        "client": "127.0.0.1",
        "client_port": 5000,
        "method": "GET",
        "path": '/"\\',
        "query": "a=b",
        "http_version": "1.1",
        "status": 200,
        "size": 13,
        "duration_ms": 1.5,
        "request_id": "id",
        "user_agent": HOSTILE.decode("latin-1"),
        "referer": "é",
    }


def test_the_servers_own_lines_are_json_too_and_stay_in_order(tmp_path: Path) -> None:
    lines_of(tmp_path / "log", {}, log_format="json")
    try:
        raise ZeroDivisionError("planted")
    except ZeroDivisionError:
        server_logger.exception("It failed\n%s", "\udc80é", extra={"number": float("nan"), "kind": object})
    first, second = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert json.loads(first)["logger"] == "vivace.access"
    found = json.loads(second)
    assert (found["level"], found["logger"], found["message"]) == ("error", "vivace.server", "It failed\n\udc80é")
    assert found["exception"].endswith("ZeroDivisionError: planted")
    assert found["number"] == "nan"


def test_gunicorns_combined_format_is_understood(tmp_path: Path) -> None:
    headers = [(b"user-agent", b'x"y'), (b"authorization", b"Basic Ym9iOnNlY3JldA=="), (b"x-one", b"1")]
    (line,) = lines_of(
        tmp_path / "log",
        {"scope": scope(headers=headers), "response_headers": [(b"X-Two", b"2")], "size": 0, "request_id": b"id"},
        access_log_format=(
            '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(st)s %(b)s %(B)s "%(f)s" "%(a)s" %(T)s %(M)s %(D)s %(L)s '
            "%({X-One}i)s %({x-two}o)s %({NO_SUCH_VARIABLE}e)s 100%% %(request_id)s %(client)s"
        ),
    )
    line = re.sub(r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", "[time]", line)
    assert line == (
        r'127.0.0.1 - bob [time] "GET / HTTP/1.1" 200 OK - 0 "-" "x\x22y" 0 1 1500 0.001500 '
        "1 2 - 100% id 127.0.0.1:5000"
    )


def test_every_atom_can_be_written(tmp_path: Path) -> None:
    everything = " ".join(f"%({atom})s" for atom in ATOMS)
    (line,) = lines_of(tmp_path / "log", {}, access_log_format=everything)
    # The time has a space in it, and so has the request line; the query is empty.
    assert len(line.split(" ")) == len(ATOMS) + 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("%(reqest_id)s", 'Did you mean "request_id"?'),
        ("%({x}z)s", "the name of a header"),
        ("100% of it", "%% is a percent sign"),
        ("a\nb", "one line"),
    ],
)
def test_what_is_no_atom_is_refused_at_the_start(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        Config.from_options({"access_log_format": text})


@pytest.mark.parametrize(
    "options",
    [
        {"log_format": "xml"},
        {"access_log_sample": 2},
        {"request_id_header": "no header"},
        {"log_file": ""},
        {"log_format": "json", "access_log_format": "%(h)s"},
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(reversed(options))):
        Config.from_options(options)


def test_a_sample_is_evenly_spread_and_has_every_server_error(tmp_path: Path) -> None:
    responses = [{"status": 200}] * 1000 + [{"status": 500}] * 5 + [{"status": 101, "close_code": 1011}]
    lines = lines_of(tmp_path / "log", *responses, access_log_sample=0.1)
    assert sum(" 200 " in line for line in lines) in range(98, 103)
    assert sum(" 500 " in line for line in lines) == 5
    assert sum(" closed 1011" in line for line in lines) == 1
    assert len(lines_of(tmp_path / "none", {}, {"status": 503}, access_log_sample=0)) == 1


# ---- logging configured otherwise


def recorded(formatter: logging.Formatter) -> str:
    """What a handler with this formatter on `vivace.access` writes of one response."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    configure_logging(Config())
    access_logger.addHandler(handler)
    log = open_access_log(Config())
    assert log is not None
    log.response(scope(headers=[(b"user-agent", b"curl")]), "GET", 404, 3, 0.0015, b"id")
    return stream.getvalue()


def test_structlog_finds_the_facts() -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    found = json.loads(recorded(formatter))
    assert found["event"] == '127.0.0.1:5000 "GET / HTTP/1.1" 404 3 B 1.5 ms id'
    assert (found["logger"], found["status"], found["size"]) == ("vivace.access", 404, 3)
    assert (found["client"], found["duration_ms"], found["user_agent"]) == ("127.0.0.1", 1.5, "curl")
    assert (found["request_id"], found["tls_version"], found["close_code"]) == ("id", None, None)


def test_a_formatter_of_json_finds_the_facts() -> None:
    found = json.loads(recorded(JsonFormatter()))
    assert (found["path"], found["method"], found["status"], found["request_id"]) == ("/", "GET", 404, "id")


def test_a_level_set_later_is_seen(tmp_path: Path) -> None:
    config = Config.from_options({"log_file": str(tmp_path / "log")})
    configure_logging(config)
    log = open_access_log(config)
    assert log is not None
    access_logger.setLevel(logging.WARNING)
    log.response(scope(), "GET", 200, 0, 0.0)
    assert (tmp_path / "log").read_bytes() == b""


# ---- ids of requests


async def identified(scope: Scope, receive: Receive, send: Send) -> None:
    header = dict(scope["headers"])[b"x-request-id"].decode()
    body = f"{header} {scope['state']['request_id']}".encode()
    if scope["path"] == "/fail":
        raise ZeroDivisionError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asking(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: a", *headers, b"", b""])


@pytest.mark.anyio
async def test_an_id_is_taken_over_when_it_is_well_formed_and_made_when_not(live: Live) -> None:
    async with live(identified, lifespan="off", request_id_header="X-Request-ID") as site:
        taken = await site.ask(asking(b"GET /", b"X-Request-ID: abc-1"))
        assert (taken.headers["x-request-id"], taken.body) == ("abc-1", b"abc-1 abc-1")
        hostile = (b"a b", b"x" * 129, b"", b'a"', b"a\r\nX-Request-ID: b")
        requests = [asking(b"GET /")] * 3 + [asking(b"GET /", b"X-Request-ID: " + each) for each in hostile]
        made = [await site.ask(each) for each in requests]
        ids = [answer.headers["x-request-id"] for answer in made]
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
        assert len(set(ids)) == len(ids)
        assert [answer.body for answer in made] == [f"{each} {each}".encode() for each in ids]


@pytest.mark.anyio
async def test_errors_have_the_id_too(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    async with live(identified, lifespan="off", request_id_header="x-request-id") as site:
        failed = await site.ask(asking(b"GET /fail", b"X-Request-ID: abc"))
        assert (failed.status, failed.headers["x-request-id"]) == (500, "abc")
        assert "The application failed: GET /fail (request abc)" in caplog.text
        refused = await site.ask(b"nonsense\r\n\r\n")
        assert refused.status == 400
        assert re.fullmatch("[0-9a-f]{32}", refused.headers["x-request-id"])


@pytest.mark.anyio
async def test_a_client_that_leaves_before_an_answer_is_a_499(live: Live, tmp_path: Path) -> None:
    began = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        began.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    path = tmp_path / "log"
    configure_logging(Config.from_options({"log_file": str(path)}))
    async with live(app, access_log=True, lifespan="off") as site:
        client = await site.connect(asking(b"PUT /left", b"Content-Length: 100") + b"x")
        await began.wait()
        client.leave(reset=True)
        async with asyncio.timeout(10):
            while b" 499 0 B " not in path.read_bytes():
                await asyncio.sleep(0.01)
    assert path.read_bytes().count(b'"PUT /left HTTP/1.1"') == 1
