"""The page docs/web/middleware.md, run as it is printed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vivace.web.testclient import TestClient

PAGE = Path(__file__).parents[2] / "docs" / "web" / "middleware.md"
TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page's code defines."""
    names: dict[str, Any] = {}
    exec("\n".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)), names)
    return names


@pytest.fixture
def logged(page: dict[str, Any]) -> Iterator[list[str]]:
    lines: list[str] = []
    handler: logging.Handler = page["handler"]
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logging.getLogger("page").addHandler(handler)
    yield lines
    logging.getLogger("page").removeHandler(handler)


def client_of(app: Any, base_url: str = "http://testserver") -> TestClient:
    return TestClient(app, base_url=base_url, raise_server_exceptions=False)


def test_layers_stand_around_applications_and_routes(page: dict[str, Any]) -> None:
    client = client_of(page["app"])
    assert client.get("/").text == "home"
    assert client.get("/report").headers["content-encoding"] == "gzip"


def test_every_middleware_of_the_box_is_in_the_table() -> None:
    folder = Path(__file__).parents[2] / "src" / "vivace" / "web" / "middleware"
    modules = {path.stem for path in folder.iterdir() if not path.stem.startswith("_")} - {"errors", "exceptions"}
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == modules


def test_forms_scripts_and_webhooks(page: dict[str, Any]) -> None:
    client = client_of(page["site"])
    assert client.post("/save", data={"title": "Dune"}).status_code == 403
    client.get("/app")
    header = {"x-csrftoken": client.cookies["csrftoken"]}
    assert client.post("/save", data={"title": "Dune"}, headers=header).text == "saved Dune"
    match = re.search('value="([^"]+)"', client.get("/form").text)
    assert match is not None
    form = {"csrfmiddlewaretoken": match[1], "title": "Dune"}
    assert client.post("/save", data=form).text == "saved Dune"
    trusted, other = {"origin": "https://shop.example"}, {"origin": "https://other.example"}
    assert client.post("/save", data=form, headers=trusted).status_code == 200
    assert client.post("/save", data=form, headers=other).status_code == 403
    assert client.post("/webhook", headers=other).text == "thanks"
    assert client.post("/login", headers=header).text == "welcome"
    assert client.post("/save", data=form).status_code == 403


def test_a_policy_has_the_nonce_of_its_page(page: dict[str, Any]) -> None:
    client = client_of(page["careful"], "https://testserver")
    answer = client.get("/page")
    match = re.search("nonce='([^']+)'", answer.text)
    assert match is not None
    assert f"script-src 'self' 'nonce-{match[1]}'; frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "nonce" not in client.get("/").headers["content-security-policy"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    for name, value in re.findall(r"`([A-Z][\w-]+): ([\w-]+)`", TEXT.partition("## Security headers")[2])[:4]:
        assert answer.headers[name] == value


def test_a_request_has_one_id_everywhere(page: dict[str, Any], logged: list[str]) -> None:
    answer = client_of(page["named"]).get("/", headers={"x-request-id": "given"})
    assert answer.json() == {"state": "given", "anywhere": "given"}
    logging.getLogger("page").warning("outside")
    assert logged == ["- outside"]


def test_other_sites_may_read_what_they_are_allowed_to(page: dict[str, Any]) -> None:
    headers = client_of(page["shared"]).get("/", headers={"origin": "https://shop.example"}).headers
    assert (headers["access-control-allow-origin"], headers["vary"]) == ("https://shop.example", "Origin")


def test_what_the_client_has_is_not_sent_again(page: dict[str, Any]) -> None:
    client = client_of(page["library"])
    book = client.get("/book")
    assert (book.headers["etag"], book.headers["vary"]) == ('"1"', "Cookie")
    assert book.headers["cache-control"] == "private, max-age=60"
    assert client.get("/book", headers={"if-none-match": '"1"'}).status_code == 304
    assert client.put("/book", json={"title": "Emma"}, headers={"if-match": '"1"'}).json()["version"] == 2
    assert client.put("/book", json={"title": "Faust"}, headers={"if-match": '"1"'}).status_code == 412
    assert "no-store" in client.get("/clock").headers["cache-control"]
    tag = client.get("/report").headers["etag"]
    assert client.get("/report", headers={"if-none-match": tag}).status_code == 304


def test_errors_are_problems(page: dict[str, Any]) -> None:
    client = client_of(page["api"])
    assert client.post("/buy").json()["balance"] == 30
    match = re.search(r"^```json\n(.*?)\n```", TEXT, re.MULTILINE | re.DOTALL)
    assert match is not None
    assert client.get("/nothing").text == match[1].replace(": ", ":").replace(", ", ",")


def test_own_layers(page: dict[str, Any]) -> None:
    headers = client_of(page["own"]).get("/").headers
    assert headers["server-timing"].startswith("app;dur=")
    assert headers["x-powered-by"] == "vivace"
