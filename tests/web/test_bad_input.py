"""Whatever is sent, the answer is never a 500: each parser, through a whole application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.web.bad_input import METHODS, Pairs, answer, make_application

from vivace.web.applications import Application

# The same inputs every time: what is new is for the fuzzers to find.
same = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Ask = Callable[..., tuple[int, Pairs]]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    return make_application(tmp_path_factory.mktemp("bad-input"))


@pytest.fixture(scope="module")
def ask(application: Application) -> Iterator[Ask]:
    """`ask(method, target, headers, *chunks)` is the status and the headers; any exception is the test's."""
    with asyncio.Runner() as runner:

        def run(*arguments: Any) -> tuple[int, Pairs]:
            status, headers = runner.run(answer(application, *arguments))
            assert status < 500
            return status, headers

        yield run


def made_of(*pieces: bytes, most: int = 8) -> st.SearchStrategy[bytes]:
    """Bytes that nearly follow a grammar, without what ends a header."""
    noise = st.binary(max_size=3)
    text = st.lists(st.sampled_from(pieces) | noise, max_size=most).map(b"".join)
    return text.map(lambda value: value.translate(None, b"\r\n\0"))


paths = made_of(
    *(
        b"/",
        b"//",
        b"..",
        b"%2e%2e",
        b"%2F",
        b"%",
        b"%f",
        b"%ff",
        b"%00",
        b"%0d%0a",
        b"\\",
        b"%5c",
        b"a.txt",
        b":",
        b"@",
    ),
    *(
        b"static",
        b"item",
        b"1",
        b"1e9",
        b"9" * 400,
        b"1.5",
        b"under",
        b"\xff",
        b"%ed%a0%80",
        b";",
        b"{}",
        b"%F0%9F%98%80",
    ),
    b"c0ffee00-0000-0000-0000-000000000000",
)
queries = made_of(
    b"a=1", b"&", b"=", b"+", b"%", b"%ff", b"%00", b"%0d%0aX:1", b"name", b"#", b"?", b"\xff", b"[]", b";"
)


@same
@given(
    st.sampled_from(METHODS),
    st.sampled_from(
        [b"/", b"/static/", b"/item/", b"/under/", b"/name/", b"/id/", b"/everything", b"/again", b"/file"]
    ),
    paths,
    queries,
)
def test_any_target_is_answered(ask: Ask, method: str, prefix: bytes, path: bytes, query: bytes) -> None:
    ask(method, prefix + path.replace(b"?", b"") + b"?" + query, [(b"host", b"a")])


hosts = made_of(
    *(
        b"example.org",
        b"www.",
        b"a",
        b":80",
        b":99999",
        b":",
        b"[::1]",
        b"[",
        b"]",
        b"@",
        b"/",
        b"?",
        b"#",
        b"%41",
        b" ",
    ),
    *(b"\xff", b"1.2.3.4", b"..", b"\\", b"\t", b"x" * 300, b"[v1.a]", b"[::ffff:1.2.3.4%eth0]", b".example.net"),
)


@same
@given(st.sampled_from([b"/everything", b"/trusted", b"/https", b"/again", b"/static"]), st.lists(hosts, max_size=2))
def test_any_host_is_answered(ask: Ask, path: bytes, values: list[bytes]) -> None:
    ask("GET", path + b"?a=1", [(b"host", value) for value in values])


cookies = made_of(
    *(
        b"session=",
        b"csrftoken=",
        b"a=b",
        b"; ",
        b";",
        b"=",
        b'"',
        b'"\\',
        b"\\073",
        b"\\",
        b",",
        b"\xff",
        b"null",
        b"e30=",
    ),
    *(b".", b"eyJhIjoxfQ", b"0" * 64, b"a" * 32, b" ", b"\t", b"=" * 5),
)


@same
@given(st.sampled_from(["GET", "POST"]), st.lists(cookies, max_size=2), cookies)
def test_any_cookie_is_answered(ask: Ask, method: str, values: list[bytes], token: bytes) -> None:
    headers = [*((b"cookie", value) for value in values), (b"x-csrftoken", token), (b"host", b"a")]
    assert ask("GET", b"/everything", headers)[0] == 200
    assert ask(method, b"/csrf", headers)[0] in (200, 403)


dates = made_of(
    *(b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994", b"99 ", b"Xyz"),
    *(b"Sun, 31 Feb 2026 25:61:61 GMT", b"Sun, 06 Nov 0000 08:49:37 GMT", b"\xd9\xa1", b":", b"9" * 30),
)
etags = made_of(b'"a"', b"W/", b"*", b'"', b",", b" ", b"\xff", b"-", b'""', most=12)
ranges = made_of(
    *(
        b"bytes",
        b"=",
        b"0-",
        b"-1",
        b"-",
        b",",
        b"5-4",
        b"0-0",
        b"9" * 30,
        b" ",
        b"items",
        b"-0",
        b"\xb2",
        b"1-2,",
        b"+1",
    ),
    most=12,
)


@same
@given(
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.sampled_from([b"/file", b"/file?name=%ff%0d%0a", b"/static/a.txt", b"/static/"]),
    ranges,
    st.lists(
        st.tuples(st.sampled_from([b"if-modified-since", b"if-unmodified-since", b"if-range"]), dates | etags)
        | st.tuples(st.sampled_from([b"if-match", b"if-none-match", b"if-range"]), etags),
        max_size=2,
    ),
)
def test_any_range_and_condition_is_answered(
    ask: Ask, method: str, path: bytes, wanted: bytes, conditions: list[tuple[bytes, bytes]]
) -> None:
    ask(method, path, [(b"range", b"bytes=" + wanted), *conditions])
    ask(method, path, [(b"range", wanted), *conditions])


json_texts = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b":",
            b",",
            b"1",
            b"-",
            b"1e999",
            b"9" * 5000,
            b"NaN",
            b"null",
            b"tru",
            b'"\\ud800"',
            b"\xef\xbb\xbf",
            b"\xff\xfe{\0}\0",
            b"\0\0\0[",
            b"\\u12",
            b"\xed\xa0\x80",
            b'{"a":',
            b"[" * 2000,
            b"/**/",
            b"\n",
        ]
    )
    | st.binary(max_size=4),
    max_size=8,
).map(b"".join)
json_types = st.sampled_from([b"application/json", b"application/json; charset=utf-16", b"text/plain", b"\xff", b""])


@same
@given(json_texts, json_types)
def test_any_json_is_answered(ask: Ask, text: bytes, content_type: bytes) -> None:
    assert ask("POST", b"/body", [(b"content-type", content_type)], text)[0] in (200, 400)


content_types = made_of(
    *(
        b"multipart/form-data",
        b"application/x-www-form-urlencoded",
        b"; ",
        b"boundary=b",
        b'boundary="b"',
        b"boundary=",
    ),
    *(b"charset=", b"utf-8", b"idna", b"utf-16", b"\xff", b'"', b"\\", b"=", b";", b",", b"boundary*0=", b"x" * 300),
    most=5,
)
form_types = (
    st.sampled_from(
        [
            b"multipart/form-data; boundary=b",
            b"application/x-www-form-urlencoded",
            b"multipart/form-data; boundary=b; charset=utf-7",
        ]
    )
    | content_types
)
form_bodies = st.lists(
    st.sampled_from(
        [
            b"--b\r\n",
            b"\r\n--b\r\n",
            b"\r\n--b--\r\n",
            b"--b--",
            b"\r\n\r\n",
            b"\r\n",
            b"\n",
            b'Content-Disposition: form-data; name="a"\r\n\r\n',
            b'Content-Disposition: form-data; name="a"; filename="../\xff"\r\n\r\n',
            b'Content-Disposition: form-data; name="_charset_"\r\n\r\nutf-16',
            b"Content-Disposition: form-data; name*=utf-8''%ff; filename*=x'y\r\n",
            b"Content-Type: text/plain; charset=\xff\r\n",
            b'content-disposition: attachment; name="',
            b"x" * 5000,
            b"a=1&b=%ff&",
            b"=&=&%",
            b"\0",
        ]
    )
    | st.binary(max_size=6),
    max_size=10,
).map(b"".join)


@same
@given(st.sampled_from([b"/form", b"/parts", b"/base", b"/csrf"]), form_types, form_bodies, st.integers(1, 5000))
def test_any_form_is_answered(ask: Ask, path: bytes, content_type: bytes, body: bytes, size: int) -> None:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    headers = [(b"content-type", content_type), (b"host", b"a"), (b"cookie", b"csrftoken=" + b"a" * 32)]
    assert ask("POST", path, headers, *chunks)[0] in (200, 400, 403, 413, 415)


others = st.tuples(
    st.sampled_from(
        [
            *(
                b"accept",
                b"accept-encoding",
                b"accept-language",
                b"origin",
                b"referer",
                b"authorization",
                b"content-length",
            ),
            *(b"access-control-request-method", b"access-control-request-headers", b"sec-fetch-site", b"x-request-id"),
            *(
                b"access-control-request-private-network",
                b"x-forwarded-host",
                b"x-type",
                b"upgrade",
                b"transfer-encoding",
            ),
            *(b"traceparent", b"last-event-id", b"user-agent", b"expect", b"te", b"vary"),
        ]
    ),
    made_of(
        *(
            b"*/*",
            b"text/html",
            b";q=",
            b"0.5",
            b"q=x",
            b",",
            b";",
            b"gzip",
            b"identity",
            b"*",
            b"https://",
            b"a.example.org",
        ),
        *(
            b"null",
            b"-1",
            b"9" * 40,
            b"\xff",
            b'"',
            b" ",
            b"\t",
            b"=",
            b"Basic ",
            b"QQ==",
            b"same-origin",
            b"true",
            b"/",
        ),
        most=10,
    ),
)


@same
@given(
    st.sampled_from(METHODS),
    st.sampled_from([b"/everything", b"/body", b"/csrf", b"/file", b"/static/a.txt", b"/none", b"/https"]),
    st.lists(others, max_size=4),
)
def test_any_header_is_answered(ask: Ask, method: str, path: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    ask(method, path, [(b"host", b"a"), *headers], b"[]")


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status"),
    [
        ("/body", "application/json", b"[" * 100_000, 400),
        ("/body", "application/json", b"9" * 1_000_000, 400),
        ("/body", "application/json", b'{"a":' * 50_000, 400),
        ("/body", "application/json", b'"' + b"\\" * 100_001 + b'"', 400),
        ("/body", "application/json", "[1]".encode("utf-16"), 200),
        ("/body", "application/json", b"\xef\xbb\xbf[1]", 200),
        ("/form", "application/x-www-form-urlencoded", b"&" * 100_000, 200),
        ("/form", "application/x-www-form-urlencoded", b"a&" * 100_000, 400),
        ("/form", "application/x-www-form-urlencoded", b"a=" + b"%" * 90_000, 200),
        ("/form", "multipart/form-data; boundary=" + "b" * 5000, b"", 400),
        ("/form", 'multipart/form-data; boundary="' + '";' * 5000, b"", 400),
        ("/form", "multipart/form-data; boundary=b", b"--b\r\n" * 10_000, 400),
        ("/parts", "multipart/form-data; boundary=b", b"\r\n--" * 50_000, 400),
    ],
)
def test_extremes_are_answered(ask: Ask, path: str, content_type: str, body: bytes, status: int) -> None:
    assert ask("POST", path.encode(), [(b"content-type", content_type.encode())], body)[0] == status


def test_no_path_reads_what_is_outside(ask: Ask) -> None:
    for path in (
        b"../secret.txt",
        b"%2e%2e/secret.txt",
        b"..%2fsecret.txt",
        b"..%5csecret.txt",
        b"a.txt/../../secret.txt",
    ):
        assert ask("GET", b"/static/" + path, [])[0] == 404


def test_the_files_are_where_the_tests_think(ask: Ask, application: Application, tmp_path: Path) -> None:
    assert ask("GET", b"/static/a.txt", [])[0] == 200
    assert ask("GET", b"/file", [(b"range", b"bytes=1-2")])[0] == 206
    assert ask("GET", b"/everything", [])[0] == 200
    assert ask("GET", b"/item/1/1.5/a/b", [])[0] == 200
    assert ask("GET", b"/under/a/b/c", [])[0] == 200
