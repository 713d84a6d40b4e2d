"""Saving files of a served application, as a developer does."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.supervisor.supervised import Supervised, children, supervised
from tests.server.waiting import PATIENCE, eventually, is_running

from vivace.server.config import Config
from vivace.server.supervisor.reloading import watched_folders

SITE = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    if scope["path"] == "/slow":
        print("begun", flush=True)
        await asyncio.sleep(1)
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/endless":
        print("begun", flush=True)
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await asyncio.sleep(600)
    await send({"type": "http.response.body", "body": b"version 1"})
"""
BROWSER = {"accept": "text/html", "sec-fetch-dest": "document"}


class Developer:
    """Somebody with an editor and a browser."""

    def __init__(self, folder: Path, server: Supervised) -> None:
        self.folder = folder
        self.server = server
        self.file = folder / "site_dev.py"
        self.version = 1

    def save(self) -> int:
        """Save another version."""
        self.version += 1
        self.file.write_text(SITE.replace("version 1", f"version {self.version}"))
        return self.version

    def get(self, path: str = "/", **options: Any) -> httpx.Response:
        return httpx.get(self.server.url + path, timeout=PATIENCE, **options)

    def sees(self, text: str, **options: Any) -> httpx.Response:
        """A response with this text, in the end."""

        def look() -> httpx.Response | None:
            response = self.get(**options)
            return response if text in response.text else None

        try:
            return eventually(look, text)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.server.log}") from None

    def sees_version(self, version: int) -> None:
        self.sees(f"version {version}")

    def workers(self) -> set[int]:
        """Processes that were forked and not started, as the watcher was."""
        return {pid for pid in children(self.server.process.pid) if "watcher.py" not in command_line(pid)}

    def watcher(self) -> int:
        (found,) = (pid for pid in children(self.server.process.pid) if "watcher.py" in command_line(pid))
        return found


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@contextmanager
def developing(folder: Path, target: str = "site_dev:app", **options: object) -> Iterator[Developer]:
    folder.mkdir(exist_ok=True)
    if not (folder / "site_dev.py").exists():
        (folder / "site_dev.py").write_text(SITE)
    with supervised(folder, target, **({"workers": None, "reload": True} | options)) as server:
        server.logged("Watching .*: a save restarts the application")
        yield Developer(folder, server)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # As it is for a developer.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    return tmp_path


def test_a_save_is_served(site: Path) -> None:
    with developing(site) as developer:
        developer.sees_version(1)
        for _ in range(3):
            developer.sees_version(developer.save())
        assert "site_dev.py changed: the application is started again." in developer.server.log
        assert developer.server.stop() == 0
        assert "Traceback" not in developer.server.log


def test_saves_of_the_same_size_within_a_second_are_served(site: Path) -> None:
    with developing(site) as developer:
        for _ in range(8):
            developer.sees_version(developer.save())


def test_no_request_fails_while_the_application_is_started_again(site: Path) -> None:
    with developing(site) as developer:
        for _ in range(3):
            version = developer.save()
            seen: set[str] = set()
            while f"version {version}" not in seen:
                response = developer.get()
                assert response.status_code == 200
                seen.add(response.text)
            # Once the new is there, the old is not met again.
            assert {developer.get().text for _ in range(10)} == {f"version {version}"}


def test_with_several_workers_all_are_replaced(site: Path) -> None:
    with developing(site, workers=3) as developer:
        before = developer.workers()
        developer.sees_version(developer.save())
        eventually(lambda: len(developer.workers()) == 3 and not developer.workers() & before, "new workers")
        assert {developer.get().text for _ in range(20)} == {"version 2"}
        page = [developer.get(headers=BROWSER).text for _ in range(20)]
        assert len(set(page)) == 1, "one version for all workers"


def test_a_broken_save_is_shown_and_the_next_good_one_recovers(site: Path) -> None:
    with developing(site) as developer:
        developer.file.write_text(SITE + "\nname = undefined_thing\n")
        page = developer.sees("NameError", headers=BROWSER)
        assert page.status_code == 500
        assert "name = undefined_thing" in page.text
        assert "/__vivace__/live.js" in page.text
        assert developer.get().headers["content-type"].startswith("text/plain")
        developer.server.logged("NameError: name 'undefined_thing' is not defined")
        developer.file.write_text("def broken(:\n")
        developer.sees("SyntaxError", headers=BROWSER)
        developer.sees_version(developer.save())
        assert developer.server.log.count("NameError: name") == 1


def test_a_start_that_is_broken_from_the_first_is_shown_and_mended(site: Path) -> None:
    (site / "site_dev.py").write_text("import no_such_module_anywhere\n")
    with developing(site, workers=2) as developer:
        developer.sees("no_such_module_anywhere")
        assert developer.server.log.count("ModuleNotFoundError") == 1, "told once, not by each worker"
        developer.sees_version(developer.save())


def test_a_lifespan_that_fails_is_shown_and_mended(site: Path) -> None:
    with developing(site) as developer:
        failing = SITE.replace('"lifespan.startup.complete"', '"lifespan.startup.failed", "message": "no database"')
        developer.file.write_text(failing)
        developer.sees("no database")
        developer.sees_version(developer.save())


def test_a_module_that_the_broken_one_imports_mends_it(site: Path) -> None:
    library = site.parent / f"{site.name}-library"
    library.mkdir()
    (library / "dev_library.py").write_text("value = (\n")
    (site / "site_dev.py").write_text(f"import sys\nsys.path.append({str(library)!r})\nimport dev_library\n{SITE}")
    with developing(site) as developer:
        developer.sees("SyntaxError")
        (library / "dev_library.py").write_text("value = 1\n")
        developer.sees_version(1)


def test_a_start_that_hangs_is_dropped_at_the_next_save(site: Path) -> None:
    with developing(site) as developer:
        developer.file.write_text("print('hanging', flush=True)\nimport time\ntime.sleep(600)\n")
        developer.server.said("hanging")
        developer.sees_version(developer.save())


def test_a_request_of_the_old_code_is_answered_and_streams_hold_up_nothing(site: Path) -> None:
    with developing(site) as developer:
        address = ("127.0.0.1", int(developer.server.url.rpartition(":")[2]))
        with socket.create_connection(address) as slow, socket.create_connection(address) as endless:
            slow.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            endless.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: developer.server.output.count("begun") == 2, "both requests")
            (old,) = developer.workers()
            developer.sees_version(developer.save())
            slow.settimeout(PATIENCE)
            answer = b""
            while b"version" not in answer:
                piece = slow.recv(65536)
                assert piece, answer
                answer += piece
            assert b"version 1" in answer
            eventually(lambda: not is_running(old), "the old process has ended")


def test_an_idle_connection_does_not_meet_the_old_code(site: Path) -> None:
    with developing(site) as developer, httpx.Client(base_url=developer.server.url, timeout=PATIENCE) as client:
        assert client.get("/").text == "version 1"
        developer.save()
        developer.server.logged("is ready", times=2)
        # As browsers do: a connection that the server has closed is opened again.
        assert client.get("/").text == "version 2"


class Events:
    """What the script in a page hears."""

    def __init__(self, response: httpx.Response) -> None:
        self.lines = response.iter_lines()

    def next(self, name: str) -> str:
        """The data of the next event, which has this name."""
        assert next(self.lines) == f"event: {name}"
        data = next(self.lines).removeprefix("data: ")
        assert next(self.lines) == ""
        return data


@contextmanager
def listening(developer: Developer) -> Iterator[Events]:
    with httpx.stream("GET", developer.server.url + "/__vivace__/live", timeout=PATIENCE) as response:
        assert response.status_code == 200
        yield Events(response)


def version_of(page: str) -> str:
    found = re.search(r'data-version="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def test_pages_and_styles_reload_the_browser_and_not_the_application(site: Path) -> None:
    (site / "templates").mkdir()
    with developing(site) as developer:
        (worker,) = developer.workers()
        with listening(developer) as events:
            assert events.next("hello") == version_of(developer.get(headers=BROWSER).text)
            (site / "templates" / "home.html").write_text("<p>new")
            change = json.loads(events.next("change"))
            assert change["styles"] is False
            assert version_of(developer.get(headers=BROWSER).text) == change["version"]
            (site / "site.css").write_text("p {}")
            assert json.loads(events.next("change"))["styles"] is True
        assert developer.workers() == {worker}


def test_listening_browsers_are_let_go_for_the_new_code(site: Path) -> None:
    with developing(site) as developer:
        with listening(developer) as events:
            before = events.next("hello")
            developer.save()
            assert list(events.lines) == []
        with listening(developer) as events:
            assert events.next("hello") != before


def test_without_live_reload_pages_have_no_script(site: Path) -> None:
    with developing(site, live_reload=False) as developer:
        assert developer.get(headers=BROWSER).text == "version 1"
        developer.sees_version(developer.save())


def test_a_checkout_of_many_files_is_one_restart(site: Path) -> None:
    (site / "package").mkdir()
    for number in range(500):
        (site / "package" / f"module_{number}.py").write_text("value = 1\n")
    with developing(site) as developer:
        for number in range(500):
            (site / "package" / f"module_{number}.py").write_text("value = 2\n")
        developer.sees_version(developer.save())
        # However many batches a slow machine makes of them, nearly all starts are dropped.
        assert developer.server.log.count("is ready") <= 10


def test_settings_are_code_and_options_of_the_server_are_told_of(site: Path) -> None:
    with developing(site) as developer:
        (site / ".env").write_text("VIVACE_DEBUG=1\n")
        developer.server.logged(r"\.env changed: the application is started again")
        developer.server.logged("Options of the server in that file count when the command is started again")


def test_globs_choose_what_counts(site: Path) -> None:
    (site / "notes").mkdir()
    with developing(site, reload_include=["*.yaml"], reload_exclude=["notes"]) as developer:
        (site / "notes" / "a.py").write_text("")
        (site / "data.yaml").write_text("a: 1")
        developer.server.logged(r"data\.yaml changed")
        assert "notes" not in developer.server.log


def test_folders_can_be_named(site: Path) -> None:
    (site / "watched").mkdir()
    with developing(site, reload_dirs=[str(site / "watched")]) as developer:
        assert f"Watching {site}/watched" in developer.server.log
        (site / "other.py").write_text("")
        (site / "watched" / "one.py").write_text("")
        developer.server.logged(r"watched/one\.py changed")
        assert "other.py" not in developer.server.log


def test_an_imported_file_from_elsewhere_is_watched(site: Path) -> None:
    library = site.parent / f"{site.name}-library"
    library.mkdir()
    (library / "dev_library_two.py").write_text("")
    (site / "site_dev.py").write_text(f"import sys\nsys.path.append({str(library)!r})\nimport dev_library_two\n{SITE}")
    with developing(site) as developer:

        def save() -> bool:
            (library / "dev_library_two.py").write_text(f"saved = {time.monotonic()}\n")
            time.sleep(0.1)
            return "dev_library_two.py changed" in developer.server.log

        # When the watcher has been told of the file, nobody says.
        eventually(save, "the library is watched")


def test_a_watcher_that_is_killed_is_started_again(site: Path) -> None:
    with developing(site) as developer:
        os.kill(developer.watcher(), signal.SIGKILL)
        developer.server.logged("The watcher of files has ended; another one is started")
        developer.sees_version(developer.save())


def test_nothing_is_left_when_the_supervisor_is_killed(site: Path) -> None:
    with developing(site) as developer:
        family = {developer.watcher(), *developer.workers()}
        developer.server.signal(signal.SIGKILL)
        developer.server.end()
        eventually(lambda: not any(is_running(pid) for pid in family), "watcher and workers have ended")


@pytest.mark.parametrize("polling", ["0", "1"])
def test_ctrl_c_ends_all(site: Path, polling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", polling)
    with developing(site) as developer:
        family = {developer.watcher(), *developer.workers()}
        developer.sees_version(developer.save())
        os.killpg(developer.server.process.pid, signal.SIGINT)
        assert developer.server.end() == 0
        eventually(lambda: not any(is_running(pid) for pid in family), "watcher and workers have ended")
        assert "Traceback" not in developer.server.log


@pytest.mark.parametrize(
    ("target", "options", "expected"),
    [
        ("site:app", {}, ["here"]),
        ("app.py", {}, ["here"]),
        ("deep/app.py:app", {}, ["here"]),
        ("../there/app.py", {}, ["here", "there"]),
        ("app.py", {"reload_dirs": ("../there", ".")}, ["there", "here"]),
        ("app.py", {"static": ("/static=.", "/=../there")}, ["here", "there"]),
    ],
)
def test_what_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, options: dict[str, Any], expected: list[str]
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = watched_folders(Config.from_options(options), target)
    assert found == [str(tmp_path / name) for name in expected]
