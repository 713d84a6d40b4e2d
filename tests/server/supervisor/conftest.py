"""A site in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.supervisor.supervised import SITE


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site_run.py").write_text(SITE)
    return tmp_path
