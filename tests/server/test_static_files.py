"""Files of folders, sent by the server itself: on live servers and real sockets."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from tests.server.certificates import Authority
from tests.server.conftest import Answer, Site, reply
from tests.server.http2_client import http2
from tests.server.protocol.http2_cases import GET
from websockets.asyncio.client import connect

from vivace.server.options.static import Static
from vivace.server.static_files import StaticFiles
from vivace.server.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Site]]

BROWSER = "br;q=1.0, zstd, gzip, deflate"
PAGE = "text/html,application/xhtml+xml,*/*;q=0.8"
LARGE = bytes(range(256)) * 4096  # 1 MiB, more than is read at once


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Has a lifespan, a WebSocket, and a few paths; the rest is 404."""
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["started"] = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"{scope['path']} {scope['state']['started']}"})
        await send({"type": "websocket.close"})
    elif scope["path"].endswith("/missing") or "missing." in scope["path"]:
        await reply(send, b"the application has no such page", 404)
    else:
        await reply(send, f"application {scope['method']} {scope['path']}".encode())


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A folder to serve, with a secret beside it."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "public-private").mkdir()
    (tmp_path / "public-private" / "secret.txt").write_text("secret")
    folder = tmp_path / "public"
    (folder / "docs").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    (folder / ".env").write_text("secret")
    (folder / ".well-known").mkdir()
    (folder / ".well-known" / "security.txt").write_text("Contact: mailto:a@example.org")
    (folder / ".well-known" / ".hidden").write_text("secret")
    (folder / "index.html").write_text("<h1>start</h1>")
    (folder / "docs" / "index.html").write_text("<h1>docs</h1>")
    (folder / "docs" / "ü b.txt").write_text("name")
    (folder / "style.css").write_text("body {}")
    (folder / "none.txt").write_bytes(b"")
    (folder / "large.bin").write_bytes(LARGE)
    (folder / "app.3f2a9c1b.js").write_text("run()")
    return folder


async def get(site: Site, path: str, *fields: str, method: str = "GET") -> Answer:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "host: example.org", *fields, "", ""])
    client = await site.connect(head.encode())
    return await client.answer(to_head=method == "HEAD")


def without_date(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("date", "server")}


async def test_a_file_is_sent_with_all_that_is_known_of_it(live: Live, public: Path) -> None:
    os.utime(public / "style.css", (1_700_000_000, 1_700_000_000))
    async with live(app, static=[f"/static={public}"]) as site:
        answer = await get(site, "/static/style.css?v=1")
        assert (answer.status, answer.body) == (200, b"body {}")
        assert without_date(answer.headers) == {
            "content-type": "text/css; charset=utf-8",
            "content-length": "7",
            "etag": f'"{1_700_000_000 * 10**9:x}-7"',
            "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
            "accept-ranges": "bytes",
            "cache-control": "public, max-age=60",
            "x-content-type-options": "nosniff",
            "vary": "accept-encoding",
        }
        head = await get(site, "/static/style.css", method="HEAD")
        assert head.status == 200
        assert without_date(head.headers) == without_date(answer.headers)
        assert (await get(site, "/static/none.txt")).body == b""
        assert (await get(site, "/static/large.bin")).body == LARGE
        assert (await get(site, "/static/docs/%C3%BC%20b.txt")).body == b"name"


async def test_a_changed_file_is_seen_at_once(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"]) as site:
        before = await get(site, "/static/style.css")
        (public / "style.css").write_text("body { color: red }")
        after = await get(site, "/static/style.css", f"if-none-match: {before.headers['etag']}")
        assert (after.status, after.body) == (200, b"body { color: red }")
        (public / "style.css").unlink()
        assert (await get(site, "/static/style.css")).status == 404


async def test_outside_of_the_mounts_everything_is_the_applications(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"]) as site:
        for path in ("/", "/style.css", "/statics/style.css", "/other"):
            assert (await get(site, path)).body == f"application GET {path}".encode()
        answer = await get(site, "*", method="OPTIONS")
        assert answer.status == 200
        async with connect(f"ws://127.0.0.1:{site.server.port}/static/style.css") as socket:
            assert await socket.recv() == "/static/style.css True"


async def test_the_longest_path_wins(live: Live, public: Path) -> None:
    async with live(app, static=[f"/={public}", f"/docs={public}/empty", f"/deep/er={public}"]) as site:
        assert (await get(site, "/style.css")).body == b"body {}"
        assert (await get(site, "/docs/index.html")).status == 404
        assert (await get(site, "/deep/er/style.css")).body == b"body {}"


async def test_under_the_root_the_application_gets_what_is_no_file(live: Live, public: Path) -> None:
    async with live(app, static=[f"/={public}"]) as site:
        assert (await get(site, "/")).body == b"<h1>start</h1>"
        assert (await get(site, "/books")).body == b"application GET /books"
        assert (await get(site, "/empty/")).body == b"application GET /empty/"
        assert (await get(site, "/", method="DELETE")).body == b"application DELETE /"
        assert (await get(site, "/a%2Fb")).body == b"application GET /a/b"
        # The application's own, too, where a file is refused.
        assert (await get(site, "/.env")).body == b"application GET /.env"
        async with connect(f"ws://127.0.0.1:{site.server.port}/") as socket:
            assert await socket.recv() == "/ True"


async def test_under_a_path_only_files_are_answered_for(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"]) as site:
        missing = await get(site, "/static/no.css")
        assert (missing.status, missing.body) == (404, b"Not Found\n")
        assert missing.headers["cache-control"] == "no-store"
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            refused = await get(site, "/static/style.css", "content-length: 0", method=method)
            assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
        head = await get(site, "/static/no.css", method="HEAD")
        assert (head.status, head.headers["content-length"]) == (404, "10")


async def test_a_folder_is_its_index_behind_a_slash(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"], root_path="/app") as site:
        assert (await get(site, "/static/docs/")).body == b"<h1>docs</h1>"
        for path in ("/static", "/static/docs"):
            answer = await get(site, f"{path}?a=%C3%BC&b")
            assert (answer.status, answer.headers["location"]) == (307, f"/app{path}/?a=%C3%BC&b")
        for path in ("/static/empty", "/static/empty/", "/static/style.css/"):
            assert (await get(site, path)).status == 404


async def test_the_application_at_its_root_path_has_a_start_page(live: Live, public: Path) -> None:
    async with live(app, static=[f"/={public}"], root_path="/app", proxy_strips_root_path=False) as site:
        assert (await get(site, "/app")).headers["location"] == "/app/"
        assert (await get(site, "/app/")).body == b"<h1>start</h1>"


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret.txt", "/%2e%2e/secret.txt", "/docs/../../secret.txt", "/..%2fsecret.txt", "/..%5csecret.txt"),
        *("/../public-private/secret.txt", "//secret.txt", "/docs//index.html", "/./style.css", "/docs%2findex.html"),
        *("/docs%2Findex.html", "/docs\\index.html", "/.env", "/%2eenv", "/.git/config", "/.well-known/.hidden"),
        *("/style.css%00", "/style.css%00.png", "/%ff", "/link.txt", "/out/secret.txt"),
        *("/.well-known", "/" + "a" * 300, "/" + "a/" * 3000, "/circle", "/pipe", "/docs/..", "/..", "/."),
    ],
)
async def test_nothing_else_can_be_had(live: Live, public: Path, path: str) -> None:
    (public / "link.txt").symlink_to(public.parent / "secret.txt")
    (public / "out").symlink_to(public.parent)
    (public / "circle").symlink_to("circle")
    os.mkfifo(public / "pipe")
    async with live(app, static=[f"/static={public}"]) as site:
        # Of NUL the server has had enough before.
        refused = 400 if "%00" in path else 404
        assert (await get(site, f"/static{path}")).status == refused
        assert (await get(site, f"/static{path}", f"accept: {PAGE}")).status == refused


async def test_an_absolute_path_is_none(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"]) as site:
        assert (await get(site, f"/static/{public}/style.css")).status == 404
        assert (await get(site, f"/static//{public}/style.css")).status == 404


async def test_links_may_lead_to_other_files_of_the_folder(live: Live, public: Path) -> None:
    # As Kubernetes mounts the files of a ConfigMap.
    (public / "..data").mkdir()
    (public / "..data" / "config.json").write_text("{}")
    (public / "config.json").symlink_to("..data/config.json")
    current = public.parent / "current"
    current.symlink_to(public)
    async with live(app, static=[f"/static={current}"]) as site:
        assert (await get(site, "/static/config.json")).body == b"{}"
        assert (await get(site, "/static/.well-known/security.txt")).status == 200
        # The next release.
        other = public.parent / "other"
        other.mkdir()
        (other / "style.css").write_text("next")
        assert (await get(site, "/static/style.css")).body == b"body {}"
        current.unlink()
        current.symlink_to(other)
        assert (await get(site, "/static/style.css")).body == b"next"


async def test_a_link_that_is_turned_outwards_is_noticed(live: Live, public: Path) -> None:
    link = public / "link.css"
    link.symlink_to("style.css")
    async with live(app, static=[f"/static={public}"]) as site:
        assert (await get(site, "/static/link.css")).status == 200
        link.unlink()
        link.symlink_to(public.parent / "secret.txt")
        assert (await get(site, "/static/link.css")).status == 404


@pytest.mark.parametrize("prefix", ["", "/static"])
async def test_what_may_not_be_read_is_forbidden(
    live: Live, public: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(app, static=[f"{prefix or '/'}={public}"]) as site:
        assert (await get(site, f"{prefix}/style.css")).status == 200
        # Root, whom tests may run as, may read everything.
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert (await get(site, f"{prefix}/style.css")).status == 200
        (public / "style.css").chmod(0)
        assert (await get(site, f"{prefix}/style.css")).status == 403
        assert (await get(site, f"{prefix}/docs")).status == 403


@pytest.mark.parametrize(
    ("name", "cached"),
    [
        ("app.3f2a9c1b.js", True),
        ("app.3f2a9c1b.js.map", True),
        ("base.27e20196a850.css", True),
        ("index-BX2k9fQ1.css", True),
        ("5d41402abc4b2a76b9719d911017c592.png", True),
        ("style.css", False),
        ("jquery-3.7.1.min.js", False),
        ("report-20240131.pdf", False),
        ("my-document.css", False),
        ("app-Version2.js", False),
        ("login-e2e-Test.js", False),
        ("facade.css", False),
    ],
)
async def test_names_that_change_with_the_content_are_kept_for_good(
    live: Live, public: Path, name: str, cached: bool
) -> None:
    (public / name).write_text("x")
    async with live(app, static=[f"/static={public}"], static_max_age=5) as site:
        said = (await get(site, f"/static/{name}")).headers["cache-control"]
        assert said == ("public, max-age=31536000, immutable" if cached else "public, max-age=5")


async def test_pages_are_asked_for_again(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"], static_max_age=0) as site:
        assert (await get(site, "/static/")).headers["cache-control"] == "no-cache"
        assert (await get(site, "/static/style.css")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (BROWSER, "br"),
        ("zstd, gzip", "zstd"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("br;q=0, *", "zstd"),
        ("identity;q=1, *;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("deflate", None),
        ("br;q=nonsense", None),
        ("", None),
    ],
)
async def test_a_compressed_file_is_sent_to_those_who_take_it(
    live: Live, public: Path, accepted: str, coding: str | None
) -> None:
    for ending in ("br", "zst", "gz"):
        (public / f"style.css.{ending}").write_text(f"in {ending}")
    body = {"br": b"in br", "zstd": b"in zst", "gzip": b"in gz", None: b"body {}"}[coding]
    async with live(app, static=[f"/static={public}"]) as site:
        answer = await get(site, "/static/style.css", f"accept-encoding: {accepted}")
        assert (answer.body, answer.headers.get("content-encoding")) == (body, coding)
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers["vary"] == "accept-encoding"
        plain = await get(site, "/static/style.css")
        assert (plain.headers["etag"] == answer.headers["etag"]) is (coding is None)
        again = await get(
            site,
            "/static/style.css",
            f"accept-encoding: {accepted}",
            f"if-none-match: {answer.headers['etag']}",
        )
        assert (again.status, again.headers["vary"]) == (304, "accept-encoding")


async def test_what_has_no_compressed_file_is_sent_as_it_is(live: Live, public: Path) -> None:
    (public / "photo.png").write_bytes(b"png")
    (public / "photo.png.br").write_bytes(b"larger")
    (public / "style.css.br").mkdir()
    (public / "style.css.gz").write_bytes(b"packed")
    (public / "page.html.gz").symlink_to(public.parent / "secret.txt")
    (public / "page.html").write_text("page")
    async with live(app, static=[f"/static={public}"]) as site:
        photo = await get(site, "/static/photo.png", f"accept-encoding: {BROWSER}")
        assert photo.body == b"png"
        assert "vary" not in photo.headers
        assert (await get(site, "/static/style.css", f"accept-encoding: {BROWSER}")).body == b"packed"
        assert (await get(site, "/static/page.html", f"accept-encoding: {BROWSER}")).body == b"page"
        packed = await get(site, "/static/style.css.gz", f"accept-encoding: {BROWSER}")
        assert packed.headers["content-type"] == "application/gzip"
        assert "content-encoding" not in packed.headers


async def test_conditions_are_kept(live: Live, public: Path) -> None:
    path, day = public / "style.css", 86400
    os.utime(path, (1_700_000_000, 1_700_000_000))
    now, before = (formatdate(1_700_000_000 + days * day, usegmt=True) for days in (0, -1))
    async with live(app, static=[f"/static={public}"]) as site:
        etag = (await get(site, "/static/style.css")).headers["etag"]
        for fields, status in (
            ([f"if-none-match: {etag}"], 304),
            ([f'if-none-match: "other", W/{etag}'], 304),
            (['if-none-match: "other"', f"if-none-match: {etag}"], 304),
            (["if-none-match: *"], 304),
            (['if-none-match: "other"', f"if-modified-since: {now}"], 200),
            ([f"if-modified-since: {now}"], 304),
            ([f"if-modified-since: {before}"], 200),
            (["if-modified-since: nonsense"], 200),
            ([f"if-match: {etag}"], 200),
            (['if-match: "other"'], 412),
            ([f"if-unmodified-since: {now}"], 200),
            ([f"if-unmodified-since: {before}"], 412),
        ):
            for method in ("GET", "HEAD"):
                answer = await get(site, "/static/style.css", *fields, method=method)
                assert answer.status == status, (fields, method)
        unchanged = await get(site, "/static/style.css", f"if-none-match: {etag}")
        assert without_date(unchanged.headers) == {
            "etag": etag,
            "cache-control": "public, max-age=60",
            "vary": "accept-encoding",
        }


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1000000-", 1_000_000, len(LARGE)),
        ("bytes=-500", len(LARGE) - 500, len(LARGE)),
        ("bytes=5-99999999", 5, len(LARGE)),
        ("bytes=5-9,8-20", 5, 21),
    ],
)
async def test_a_range_is_sent(live: Live, public: Path, wanted: str, start: int, end: int) -> None:
    async with live(app, static=[f"/static={public}"]) as site:
        answer = await get(site, "/static/large.bin", f"range: {wanted}")
        assert (answer.status, answer.body) == (206, LARGE[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"
        assert answer.headers["content-type"] == "application/octet-stream"
        head = await get(site, "/static/large.bin", f"range: {wanted}", method="HEAD")
        assert (head.status, head.headers["content-length"]) == (200, str(len(LARGE)))


async def test_several_ranges_are_parts(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"]) as site:
        answer = await get(site, "/static/large.bin", "range: bytes=0-4,-3")
        assert answer.status == 206
        boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
        size = len(LARGE)

        def part(start: int, end: int) -> bytes:
            head = f"--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            head += f"Content-Range: bytes {start}-{end - 1}/{size}\r\n\r\n"
            return head.encode() + LARGE[start:end] + b"\r\n"

        assert answer.body == part(0, 5) + part(size - 3, size) + f"--{boundary}--".encode()


async def test_ranges_that_cannot_be(live: Live, public: Path) -> None:
    async with live(app, static=[f"/static={public}"]) as site:
        answer = await get(site, "/static/large.bin", "range: bytes=9999999-")
        assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(LARGE)}")
        assert (await get(site, "/static/none.txt", "range: bytes=0-")).status == 416
        for ignored in ("lines=1-2", "bytes=x", "bytes", "bytes=4-2"):
            assert (await get(site, "/static/style.css", f"range: {ignored}")).body == b"body {}"


async def test_a_range_belongs_to_the_rest_of_the_same_file(live: Live, public: Path) -> None:
    (public / "style.css.gz").write_bytes(b"packed")
    async with live(app, static=[f"/static={public}"]) as site:
        whole = await get(site, "/static/style.css")
        for condition, status in (
            (whole.headers["etag"], 206),
            (whole.headers["last-modified"], 206),
            ('"other"', 200),
            (f"W/{whole.headers['etag']}", 200),
            ("Tue, 14 Nov 2023 22:13:20 GMT", 200),
        ):
            answer = await get(site, "/static/style.css", "range: bytes=0-3", f"if-range: {condition}")
            assert answer.status == status, condition
        packed = await get(site, "/static/style.css", "range: bytes=0-3", "accept-encoding: gzip")
        assert (packed.status, packed.body, packed.headers["content-encoding"]) == (206, b"pack", "gzip")
        assert packed.headers["content-range"] == "bytes 0-3/6"


async def test_the_fallback_is_for_pages_that_nobody_else_has(live: Live, public: Path) -> None:
    async with live(app, static=[f"/={public}", f"/assets={public}/empty"], static_fallback="index.html") as site:
        for method in ("GET", "HEAD"):
            page = await get(site, "/books/missing", f"accept: {PAGE}", method=method)
            assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert page.headers["content-length"] == "14"
        again = await get(site, "/books/missing", f"accept: {PAGE}", f"if-none-match: {page.headers['etag']}")
        assert again.status == 304
        # The application's pages, its answers to scripts, and files.
        assert (await get(site, "/books", f"accept: {PAGE}")).body == b"application GET /books"
        assert (await get(site, "/api/missing", "accept: application/json")).status == 404
        assert (await get(site, "/missing.js", "accept: */*")).status == 404
        assert (await get(site, "/books/missing", f"accept: {PAGE}", method="POST")).status == 404
        assert (await get(site, "/assets/missing", f"accept: {PAGE}")).status == 404
        assert (await get(site, "/.missing", f"accept: {PAGE}")).status == 200, "the application's"
        assert (await get(site, "/.well/missing", f"accept: {PAGE}")).status == 404


async def test_under_a_path_the_fallback_is_for_every_page(live: Live, public: Path) -> None:
    async with live(app, static=[f"/shop={public}"], static_fallback="index.html") as site:
        assert (await get(site, "/shop/cart/1", f"accept: {PAGE}")).body == b"<h1>start</h1>"
        assert (await get(site, "/shop/cart/1", "accept: */*")).status == 404
        assert (await get(site, "/shop/.git/config", f"accept: {PAGE}")).status == 404


async def test_http2(live: Live, public: Path) -> None:
    async with live(app, static=[f"/={public}"]) as site:
        client = await http2(site)

        def asked(path: bytes, *fields: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
            return [*GET[:2], (b":path", path), GET[3], *fields]

        whole = await client.ask(1, asked(b"/large.bin"))
        assert (whole.status, whole.body) == (200, LARGE)
        assert whole.headers[b"content-length"] == str(len(LARGE)).encode()
        part = await client.ask(3, asked(b"/large.bin", (b"range", b"bytes=5-600000")))
        assert (part.status, part.body) == (206, LARGE[5:600001])
        same = await client.ask(5, asked(b"/large.bin", (b"if-none-match", whole.headers[b"etag"])))
        assert (same.status, same.body) == (304, b"")
        other = await client.ask(7, asked(b"/books"))
        assert other.body == b"application GET /books"


async def test_tls(live: Live, public: Path, authority: Authority) -> None:
    async with live(app, static=[f"/static={public}"], ssl_certfile=authority.issue()) as site:
        for field, status, body in (("a: b", 200, LARGE), ("range: bytes=7-", 206, LARGE[7:])):
            request = f"GET /static/large.bin HTTP/1.1\r\nhost: example.org\r\n{field}\r\n\r\n".encode()
            answer = await (await site.connect(request, tls=authority.client())).answer()
            assert (answer.status, answer.body) == (status, body)


async def test_a_wsgi_application_may_be_behind(live: Live, public: Path) -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    async with live(wsgi, static=[f"/={public}"]) as site:
        assert (await get(site, "/style.css")).body == b"body {}"
        assert (await get(site, "/books")).body == b"/books"


async def test_a_client_that_leaves_ends_the_transfer(live: Live, public: Path) -> None:
    with (public / "huge.bin").open("wb") as file:
        file.truncate(1 << 30)
    async with live(app, static=[f"/static={public}"]) as site:
        for field in ("a: b", "range: bytes=1-"):
            client = await site.connect(f"GET /static/huge.bin HTTP/1.1\r\nhost: a\r\n{field}\r\n\r\n".encode())
            await client.head()
            client.leave()
        assert (await get(site, "/static/style.css")).status == 200
    assert not [name for name in os.listdir("/proc/self/fd") if _leads_to(name, "huge.bin")]


def _leads_to(descriptor: str, name: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").endswith(name)
    except OSError:
        return False


async def test_without_pathsend_a_file_is_sent_in_pieces(public: Path) -> None:
    files = StaticFiles(app, Static(static=(f"/static={public}",)))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/static/large.bin", "headers": [], "query_string": b""}
    await files(scope, receive, send)
    assert sent[0]["status"] == 200
    assert b"".join(message["body"] for message in sent[1:]) == LARGE
    assert max(len(message["body"]) for message in sent[1:]) < len(LARGE)
