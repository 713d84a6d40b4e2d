from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies

from vivace.server import Config, Server
from vivace.web.applications import Application
from vivace.web.background import BackgroundTask
from vivace.web.middleware.request_id import RequestIdFilter, RequestIdMiddleware, get_request_id
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.testclient import AsyncTestClient
from vivace.web.websockets import WebSocket

pytestmark = pytest.mark.anyio


def app_with(**options: Any) -> Application:
    app = Application()

    @app.get("/")
    async def home(request: Request) -> Response:
        assert request.state.request_id == get_request_id()
        own = {"x-request-id": "own"} if "own" in request.query_params else None
        return PlainTextResponse(request.state.request_id, headers=own)

    @app.websocket_route("/ws")
    async def speak(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(str(get_request_id()))
        await websocket.close()

    app.add_middleware(RequestIdMiddleware, **options)
    return app


async def test_every_request_has_an_id_of_its_own() -> None:
    async with AsyncTestClient(app_with()) as client:
        responses = [await client.get("/") for _ in range(3)]
    assert all(re.fullmatch("[0-9a-f]{32}", response.text) for response in responses)
    assert [response.headers["x-request-id"] for response in responses] == [response.text for response in responses]
    assert len({response.text for response in responses}) == 3
    assert get_request_id() is None


async def test_an_id_that_comes_along_is_taken_when_it_is_well_formed_and_trusted() -> None:
    async with AsyncTestClient(app_with()) as client:
        assert (await client.get("/", headers={"x-request-id": "7f-A:1/2=3"})).text == "7f-A:1/2=3"
        for bad in ("a b", 'a"b', "a,b", "<a>", "a;b", "a&b", "a'b", "", "x" * 129, "a\\b", "ä"):
            text = (await client.get("/", headers=[(b"x-request-id", bad.encode("latin-1"))])).text
            assert re.fullmatch("[0-9a-f]{32}", text)
        twice = await client.get("/", headers=[("x-request-id", "one"), ("x-request-id", "two")])
        assert twice.text not in ("one", "two")
    for trust, expected in [(True, True), (False, False), (lambda scope: scope["client"][0] == "testclient", True)]:
        async with AsyncTestClient(app_with(trust=trust)) as client:
            text = (await client.get("/", headers={"x-request-id": "given"})).text
            assert (text == "given") is expected


async def test_the_header_and_the_maker_may_be_others() -> None:
    async with AsyncTestClient(app_with(header="X-Trace", generate=lambda: "made")) as client:
        response = await client.get("/", headers={"x-request-id": "ignored"})
        assert (response.text, response.headers["x-trace"]) == ("made", "made")
    async with AsyncTestClient(app_with(generate=lambda: "a\r\nb")) as client:
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            await client.get("/")


async def test_an_id_that_the_application_says_stays() -> None:
    async with AsyncTestClient(app_with()) as client:
        assert (await client.get("/?own")).headers.get_list("x-request-id") == ["own"]


async def test_a_websocket_has_one_too() -> None:
    async with AsyncTestClient(app_with()) as client, client.websocket_connect("/ws") as websocket:
        said = await websocket.receive_text()
        assert websocket.extra_headers == [(b"x-request-id", said.encode())]


async def test_log_records_carry_it(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test")
    caplog.handler.addFilter(id_filter := RequestIdFilter())

    async def work() -> None:
        logger.warning("after")

    async def home(request: Request) -> Response:
        logger.warning("during")
        return PlainTextResponse(request.state.request_id, background=BackgroundTask(work))

    app = Application()
    app.route("/")(home)
    app.add_middleware(RequestIdMiddleware)
    async with AsyncTestClient(app) as client:
        said = (await client.get("/")).text
    logger.warning("outside")
    caplog.handler.removeFilter(id_filter)
    assert [vars(record)["request_id"] for record in caplog.records] == [said, said, "-"]


@given(strategies.binary(max_size=200))
def test_whatever_comes_along_nothing_but_a_token_is_taken(value: bytes) -> None:
    middleware = RequestIdMiddleware(PlainTextResponse("in"))
    taken = middleware._read({"headers": [(b"x-request-id", value)]})
    assert taken is None or (taken.isprintable() and taken.isascii() and not set(taken) & set(" \"'\\<>&,;"))


def test_an_id_that_the_server_made_is_that_of_the_application() -> None:
    async def ask() -> httpx.Response:
        config = Config.from_options({"port": 0, "access_log": False, "request_id_header": "x-request-id"})
        async with Server(app_with(), config) as server, httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{server.port}/")

    response = asyncio.run(ask())
    assert response.headers.get_list("x-request-id") == [response.text]
