from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.exceptions import HTTPException
from vivace.web.responses import PlainTextResponse
from vivace.web.staticfiles import StaticFiles
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory to serve, with secrets around it."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "site-private").mkdir()
    (tmp_path / "site-private" / "secret.txt").write_text("secret")
    site = tmp_path / "site"
    (site / "docs").mkdir(parents=True)
    (site / "empty").mkdir()
    (site / "style.css").write_text("body {}")
    (site / "docs" / "index.html").write_text("<h1>docs</h1>")
    (site / "docs" / "ü b.txt").write_text("name")
    (site / "link.txt").symlink_to(tmp_path / "secret.txt")
    (site / "inner.txt").symlink_to("style.css")
    (site / "out").symlink_to(tmp_path)
    (site / "loop").symlink_to("loop")
    return site


def with_errors(app: ASGIApp) -> ASGIApp:
    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except HTTPException as error:
            await PlainTextResponse(error.detail, error.status_code, error.headers)(scope, receive, send)

    return answering


async def status_of(app: ASGIApp, path: str, method: str = "GET", **changes: Any) -> tuple[int, bytes]:
    """The answer to a path exactly as it stands in the scope, which no HTTP client would send so."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", **changes}
    await with_errors(app)(scope, receive, send)
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:])


async def test_a_file_is_served_with_its_type(client_for: ClientFor, site: Path) -> None:
    async with client_for(with_errors(StaticFiles(directory=site))) as client:
        answer = await client.get("/style.css")
        assert (answer.text, answer.headers["content-type"]) == ("body {}", "text/css; charset=utf-8")
        head = await client.head("/style.css")
        assert (head.content, head.headers) == (b"", answer.headers)
        assert (await client.get("/docs/ü b.txt")).text == "name"
        assert (await client.get("/docs/../style.css")).text == "body {}"
        assert (await client.get("/style.css", headers={"range": "bytes=0-3"})).text == "body"
        for missing in ("/nope", "/docs", "/", "/style.css/below", "/style.css%00", "/" + "x" * 5000):
            assert (await client.get(missing)).status_code == 404


async def test_other_methods_are_not_allowed(client_for: ClientFor, site: Path) -> None:
    async with client_for(with_errors(StaticFiles(directory=site))) as client:
        answer = await client.post("/style.css")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_file_that_the_client_has_is_not_sent_again(client_for: ClientFor, site: Path) -> None:
    async with client_for(with_errors(StaticFiles(directory=site))) as client:
        known = (await client.get("/style.css")).headers
        for condition in ({"if-none-match": "W/" + known["etag"]}, {"if-modified-since": known["last-modified"]}):
            answer = await client.get("/style.css", headers=condition)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", known["etag"])
            assert "content-length" not in answer.headers
        answer = await client.get(
            "/style.css", headers={"if-none-match": '"x"', "if-modified-since": known["last-modified"]}
        )
        assert answer.status_code == 200


HOSTILE = [
    "/../secret.txt",
    "/..",
    "/docs/../../secret.txt",
    "//etc/passwd",
    "/./../secret.txt",
    "/../site-private/secret.txt",
    "/link.txt",
    "/out/secret.txt",
    "/out/site-private/secret.txt",
    "/loop",
    "/loop/x",
    "/style.css\0",
    "/\0",
    "/\ud800",
    "/..\\secret.txt",
    "/\\..\\secret.txt",
    "/~root",
    "",
    "/",
]


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("html", [False, True])
async def test_a_path_never_leaves_the_directory(site: Path, path: str, html: bool) -> None:
    status, body = await status_of(StaticFiles(directory=site, html=html), path)
    assert (status, b"secret" in body) == (404, False)


async def test_links_inside_are_followed_and_links_outside_only_on_demand(site: Path) -> None:
    assert await status_of(StaticFiles(directory=site), "/inner.txt") == (200, b"body {}")
    following = StaticFiles(directory=site, follow_symlink=True)
    assert await status_of(following, "/link.txt") == (200, b"secret")
    assert (await status_of(following, "/../secret.txt"))[0] == 404
    assert (await status_of(following, "/loop"))[0] == 404


async def test_the_directory_itself_may_be_a_link(site: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(site)
    app = StaticFiles(directory=tmp_path / "current")
    assert await status_of(app, "/style.css") == (200, b"body {}")


async def test_absolute_paths_are_not_looked_up(site: Path) -> None:
    assert StaticFiles(directory=site).lookup_path(str(site / "style.css")) == ("", None)


async def test_a_mounted_site_sees_the_path_below_its_root(site: Path) -> None:
    app = StaticFiles(directory=site)
    assert await status_of(app, "/static/style.css", root_path="/static") == (200, b"body {}")
    assert (await status_of(app, "/static", root_path="/static"))[0] == 404


async def test_html_mode_serves_pages(client_for: ClientFor, site: Path) -> None:
    async with client_for(with_errors(StaticFiles(directory=site, html=True))) as client:
        assert (await client.get("/docs/")).text == "<h1>docs</h1>"
        answer = await client.get("/docs?a=1")
        assert (answer.status_code, answer.headers["location"]) == (307, "http://testserver/docs/?a=1")
        assert (await client.get("/empty/")).status_code == 404
        (site / "404.html").write_text("not here")
        for missing in ("/nope", "/empty/"):
            answer = await client.get(missing, headers={"range": "bytes=0-0"})
            assert (answer.status_code, answer.text) == (404, "not here")


async def test_packages_bring_their_statics(
    client_for: ClientFor, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "vivace_test_package"
    for folder in ("statics", "other"):
        (package / folder).mkdir(parents=True)
        (package / folder / f"{folder}.txt").write_text(folder)
    (package / "statics" / "style.css").write_text("overridden")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    app = StaticFiles(directory=site, packages=[package.name, (package.name, "other")])
    assert await status_of(app, "/statics.txt") == (200, b"statics")
    assert await status_of(app, "/other.txt") == (200, b"other")
    assert await status_of(app, "/style.css") == (200, b"body {}")
    assert await status_of(StaticFiles(packages=[package.name]), "/style.css") == (200, b"overridden")
    with pytest.raises(RuntimeError, match="'missing' in package 'vivace_test_package' could not be found"):
        StaticFiles(packages=[(package.name, "missing")])
    with pytest.raises(RuntimeError, match="Package 'no_such_package_xyz' could not be found"):
        StaticFiles(packages=["no_such_package_xyz"])


async def test_a_directory_that_does_not_exist_is_loud(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="does not exist"):
        StaticFiles(directory=tmp_path / "nope")
    late = StaticFiles(directory=tmp_path / "nope", check_dir=False)
    with pytest.raises(RuntimeError, match="does not exist"):
        await status_of(late, "/x")
    (tmp_path / "nope").write_text("a file")
    with pytest.raises(RuntimeError, match="is not a directory"):
        await status_of(late, "/x")


async def test_a_file_that_may_not_be_read_is_forbidden(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: str) -> Any:
        raise PermissionError(13, "no")

    app = StaticFiles(directory=site)
    monkeypatch.setattr(app, "lookup_path", forbidden)  # root may read everything, and tests may be root
    assert (await status_of(app, "/style.css"))[0] == 403


async def test_a_failing_disk_is_not_hidden(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str) -> Any:
        raise OSError(5, "input/output error")

    app = StaticFiles(directory=site)
    monkeypatch.setattr(app, "lookup_path", broken)
    with pytest.raises(OSError, match="input/output"):
        await status_of(app, "/style.css")


async def test_what_is_neither_file_nor_directory_is_not_served(site: Path) -> None:
    os.mkfifo(site / "pipe")
    assert (await status_of(StaticFiles(directory=site, html=True), "/pipe"))[0] == 404


async def test_a_websocket_is_refused(site: Path) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    await StaticFiles(directory=site)({"type": "websocket", "path": "/style.css"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.fixture(scope="module")
def lasting_site() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    (folder / "site").mkdir()
    (folder / "site" / "a").write_text("public")
    (folder / "b").write_text("secret")
    yield folder / "site"
    shutil.rmtree(folder)


@given(
    path=st.lists(st.sampled_from(["a", "b", "..", ".", "", "/", "\\", "\0", "site", "%2e%2e"]) | st.text(max_size=3))
)
def test_any_path_is_answered_and_none_escapes(lasting_site: Path, path: list[str]) -> None:
    for html in (False, True):
        app = StaticFiles(directory=lasting_site, html=html)
        status, body = anyio.run(status_of, app, "/" + "/".join(path))
        assert (status, body) in ((200, b"public"), (404, b"Not Found"))
