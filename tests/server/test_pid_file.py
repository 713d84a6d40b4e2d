"""A pid file names a running server, or is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivace.server import ServerError
from vivace.server.pid_file import PidFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.pid"


@pytest.fixture
def other() -> Iterator[int]:
    """A process that runs."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid


def finished() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_it_holds_the_number_and_is_readable_by_all(path: Path) -> None:
    PidFile(path).claim()
    assert path.read_text() == f"{os.getpid()}\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["site.pid"]


def test_the_umask_holds_for_it(path: Path) -> None:
    before = os.umask(0o077)
    try:
        PidFile(path).claim()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "\n", "own", "finished", "999999999999999999999"])
def test_a_stale_one_is_taken_over(path: Path, content: str) -> None:
    path.write_text({"own": str(os.getpid()), "finished": str(finished())}.get(content, content))
    PidFile(path).claim()
    assert path.read_text() == f"{os.getpid()}\n"


def test_that_of_a_running_process_is_refused(path: Path, other: int) -> None:
    path.write_text(f"{other}\n")
    with pytest.raises(ServerError, match=f"site.pid belongs to process {other}, which is running. Stop that server"):
        PidFile(path).claim()
    assert path.read_text() == f"{other}\n"


def test_that_of_another_user_s_running_process_is_refused(path: Path) -> None:
    path.write_text("1\n")
    # Process 1 began with the machine, long before any file of this test.
    with pytest.raises(ServerError, match="process 1, which is running"):
        PidFile(path).claim()


def test_a_process_that_began_after_the_file_was_written_only_has_the_same_number(path: Path, other: int) -> None:
    path.write_text(f"{other}\n")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    PidFile(path).claim()
    assert path.read_text() == f"{os.getpid()}\n"


def test_a_file_that_is_no_pid_file_is_not_overwritten(path: Path) -> None:
    path.write_text("import this\n")
    with pytest.raises(ServerError, match="exists and holds no process's number; it was not overwritten"):
        PidFile(path).claim()
    assert path.read_text() == "import this\n"


def test_of_two_that_start_at_once_one_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch, other: int) -> None:
    file = PidFile(path)
    write = file._write

    def slow_write(*, fresh: bool) -> None:
        path.write_text(f"{other}\n")
        write(fresh=fresh)

    monkeypatch.setattr(file, "_write", slow_write)
    with pytest.raises(ServerError, match="was just written by another server"):
        file.claim()
    assert os.listdir(path.parent) == ["site.pid"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"Cannot write pid_file .*missing/site.pid: No such file or directory"):
        PidFile(tmp_path / "missing" / "site.pid").claim()


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"Cannot read pid_file .*: Is a directory"):
        PidFile(tmp_path).claim()


def test_it_is_removed_at_the_end(path: Path) -> None:
    file = PidFile(path)
    file.claim()
    file.remove()
    file.remove()
    assert not path.exists()


def test_it_is_left_when_it_is_another_s_by_now(path: Path, other: int) -> None:
    file = PidFile(path)
    file.claim()
    path.write_text(f"{other}\n")
    file.remove()
    assert path.read_text() == f"{other}\n"


def test_an_heir_leaves_the_file_until_it_may_take_it_over(path: Path, other: int) -> None:
    path.write_text(f"{other}\n")
    file = PidFile(path)
    file.claim(heir_of=other)
    assert path.read_text() == f"{other}\n"
    file.take_over()
    assert path.read_text() == f"{os.getpid()}\n"


def test_an_heir_of_somebody_else_is_refused(path: Path, other: int) -> None:
    path.write_text(f"{other}\n")
    with pytest.raises(ServerError, match="which is running"):
        PidFile(path).claim(heir_of=other + 1)


def test_the_path_stays_the_same_when_the_folder_changes(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = PidFile("site.pid")
    monkeypatch.chdir("/")
    file.claim()
    assert path.exists()
