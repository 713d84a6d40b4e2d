"""The watcher as the process that it is: files change, lines come."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vivace.server.supervisor import watcher
from vivace.server.supervisor.watcher import Tree, is_polling_wanted

PATIENCE = 20.0


class Watching:
    """A running watcher, and what it has said."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self.rest = b""

    def wait_for(self, name: str) -> Any:
        """The next line that says this."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for number, message in enumerate(self.said):
                if name in message:
                    del self.said[: number + 1]
                    return message[name]
            self.read(0.1)
        raise AssertionError(f"no {name!r} within {PATIENCE} s: {self.said}")

    def read(self, seconds: float) -> None:
        assert self.process.stdout is not None
        number = self.process.stdout.fileno()
        if select.select([number], [], [], seconds)[0]:
            received = os.read(number, 65536)
            *lines, self.rest = (self.rest + received).split(b"\n")
            self.said.extend(json.loads(line) for line in lines)

    def changed(self, *files: Path) -> None:
        """Wait until all of these were told."""
        missing = {str(file) for file in files}
        while missing:
            missing -= set(self.wait_for("changed"))

    def order(self, *files: Path) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"files": [str(file) for file in files]}).encode() + b"\n")
        self.process.stdin.flush()


@pytest.fixture(params=["system", "polling"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1" if request.param == "polling" else "0")
    monkeypatch.setenv("WATCHFILES_POLL_DELAY_MS", "20")
    return str(request.param)


@pytest.fixture
def site(tmp_path: Path, way: str) -> Iterator[tuple[Path, Watching]]:
    folder = tmp_path / "site"
    for name in ("package", "__pycache__", "node_modules/deep", ".git", "venv", "media"):
        (folder / name).mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").touch()
    (folder / "app.py").write_text("first")
    with watching(folder, exclude=["media"]) as running:
        yield folder, running


class watching:  # noqa: N801 - read as a statement
    """`with watching(folder) as running:` for a watcher that is ready."""

    def __init__(self, folder: Path, *, since: float | None = None, exclude: list[str] | None = None) -> None:
        plan = {
            "folders": [str(folder)],
            "files": [],
            "exclude": exclude or [],
            "since": time.time() + 60 if since is None else since,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", watcher.__file__, json.dumps(plan)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Watching:
        running = Watching(self.process)
        running.wait_for("watching")
        return running

    def __exit__(self, *exc_info: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_save_is_told(site: tuple[Path, Watching]) -> None:
    folder, running = site
    for text in ("second", "third!"):
        (folder / "app.py").write_text(text)
        running.changed(folder / "app.py")


def test_a_save_by_renaming_is_told(site: tuple[Path, Watching]) -> None:
    folder, running = site
    (folder / "app.py.tmp").write_text("second")
    (folder / "app.py.tmp").replace(folder / "app.py")
    running.changed(folder / "app.py")


def test_new_folders_are_watched_and_what_they_bring_is_told(site: tuple[Path, Watching]) -> None:
    folder, running = site
    (folder / "new" / "deep").mkdir(parents=True)
    (folder / "new" / "deep" / "views.py").touch()
    running.changed(folder / "new" / "deep" / "views.py")
    (folder / "new" / "deep" / "views.py").write_text("more")
    running.changed(folder / "new" / "deep" / "views.py")
    shutil.rmtree(folder / "new")
    running.changed(folder / "new" / "deep" / "views.py")


def test_what_nobody_wants_is_not_told(site: tuple[Path, Watching]) -> None:
    folder, running = site
    for name in ("__pycache__", "node_modules", "node_modules/deep", ".git", "venv", "media"):
        (folder / name / "some.py").touch()
    (folder / "last.py").touch()
    assert running.wait_for("changed") == [str(folder / "last.py")]


def test_files_elsewhere_are_watched_on_demand(site: tuple[Path, Watching], tmp_path: Path) -> None:
    _, running = site
    library = tmp_path / "library"
    library.mkdir()
    for name in ("used.py", "other.py"):
        (library / name).touch()
    running.order(library / "used.py")
    # When the order has been read, nobody says: try until it has.
    end = time.monotonic() + PATIENCE
    while not running.said and time.monotonic() < end:
        (library / "other.py").write_text(str(time.monotonic()))
        (library / "used.py").write_text(str(time.monotonic()))
        running.read(0.1)
    assert running.said[0] == {"changed": [str(library / "used.py")]}


def test_a_save_at_the_moment_of_an_order_is_told(site: tuple[Path, Watching], tmp_path: Path) -> None:
    folder, running = site
    for number in range(20):
        (folder / "app.py").write_text(f"version {number}")
        running.order(tmp_path / f"library{number}.py")
        running.changed(folder / "app.py")


def test_five_hundred_files_at_once_are_told_in_few_lines(site: tuple[Path, Watching]) -> None:
    folder, running = site
    files = [folder / "package" / f"module_{number}.py" for number in range(500)]
    for file in files:
        file.touch()
    told: set[str] = set()
    lines = 0
    while len(told) < 500:
        told |= set(running.wait_for("changed"))
        lines += 1
    assert lines <= 50


def test_it_ends_with_the_supervisor_and_not_with_ctrl_c(site: tuple[Path, Watching]) -> None:
    folder, running = site
    running.process.send_signal(signal.SIGINT)
    (folder / "app.py").write_text("after ctrl+c")
    running.changed(folder / "app.py")
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.process.wait(PATIENCE) == 0
    running.process.stdin = None


def test_what_changed_before_it_watched_is_told(tmp_path: Path, way: str) -> None:
    (tmp_path / "old.py").touch()
    os.utime(tmp_path / "old.py", (1.0, 1.0))
    (tmp_path / "new.py").touch()
    plan = json.dumps({"folders": [str(tmp_path)], "files": [], "exclude": [], "since": time.time() - 60})
    process = subprocess.Popen(
        [sys.executable, "-P", watcher.__file__, plan], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert Watching(process).wait_for("changed") == [str(tmp_path / "new.py")]
    finally:
        process.kill()
        process.communicate()


def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "site" / "package").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "site" / "shared").symlink_to(tmp_path / "shared")
    (tmp_path / "site" / "package" / "back").symlink_to(tmp_path / "site")
    tree = Tree({"folders": [str(tmp_path / "site")], "files": [], "exclude": [], "since": 0.0})
    assert tree.folders() == [
        str(tmp_path / "site" / name) if name else str(tmp_path / "site") for name in ("", "package", "shared")
    ]


def test_a_folder_that_is_gone_is_left_out(tmp_path: Path) -> None:
    tree = Tree({"folders": [str(tmp_path / "no")], "files": [str(tmp_path / "no.py")], "exclude": [], "since": 0.0})
    assert tree.folders() == []
    assert tree.snapshot([str(tmp_path / "no")]) == {}


@pytest.mark.parametrize(
    ("said", "expected"), [("1", True), ("true", True), ("false", False), ("disabled", False), ("", False)]
)
def test_polling_is_as_the_environment_says(tmp_path: Path, said: str, expected: bool) -> None:
    assert is_polling_wanted({"WATCHFILES_FORCE_POLLING": said}, [str(tmp_path)]) is expected
