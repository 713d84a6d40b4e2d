from __future__ import annotations

from pathlib import Path
from typing import Any

from vivace.web.staticfiles import StaticFiles


def test_a_subclass_keeps_attributes_of_the_names_that_starlette_s_leaves_free(tmp_path: Path) -> None:
    class Frontend(StaticFiles):  # as FastAPI's is
        def __init__(self, **options: Any) -> None:
            self.fallback = "auto"
            super().__init__(**options)

    assert Frontend(directory=tmp_path).fallback == "auto"
