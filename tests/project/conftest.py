"""Sites written to a temporary folder, and a client that speaks ASGI to them without a socket."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from vivace.project import Vivace
from vivace.server import load_app


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`write("blog/models.py", "…")` puts a file below the temporary folder, which is on sys.path for the test."""
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path))

    def write(name: str, text: str = "") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    yield write
    sys.path.remove(str(tmp_path))
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def load(write: Callable[..., Path], tmp_path: Path) -> Callable[..., Vivace]:
    """`load("books.py", "…")` writes a single-file site and returns its application."""

    def load(name: str, text: str = "") -> Vivace:
        if text:
            write(name, text)
        app = load_app(name, app_dir=tmp_path)
        assert isinstance(app, Vivace)
        return app

    return load


def client_of(app: Any, **options: Any) -> httpx.AsyncClient:
    """A client for one application; no lifespan is run."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://localhost", **options
    )
