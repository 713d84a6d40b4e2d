"""Bocadillo 0.18.3 in an environment of its own, with Starlette 0.12: `scripts/bocadillo` makes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Serving
from tests.examples.serving import VERSIONS, client_of, served
from websockets.sync.client import connect

PYTHON = Path(f"{sys.prefix}-bocadillo") / "bin" / "python"
PREFIXES = {"bocadillo_app:app": "", "bocadillo_app:site": "/old"}


@pytest.fixture(scope="module", params=PREFIXES)
def served_at(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Serving, str]]:
    """The server, and where the application is."""
    assert PYTHON.exists(), "run scripts/bocadillo"
    with served(tmp_path_factory.mktemp("bocadillo") / "log", request.param, python=PYTHON) as serving:
        yield serving, serving.url.rstrip("/") + PREFIXES[request.param]
        assert serving.stop() == 0
    assert serving.output.startswith("bocadillo: started")
    assert "bocadillo: stopped" in serving.output
    assert "Traceback" not in serving.output


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_are_answered_and_the_lifespan_has_run(served_at: tuple[Serving, str], version: str) -> None:
    with client_of(served_at[1], version) as client:
        response = client.get("/greet/Ada")
        assert response.json() == {"greeting": "Hello, Ada!"}
        assert response.http_version == version
        assert client.post("/length", content=b"x" * 300_000).json() == {"length": 300_000}
        assert client.get("/started").json() == {"started": True}


def test_websockets_echo(served_at: tuple[Serving, str]) -> None:
    with connect(served_at[1].replace("http", "ws", 1) + "/ws", open_timeout=30) as websocket:
        for text in ("hello", "é" * 40_000):
            websocket.send(text)
            assert websocket.recv(timeout=30) == text
