from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivace.web.applications import Application
from vivace.web.datastructures import FormData, Headers, UploadFile
from vivace.web.endpoints import HTTPEndpoint
from vivace.web.exceptions import HTTPException
from vivace.web.formparsers import FormMessage, FormParser, MultiPartException, MultiPartParser, parse_media_type
from vivace.web.requests import Request
from vivace.web.responses import Response, StreamingResponse
from vivace.web.routing import Route
from vivace.web.types import ASGIApp

pytestmark = pytest.mark.anyio

MULTIPART = Headers({"content-type": "multipart/form-data; boundary=b"})
URLENCODED = Headers({"content-type": "application/x-www-form-urlencoded"})


async def stream(*chunks: bytes) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk


def pieces(body: bytes, size: int) -> Iterable[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def part(disposition: str, data: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["--b", f"Content-Disposition: form-data; {disposition}", *headers])
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


async def parse_multipart(body: bytes, size: int = 65536, headers: Headers = MULTIPART, **limits: Any) -> FormData:
    return await MultiPartParser(headers, stream(*pieces(body, size)), **limits).parse()


async def parse_urlencoded(body: bytes, size: int = 65536, **limits: Any) -> FormData:
    return await FormParser(URLENCODED, stream(*pieces(body, size)), **limits).parse()


@pytest.mark.parametrize("size", [1, 2, 7, 65536])
async def test_an_urlencoded_form_is_read_however_it_is_cut(size: int) -> None:
    form = await parse_urlencoded(b"a=1&&b=x+%C3%BC&a=2&empty=&alone&%ff=\xff&&", size)
    assert form.multi_items() == [
        ("a", "1"),
        ("b", "x ü"),
        ("a", "2"),
        ("empty", ""),
        ("alone", ""),
        ("\ufffd", "\ufffd"),
    ]


async def test_urlencoded_limits_are_kept() -> None:
    assert len(await parse_urlencoded(b"a=1&b=2", max_fields=2)) == 2
    with pytest.raises(MultiPartException, match="Maximum number of fields is 2"):
        await parse_urlencoded(b"a=1&b=2&c", max_fields=2)
    assert (await parse_urlencoded(b"a=" + b"x" * 1023, max_part_size=1024))["a"] == "x" * 1023
    for size in (100, 65536):
        with pytest.raises(MultiPartException, match="Field exceeded maximum size of 1KB"):
            await parse_urlencoded(b"a=" + b"x" * 1024, size, max_part_size=1024)


@pytest.mark.parametrize("size", [1, 5, 64, 65536])
async def test_a_multipart_form_is_read_however_it_is_cut(size: int) -> None:
    body = multipart(
        part('name="text"', "ü\r\n--not the end".encode()),
        part('name="file"; filename="a.txt"', b"<file>\r\n" * 10, "Content-Type: text/plain", "X-Extra: 1"),
        part('name="text"', b""),
        part('name="none"; filename=""', b"", "Content-Type: application/octet-stream"),
    )
    form = await parse_multipart(body, size)
    assert form.getlist("text") == ["ü\r\n--not the end", ""]
    file = form["file"]
    assert isinstance(file, UploadFile)
    assert (file.filename, file.content_type, file.size) == ("a.txt", "text/plain", 80)
    assert file.headers["x-extra"] == "1"
    assert await file.read() == b"<file>\r\n" * 10
    empty = form["none"]
    assert isinstance(empty, UploadFile)
    assert (empty.filename, empty.size) == ("", 0)
    await form.close()


async def test_a_large_file_goes_to_disk_with_one_write_a_chunk() -> None:
    class Parser(MultiPartParser):
        spool_max_size = 1000

    # Every CR could begin a boundary, so the parser hands this over in hundreds of pieces.
    data = b"\r\n-x" * 1000
    body = multipart(part('name="file"; filename="big"', data))
    form = await Parser(MULTIPART, stream(*pieces(body, 512))).parse()
    file = form["file"]
    assert isinstance(file, UploadFile)
    assert not file._in_memory
    assert (file.size, await file.read()) == (4000, data)
    await form.close()


async def test_multipart_limits_are_kept() -> None:
    fields = multipart(part('name="a"', b"1"), part('name="b"', b"2"))
    files = multipart(part('name="a"; filename="1"', b"1"), part('name="b"; filename="2"', b"2"))
    assert len(await parse_multipart(fields, max_fields=2, max_files=0)) == 2
    with pytest.raises(MultiPartException, match="Maximum number of fields is 1"):
        await parse_multipart(fields, max_fields=1)
    with pytest.raises(MultiPartException, match="Maximum number of files is 1"):
        await parse_multipart(files, max_files=1)
    large = multipart(part('name="a"', b"x" * 1025))
    with pytest.raises(MultiPartException, match="Part exceeded maximum size of 1KB"):
        await parse_multipart(large, max_part_size=1024)
    form = await parse_multipart(multipart(part('name="a"; filename="1"', b"x" * 1025)), max_part_size=1024)
    assert len(form) == 1
    await form.close()


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"", "multipart/form-data", "Missing boundary"),
        (b"", "multipart/form-data; boundary=" + "x" * 1000, "Invalid multipart data"),
        (b"nonsense", "multipart/form-data; boundary=b", "Invalid multipart data"),
        (b"--b\r\nbroken header\r\n\r\n", "multipart/form-data; boundary=b", "Invalid multipart data"),
        (part("", b"x"), "multipart/form-data; boundary=b", '"name" must be provided'),
        (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", '"name" must be provided'),
    ],
)
async def test_a_broken_form_is_a_400_that_says_why(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(MultiPartException, match=message) as caught:
        await parse_multipart(body, headers=Headers({"content-type": content_type}))
    assert isinstance(caught.value, HTTPException)
    assert (caught.value.status_code, caught.value.detail) == (400, caught.value.message)


@pytest.mark.parametrize("headers", [["X: " + "y" * 100_000], ["X: y"] * 1000])
async def test_the_headers_of_a_part_are_limited(headers: list[str]) -> None:
    with pytest.raises(MultiPartException, match="Invalid multipart data"):
        await parse_multipart(multipart(part('name="a"', b"x", *headers)))


async def test_no_file_stays_open_when_the_form_breaks_or_the_client_leaves(tmp_path: Path) -> None:
    class Parser(MultiPartParser):
        spool_max_size = 1

    class Left(Exception):
        pass

    async def leaving() -> AsyncGenerator[bytes, None]:
        yield part('name="a"; filename="1"', b"x" * 100)
        raise Left

    parser = Parser(MULTIPART, leaving())
    with pytest.raises(Left):
        await parser.parse()
    assert [file.file.closed for file in parser._spool.files] == [True]
    del parser
    gc.collect()  # a file left open would warn, and warnings are errors


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("utf-8", "ężć".encode(), "ężć"),
        ("utf-8", b"\xe9", "é"),
        ("iso-8859-2", "ę".encode("iso-8859-2"), "ę"),
        ("no-such", b"\xe9", "é"),
        ("base64", b"\xe9", "é"),
        ("idna", b"xn--\xe9", "xn--é"),
        ("\0", b"\xe9", "é"),
    ],
)
async def test_text_is_decoded_or_at_least_kept(charset: str, data: bytes, text: str) -> None:
    headers = Headers(raw=[(b"content-type", f"multipart/form-data; charset={charset}; boundary=b".encode())])
    form = await parse_multipart(multipart(part('name="a"', data)), headers=headers)
    assert form["a"] == text


def test_a_media_type_is_read_with_its_parameters() -> None:
    assert parse_media_type("Multipart/Form-Data; boundary=x") == ("multipart/form-data", {b"boundary": b"x"})
    assert parse_media_type("") == ("", {})


@given(st.text())
def test_any_text_is_asked_for_its_media_type(value: str) -> None:
    media_type, parameters = parse_media_type(value)
    assert isinstance(media_type, str)
    assert isinstance(parameters, dict)


fragments = st.lists(
    st.sampled_from(
        [
            b"--b\r\n",
            b"--b--\r\n",
            b"--b",
            b"\r\n",
            b'Content-Disposition: form-data; name="a"\r\n',
            b'Content-Disposition: form-data; name="a"; filename="f"\r\n',
            b"Content-Disposition: form-data; name*=utf-8''%ff; filename*=x'y\r\n",
            b"Content-Type: text/plain; charset=x\r\n",
            b"data",
            b"\0",
            b": ",
        ]
    )
    | st.binary(max_size=8)
).map(b"".join)


def test_any_bytes_are_a_form_or_a_400() -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=300, deadline=None)
        @given(
            fragments | st.binary(), st.integers(1, 40), st.sampled_from(["utf-8", "utf-16", "cp037", "unicode_escape"])
        )
        def check(body: bytes, size: int, charset: str) -> None:
            headers = Headers({"content-type": f"multipart/form-data; boundary=b; charset={charset}"})
            with contextlib.suppress(MultiPartException):
                form = runner.run(parse_multipart(body, size, headers, max_fields=3, max_files=3, max_part_size=20))
                runner.run(form.close())
            with contextlib.suppress(MultiPartException):
                runner.run(parse_urlencoded(body, size, max_fields=3, max_part_size=20))

        check()


def test_what_urlencode_writes_is_read_back() -> None:
    with asyncio.Runner() as runner:

        @given(st.lists(st.tuples(st.text(min_size=1), st.text())), st.integers(1, 40))
        def check(pairs: list[tuple[str, str]], size: int) -> None:
            form = runner.run(parse_urlencoded(urlencode(pairs, errors="replace").encode(), size))
            assert [key.encode(errors="replace") for key, _ in form.multi_items()] == [
                key.encode(errors="replace") for key, _ in pairs
            ]

        check()


def test_form_message_warns_of_its_use() -> None:
    with pytest.warns(UserWarning, match="`FormMessage` is deprecated"):
        assert FormMessage(5) is FormMessage.END


# What forms keep in memory and on disk.


def descriptors() -> list[str]:
    """The temporary files that this process holds."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [link for link in links if link.startswith(tempfile.gettempdir())]


def upload(name: str, size: int) -> bytes:
    return part(f'name="{name}"; filename="{name}"', name[:1].encode() * size)


async def test_the_largest_files_go_to_disk_when_memory_is_short() -> None:
    before = len(descriptors())
    body = multipart(upload("a", 100), upload("b", 3000), upload("c", 200), part('name="text"', b"x" * 500))
    form = await parse_multipart(body, 64, max_memory=1200)
    files = {name: value for name, value in form.items() if isinstance(value, UploadFile)}
    assert [name for name, file in files.items() if not file._in_memory] == ["b"]
    assert len(descriptors()) == before + 1
    for name, size in (("a", 100), ("b", 3000), ("c", 200)):
        assert files[name].size == size
        assert await files[name].read() == name.encode() * size
    assert form["text"] == "x" * 500
    await form.close()
    assert len(descriptors()) == before


@pytest.mark.parametrize("size", [10, 1000, 1_000_000])
async def test_every_file_is_whole_wherever_it_ends_up(size: int) -> None:
    contents = {f"{chr(97 + at)}": at * 700 for at in range(12)}
    body = multipart(*(upload(name, length) for name, length in contents.items()))
    form = await parse_multipart(body, size, max_memory=9000)
    for name, length in contents.items():
        file = form[name]
        assert isinstance(file, UploadFile)
        assert (file.size, await file.read()) == (length, name.encode() * length)
    await form.close()


async def test_what_has_to_stay_in_memory_is_limited_in_all() -> None:
    fields = multipart(*(part(f'name="{at}"', b"x" * 500) for at in range(10)))
    with pytest.raises(MultiPartException, match="Form exceeded maximum memory of 2KB") as caught:
        await parse_multipart(fields, max_memory=2048)
    assert caught.value.status_code == 413
    # The headers of many small parts are memory too.
    with pytest.raises(MultiPartException, match="maximum memory of 1000 bytes"):
        await parse_multipart(multipart(*(upload(str(at), 0) for at in range(30))), max_memory=1000)
    with pytest.raises(MultiPartException, match="maximum memory"):
        await parse_urlencoded(b"a=1&" * 500, max_memory=1000)
    assert len(await parse_multipart(fields, max_memory=10_000)) == 10


async def test_files_and_bodies_are_limited() -> None:
    before = len(descriptors())
    for size in (64, 10_000_000):
        with pytest.raises(MultiPartException, match="File exceeded maximum size of 2048KB") as caught:
            await parse_multipart(multipart(upload("a", 3 << 20)), size, max_file_size=2 << 20)
        assert caught.value.status_code == 413
        with pytest.raises(MultiPartException, match="Form exceeded maximum size of 2048KB") as caught:
            await parse_multipart(multipart(upload("a", 3 << 20)), size, max_size=2 << 20)
        assert caught.value.status_code == 413
    with pytest.raises(MultiPartException, match="Form exceeded maximum size of 10 bytes"):
        await parse_urlencoded(b"a=1&b=2&c=3", max_size=10)
    assert len(descriptors()) == before


async def test_only_worker_threads_touch_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[tuple[str, int]] = []

    class Watched(tempfile.SpooledTemporaryFile[bytes]):
        def rollover(self) -> None:
            threads.append(("rollover", threading.get_ident()))
            super().rollover()

        def write(self, data: Any) -> int:
            if self._rolled:  # type: ignore[attr-defined]
                threads.append(("write", threading.get_ident()))
            return super().write(data)

        def seek(self, *arguments: Any) -> int:
            if self._rolled:  # type: ignore[attr-defined]
                threads.append(("seek", threading.get_ident()))
            return super().seek(*arguments)

    monkeypatch.setattr("vivace.web.formparsers.SpooledTemporaryFile", Watched)
    form = await parse_multipart(multipart(upload("a", 3 << 20), upload("b", 5000)), max_memory=1 << 20)
    assert {what for what, _ in threads} == {"rollover", "write", "seek"}
    assert threading.get_ident() not in {thread for _, thread in threads}
    await form.close()


async def test_no_descriptor_stays_open_on_any_path(client_for: Callable[[ASGIApp], httpx.AsyncClient]) -> None:
    """Whether the handler closes the form, forgets it, fails, is left by the client or cancelled."""
    kept: list[UploadFile] = []

    async def read(request: Request) -> None:
        form = await request.form()
        file = form["a"]
        assert isinstance(file, UploadFile)
        assert not file._in_memory
        kept.append(file)

    async def forgets(request: Request) -> Response:
        await read(request)

        async def content() -> AsyncGenerator[bytes, None]:
            yield (await kept[-1].read(3))  # the response may still read it

        return StreamingResponse(content())

    async def fails(request: Request) -> Response:
        await read(request)
        raise HTTPException(409)

    class Forgetful(HTTPEndpoint):
        async def post(self, request: Request) -> Response:
            return await forgets(request)

    async def is_cancelled(request: Request) -> Response:
        with anyio.CancelScope() as scope:
            try:
                await read(request)
                scope.cancel()
                await anyio.sleep_forever()
            finally:
                await request.close()
        return Response()

    routes = [Route(f"/{each.__name__}", each, methods=["POST"]) for each in (forgets, fails, is_cancelled)]
    app = Application(routes=[*routes, Route("/endpoint", Forgetful)])
    before = len(descriptors())
    headers = {"content-type": "multipart/form-data; boundary=b"}
    async with client_for(app) as client:
        body = multipart(upload("a", 2 << 20))
        assert (await client.post("/forgets", content=body, headers=headers)).content == b"aaa"
        assert (await client.post("/endpoint", content=body, headers=headers)).content == b"aaa"
        assert (await client.post("/fails", content=body, headers=headers)).status_code == 409
        assert (await client.post("/is_cancelled", content=body, headers=headers)).status_code == 200
        broken = await client.post("/forgets", content=body[:-10], headers=headers)
        assert broken.status_code == 400
    assert [file.file.closed for file in kept] == [True] * 4
    assert len(descriptors()) == before


async def test_a_form_that_is_cancelled_while_it_is_parsed_leaves_nothing() -> None:
    before = len(descriptors())

    async def stuck() -> AsyncGenerator[bytes, None]:
        yield multipart(upload("a", 2 << 20))[:-10]
        assert len(descriptors()) == before + 1
        scope.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        await MultiPartParser(MULTIPART, stuck()).parse()
    assert scope.cancelled_caught
    assert len(descriptors()) == before


async def test_a_disk_that_is_full_is_an_error_and_closes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Full(tempfile.SpooledTemporaryFile[bytes]):
        def rollover(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            closed.append(True)
            super().close()
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vivace.web.formparsers.SpooledTemporaryFile", Full)
    with pytest.raises(OSError, match="No space left"):
        await parse_multipart(multipart(upload("a", 10), upload("b", 2 << 20)))
    assert closed == [True, True]


# What RFC 7578 and RFC 2046 say about odd forms.


async def test_an_encoding_of_the_transfer_is_not_undone() -> None:
    # RFC 7578 4.7: nobody sends it, and what is said of it must not change what a firewall has seen.
    body = multipart(part('name="a"', b"YQ==", "Content-Transfer-Encoding: base64"))
    assert (await parse_multipart(body))["a"] == "YQ=="
    body = multipart(part('name="f"; filename="f"', b"=41", "Content-Transfer-Encoding: quoted-printable"))
    form = await parse_multipart(body)
    file = form["f"]
    assert isinstance(file, UploadFile)
    assert (await file.read(), file.headers["content-transfer-encoding"]) == (b"=41", "quoted-printable")
    await form.close()


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('filename="a.txt"; filename*=utf-8' + "''b.txt", "a.txt"),
        ("filename*=utf-8''b.txt", None),
        ('filename="../../etc/passwd"', "../../etc/passwd"),
        ('filename="a\\"b.txt"', 'a"b.txt'),
        ('filename="a%22b.txt"', "a%22b.txt"),
        ('filename="a;b.txt"', "a;b.txt"),
        ("filename=plain.txt", "plain.txt"),
        ('filename=""', ""),
    ],
)
async def test_a_file_name_is_what_was_sent(disposition: str, filename: str | None) -> None:
    form = await parse_multipart(multipart(part('name="f"; ' + disposition, b"x")))
    value = form["f"]
    assert (value.filename if isinstance(value, UploadFile) else None) == filename
    await form.close()


@pytest.mark.parametrize(
    "body",
    [
        b"preamble\r\n" + part('name="a"', b"1") + b"--b--",
        part('name="a"', b"1") + b"--b-- \t\r\nepilogue\r\n--b\r\nnonsense",
        b"\r\n" + part('name="a"', b"1") + b"--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
        b"--b\r\ncontent-disposition:form-data;name=a\r\n\r\n1\r\n--b--\r\n",
    ],
)
async def test_boundaries_are_those_of_rfc_2046(body: bytes) -> None:
    for size in (1, 2, 65536):
        assert (await parse_multipart(body, size)).multi_items() == [("a", "1")]


async def test_what_only_resembles_the_boundary_is_content() -> None:
    data = b"\r\n--\r\n--bb\r\n--b-x\r\n-b--\r--b\n--b--"
    assert (await parse_multipart(multipart(part('name="a"', data))))["a"] == data.decode()


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=", 'multipart/form-data; boundary=""'])
async def test_a_boundary_is_not_empty(content_type: str) -> None:
    with pytest.raises(MultiPartException, match="Missing boundary"):
        await parse_multipart(b"--\r\n", headers=Headers({"content-type": content_type}))


async def test_the_charset_field_is_for_what_follows() -> None:
    body = multipart(
        part('name="_charset_"', b"iso-8859-2"),
        part('name="a"', "ę".encode("iso-8859-2")),
        part('name="b"', "ę".encode(), "Content-Type: text/plain; charset=utf-8"),
    )
    assert (await parse_multipart(body)).multi_items() == [("_charset_", "iso-8859-2"), ("a", "ę"), ("b", "ę")]
