"""The examples of docs/rest/openapi.md run, in order, as one program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate

PAGE = Path(__file__).parents[2] / "docs" / "rest" / "openapi.md"


def run_page() -> dict[str, Any]:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    names: dict[str, Any] = {"__name__": "docs_rest_openapi"}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), names)
    return names


def test_the_page_is_true() -> None:
    names = run_page()
    names["app"].setup()
    names["show"]()
    document = names["document"]()
    validate(document)
    assert document["info"] == {"title": "Garden", "version": "2.1"}
    assert document["paths"]["/api/notes/"]["post"]["summary"] == "Keep a note."
