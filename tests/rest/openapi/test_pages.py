"""The pages that show the document: all files are the site's own, and the pages say so to the browser."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from vivace.rest.openapi import docs_routes, pages, schema_view
from vivace.web.applications import Application
from vivace.web.routing import Mount, Route
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


def application() -> Application:
    routes = [Route("/schema/", schema_view([])), *docs_routes(title="Ann's <Library>")]
    return Application(routes=[Mount("/api", routes=routes)])


@pytest.mark.parametrize("address", ["/api/docs/", "/api/redoc/"])
async def test_every_file_of_a_page_is_there_and_nothing_else_may_be_asked(address: str) -> None:
    async with AsyncTestClient(application()) as client:
        page = await client.get(address)
        assert page.status_code == 200
        assert "<title>Ann&#39;s &lt;Library&gt;</title>" in page.text
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "http" not in policy
        named = re.findall(r'(?:href|src|data-schema|data-redirect)="([^"]+)"', page.text)
        assert len(named) >= 5
        for name in named:
            assert "//" not in name
            assert (await client.get(urljoin(address, name))).status_code == 200, name
        assert not re.search(r"<script[^>]*>[^<]", page.text), "a script in the page itself"


async def test_swagger_ui_needs_no_styles_in_the_page() -> None:
    async with AsyncTestClient(application()) as client:
        policy = (await client.get("/api/docs/")).headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "dark-mode" in (await client.get("/api/docs/files/swagger-ui-dist/swagger-ui.css")).text


async def test_without_the_files_a_page_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SIDECAR", "no_such_package")
    assert pages.sidecar() is None
    async with AsyncTestClient(application()) as client:
        page = await client.get("/api/docs/")
        assert 'pip install "vivace[openapi]"' in page.text
        assert 'href="../schema/"' in page.text
        assert "<script" not in page.text


async def test_no_other_file_can_be_asked_for() -> None:
    async with AsyncTestClient(application()) as client:
        for name in ("../pages.py", "%2e%2e/pages.py", "swagger-ui-dist/../../../__init__.py", "templates/page.html"):
            assert (await client.get(f"/api/docs/files/{name}")).status_code == 404
        assert (await client.post("/api/docs/")).status_code == 405
    assert Path(pages.__file__).with_name("static").is_dir()
