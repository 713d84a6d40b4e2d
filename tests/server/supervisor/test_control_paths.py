"""Where control sockets are: in a folder of the user's alone, by working folder and process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vivace.server import ServerError
from vivace.server.supervisor.control_paths import (
    default_path,
    is_stale,
    remove_stale_sockets,
    runtime_folder,
    sockets_of,
    working_folder,
)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's runtime folder."""
    folder = tmp_path / "run"
    folder.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def left_socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    return path


def test_the_user_s_runtime_folder_is_used(runtime: Path) -> None:
    assert runtime_folder() == runtime / "vivace"
    assert runtime_folder().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("unusable", ["missing", "open to others", "empty"])
def test_without_one_it_is_a_folder_of_the_user_s_under_the_temporary_one(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unusable: str
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    if unusable == "open to others":
        runtime.chmod(0o755)
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", "" if unusable == "empty" else str(tmp_path / "missing"))
    assert runtime_folder() == tmp_path / f"vivace-{os.geteuid()}"
    assert runtime_folder().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("trap", ["open to others", "link", "file", "another's"])
def test_a_folder_that_others_could_have_made_is_refused(runtime: Path, tmp_path: Path, trap: str) -> None:
    folder = runtime / "vivace"
    if trap == "link":
        (tmp_path / "elsewhere").mkdir(0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    elif trap == "file":
        folder.touch(0o700)
    else:
        folder.mkdir(0o777)
        folder.chmod(0o777 if trap == "open to others" or os.geteuid() != 0 else 0o700)
        if os.geteuid() == 0 and trap == "another's":
            os.chown(folder, 65534, 65534)
    with pytest.raises(ServerError, match="not a folder of this user's alone"):
        runtime_folder()


def test_a_folder_that_cannot_be_made_is_said(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "missing"))
    with pytest.raises(ServerError, match=r"Cannot make .* for the control socket: No such file or directory"):
        runtime_folder()


def test_servers_of_one_folder_have_a_socket_each_and_are_found_again(runtime: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    mine = [left_socket(default_path(here, pid)) for pid in (10, 11)]
    other = left_socket(default_path(there, 12))
    assert sockets_of(here) == mine
    assert sockets_of(there) == [other]
    assert set(sockets_of(None)) == {*mine, other}


def test_sockets_of_dead_processes_are_removed(runtime: Path, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    dead = left_socket(default_path(tmp_path, process.pid))
    alive = left_socket(default_path(tmp_path, os.getpid()))
    remove_stale_sockets()
    assert not dead.exists()
    assert alive.exists()


def test_only_a_socket_that_nobody_listens_on_is_stale(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not is_stale(tmp_path / "file")
    assert not is_stale(tmp_path / "missing")
    assert is_stale(left_socket(tmp_path / "left"))
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(tmp_path / "busy"))
        busy.listen(0)
        assert not is_stale(tmp_path / "busy")
        # Nobody accepts: the queue is full by now.
        assert not is_stale(tmp_path / "busy")


def test_the_folder_is_called_as_the_shell_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "release-1").mkdir()
    (tmp_path / "current").symlink_to("release-1")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path / "current"))
    assert working_folder() == tmp_path / "current"
    for wrong in ("", "relative", str(tmp_path), str(tmp_path / "missing")):
        monkeypatch.setenv("PWD", wrong)
        assert working_folder() == (tmp_path / "release-1").resolve()
    monkeypatch.delenv("PWD")
    assert working_folder() == (tmp_path / "release-1").resolve()
