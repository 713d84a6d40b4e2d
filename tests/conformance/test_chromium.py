"""Debian's chromium, told through its debugging protocol to load a page that fetches, streams, uploads and opens
WebSockets: over HTTP/1.1 in clear, and over TLS with HTTP/2 (RFC 8441 for the WebSockets).
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import Live
from websockets.sync.client import ClientConnection, connect

PATIENCE = 60.0
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--ignore-certificate-errors", "--remote-debugging-port=0", "--remote-allow-origins=*"),
)


class Browser:
    """A page of a running chromium."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.numbers = itertools.count(1)
        self.session: str | None = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command of the debugging protocol."""
        number = next(self.numbers)
        command: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self.session is not None:
            command["sessionId"] = self.session
        self.connection.send(json.dumps(command))
        while (answer := json.loads(self.connection.recv(PATIENCE))).get("id") != number:
            pass
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    def results(self, url: str) -> dict[str, Any]:
        """What the page at `url` found out."""
        self.ask("Page.enable")
        self.ask("Page.navigate", url=url)
        while json.loads(self.connection.recv(PATIENCE)).get("method") != "Page.loadEventFired":
            pass
        answer = self.ask(
            "Runtime.evaluate",
            expression="window.results",
            awaitPromise=True,
            returnByValue=True,
            timeout=PATIENCE * 1000,
        )
        assert "exceptionDetails" not in answer, answer
        value = answer["result"]["value"]
        assert isinstance(value, dict)
        return value


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path) as address, connect(address, max_size=None, proxy=None) as connection:
        browser = Browser(connection)
        yield browser
        browser.session = None
        browser.ask("Browser.close")


@contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """The address of a browser's debugging protocol."""
    command = (shutil.which("chromium") or "chromium", *FLAGS, f"--user-data-dir={folder}", "about:blank")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            place, end = folder / "DevToolsActivePort", time.monotonic() + PATIENCE
            while not place.exists() or len(lines := place.read_text().splitlines()) < 2:
                assert time.monotonic() < end, "chromium does not start"
                time.sleep(0.05)
            yield f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(PATIENCE)


def test_a_browser_finds_everything_in_order(browser: Browser, either: Live) -> None:
    version = "1.1" if either.tls is None else "2"
    found = browser.results(either.url + "/page")
    websocket, streamed = found.pop("websocket"), found.pop("streamed")
    refused = found.pop("refused")
    assert found == {
        "version": version,
        "hello": "Hello, world!\n",
        "missing": 404,
        "uploaded": 3_000_000,
        "downloaded": 3_000_000,
        "together": 50,
        "cancelled": 200,
        "hinted": "hinted\n",
    }
    assert streamed["lines"] == 20
    assert streamed["pieces"] > 1
    assert websocket["received"] == [version, "café", 200_000, 70_000]
    assert (websocket["code"], websocket["clean"], websocket["protocol"]) == (1000, True, "chat")
    assert websocket["extensions"].startswith("permessage-deflate")
    assert (refused["code"], refused["received"]) == (1006, [])


def test_nothing_is_left(either: Live) -> None:
    either.settles()
