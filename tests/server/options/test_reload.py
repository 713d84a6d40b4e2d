from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vivace.server.options.reload import Reload


@pytest.mark.parametrize("name", ["reload_dirs", "reload_include", "reload_exclude"])
def test_one_text_is_no_list(name: str) -> None:
    wrong: dict[str, Any] = {name: "media"}
    with pytest.raises(ValueError, match=f"{name} takes a list, got 'media'"):
        Reload(**wrong)


def test_a_folder_that_is_watched_exists(tmp_path: Path) -> None:
    Reload(reload=True, reload_dirs=(str(tmp_path),))
    with pytest.raises(ValueError, match=f"there is no folder {tmp_path}/no"):
        Reload(reload=True, reload_dirs=(str(tmp_path / "no"),))
    Reload(reload_dirs=(str(tmp_path / "no"),))
