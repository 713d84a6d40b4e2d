"""The page docs/web/forms.md, run as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vivace.web.testclient import TestClient

PAGE = Path(__file__).parents[2] / "docs" / "web" / "forms.md"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of the page's application, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uploads").mkdir()
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    return TestClient(names["app"])


def test_a_form_is_read_whole(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/upload", data={"title": "Dune"}, files={"file": ("../a b.txt", b"content")})
    assert answer.json() == {"title": "Dune", "name": "../a b.txt", "size": 7}
    assert (tmp_path / "uploads" / "a_b.txt").read_bytes() == b"content"
    assert client.post("/upload", data={"file": "x"}).status_code == 400
    many = client.post("/upload", files=[("file", (str(at), b"")) for at in range(6)])
    assert (many.status_code, many.text) == (400, "Too many files. Maximum number of files is 5.")


def test_a_form_is_read_part_by_part(client: TestClient, tmp_path: Path) -> None:
    files = {"file": ("a.txt", b"x" * 100_000), "other": ("b.txt", b"y")}
    answer = client.post("/stream", data={"title": "Dune"}, files=files)
    assert answer.json() == {"title": "Dune", "sizes": {"a.txt": 100_000, "b.txt": 1}}
    assert client.post("/stream", data={"title": "x" * 1001}, files=files).status_code == 413
    assert client.post("/stream", data={"title": "x"}).status_code == 415
    assert client.post("/keep", files=files).json() == ["a.txt"]
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == ["a.txt"]


def test_an_upload_is_refused_early(client: TestClient) -> None:
    assert client.post("/secret", files={"file": ("a", b"x")}).status_code == 401
    logged_in = {"authorization": "me"}
    assert client.post("/secret", files={"file": ("a", b"x")}, headers=logged_in).json() == ["a"]
    large = {"file": ("b", bytes(11 * 1024 * 1024))}
    assert client.post("/secret", files=large, headers=logged_in).status_code == 413
