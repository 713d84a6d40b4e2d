"""The pages about sites and settings say what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vivace.conf import Settings
from vivace.orm.registry import registry
from vivace.server import load_app
from vivace.testing import AsyncTestClient, assert_num_queries

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_the_site_in_one_file_works(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", (DOCS / "project" / "index.md").read_text(), re.DOTALL)[0]
    (tmp_path / "documented_notes.py").write_text(code)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "index.html").write_text("{% for note in notes %}{{ note.text }}{% endfor %}")
    with registry.isolated():
        app = load_app("documented_notes.py", app_dir=tmp_path)
        async with AsyncTestClient(app) as client:
            note: Any = registry.get_model("documented_notes.Note")
            await note.objects.create(text="<b>")
            with assert_num_queries(1):
                page = await client.get("/")
            assert page.text == "&lt;b&gt;"
            assert (await client.get("/api/notes/")).json()["count"] == 1


def test_every_setting_is_documented_with_its_default() -> None:
    text = (DOCS / "project" / "settings.md").read_text()
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| `?(.*?)`? \|", text, re.MULTILINE))
    assert set(documented) == set(Settings.names())
    for name, default in documented.items():
        value = vars(Settings).get(name)
        if name == "BASE_DIR":
            continue
        shown = [str(path) for path in value] if isinstance(value, list) else value
        shown = str(shown) if isinstance(shown, Path) else shown
        assert default == repr(shown).replace("'", '"'), name
