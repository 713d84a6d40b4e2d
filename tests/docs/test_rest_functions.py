"""The examples of docs/rest/functions.md run, in order, as one program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.schema import CreateTable

from vivace.databases import Database
from vivace.orm.registry import registry
from vivace.orm.schema import metadata
from vivace.web.applications import Application
from vivace.web.testclient import AsyncTestClient, TestClient

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "rest" / "functions.md"


def run_page() -> dict[str, Any]:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    names: dict[str, Any] = {"__name__": "docs_rest_functions"}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), names)
    return names


async def test_the_page_is_true(tmp_path: Path) -> None:
    with registry.isolated(empty=True):
        names = run_page()
        app = Application(routes=names["app"].api.functions.routes)
        async with Database(f"sqlite:///{tmp_path / 'docs.db'}") as database:
            for table in metadata([names["Book"]]).sorted_tables:
                await database.execute(str(CreateTable(table).compile(dialect=database.dialect)))
            async with AsyncTestClient(app) as client:
                await use(client)


async def use(client: AsyncTestClient) -> None:
    assert (await client.get("/parts/3?q=new")).json() == {"name": "Part 3", "price": 1.5, "tags": ["new"]}
    assert (await client.get("/parts/x?q=" + "x" * 21)).json()["q"] == ["Expected `str` of length <= 20"]
    assert (await client.post("/parts", json={"name": "a", "price": 1})).status_code == 201
    assert (await client.post("/books", json={"title": "Sea"})).json() == {"id": 1, "title": "Sea"}
    assert (await client.get("/books")).json() == [{"id": 1, "title": "Sea"}]
    assert (await client.get("/prices")).text == 'data: {"name":"wheel","price":2,"tags":[]}\n\n'
    headers = {"Authorization": "Bearer ann's token"}
    assert (await client.get("/me", headers=headers)).json() == {"user": "ann", "session": "opened"}
    assert (await client.get("/me")).status_code == 401
    assert (await client.get("/shelves/2/books/3", headers=headers)).json() == [2, 3]
    assert (await client.delete("/shelves/2/books/3", headers=headers)).status_code == 204


def test_the_websocket_of_the_page_answers() -> None:
    with registry.isolated(empty=True):
        app = Application(routes=run_page()["app"].api.functions.routes)
        with TestClient(app).websocket_connect("/chat/3?name=ann") as session:
            assert session.receive_json() == {"room": 3, "name": "ann"}
