"""The page docs/web/requests-and-responses.md, run as it is printed."""

from __future__ import annotations

import re
import typing
from pathlib import Path
from typing import Any

import pytest

from vivace.web.testclient import TestClient

PAGE = Path(__file__).parents[2] / "docs" / "web" / "requests-and-responses.md"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the page's code defines, beside the files that it needs."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "report.txt": "report",
        "templates/home.html": "Hello {{ name }}",
        "static/a.css": "a {}",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    return names


def test_the_page_works_as_printed(page: dict[str, Any]) -> None:
    client = TestClient(page["app"], follow_redirects=False)
    client.cookies.set("theme", "dark")
    assert client.get("/").text == "Hello &lt;Ann&gt;"
    assert client.get("/books/3?page=2", headers={"user-agent": "me"}).json() == {
        "method": "GET",
        "path": "/books/3",
        "id": 3,
        "page": "2",
        "agent": "me",
        "theme": "dark",
    }
    created = client.post("/books", json={"title": "Dune"})
    assert (created.status_code, created.json()) == (201, {"created": "Dune"})
    assert client.get("/dates").json() == {"day": "2026-01-31", "price": None}
    login = client.get("/login")
    assert (login.status_code, login.headers["location"], page["log"]) == (303, "/books", ["logged in"])
    assert login.headers["set-cookie"] == "session=abc; HttpOnly; Partitioned; Path=/; SameSite=lax; Secure"
    assert client.get("/count").text == "0\n1\n2\n"
    assert client.get("/report", headers={"range": "bytes=0-2"}).text == "rep"
    assert client.get("/static/a.css").text == "a {}"


def test_what_is_sent_wrongly_is_answered_as_the_page_says(page: dict[str, Any]) -> None:
    client = TestClient(page["app"])
    malformed = client.post("/books", content=b'{\n  "title": nope}')
    assert (malformed.status_code, malformed.text) == (400, "Malformed JSON: Expecting value (line 2, column 12)")
    assert malformed.text in PAGE.read_text()
    upload = client.post("/upload", files={"file": ("a.txt", b"content")})
    assert upload.json() == {"name": "a.txt", "size": 7, "first": "cont"}
    assert client.post("/upload", data={"file": "x"}).status_code == 400
    assert client.post("/upload", files={"file": ("a", b""), "more": ("b", b"")}).status_code == 400
    broken = client.post("/upload", content=b"x", headers={"content-type": "multipart/form-data; boundary=b"})
    assert (broken.status_code, broken.text) == (
        400,
        "Invalid multipart data: it ends before its closing boundary.",
    )
    assert client.get("/static/..%2freport.txt").status_code == 404


def test_a_websocket_speaks_json_or_is_closed(page: dict[str, Any]) -> None:
    client = TestClient(page["app"])
    with client.websocket_connect("/echo") as websocket:
        websocket.send_json([1])
        assert websocket.receive_json() == {"you said": [1]}
        websocket.send_text("{")
        closed = typing.cast("dict[str, Any]", websocket.receive())
    assert (closed["type"], closed["code"]) == ("websocket.close", 1007)
