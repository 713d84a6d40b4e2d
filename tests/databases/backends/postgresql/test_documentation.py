"""The examples of docs/databases/postgresql.md run, in order, as one program."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database

PAGE = Path(__file__).parents[4] / "docs" / "databases" / "postgresql.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.anyio
async def test_the_examples_of_the_page_run(postgres: Database) -> None:
    text = PAGE.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"database": postgres}
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= 2
    for block in blocks:
        source = "\n" * text.count("\n", 0, block.start(1)) + block[1]
        result = eval(
            compile(source, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True), namespace
        )
        if inspect.isawaitable(result):
            await result
