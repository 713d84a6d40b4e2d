"""The examples of the pages on the ORM run: each page is one program, its blocks in their order.

A block of another language than Python, or one that begins with `# not run`, is only read.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from vivace.orm.registry import registry

FOLDER = Path(__file__).parents[2] / "docs" / "orm"
# Those have files and commands: test_migrations.py and test_migrations_tutorial.py.
COMMANDS = {"migrations", "migrations-tutorial", "existing-databases"}
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem not in COMMANDS)
BLOCK = re.compile(r"^```python\n(?!# not run)(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.anyio
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert blocks
    namespace: dict[str, Any] = {"__name__": f"{page.stem.replace('-', '_')}_page"}
    with registry.isolated(empty=True):
        for block in blocks:
            # Padded, so that a traceback shows the line of the page.
            source = "\n" * text.count("\n", 0, block.start(1)) + block[1]
            code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, namespace)
            if inspect.isawaitable(result):
                await result
