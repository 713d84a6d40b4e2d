"""`vivace run --dev` as a developer has it: save, look, save again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.server.waiting import PATIENCE, eventually

SITE = """
from vivace import PlainTextResponse, Vivace
app = Vivace()

@app.get("/")
async def index(request):
    return app.templates.TemplateResponse(request, "index.html", {})

@app.get("/debug")
async def debug(request):
    return PlainTextResponse(str(app.settings.DEBUG))

@app.get("/fails")
async def fails(request):
    return 1 / 0
"""
BROWSER = {"accept": "text/html", "sec-fetch-dest": "document"}


class Browser:
    """Looks at a site that `vivace run` serves."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

        def address() -> str | None:
            assert process.poll() is None, log.read_text()
            found = re.search(r"serves (http://\S+)", log.read_text())
            return found and found[1]

        self.url = eventually(address, "an address")

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=BROWSER, timeout=PATIENCE)

    def sees(self, path: str, text: str) -> httpx.Response:
        def look() -> httpx.Response | None:
            response = self.get(path)
            return response if text in response.text else None

        try:
            return eventually(look, text)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()}") from None


@contextmanager
def running(folder: Path, *arguments: str, **environ: str) -> Iterator[Browser]:
    log = folder.parent / f"{folder.name}.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIVACE_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "vivace", "run", *arguments, "--port", "0"],
            cwd=folder,
            env={**inherited, **environ},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Browser(process, log)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "templates").mkdir(parents=True)
    (folder / "static").mkdir()
    (folder / "static" / "site.css").write_text("p {}")
    (folder / "templates" / "base.html").write_text("<body>{% block page %}{% endblock %}</body>")
    (folder / "templates" / "index.html").write_text('{% extends "base.html" %}{% block page %}one{% endblock %}')
    (folder / "app.py").write_text(SITE)
    return folder


def test_the_site_is_in_debug_and_its_errors_are_shown_and_mended(site: Path) -> None:
    with running(site, "--dev") as browser:
        assert browser.get("/debug").text == "True"
        page = browser.get("/fails")
        assert page.status_code == 500
        assert "ZeroDivisionError" in page.text
        assert "/__vivace__/live.js" in page.text, "it loads itself again"
        (site / "app.py").write_text(SITE.replace("1 / 0", 'PlainTextResponse("mended")'))
        browser.sees("/fails", "mended")


def test_templates_and_static_files_need_no_restart(site: Path) -> None:
    with running(site, "--dev") as browser:
        assert "<body>one</body>" in browser.get("/").text
        assert browser.get("/static/site.css").headers["cache-control"] == "no-cache"
        (site / "templates" / "index.html").write_text('{% extends "base.html" %}{% block page %}two{% endblock %}')
        browser.sees("/", "<body>two</body>")
        (site / "templates" / "base.html").write_text("<main>{% block page %}{% endblock %}</main>")
        browser.sees("/", "<main>two</main>")
        (site / "static" / "site.css").write_text("p { color: red }")
        browser.sees("/static/site.css", "red")

        def save() -> bool:
            (site / "static" / "site.css").write_text(f"p {{ color: red }} /* {time.monotonic()} */")
            time.sleep(0.2)
            return "site.css changed" in browser.log.read_text()

        # Of changes that come together only those are told that ask for most: here the template's.
        eventually(save, "the change is seen")
        assert "started again" not in browser.log.read_text()


def test_files_that_the_server_sends_are_watched_and_never_kept(site: Path) -> None:
    public = site.parent / "public"
    public.mkdir()
    (public / "page.html").write_text("<p>one</p>")
    (public / "app.3f2a9c1b.css").write_text("p {}")
    with running(site, "--dev", "--static", "/public=../public", "--static", "/=../public") as browser:
        page = browser.get("/public/page.html").text
        assert page.startswith("<p>one</p>")
        assert "/__vivace__/live.js" in page, "it loads itself again"
        assert browser.get("/app.3f2a9c1b.css").headers["cache-control"] == "no-cache"
        assert "<body>one</body>" in browser.get("/").text, "the application's"
        (public / "app.3f2a9c1b.css").write_text("p { color: red }")
        browser.sees("/app.3f2a9c1b.css", "red")
        eventually(lambda: "app.3f2a9c1b.css changed" in browser.log.read_text(), "the change is seen")
        assert "started again" not in browser.log.read_text()


def test_a_broken_save_is_shown_and_recovers(site: Path) -> None:
    with running(site, "--dev") as browser:
        (site / "app.py").write_text(SITE + "\nimport no_such_module_here\n")
        page = browser.sees("/", "no_such_module_here")
        assert page.status_code == 500
        (site / "app.py").write_text(SITE)
        browser.sees("/", "<body>one</body>")


def test_settings_are_read_again(site: Path) -> None:
    (site / ".env").write_text("VIVACE_STATIC_URL=/static/\n")
    with running(site, "--dev") as browser:
        (site / ".env").write_text("VIVACE_STATIC_URL=/assets/\n")
        browser.sees("/assets/site.css", "p {}")
        (site / ".env").write_text("VIVACE_STATIC_URL=wrong\n")
        browser.sees("/", "STATIC_URL")
        (site / ".env").write_text("")
        browser.sees("/static/site.css", "p {}")


def test_a_site_with_its_own_prefix_is_in_debug_too(site: Path) -> None:
    text = SITE.replace(
        "app = Vivace()",
        "from vivace import Settings\nclass Mine(Settings, env_prefix='MINE_'): ...\napp = Vivace(settings=Mine)",
    )
    (site / "app.py").write_text(text)
    with running(site, "--dev") as browser:
        assert browser.get("/debug").text == "True"


def test_who_has_decided_about_debug_keeps_it(site: Path) -> None:
    with running(site, "--dev", VIVACE_DEBUG="0") as browser:
        assert browser.get("/debug").text == "False"


def test_reload_alone_is_only_that(site: Path) -> None:
    with running(site, "--reload") as browser:
        assert browser.get("/debug").text == "False"
        (site / "app.py").write_text(SITE.replace("app.settings.DEBUG", '"saved"'))
        browser.sees("/debug", "saved")


def test_without_dev_nothing_is_watched_or_added(site: Path) -> None:
    with running(site) as browser:
        assert browser.get("/").text == "<body>one</body>"
        assert browser.get("/debug").text == "False"
        assert "/__vivace__/live.js" not in browser.get("/").text
    assert "Watching" not in browser.log.read_text()
