"""The examples of docs/rest/index.md run, in order, as one program; so do those of views.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.schema import CreateTable

from vivace.databases import Database
from vivace.orm.registry import registry
from vivace.orm.schema import metadata
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "rest" / "index.md"


async def test_the_page_is_true(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    names: dict[str, Any] = {"__name__": "docs_rest"}
    with registry.isolated():
        exec(compile(code, str(PAGE), "exec"), names)
        async with Database(f"sqlite:///{tmp_path / 'docs.db'}") as database:
            for table in metadata([names["Author"], names["Book"]]).sorted_tables:
                await database.execute(str(CreateTable(table).compile(dialect=database.dialect)))
            async with AsyncTestClient(names["app"]) as client:
                await names["use"](client)
                await names["show"]()
                assert (await client.get("/newest")).json()["title"] == "The Sea"
                assert (await client.get("/count")).json() == {"books": 1}


async def test_the_page_on_views_is_true() -> None:
    page = PAGE.with_name("views.md")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL))
    names: dict[str, Any] = {"__name__": "docs_views"}
    with registry.isolated():
        exec(compile(code, str(page), "exec"), names)
        await names["test_profile"]()
