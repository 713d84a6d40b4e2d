"""A server in development starts with a broken application, too, and shows why."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from vivace.server import Config
from vivace.server.development.server import DevelopmentServer, load_or_explain
from vivace.server.development.versions import Versions

pytestmark = pytest.mark.anyio

BROWSER = {"accept": "text/html,*/*;q=0.8", "sec-fetch-dest": "document"}


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[tuple[DevelopmentServer, httpx.AsyncClient]]:
    config = Config.from_options({"port": 0, "access_log": False, "graceful_timeout": 2.0} | options)
    loaded = load_or_explain(app, config) if isinstance(app, str) else app
    async with DevelopmentServer(loaded, config, versions=Versions("v1")) as server:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            yield server, client


async def test_a_syntax_error_is_shown_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "site_syntax.py").write_text('import os\n\nname = "<b>" +\n')
    async with serving("site_syntax:app", app_dir=tmp_path) as (server, client):
        page = await client.get("/any/where", headers=BROWSER)
        assert page.status_code == 500
        assert page.headers["cache-control"] == "no-store"
        assert "<h2>SyntaxError: invalid syntax</h2>" in page.text
        assert f"<code>{tmp_path}/site_syntax.py</code>, line <b>3</b>" in page.text
        assert "name = &#34;&lt;b&gt;&#34; +" in page.text
        assert "data-version=" in page.text
        assert server.broken is not None
        assert "SyntaxError" in server.broken.text


async def test_whoever_wants_no_page_gets_text(tmp_path: Path) -> None:
    (tmp_path / "site_import.py").write_text("import no_such_module_here\n")
    async with serving("site_import:app", app_dir=tmp_path) as (_, client):
        answer = await client.post("/", content=b"{}")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text.endswith("ModuleNotFoundError: No module named 'no_such_module_here'\n")
        assert (await client.head("/")).status_code == 500


async def test_an_error_without_a_traceback_is_shown_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "site_empty.py").write_text("other = 1\n")
    async with serving("site_empty", app_dir=tmp_path) as (_, client):
        page = (await client.get("/", headers=BROWSER)).text
        assert "has neither &#34;app&#34; nor &#34;application&#34;" in page
        assert "site_empty" in (await client.get("/")).text


async def test_the_developer_s_own_frames_come_first(tmp_path: Path) -> None:
    (tmp_path / "site_frames.py").write_text("import json\n\ndef read():\n    return json.loads('{')\n\nread()\n")
    async with serving("site_frames:app", app_dir=tmp_path) as (_, client):
        page = (await client.get("/", headers=BROWSER)).text
        opened = page.partition("<details open>")[2].partition("</details>")[0]
        assert "in <b>read</b>" in opened
        assert page.index("in <b>&lt;module&gt;</b>") < page.index("In Python and installed packages")
        assert page.index("In Python and installed packages") < page.index("in <b>raw_decode</b>")
        assert "loading.py" not in page


async def test_a_lifespan_that_fails_is_shown() -> None:
    def connect_to_database() -> None:
        raise ConnectionRefusedError("no database")

    @asynccontextmanager
    async def around(app: Starlette) -> AsyncIterator[None]:
        connect_to_database()
        yield

    async with serving(Starlette(lifespan=around)) as (server, client):
        page = (await client.get("/", headers=BROWSER)).text
        assert "ConnectionRefusedError: no database" in page
        assert "in <b>around</b>" in page
        assert server.broken is not None
        assert "no database" in server.broken.text


async def test_a_websocket_to_a_broken_application_is_refused(tmp_path: Path) -> None:
    async with serving("no_such_site:app", app_dir=tmp_path) as (server, _):
        with pytest.raises(InvalidStatus):
            async with connect(f"ws://127.0.0.1:{server.port}/"):
                pass


@pytest.mark.parametrize("lifespan", ["auto", "on", "off"])
async def test_a_broken_application_has_a_lifespan_whatever_is_asked_for(tmp_path: Path, lifespan: str) -> None:
    async with serving("no_such_site:app", app_dir=tmp_path, lifespan=lifespan) as (server, client):
        assert (await client.get("/")).status_code == 500
        assert server.broken is not None


async def test_a_sound_application_is_not_broken() -> None:
    async with serving(Starlette()) as (server, client):
        assert (await client.get("/")).status_code == 404
        assert server.broken is None


async def test_a_factory_s_result_is_served_and_its_failure_shown(tmp_path: Path) -> None:
    (tmp_path / "site_factory.py").write_text(
        "from starlette.applications import Starlette\ndef good(): return Starlette()\ndef bad(): return 1 / 0\n"
    )
    for name, status in (("good", 404), ("bad", 500)):
        config = Config.from_options({"port": 0, "access_log": False, "factory": True, "app_dir": tmp_path})
        async with DevelopmentServer(f"site_factory:{name}", config, versions=Versions("v1")) as server:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
                assert (await client.get("/")).status_code == status


async def test_browsers_that_listen_are_let_go_when_the_server_stops() -> None:
    async with serving(Starlette()) as (server, client):
        async with client.stream("GET", "/__vivace__/live") as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "event: hello"
            server.request_stop()
            assert [line async for line in lines] == ["data: v1", ""]


async def test_the_access_log_is_of_the_application_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vivace.access")
    async with serving(Starlette(), access_log=True) as (_, client):
        await client.get("/__vivace__/live.js")
        await client.get("/own")
    lines = [record.getMessage() for record in caplog.records if record.name == "vivace.access"]
    assert len(lines) == 1
    assert "/own" in lines[0]
