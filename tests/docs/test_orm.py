"""The examples of docs/orm/index.md run, in order, as one program."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from vivace.orm.registry import registry

PAGE = Path(__file__).parents[2] / "docs" / "orm" / "index.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.anyio
async def test_the_examples_of_the_orm_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= 8
    namespace: dict[str, Any] = {"__name__": "library_page"}
    with registry.isolated():
        for block in blocks:
            # Padded, so that a traceback shows the line of the page.
            source = "\n" * text.count("\n", 0, block.start(1)) + block[1]
            code = compile(source, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, namespace)
            if inspect.isawaitable(result):
                await result
    assert (tmp_path / "library.db").exists()
