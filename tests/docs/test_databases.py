"""The examples of these pages in docs/databases run, in order, as one program for each page."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "databases"
# How many examples each page has, at least.
PAGES = {
    "index.md": 6,
    "migrating.md": 3,
    "operations.md": 8,
    "queries.md": 9,
    "semantics.md": 10,
    "sqlite.md": 6,
}
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.anyio
@pytest.mark.parametrize("page", PAGES)
async def test_the_examples_of_the_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (FOLDER / page).read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= PAGES[page]
    namespace: dict[str, Any] = {}
    for block in blocks:
        # Padded, so that a traceback shows the line of the page.
        source = "\n" * text.count("\n", 0, block.start(1)) + block[1]
        # Not with this module's `from __future__ import annotations`.
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, str(FOLDER / page), "exec", flags=flags, dont_inherit=True)
        result = eval(code, namespace)
        if inspect.isawaitable(result):
            await result
