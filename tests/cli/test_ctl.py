"""`vivace ctl`: asks a running server, and says what there is when it finds none."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.processes import ServerProcess, launched, public_folder
from tests.server.waiting import PATIENCE, eventually

from vivace.cli.commands.ctl import duration, size


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    """One with two workers, for all tests that leave it as it was."""
    with launched(folder, workers=2) as server:
        server.logged("serves http")
        yield server


def ctl(folder: Path, *arguments: str, base: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a folder; `base` is where temporary files go."""
    return subprocess.run(
        [sys.executable, "-m", "vivace", "ctl", *arguments],
        cwd=folder,
        env={**os.environ, "PWD": str(folder), "XDG_RUNTIME_DIR": "", "TMPDIR": str(base or folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )


def test_status_shows_the_server_and_its_workers(folder: Path, server: ServerProcess) -> None:
    result = ctl(folder, "status")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f"server     site_run:app in {folder}"
    assert lines[1] == "state      serving"
    assert lines[2].startswith("addresses  http://127.0.0.1:")
    assert lines[3].startswith(f"supervisor pid {server.pid}, Vivace ")
    heading = lines[5].split()
    assert heading[:6] == ["worker", "state", "pid", "age", "requests", "in"]
    assert [line.split()[:2] for line in lines[6:8]] == [["1", "serving"], ["2", "serving"]]


def test_status_for_programs(folder: Path, server: ServerProcess) -> None:
    report = json.loads(ctl(folder, "status", "--json").stdout)["report"]
    assert report["pid"] == server.pid
    assert report["folder"] == str(folder)
    assert [worker["slot"] for worker in report["server"]["workers"]] == [1, 2]


def test_scale_changes_the_number_of_workers(folder: Path, server: ServerProcess) -> None:
    assert ctl(folder, "scale", "3").stdout == "The server has 3 workers now.\n"
    assert json.loads(ctl(folder, "status", "--json").stdout)["report"]["server"]["size"] == 3
    assert ctl(folder, "scale", "2").stdout == "The server has 2 workers now.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scale"], "scale takes the number of workers: vivace ctl scale 4"),
        (["scale", "0"], "0 is not in the range x>=1"),
        (["scale", "many"], "'many' is not a valid integer"),
        (["status", "3"], "status takes no number"),
        (["restart"], "'restart' is not one of 'status', 'reload'"),
        ([], "Missing argument 'ACTION'"),
    ],
)
def test_a_wrong_command_line_is_said(folder: Path, arguments: list[str], message: str) -> None:
    result = ctl(folder, *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_reload_waits_for_the_new_workers_and_says_why_there_are_none(folder: Path, server: ServerProcess) -> None:
    before = json.loads(ctl(folder, "status", "--json").stdout)["report"]["server"]["workers"]
    assert ctl(folder, "reload").stdout == "Restarted 2 workers.\n"
    file = folder / "site_run.py"
    source = file.read_text()
    try:
        file.write_text("import nonsense_of_nobody\n")
        result = ctl(folder, "reload")
    finally:
        file.write_text(source)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert "nonsense_of_nobody" in result.stderr
    after = json.loads(ctl(folder, "status", "--json").stdout)["report"]["server"]
    assert after["state"] == "serving"
    assert not {worker["pid"] for worker in before} & {
        worker["pid"] for worker in after["workers"] if worker["state"] == "serving"
    }


def test_a_failure_for_programs(folder: Path) -> None:
    result = ctl(folder, "status", "--json", "--socket", str(folder / "missing.sock"))
    assert result.returncode == 1
    assert json.loads(result.stdout) == {"ok": False, "error": f"There is no control socket {folder}/missing.sock."}


def test_servers_of_other_folders_are_listed_and_reached_by_their_path(
    folder: Path, server: ServerProcess, tmp_path: Path
) -> None:
    result = ctl(tmp_path, "status", base=folder)
    assert result.returncode == 1
    assert "No server with workers that this user has started in this folder is running." in result.stderr
    assert f"site_run:app, pid {server.pid}, in {folder}, http://127.0.0.1:" in result.stderr
    path = result.stderr.splitlines()[-1].strip()
    assert ctl(tmp_path, "status", "--socket", path, base=folder).returncode == 0


@pytest.mark.parametrize("action", ["drain", "stop"])
def test_two_servers_of_a_folder_have_their_own_sockets_and_stop_alone(action: str) -> None:
    with public_folder() as folder, launched(folder, workers=1) as first:
        first.logged("serves http")
        shutil.copy(folder / "log", folder / "first")
        with launched(folder, workers=1) as second:
            eventually(lambda: f"pid {second.pid}" in second.log, "the second server")
            result = ctl(folder, "status")
            assert result.returncode == 1
            assert "2 servers were started in this folder; say which with --socket:" in result.stderr
            sockets = {path.stem.rpartition("-")[2]: path for path in folder.rglob("*.sock")}
            assert set(sockets) == {str(first.pid), str(second.pid)}
            result = ctl(folder, action, "--socket", str(sockets[str(second.pid)]))
            assert (result.returncode, result.stdout) == (0, "The server has stopped.\n")
            second.process.wait(PATIENCE)
            assert ctl(folder, "status").stdout.count(f"pid {first.pid}") == 1


def test_the_socket_of_a_killed_server_is_removed() -> None:
    with public_folder() as folder:
        with launched(folder, workers=1) as server:
            server.logged("serves http")
            server.process.kill()
            server.process.wait(PATIENCE)
        [left] = folder.rglob("*.sock")
        assert ctl(folder, "status").returncode == 1
        assert not left.exists()


def test_what_is_no_vivace_server_is_said(tmp_path: Path) -> None:
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        assert "Nobody listens on" in ctl(tmp_path, "status", "--socket", str(path)).stderr
        other.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "vivace", "ctl", "status", "--socket", str(path)], stderr=subprocess.PIPE, text=True
        )
        connection, _ = other.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n")
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "is no Vivace server, or one of another version" in errors


def test_without_a_control_socket_nothing_is_left(tmp_path: Path) -> None:
    with public_folder() as folder, launched(folder, workers=1, control_socket="none") as server:
        server.logged("serves http")
        assert not list(folder.rglob("*.sock"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (45, "45 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (89_338_675, "85.2 MiB"), (2**50, "1024.0 TiB")],
)
def test_sizes_are_short(count: int, text: str) -> None:
    assert size(count) == text
