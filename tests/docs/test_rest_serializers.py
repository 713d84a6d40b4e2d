"""The examples of docs/rest/serializers.md run, in order, as one program."""

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

PAGE = Path(__file__).parents[2] / "docs" / "rest" / "serializers.md"


async def test_the_page_is_true(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    names: dict[str, Any] = {"__name__": "docs_serializers"}
    with registry.isolated():
        exec(compile(code, str(PAGE), "exec"), names)
        async with Database(f"sqlite:///{tmp_path / 'docs.db'}") as database:
            for table in metadata([names["Order"], names["Line"], names["Label"]]).sorted_tables:
                await database.execute(str(CreateTable(table).compile(dialect=database.dialect)))
            await names["write"]()
            await names["choose"]()
            async with AsyncTestClient(names["app"]) as client:
                await names["bulk"](client)
