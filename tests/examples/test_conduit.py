"""examples/conduit over a socket, on both databases: every endpoint, its answers and its refusals."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.examples.serving import served

PROJECT = Path(__file__).parents[2] / "examples" / "conduit"
MOST_LINES = 600

_numbers = count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("conduit")
    database = f"sqlite:///{folder / 'conduit.db'}"
    if request.param == "postgresql":
        server, name = os.environ["VIVACE_TEST_POSTGRES"], f"conduit_{time.time_ns()}"
        subprocess.run(["psql", "-q", server, "-c", f"CREATE DATABASE {name}"], check=True)
        database = server.rpartition("/")[0] + f"/{name}"
    environ = {"VIVACE_DATABASE": database, "VIVACE_SECRET_KEY": "k" * 40}
    subprocess.run(
        [sys.executable, "-m", "vivace", "migrate"], cwd=PROJECT, env={**os.environ, **environ}, check=True, timeout=60
    )
    with served(folder / "log", environ=environ, folder=PROJECT) as server_of_site:
        yield f"{server_of_site.url}/api"


class Visitor:
    """Somebody with a browser; without a name, a stranger."""

    def __init__(self, url: str, name: str = "") -> None:
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.name = name
        if name:
            body = {"username": name, "email": f"{name}@example.com", "password": "a long password"}
            user = self.ask(201, "POST", "/users", {"user": body})["user"]
            self.client.headers["Authorization"] = f"Token {user['token']}"

    def ask(self, status: int, method: str, path: str, body: Any = None) -> Any:
        """The answer's body; the status must be this one."""
        response = self.client.request(method, path, json=body)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def write(self, **values: Any) -> dict[str, Any]:
        """A new article."""
        article = {"title": f"Title {next(_numbers)}", "description": "d", "body": "b", **values}
        made: dict[str, Any] = self.ask(201, "POST", "/articles", {"article": article})["article"]
        return made


@pytest.fixture
def ann(url: str) -> Iterator[Visitor]:
    visitor = Visitor(url, f"ann{next(_numbers)}")
    yield visitor
    visitor.client.close()


@pytest.fixture
def bob(url: str) -> Iterator[Visitor]:
    visitor = Visitor(url, f"bob{next(_numbers)}")
    yield visitor
    visitor.client.close()


@pytest.fixture
def stranger(url: str) -> Iterator[Visitor]:
    visitor = Visitor(url)
    yield visitor
    visitor.client.close()


def test_an_account_is_made_changed_and_logged_in_to(ann: Visitor, stranger: Visitor) -> None:
    user = ann.ask(200, "GET", "/user")["user"]
    assert user.keys() == {"email", "token", "username", "bio", "image"}
    assert (user["username"], user["bio"], user["image"]) == (ann.name, "", None)
    change = {"bio": "I write", "image": "https://example.com/a.png", "password": "another password"}
    assert ann.ask(200, "PUT", "/user", {"user": change})["user"]["bio"] == "I write"
    login = {"email": user["email"], "password": "another password"}
    assert stranger.ask(200, "POST", "/users/login", {"user": login})["user"]["image"] == "https://example.com/a.png"
    refused = stranger.ask(401, "POST", "/users/login", {"user": {**login, "password": "wrong"}})
    assert refused == {"errors": {"body": ["email or password is invalid"]}}
    stranger.ask(401, "POST", "/users/login", {"user": {"email": "nobody@example.com", "password": "wrong"}})


def test_what_is_taken_or_missing_is_a_422_by_field(ann: Visitor, stranger: Visitor) -> None:
    body = {"username": ann.name, "email": "nonsense", "password": "short"}
    assert stranger.ask(422, "POST", "/users", {"user": body})["errors"].keys() == {"username", "email", "password"}
    assert stranger.ask(422, "POST", "/users", {"user": {}})["errors"].keys() == {"username", "email", "password"}
    assert stranger.ask(422, "POST", "/users", [])["errors"].keys() == {"user"}
    assert ann.ask(422, "POST", "/articles", {"article": {"title": ""}})["errors"].keys() == {
        "title",
        "description",
        "body",
    }


def test_two_who_want_one_name_at_once_get_one_account(url: str) -> None:
    name = f"race{next(_numbers)}"
    body = {"user": {"username": name, "email": f"{name}@example.com", "password": "a long password"}}
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: httpx.post(f"{url}/users", json=body, timeout=30).status_code, range(8)))
    assert sorted(statuses) == [201] + [422] * 7


def test_a_forged_or_expired_token_is_a_401(url: str, ann: Visitor) -> None:
    token = ann.client.headers["Authorization"].removeprefix("Token ")
    head, claims, signature = token.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"sub": "1", "exp": 9e9}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    odd = ("a.b.c", "x", token + "x", "\u00e9.\u00e9.\u00e9")
    for wrong in (f"{head}.{forged}.{signature}", f"{none}.{claims}.", *odd):
        headers = [(b"Authorization", f"Token {wrong}".encode())]
        response = httpx.get(f"{url}/user", headers=headers, trust_env=False)
        assert response.status_code == 401, wrong
        assert response.json()["errors"]["body"]


def test_following_shows_in_profiles_and_fills_the_feed(ann: Visitor, bob: Visitor, stranger: Visitor) -> None:
    article = bob.write()
    assert ann.ask(200, "GET", "/articles/feed") == {"articles": [], "articlesCount": 0}
    profile = ann.ask(200, "POST", f"/profiles/{bob.name}/follow")["profile"]
    assert profile == {"username": bob.name, "bio": "", "image": None, "following": True}
    assert stranger.ask(200, "GET", f"/profiles/{bob.name}")["profile"]["following"] is False
    feed = ann.ask(200, "GET", "/articles/feed")
    assert [each["slug"] for each in feed["articles"]] == [article["slug"]]
    assert feed["articles"][0]["author"]["following"] is True
    assert ann.ask(200, "DELETE", f"/profiles/{bob.name}/follow")["profile"]["following"] is False
    assert ann.ask(200, "GET", "/articles/feed")["articlesCount"] == 0
    for method, path in (("POST", f"/profiles/{bob.name}/follow"), ("GET", "/articles/feed"), ("GET", "/user")):
        stranger.ask(401, method, path)
    ann.ask(404, "GET", "/profiles/nobody")
    ann.ask(404, "POST", "/profiles/nobody/follow")


def test_an_article_is_written_read_changed_and_deleted(ann: Visitor, bob: Visitor, stranger: Visitor) -> None:
    title = f"Ünïcode & Ärger {next(_numbers)}"
    made = ann.write(title=title, tagList=["b", "a", "b"])
    assert made["slug"] == f"unicode-arger-{title.split()[-1]}"
    assert made["tagList"] == ["a", "b"]
    assert made.keys() == {
        "slug", "title", "description", "body", "tagList", "createdAt", "updatedAt", "favorited", "favoritesCount",
        "author",
    }  # fmt: skip
    again = ann.write(title=title)
    assert again["slug"].startswith(f"{made['slug']}-")
    path = f"/articles/{made['slug']}"
    assert stranger.ask(200, "GET", path)["article"] == made
    changed = ann.ask(200, "PUT", path, {"article": {"body": "new"}})["article"]
    assert (changed["slug"], changed["body"], changed["tagList"]) == (made["slug"], "new", ["a", "b"])
    moved = ann.ask(200, "PUT", path, {"article": {"title": f"Other {title}", "tagList": ["c"]}})["article"]
    assert (moved["slug"], moved["tagList"]) == (f"other-{made['slug']}", ["c"])
    stranger.ask(404, "GET", path)
    path = f"/articles/{moved['slug']}"
    bob.ask(403, "PUT", path, {"article": {"body": "mine"}})
    bob.ask(403, "DELETE", path)
    stranger.ask(401, "DELETE", path)
    ann.ask(204, "DELETE", path)
    ann.ask(404, "DELETE", path)


def test_articles_are_found_by_tag_author_and_favorite_in_pages(ann: Visitor, bob: Visitor, stranger: Visitor) -> None:
    tag = f"tag{next(_numbers)}"
    slugs = [ann.write(tagList=[tag, "other"])["slug"] for _ in range(3)]
    bob.write()
    for visitor in (ann, bob):
        visitor.ask(200, "POST", f"/articles/{slugs[0]}/favorite")
    found = stranger.ask(200, "GET", f"/articles?tag={tag}&limit=2")
    assert [each["slug"] for each in found["articles"]] == slugs[:0:-1]
    assert found["articlesCount"] == 3
    assert "body" not in found["articles"][0]
    assert [each["slug"] for each in stranger.ask(200, "GET", f"/articles?tag={tag}&offset=2")["articles"]] == slugs[:1]
    assert stranger.ask(200, "GET", f"/articles?author={ann.name}")["articlesCount"] == 3
    liked = bob.ask(200, "GET", f"/articles?favorited={bob.name}&tag={tag}")["articles"]
    assert [(each["slug"], each["favorited"], each["favoritesCount"]) for each in liked] == [(slugs[0], True, 2)]
    assert tag in stranger.ask(200, "GET", "/tags")["tags"]


def test_a_favorite_is_taken_back(ann: Visitor, bob: Visitor, stranger: Visitor) -> None:
    path = f"/articles/{ann.write()['slug']}"
    for _ in range(2):
        liked = bob.ask(200, "POST", f"{path}/favorite")["article"]
        assert (liked["favorited"], liked["favoritesCount"]) == (True, 1)
    assert stranger.ask(200, "GET", path)["article"]["favorited"] is False
    left = bob.ask(200, "DELETE", f"{path}/favorite")["article"]
    assert (left["favorited"], left["favoritesCount"]) == (False, 0)
    stranger.ask(401, "POST", f"{path}/favorite")
    bob.ask(404, "POST", "/articles/no-such/favorite")


def test_comments_are_written_listed_and_deleted(ann: Visitor, bob: Visitor, stranger: Visitor) -> None:
    path = f"/articles/{ann.write()['slug']}/comments"
    made = bob.ask(201, "POST", path, {"comment": {"body": "First"}})["comment"]
    assert made.keys() == {"id", "createdAt", "updatedAt", "body", "author"}
    bob.ask(200, "POST", f"/profiles/{ann.name}/follow")
    ann.ask(201, "POST", path, {"comment": {"body": "Second"}})
    seen = bob.ask(200, "GET", path)["comments"]
    assert [(each["body"], each["author"]["following"]) for each in seen] == [("Second", True), ("First", False)]
    assert len(stranger.ask(200, "GET", path)["comments"]) == 2
    assert bob.ask(422, "POST", path, {"comment": {"body": " "}})["errors"].keys() == {"body"}
    stranger.ask(401, "POST", path, {"comment": {"body": "x"}})
    ann.ask(403, "DELETE", f"{path}/{made['id']}")
    bob.ask(204, "DELETE", f"{path}/{made['id']}")
    bob.ask(404, "DELETE", f"{path}/{made['id']}")
    bob.ask(404, "GET", "/articles/no-such/comments")
    bob.ask(404, "POST", "/articles/no-such/comments", {"comment": {"body": "x"}})


TAGS: list[Any] = ["x", [None], [{}]]
HOSTILE: list[Any] = [None, [], 7, "x", {"article": None}, {"article": []}, {"article": {"title": {"a": 1}}}]
HOSTILE += [{"article": {"title": title, "description": "d", "body": "b"}} for title in ("a\x00b", "t" * 201)]
HOSTILE += [{"article": {"title": "t", "description": "d", "body": "b", "tagList": tags}} for tags in TAGS]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_a_body_of_another_form_is_a_422(ann: Visitor, body: Any) -> None:
    assert ann.ask(422, "POST", "/articles", body)["errors"]


ADDRESSES = [
    "/articles?limit=x&offset=-1",
    "/articles?tag=%00",
    "/articles?limit=1e9",
    "/profiles/%00",
    "/articles/%00",
]


@pytest.mark.parametrize("path", ADDRESSES)
def test_no_address_is_an_error_of_the_server(stranger: Visitor, path: str) -> None:
    assert stranger.client.get(path).status_code < 500


def test_text_that_is_no_json_is_refused(ann: Visitor) -> None:
    for content, status in ((b"{", 422), (b"\xff", 422), (b"[" * 100_000, 422)):
        headers = {"Content-Type": "application/json"}
        assert ann.client.post("/articles", content=content, headers=headers).status_code == status
    assert ann.client.post("/articles", content=b"<a/>", headers={"Content-Type": "text/xml"}).status_code == 415


def test_it_has_no_more_lines_than_it_may() -> None:
    files = [path for path in PROJECT.rglob("*.py") if "migrations" not in path.parts]
    lines = [line for path in files for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES
