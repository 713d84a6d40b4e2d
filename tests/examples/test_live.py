"""examples/live in a browser: what is said is seen, the numbers follow, and a restarted server is found again."""

from __future__ import annotations

import base64
import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.conformance.in_thread import serving
from tests.conformance.test_chromium import Browser, chromium
from websockets.sync.client import connect

from vivace.web.testclient import TestClient
from vivace.web.websockets import WebSocketDisconnect

APP = Path(__file__).parents[2] / "examples" / "live" / "app.py"
PATIENCE = 30.0


@pytest.fixture
def example() -> ModuleType:
    """The example, as new."""
    spec = importlib.util.spec_from_file_location("live_example", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path) as address, connect(address, max_size=None, proxy=None) as connection:
        browser = Browser(connection)
        yield browser
        browser.session = None
        browser.ask("Browser.close")


def value(browser: Browser, expression: str) -> Any:
    answer = browser.ask("Runtime.evaluate", expression=expression, returnByValue=True)
    assert "exceptionDetails" not in answer, answer
    return answer["result"].get("value")


def until(browser: Browser, expression: str, wanted: Any) -> None:
    end = time.monotonic() + PATIENCE
    while (found := value(browser, expression)) != wanted:
        assert time.monotonic() < end, f"{expression} is {found!r}, not {wanted!r}"
        time.sleep(0.05)


LINES = "[...document.querySelectorAll('#log li')].map((line) => line.textContent)"
NUMBERS = "[people.textContent, messages.textContent]"
WATCH_POLICY = "window.broken = []; addEventListener('securitypolicyviolation', (e) => broken.push(e.blockedURI)); 1"


def say(browser: Browser, text: str) -> None:
    value(browser, f"document.getElementById('text').value = {text!r}; document.querySelector('button').click()")


def test_a_browser_sees_the_room_live(example: ModuleType, browser: Browser) -> None:
    with serving(example.app) as port:
        browser.ask("Page.enable")
        browser.ask("Page.navigate", url=f"http://127.0.0.1:{port}/")
        until(browser, "document.getElementById('state')?.textContent", "connected")
        value(browser, WATCH_POLICY)
        until(browser, NUMBERS, ["1", "0"])
        value(browser, "document.getElementById('name').value = 'Ann'")
        say(browser, "Hello, everybody")
        until(browser, LINES, ["Ann Hello, everybody"])
        with connect(f"ws://127.0.0.1:{port}/chat", proxy=None) as other:
            other.send('{"name": "Bob", "text": "<b>Hi</b>, Ann"}')
            until(browser, LINES, ["Ann Hello, everybody", "Bob <b>Hi</b>, Ann"])
            until(browser, NUMBERS, ["2", "2"])
            if folder := os.environ.get("VIVACE_SCREENSHOTS"):
                picture = browser.ask("Page.captureScreenshot", format="png")["data"]
                Path(folder, "live.png").write_bytes(base64.b64decode(picture))
        until(browser, NUMBERS, ["1", "2"])
    until(browser, "document.getElementById('state').className", "away")
    with serving(example.app, port=port):
        until(browser, "document.getElementById('state').textContent", "connected")
        until(browser, LINES, ["Ann Hello, everybody", "Bob <b>Hi</b>, Ann"])
        say(browser, "Back again")
        until(browser, NUMBERS, ["1", "3"])
        assert value(browser, "broken") == []


def test_nonsense_ends_a_websocket_and_nobody_elses(example: ModuleType) -> None:
    with TestClient(example.app) as client:
        for nonsense in ("{", "[]", '{"name": "Ann", "text": " "}', '{"name": 1}'):
            with client.websocket_connect("/chat") as websocket:
                websocket.send_text(nonsense)
                with pytest.raises(WebSocketDisconnect) as caught:
                    websocket.receive_text()
            assert caught.value.code in (1007, 1008)
        assert "script-src 'self'" in client.get("/").headers["content-security-policy"]
        assert (example.count.people, example.count.messages) == (0, 0)
