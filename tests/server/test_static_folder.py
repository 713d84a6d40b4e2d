"""What a folder has for a path; how it is sent, and what is refused, is tested on live servers."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vivace.server import static_folder
from vivace.server.static_folder import StaticFolder


@pytest.fixture
def folder(tmp_path: Path) -> StaticFolder:
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text("x" * number)
    return StaticFolder(str(tmp_path), max_age=60)


def test_an_unchanged_file_is_found_out_about_once(folder: StaticFolder) -> None:
    first = folder.find("1.txt")
    assert first is not None
    assert folder.find("1.txt") is first
    os.utime(first.path, (1, 1))
    changed = folder.find("1.txt")
    assert changed is not None
    assert changed.etag != first.etag


def test_only_so_many_files_are_remembered(folder: StaticFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_folder, "MOST_REMEMBERED", 2)
    found = [folder.find(f"{number}.txt") for number in range(4)]
    assert [file.size for file in found if file is not None] == [0, 1, 2, 3]
    assert folder.find("3.txt") is found[3]
    assert folder.find("0.txt") is not found[0]
    assert folder.find("3.txt") is found[3]
    assert folder.find("2.txt") is not found[2]


def test_a_path_that_no_file_can_have_has_none(folder: StaticFolder) -> None:
    assert folder.find("1.txt\0") is None
    assert folder.find("\ud800.txt") is None
    assert folder.find("1.txt/more") is None


def test_a_failing_disk_is_not_a_missing_file(folder: StaticFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> os.stat_result:
        raise OSError(errno.EIO, "Input/output error", path)

    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(OSError, match="Input/output"):
        folder.find("1.txt")


def test_what_may_not_be_read_is_known_as_such(folder: StaticFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="may not be read"):
        folder.find("1.txt")


def test_in_development_nothing_is_kept_and_nothing_is_precompressed(tmp_path: Path) -> None:
    folder = StaticFolder(str(tmp_path), max_age=60, developing=True)
    (tmp_path / "app.3f2a9c1b.js").write_text("run()")
    (tmp_path / "app.3f2a9c1b.js.gz").write_text("of yesterday")
    file = folder.find("app.3f2a9c1b.js", "gzip")
    assert file is not None
    assert file.path.endswith(".js")
    headers = dict(file.headers)
    assert headers[b"cache-control"] == b"no-cache"
    assert b"vary" not in headers
