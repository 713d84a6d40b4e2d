from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivace.web.datastructures import FormData, Headers, UploadFile
from vivace.web.exceptions import HTTPException
from vivace.web.formparsers import FormMessage, FormParser, MultiPartException, MultiPartParser, parse_media_type

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
    assert [file.file.closed for file in parser._files] == [True]
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

        @settings(max_examples=300)
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
