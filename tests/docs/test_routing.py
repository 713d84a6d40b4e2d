"""The examples of docs/web/routing.md run, in order, as one program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio

PAGE = Path(__file__).parents[2] / "docs" / "web" / "routing.md"


def test_the_examples_of_the_routing_page_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 8
    namespace: dict[str, Any] = {}
    exec("\n".join(blocks), namespace)
    anyio.run(namespace["test_books"])
