from __future__ import annotations

import os
from pathlib import Path

import pytest

from vivace.utils.open_beneath import open_beneath


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "folder/below").mkdir(parents=True)
    (tmp_path / "folder/below/file").write_text("content")
    (tmp_path / "folder/link").symlink_to("below/file")
    (tmp_path / "folder/out").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "folder/pipe")
    return tmp_path / "folder"


def test_a_file_is_opened(folder: Path) -> None:
    with os.fdopen(open_beneath(str(folder), "below/file")) as file:
        assert file.read() == "content"


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../secret", "below/../below/file", "/etc/passwd", "link", "out/secret", "pipe", "below", "x"],
)
def test_nothing_else_is(folder: Path, path: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=r"\[Errno"):
        open_beneath(str(folder), path)
    assert len(os.listdir("/proc/self/fd")) == before
