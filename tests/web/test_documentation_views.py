"""The pages docs/web/static.md and docs/web/views.md, run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vivace.web.testclient import TestClient

DOCS = Path(__file__).parents[2] / "docs" / "web"
FILES = {
    "reports/2026.pdf": "pdf",
    "static/app.css": "a { color: red }",
    "templates/hello.html": "Hello {{ name }}",
    "templates/book.html": "{{ title }} {{ pk }}",
}


def run(name: str, folder: Path) -> dict[str, Any]:
    """The names that the page's code defines, beside the files that it needs."""
    for file, text in FILES.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text)
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    return names


def test_the_page_on_static_files_works_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = run("static.md", tmp_path)
    client = TestClient(page["app"])
    assert client.get("/static/app.css").headers["cache-control"] == "no-cache"
    report = client.get("/report")
    assert report.headers["content-disposition"] == "attachment; filename*=utf-8''%C3%9Cbersicht%202026.pdf"
    published = TestClient(page["published"])
    answer = published.get(page["published"].url_path_for("static", path="app.css"))
    assert (answer.text, answer.headers["cache-control"]) == (
        "a { color: red }",
        "public, max-age=31536000, immutable",
    )


def test_the_page_on_views_works_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = TestClient(run("views.md", tmp_path)["app"], follow_redirects=False)
    assert client.get("/books/3/").json() == {"id": 3, "next": "/books/4/"}
    assert client.get("/archive/year/2026/").json() == [2026, "html"]
    assert client.get("/books/year/2026.json").json() == [2026, "json"]
    assert client.get("/books/x/").status_code == 404
    assert client.get("/health").json() == "ok"
    assert client.get("/carts/3/").json() == {"cart": 3}
    assert client.delete("/carts/3/").status_code == 204
    assert client.put("/carts/3/").headers["allow"] == "GET, DELETE, HEAD, OPTIONS"
    assert client.get("/pages/3/").text == "Dune 3"
    assert client.get("/old/3/").headers["location"] == "/pages/3/"
    hello = client.get("/hello/<Ann>/")
    assert (hello.status_code, hello.text) == (201, "Hello &lt;Ann&gt;")
    for after, location in [("/carts/3/", "/carts/3/"), ("https://evil.example", "/pages/1/"), ("", "/pages/1/")]:
        assert client.post("/login/", params={"next": after}).headers["location"] == location
    assert client.get("/login/").status_code == 405
