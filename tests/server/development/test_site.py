"""What a browser, a script and a cache get from a site in development, over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from vivace.server import Config, Server
from vivace.server.development.site import DevelopmentSite
from vivace.server.development.versions import Versions
from vivace.server.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio

PAGE = "<!doctype html><title>t</title><body>hello</body>"
SCRIPT = '\n<script async src="/__vivace__/live.js" data-version="v1"></script>\n'
BROWSER = {"accept": "text/html,*/*;q=0.8", "sec-fetch-dest": "document"}


def answering(response: Response) -> Starlette:
    async def view(request: Any) -> Response:
        return response

    return Starlette(routes=[Route("/{path:path}", view, methods=["GET", "POST"])])


@asynccontextmanager
async def serving(
    app: Any, *, live_reload: bool = True, **options: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Versions]]:
    versions = Versions("v1")
    site = DevelopmentSite(app, versions, live_reload=live_reload)
    config = Config.from_options({"port": 0, "access_log": False, "graceful_timeout": 2.0} | options)
    async with Server(site, config) as server:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=BROWSER) as client:
            yield client, versions
            versions.close()


async def test_a_page_ends_with_the_script() -> None:
    async with serving(answering(HTMLResponse(PAGE))) as (client, _):
        response = await client.get("/")
    assert response.text == PAGE + SCRIPT
    assert int(response.headers["content-length"]) == len(PAGE + SCRIPT)


@pytest.mark.parametrize("protocol", ["http1", "http2"])
async def test_the_script_is_added_on_both_protocols(protocol: str) -> None:
    async with serving(answering(HTMLResponse(PAGE))) as (client, _):
        base = client.base_url
        async with httpx.AsyncClient(
            base_url=base, headers=BROWSER, http1=protocol == "http1", http2=protocol == "http2"
        ) as other:
            assert (await other.get("/")).text == PAGE + SCRIPT


async def test_a_streamed_page_is_not_held_back() -> None:
    more = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        yield "<p>one"
        await more.wait()
        yield "<p>two"

    async with serving(answering(StreamingResponse(pieces(), media_type="text/html"))) as (client, _):
        async with client.stream("GET", "/") as response:
            parts = response.aiter_text()
            assert await anext(parts) == "<p>one"
            more.set()
            assert "".join([part async for part in parts]) == "<p>two" + SCRIPT


async def test_a_file_that_the_server_would_send_gets_the_script(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    async with serving(answering(FileResponse(tmp_path / "page.html"))) as (client, _):
        assert (await client.get("/")).text == PAGE + SCRIPT


@pytest.mark.parametrize(
    "response",
    [
        PlainTextResponse(PAGE),
        HTMLResponse(PAGE, headers={"content-encoding": "br"}),
        HTMLResponse(PAGE, headers={"content-disposition": 'attachment; filename="report.html"'}),
        HTMLResponse(PAGE, headers={"content-security-policy": "default-src 'none'"}),
        HTMLResponse(PAGE.encode("utf-16"), headers={"content-type": "text/html; charset=utf-16"}),
        HTMLResponse(PAGE, 206, headers={"content-range": "bytes 0-48/100"}),
    ],
    ids=["text", "compressed", "download", "forbidden", "utf-16", "part"],
)
async def test_other_responses_are_left_as_they_are(response: Response) -> None:
    async with serving(answering(response)) as (client, _):
        async with client.stream("GET", "/") as answer:
            assert b"".join([part async for part in answer.aiter_raw()]) == response.body


async def test_a_304_passes() -> None:
    async with serving(answering(Response(status_code=304, media_type="text/html"))) as (client, _):
        assert (await client.get("/")).status_code == 304


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"accept": "*/*", "sec-fetch-dest": "empty"}),
        ("GET", {"sec-fetch-dest": "empty"}),
        ("POST", BROWSER),
    ],
    ids=["fetch", "fetch of HTML", "form"],
)
async def test_only_pages_that_a_browser_opens_get_the_script(method: str, headers: dict[str, str]) -> None:
    async with serving(answering(HTMLResponse(PAGE))) as (client, _):
        assert (await client.request(method, "/", headers=headers)).text == PAGE


async def test_head_says_what_the_application_says() -> None:
    async with serving(answering(HTMLResponse(PAGE))) as (client, _):
        assert int((await client.head("/")).headers["content-length"]) == len(PAGE)


async def test_without_fetch_metadata_a_page_is_what_accepts_html() -> None:
    async with serving(answering(HTMLResponse(PAGE))) as (client, _):
        base = client.base_url
        async with httpx.AsyncClient(base_url=base) as plain:
            assert (await plain.get("/")).text == PAGE
            assert (await plain.get("/", headers={"accept": "text/html"})).text == PAGE + SCRIPT


async def test_the_nonce_of_a_policy_is_used() -> None:
    response = HTMLResponse(PAGE, headers={"content-security-policy": "script-src 'nonce-a1'"})
    async with serving(answering(response)) as (client, _):
        assert 'data-version="v1" nonce="a1"></script>' in (await client.get("/")).text


async def test_live_reload_can_be_off() -> None:
    async with serving(answering(HTMLResponse(PAGE)), live_reload=False) as (client, _):
        assert (await client.get("/")).text == PAGE
        assert (await client.get("/__vivace__/live.js")).text == PAGE


async def test_the_reserved_paths_are_below_the_root_path() -> None:
    async with serving(answering(HTMLResponse(PAGE)), root_path="/site") as (client, _):
        assert 'src="/site/__vivace__/live.js"' in (await client.get("/")).text
        response = await client.get("/__vivace__/live.js")
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert (await client.get("/__vivace__/other")).status_code == 404
        assert (await client.post("/__vivace__/live")).status_code == 405


async def lines_of(response: httpx.Response, count: int) -> list[str]:
    lines = response.aiter_lines()
    return [await anext(lines) for _ in range(count)]


async def test_browsers_hear_of_the_version_of_changes_and_of_the_end() -> None:
    async with serving(answering(HTMLResponse(PAGE))) as (client, versions):
        async with client.stream("GET", "/__vivace__/live") as response:
            assert response.headers["content-type"] == "text/event-stream"
            lines = response.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == ["event: hello", "data: v1", ""]
            versions.change("v2", styles=True)
            assert [await anext(lines) for _ in range(2)] == [
                "event: change",
                'data: {"version": "v2", "styles": true}',
            ]
            versions.close()
            assert [line async for line in lines] == [""]
        assert 'data-version="v2"' in (await client.get("/")).text


async def test_a_browser_that_leaves_is_forgotten() -> None:
    async with serving(answering(HTMLResponse(PAGE))) as (client, versions):
        async with client.stream("GET", "/__vivace__/live") as response:
            await lines_of(response, 2)
            assert len(versions._listeners) == 1
        async with asyncio.timeout(10):
            while versions._listeners:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"last-modified": "Mon, 02 Jan 2023 00:00:00 GMT"}, "no-cache"),
        ({"last-modified": "Mon, 02 Jan 2023 00:00:00 GMT", "cache-control": "max-age=60"}, "max-age=60"),
        ({}, None),
    ],
)
async def test_what_browsers_would_keep_for_a_guessed_time_is_asked_for_again(
    headers: dict[str, str], expected: str | None
) -> None:
    async with serving(answering(Response("a {}", media_type="text/css", headers=headers))) as (client, _):
        assert (await client.get("/a.css")).headers.get("cache-control") == expected


async def test_websockets_and_lifespans_pass() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    site: Callable[..., Awaitable[None]] = DevelopmentSite(app, Versions("v1"))

    async def nothing(*arguments: Any) -> Any: ...

    await site({"type": "websocket"}, nothing, nothing)
    await site({"type": "lifespan"}, nothing, nothing)
    assert seen == ["websocket", "lifespan"]
