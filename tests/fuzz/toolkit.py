"""The toolkit's parsers: forms, the values of header fields, and whole requests through an application.

How a form was cut makes no difference; what was parsed says the same when it is written and parsed again; no request
is a 500.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Hashable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.driver import Pieces, Target, cuts
from tests.web.bad_input import METHODS, Pairs, answer, make_application

from vivace.utils import conditional
from vivace.utils.filenames import safe_filename
from vivace.web._json import MalformedJSON, decode, encode
from vivace.web._multipart import END_OF_PART, MultiPartException, PartHead, Splitter, parse_media_type
from vivace.web._utils import parse_host_header
from vivace.web.datastructures import URL, Headers, QueryParams
from vivace.web.requests import cookie_parser

PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="g"\r\nContent-Type: a/b; charset=utf-16\r\n\r\ny\r\n'
)
FORM_WORDS = (
    *(
        b"--b\r\n",
        b"\r\n--b\r\n",
        b"--b--",
        b"\r\n--b--\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"--b \t\r\n",
        b"--bc",
        b"-",
        b"\n",
    ),
    *(
        b"Content-Disposition: form-data; ",
        b'name="a"',
        b"; ",
        b'filename="\xff"',
        b"filename*=utf-8''a",
        b'name="_charset_"',
    ),
    *(
        b"Content-Type: text/plain; charset=",
        b"utf-16",
        b"latin-1",
        b"X: y\r\n",
        b": ",
        b"\0",
        b"data",
        b"\r\n--",
        b"\r\n--b",
    ),
)


class Forms(Target):
    """An input is a multipart body in pieces."""

    name = "forms"
    seeds: tuple[Pieces, ...] = (
        (PART, b"--b--\r\n"),
        (PART, FILE, b"--b--"),
        (b"preamble\r\n", PART, b"--b-- \r\nepilogue"),
        (b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n', b"utf-16", b"\r\n", PART, b"--b--"),
        (b"--b--",),
        (b"",),
    )

    def piece(self, random: Random) -> bytes:
        """A word of a form, a part, or noise."""
        what = random.randrange(6)
        if what == 0:
            return random.choice((PART, FILE))
        return random.randbytes(random.randrange(20)) if what == 1 else random.choice(FORM_WORDS)

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        data = b"".join(pieces)
        whole, error = read_form([data])
        for parts in (pieces, cuts(data, random)):
            assert read_form(parts) == (whole, error)
        assert all(isinstance(content, bytes) for _, content, _ in whole)
        return len(whole), error, tuple(complete for *_, complete in whole[:3])


def read_form(chunks: Sequence[bytes]) -> tuple[list[tuple[Any, bytes, bool]], str]:
    """The parts, each with its content and whether it is complete, and what is wrong behind them."""
    splitter = Splitter("multipart/form-data; boundary=b")
    found: list[tuple[Any, bytearray, list[bool]]] = []
    error = ""
    try:
        for chunk in chunks:
            for event in splitter.feed(chunk):
                if isinstance(event, PartHead):
                    assert not found or found[-1][2] == [True]
                    found.append((event, bytearray(), [False]))
                elif event is END_OF_PART:
                    found[-1][2][0] = True
                else:
                    assert isinstance(event, bytes)
                    found[-1][1].extend(event)
        splitter.finish()
    except MultiPartException as wrong:
        error = wrong.message
    # How much of a part came before an error depends on how it was cut; what was complete does not.
    parts = [(head, bytes(content), complete) for head, content, (complete,) in found if complete or not error]
    return parts, error


FIELD_WORDS = (
    *(
        "a=b",
        ";",
        "; ",
        ",",
        '"',
        "\\",
        "%",
        "%ff",
        "+",
        "&",
        "=",
        "*",
        "W/",
        '"a"',
        "bytes=",
        "0-1",
        "-1",
        "9" * 20,
        "\xff",
    ),
    *(
        "[::1]",
        "[",
        "]",
        ":",
        "80",
        "example.org",
        "@",
        "/",
        "?",
        "#",
        "..",
        "{",
        "}",
        "null",
        "1e999",
        '"\\ud800"',
        "NaN",
    ),
    *(
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "multipart/form-data",
    ),
    *("boundary=", "charset=utf-8", "\\073", "1.5", "[1,2]", '{"a":', " ", "\t", "true"),
)


class Fields(Target):
    """An input is the value of a field, which every parser has to take."""

    name = "fields"
    seeds: tuple[Pieces, ...] = (
        (b"a=b", b"; ", b'c="d\\073"'),
        (b"a=1", b"&", b"b=%C3%BC+"),
        (b"bytes=", b"0-1", b",", b"-5"),
        (b"Sun, 06 Nov 1994 08:49:37 GMT",),
        (b'W/"a"', b", ", b'"b"'),
        (b"[::1]", b":", b"80"),
        (b'{"a": [1, 2.5, "\\u00fc", null]}',),
        (b"multipart/form-data", b"; ", b'boundary="a;b"'),
    )

    def piece(self, random: Random) -> bytes:
        """A word of one of the grammars, or noise."""
        return random.randbytes(3) if random.random() < 0.1 else random.choice(FIELD_WORDS).encode("latin-1")

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        data = b"".join(pieces)
        text = data.decode("latin-1")
        cookies = cookie_parser(text)
        assert all(isinstance(value, str) for pair in cookies.items() for value in pair)
        query = QueryParams(data)
        assert QueryParams(str(query)).multi_items() == query.multi_items()
        name = safe_filename(text)
        assert safe_filename(name) == name
        assert "/" not in name
        return (
            min(len(cookies), 3),
            min(len(query), 3),
            parse_media_type(text)[0] == "multipart/form-data",
            check_host(text, data),
            check_range(text),
            conditional.parse_http_date(text) is not None,
            min(len(conditional.parse_etags(text)), 3),
            conditional.evaluate(
                "GET", {"if-none-match": text, "if-modified-since": text}, etag='"a"', last_modified=1
            ),
            check_json(data),
        )


def check_host(text: str, data: bytes) -> bool:
    host = parse_host_header(text)
    scope = {"scheme": "http", "path": "/a", "headers": [(b"host", data)], "server": ("b", 1)}
    url = URL(scope=scope)
    # Whatever was sent, the URL that is built has this path and no user.
    assert (url.path, url.username, url.query, url.fragment) == ("/a", None, "", "")
    assert url.port is None or 0 <= url.port <= 65535
    if host is not None:
        assert parse_host_header(host.authority) == host
    assert Headers(scope=scope).get("host") == text
    return host is not None


def check_range(text: str) -> str:
    try:
        parts = conditional.parse_range(text, 1000)
    except conditional.RangeError as error:
        return type(error).__name__
    assert all(0 <= start < end <= 1000 for start, end in parts)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(parts))
    return str(min(len(parts), 3))


def check_json(data: bytes) -> str:
    try:
        value = decode(data)
    except MalformedJSON as error:
        wrong = error
    else:
        assert decode(encode(value)) == value
        return type(value).__name__
    assert 0 <= wrong.pos <= len(wrong.doc)
    return wrong.msg.split(":")[0][:20]


PATHS = (
    b"/everything",
    b"/body",
    b"/form",
    b"/parts",
    b"/again",
    b"/file",
    b"/csrf",
    b"/base",
    b"/static/",
    b"/item/",
    b"/x",
)
HEADERS = (
    *(b"host", b"cookie", b"content-type", b"range", b"if-none-match", b"if-modified-since", b"if-range", b"accept"),
    *(b"accept-encoding", b"origin", b"access-control-request-method", b"x-csrftoken", b"referer", b"x-request-id"),
)


class Requests(Target):
    """An input is a method, a target, header fields and, behind an empty piece, a body."""

    name = "requests"
    seeds: tuple[Pieces, ...] = (
        (b"GET", b"/everything?a=1", b"host: a", b"cookie: a=b"),
        (b"POST", b"/form", b"content-type: multipart/form-data; boundary=b", b"", PART, FILE, b"--b--"),
        (b"POST", b"/parts", b"content-type: multipart/form-data; boundary=b", b"", FILE, PART, b"--b--"),
        (
            b"POST",
            b"/csrf",
            b"content-type: application/x-www-form-urlencoded",
            b"host: a",
            b"",
            b"a=b&csrfmiddlewaretoken=x",
        ),
        (b"POST", b"/body", b"content-type: application/json", b"", b'{"a": 1}'),
        (b"GET", b"/file?name=a", b"range: bytes=0-1,5-", b'if-range: "a"'),
        (b"GET", b"/static/a.txt", b"accept-encoding: gzip", b"if-none-match: *"),
        (b"OPTIONS", b"/everything", b"origin: https://a.example.org", b"access-control-request-method: PUT"),
    )

    def __init__(self) -> None:
        self.runner: asyncio.Runner | None = None

    def piece(self, random: Random) -> bytes:
        """A target, a field, or a word of a body."""
        what = random.randrange(5)
        if what == 0:
            return random.choice(PATHS) + random.choice((b"", b"/", b"?", b"%ff", b"%2e%2e/", b"1/1.5/a", b"a.txt"))
        if what == 1:
            return random.choice(FORM_WORDS)
        if what == 2:
            return b""
        words = [random.choice(FIELD_WORDS).encode("latin-1") for _ in range(random.randrange(1, 6))]
        return random.choice(HEADERS) + b": " + b"".join(words)

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        if self.runner is None:
            self.runner = asyncio.Runner()
            self.folder = tempfile.TemporaryDirectory()
            self.application = make_application(Path(self.folder.name))
        method = pieces[0].decode("latin-1") if pieces and pieces[0].decode("latin-1") in METHODS else "POST"
        target = pieces[1].translate(None, b"\r\n\0 ") if len(pieces) > 1 else b"/"
        body_at = next((at for at, piece in enumerate(pieces) if at > 1 and not piece), len(pieces))
        headers: Pairs = [
            (name.strip() or b"x", value.strip().translate(None, b"\r\n\0"))
            for name, _, value in (piece.partition(b":") for piece in pieces[2:body_at])
            if name.strip().isalpha() or name.strip() in HEADERS
        ]
        status, sent = self.runner.run(
            answer(self.application, method, b"/" + target.lstrip(b"/"), headers, *pieces[body_at + 1 :])
        )
        assert status < 500, status
        return status, method, target[:6], len(sent)
