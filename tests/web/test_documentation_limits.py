"""The pages docs/web/limits.md, compression.md and sessions.md, run as they are printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vivace.web.testclient import TestClient

PAGES = Path(__file__).parents[2] / "docs" / "web"

Page = Callable[[str], dict[str, Any]]


@pytest.fixture
def page() -> Page:
    def run(name: str) -> dict[str, Any]:
        """The names that the page's code defines."""
        blocks = re.findall(r"^```python\n(.*?)^```", (PAGES / name).read_text(), re.DOTALL | re.MULTILINE)
        names: dict[str, Any] = {}
        exec("\n".join(blocks), names)
        return names

    return run


def test_rate_limits(page: Page) -> None:
    client = TestClient(page("limits.md")["app"])
    answer = client.get("/search")
    assert answer.headers["ratelimit-policy"] == '"default-per-second";q=10;w=1, "default-per-hour";q=1000;w=3600'
    assert re.fullmatch(
        r'"default-per-second";r=9;t=2, "default-per-hour";r=999;t=36[0-6][0-9]', answer.headers["ratelimit"]
    )
    assert [client.post("/login").status_code for _ in range(3)] == [200, 200, 429]


def test_limits_of_bodies_and_threads(page: Page) -> None:
    names = page("limits.md")
    client = TestClient(names["uploads"])
    body = b"x" * 100_001
    assert client.put("/avatar", content=body).text == "100001"
    assert client.put("/avatar", content=body * 10).status_code == 413
    with TestClient(names["reports"]) as client:
        assert client.get("/").text == "42"


def test_compression(page: Page) -> None:
    client = TestClient(page("compression.md")["app"])
    for coding in ("zstd", "br", "gzip"):
        answer = client.get("/", headers={"accept-encoding": coding})
        assert (answer.headers["content-encoding"], answer.headers["etag"]) == (coding, 'W/"1"')
    assert "content-encoding" not in client.get("/", headers={"accept-encoding": "identity"}).headers


def test_sessions(page: Page) -> None:
    names = page("sessions.md")
    client = TestClient(names["app"])
    assert [client.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]
    client.post("/logout")
    assert client.get("/").json() == {"visits": 1}
    client = TestClient(names["stored"])
    client.get("/")
    (before,) = names["memory"].sessions
    client.post("/login")
    assert client.get("/").json() == {"visits": 2, "user": "ann"}
    (after,) = names["memory"].sessions
    assert before != after
