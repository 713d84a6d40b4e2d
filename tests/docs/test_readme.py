"""The README's application, served as the README says."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


def the_application(page: Path) -> str:
    (block,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("readme")
    (folder / "app.py").write_text(the_application(ROOT / "README.md"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "vivace", "run", "app.py", "--port", str(port)], cwd=folder)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
        for _ in range(300):
            try:
                client.get("/")
                break
            except httpx.ConnectError:
                assert server.poll() is None, "the server ended"
                time.sleep(0.1)
        yield client
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 0


def test_the_front_page_of_the_documentation_shows_the_same_application() -> None:
    assert the_application(ROOT / "README.md") == the_application(ROOT / "docs" / "index.md")


def test_the_table_is_made_and_the_api_answers(client: httpx.Client) -> None:
    answer = client.get("/api/books/")
    assert answer.status_code == 200
    assert answer.json() == {"count": 0, "next": None, "previous": None, "results": []}


def test_strangers_may_not_write(client: httpx.Client) -> None:
    assert client.post("/api/books/", json={"title": "Emma"}).status_code in {403, 405}


def test_the_openapi_document_names_the_model(client: httpx.Client) -> None:
    document = client.get("/api/schema/").json()
    assert document["openapi"].startswith("3.1")
    assert {"title", "published"} <= document["components"]["schemas"]["Book"]["properties"].keys()
