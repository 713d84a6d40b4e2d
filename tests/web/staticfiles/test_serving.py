"""What goes beyond Starlette's: compressed variants, caching, manifests, several directories, fallback, races."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from vivace.web.applications import Application
from vivace.web.routing import Mount
from vivace.web.staticfiles import Manifest, StaticFiles, UnknownStaticFileError
from vivace.web.staticfiles import _found as found_module
from vivace.web.testclient import TestClient
from vivace.web.types import Message

pytestmark = pytest.mark.anyio

LONG_AGO = time.time() - 1000


def write(path: Path, content: str | bytes, age: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (LONG_AGO - age, LONG_AGO - age))
    return path


def client_of(*directories: Path, **options: Any) -> TestClient:
    app = StaticFiles(directory=list(directories) if len(directories) > 1 else directories[0], **options)
    return TestClient(Application(routes=[Mount("/static", app, name="static")]))


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", "gzip"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("zstd;q=0.9, gzip;q=0.1, br;q=0", "zstd"),
        ("*", "br"),
        ("identity", None),
        ("br;q=0, identity;q=1", None),
        ("br;q=0.3, identity;q=0.9", None),
        ("", None),
        ("b r;;q=x,,", None),
    ],
)
def test_a_compressed_variant_is_sent_to_who_takes_it(tmp_path: Path, accepted: str, expected: str | None) -> None:
    write(tmp_path / "app.css", "a {}")
    for coding, extension in {"br": ".br", "zstd": ".zst", "gzip": ".gz"}.items():
        write(tmp_path / f"app.css{extension}", f"<{coding}>")
    client = client_of(tmp_path)
    for _ in range(2):  # as it was found, and as it is known
        with client.stream("GET", "/static/app.css", headers={"accept-encoding": accepted}) as answer:
            body = b"".join(answer.iter_raw()).decode()
        assert body == ("a {}" if expected is None else f"<{expected}>")
        assert answer.headers.get("content-encoding") == expected
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-length"] == str(len(body))


def test_each_variant_has_a_tag_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "a.js", "x")
    write(tmp_path / "a.js.gz", "y")
    client = client_of(tmp_path)
    plain = client.get("/static/a.js", headers={"accept-encoding": "identity"}).headers["etag"]
    packed = client.head("/static/a.js", headers={"accept-encoding": "gzip"}).headers["etag"]
    assert plain != packed
    for tag, coding, status in [(packed, "gzip", 304), (plain, "gzip", 200), (plain, "identity", 304)]:
        headers = {"accept-encoding": coding, "if-none-match": tag}
        with client.stream("GET", "/static/a.js", headers=headers) as answer:
            assert answer.status_code == status
        assert answer.headers["vary"] == "Accept-Encoding"


def test_a_variant_that_is_older_than_its_file_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.js", "new")
    write(tmp_path / "a.js.gz", "old", age=10)
    write(tmp_path / "picture.png", "png")
    write(tmp_path / "picture.png.gz", "gz")
    headers = {"accept-encoding": "gzip"}
    for name in ("a.js", "picture.png"):
        answer = client_of(tmp_path).get(f"/static/{name}", headers=headers)
        assert "content-encoding" not in answer.headers
        assert "vary" not in answer.headers
    off = client_of(tmp_path, precompressed=False).get("/static/a.js", headers=headers)
    assert "content-encoding" not in off.headers


@pytest.mark.parametrize(
    ("name", "max_age", "expected"),
    [
        ("app.3f2a1b0c9d8e.css", 0, "public, max-age=31536000, immutable"),
        ("index-BX2k9fQ1.js", 60, "public, max-age=31536000, immutable"),
        ("app.css", 0, "no-cache"),
        ("app.css", 60, "public, max-age=60"),
        ("page.html", 60, "no-cache"),
        ("report.20260131.pdf", 0, "no-cache"),
    ],
)
def test_only_names_with_a_hash_are_kept_for_ever(tmp_path: Path, name: str, max_age: int, expected: str) -> None:
    write(tmp_path / name, "x")
    assert client_of(tmp_path, max_age=max_age).get(f"/static/{name}").headers["cache-control"] == expected


def test_a_manifest_gives_urls_and_makes_them_immutable(tmp_path: Path) -> None:
    write(tmp_path / "css/app.css", "a {}")
    write(tmp_path / "css/app.odd.css", "a {}")
    paths = {"css/app.css": "css/app.odd.css"}
    (tmp_path / "staticfiles.json").write_text(json.dumps({"paths": paths, "version": "1.1", "hash": "x"}))
    client = client_of(tmp_path)
    app: Any = client.app
    assert app.url_path_for("static", path="css/app.css") == "/static/css/app.odd.css"
    assert app.url_path_for("static", path="/css/app.css?v=1#x") == "/static/css/app.odd.css?v=1#x"
    assert app.url_path_for("static", path="css/") == "/static/css/"
    assert "immutable" in client.get("/static/css/app.odd.css").headers["cache-control"]
    assert client.get("/static/css/app.css").headers["cache-control"] == "no-cache"
    assert client.get("/static/staticfiles.json").status_code == 404
    with pytest.raises(UnknownStaticFileError, match=r'Did you mean "css/app\.css"'):
        app.url_path_for("static", path="css/ap.css")
    plain: Any = client_of(tmp_path, manifest=False).app
    assert plain.url_path_for("static", path="css/app.css") == "/static/css/app.css"
    other: Any = client_of(tmp_path, manifest=tmp_path / "staticfiles.json").app
    assert other.url_path_for("static", path="css/app.css") == "/static/css/app.odd.css"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"paths": 3, "version": "1.1"}', '{"paths": {}, "version": "9"}'])
def test_a_file_that_is_no_manifest_is_refused_at_once(tmp_path: Path, content: str) -> None:
    (tmp_path / "staticfiles.json").write_text(content)
    with pytest.raises(RuntimeError, match="is no manifest"):
        StaticFiles(directory=tmp_path)
    with pytest.raises(ValueError, match="is no manifest"):
        Manifest.load(tmp_path / "staticfiles.json")


def test_a_manifest_that_must_be_there_is_missed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"no manifest at .*collectstatic"):
        StaticFiles(directory=tmp_path, manifest=True)
    with pytest.raises(RuntimeError, match="cannot be read"):
        StaticFiles(directory=tmp_path, manifest=tmp_path / "other.json")
    with pytest.raises(ValueError, match="max_age"):
        StaticFiles(directory=tmp_path, max_age=-1)


def test_the_first_of_several_directories_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "two/a.txt", "two")
    write(tmp_path / "two/b.txt", "two")
    write(tmp_path / "one/b.txt", "one")
    client = client_of(tmp_path / "one", tmp_path / "two")
    assert (client.get("/static/a.txt").text, client.get("/static/b.txt").text) == ("two", "one")
    # One that appears in front of another is seen when the question is asked again.
    write(tmp_path / "one/a.txt", "one")
    monkeypatch.setattr(found_module, "ASK_AGAIN", -1.0)
    assert client.get("/static/a.txt").text == "one"
    with pytest.raises(RuntimeError, match="three' does not exist"):
        StaticFiles(directory=[tmp_path / "one", tmp_path / "three"])


def test_hidden_files_are_only_served_on_demand(tmp_path: Path) -> None:
    for name in (".env", ".git/config", "a/.htpasswd", ".well-known/security.txt", "..a", "a\\b"):
        write(tmp_path / name, "secret")
    for app, seen in [(client_of(tmp_path), 404), (client_of(tmp_path, dot_files=True), 200)]:
        for name in (".env", ".git/config", "a/.htpasswd", "..a"):
            assert app.get(f"/static/{name}").status_code == seen
        assert app.get("/static/.well-known/security.txt").status_code == 200
        assert app.get("/static/a%5Cb").status_code == 404


def test_an_application_of_one_page_gets_its_page(tmp_path: Path) -> None:
    write(tmp_path / "index.html", "<app>")
    client = client_of(tmp_path, fallback="index.html")
    page = client.get("/static/orders/17", headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.text, page.headers["cache-control"]) == (200, "<app>", "no-cache")
    assert client.get("/static/app.js", headers={"accept": "*/*"}).status_code == 404
    assert (
        client_of(tmp_path, fallback="gone.html").get("/static/x", headers={"accept": "text/html"}).status_code == 404
    )


def test_a_page_is_found_again_and_a_missing_one_is_the_404_page(tmp_path: Path) -> None:
    write(tmp_path / "docs/index.html", "<docs>")
    write(tmp_path / "404.html", "<missing>")
    client = client_of(tmp_path, html=True)
    for _ in range(2):
        assert client.get("/static/docs/").text == "<docs>"
        missing = client.get("/static/nope/", headers={"if-modified-since": "Fri, 31 Dec 2100 00:00:00 GMT"})
        assert (missing.status_code, missing.text) == (404, "<missing>")
    known = client.get("/static/docs/").headers["etag"]
    assert client.get("/static/docs/", headers={"if-none-match": known}).status_code == 304


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_file_that_changes_is_sent_as_it_is_now(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "a.txt", "a" * size)
    client = client_of(tmp_path)
    before = client.get("/static/a.txt")
    assert client.get("/static/a.txt").text == before.text == "a" * size
    write(path, "b" * size, age=-5)
    after = client.get("/static/a.txt")
    assert (after.text, after.headers["etag"] != before.headers["etag"]) == ("b" * size, True)
    path.unlink()
    assert client.get("/static/a.txt").status_code == 404


def test_a_part_and_a_head_of_what_is_kept_in_memory(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "0123456789")
    client = client_of(tmp_path)
    for _ in range(2):
        part = client.get("/static/a.txt", headers={"range": "bytes=2-4"})
        assert (part.status_code, part.text, part.headers["content-range"]) == (206, "234", "bytes 2-4/10")
        head = client.head("/static/a.txt")
        assert (head.content, head.headers["content-length"]) == (b"", "10")
        assert client.get("/static/a.txt", headers={"if-match": '"other"'}).status_code == 412
        assert client.get("/static/a.txt", headers={"range": "bytes=20-"}).status_code == 416


@pytest.mark.parametrize("size", [10, 200_000])
async def test_a_path_that_is_turned_elsewhere_after_it_was_checked_is_not_followed(tmp_path: Path, size: int) -> None:
    write(tmp_path / "secret/a.txt", "s" * size)
    path = write(tmp_path / "site/folder/a.txt", "p" * size)
    app = StaticFiles(directory=tmp_path / "site")
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/folder/a.txt", "headers": []}
    os.utime(path)  # changed a moment ago: its content is not kept
    response = await app.get_response("folder/a.txt", scope)
    (tmp_path / "site/folder").rename(tmp_path / "site/before")
    (tmp_path / "site/folder").symlink_to(tmp_path / "secret")
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        await response(scope, receive, send)
    assert sent == []


def test_contents_are_kept_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_module, "MOST_CONTENT", 25)
    app = StaticFiles(directory=tmp_path)
    client = TestClient(app)
    for number in range(5):
        write(tmp_path / f"{number}.txt", "0123456789")
        assert client.get(f"/{number}.txt").text == "0123456789"
    known = app._known
    assert (list(known._choices), known._content_size) == (["3.txt", "4.txt"], 20)


def test_an_overridden_look_up_is_asked_each_time(tmp_path: Path) -> None:
    asked: list[str] = []

    class Watched(StaticFiles):
        def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
            asked.append(path)
            return super().lookup_path(path)

    write(tmp_path / "a.png", "x")
    client = TestClient(Watched(directory=tmp_path))
    assert [client.get("/a.png").text, client.get("/a.png").text] == ["x", "x"]
    assert asked == ["a.png", "a.png"]


def test_a_subclass_may_answer_itself(tmp_path: Path) -> None:
    class Guarded(StaticFiles):
        def file_response(self, full_path: Any, stat_result: Any, scope: Any, status_code: int = 200) -> Any:
            response = super().file_response(full_path, stat_result, scope, status_code)
            response.headers["x-guarded"] = "1"
            return response

        def cache_control(self, name: str, media_type: str) -> str:
            return f"private; {name}; {media_type}"

    write(tmp_path / "a.txt", "x")
    client = TestClient(Guarded(directory=tmp_path))
    for _ in range(2):
        answer = client.get("/a.txt")
        assert (answer.headers["x-guarded"], answer.headers["cache-control"]) == ("1", "private; a.txt; text/plain")
