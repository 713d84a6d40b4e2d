"""Hostile input costs no more than its length: no parser does quadratic work, in its expressions or its loops."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from vivace.utils import conditional
from vivace.utils.filenames import safe_filename
from vivace.web._json import decode
from vivace.web._multipart import Splitter, parse_media_type
from vivace.web._utils import parse_host_header
from vivace.web.datastructures import URL, QueryParams
from vivace.web.exceptions import HTTPException
from vivace.web.requests import cookie_parser

Parse = Callable[[str], Any]

# What 100 KB may take without a second look, in seconds: nothing quadratic is that quick.
UNNOTICED = 0.002


def multipart(text: str) -> None:
    splitter = Splitter("multipart/form-data; boundary=b")
    splitter.feed(text.encode("latin-1"))
    splitter.finish()


def ranges(text: str) -> Any:
    return conditional.parse_range("bytes=" + text, 10**9)


PARSERS: dict[str, tuple[Parse, list[str]]] = {
    "cookies": (cookie_parser, ["a=b;", ";", '"', 'a="\\"', "\\", " ", "=", 'a="\\073";']),
    "query": (QueryParams, ["a=b&", "&", "%", "+", "%ff", "=", "a"]),
    "media type": (parse_media_type, [";", '"', 'a;b="', '";', "\\", '\\"', "a/b;c=d;", " ", "=", '";"']),
    "host": (parse_host_header, ["a", "a.", ":", "[", "[::", "%", "1:"]),
    "url": (lambda text: URL("http://" + text).replace(port=1), ["a", "@", ":", "[", "/", "?", "#"]),
    "json": (lambda text: decode(text.encode()), ["[", '"', '"\\"', '{"a":', "1", "1e9", ",", " ", "\\", "[1,", "\n"]),
    "json strings": (lambda text: decode(f'[NaN,"{text}"]'.encode()), ["a", "\\\\", '","', "\\n"]),
    "range": (ranges, ["0-1,", ",", "-", "1", " "]),
    "etags": (lambda text: conditional.if_none_match(text, '"a"'), ['"', 'W/"', '"a"', 'W/"a', ",", "a"]),
    "date": (conditional.parse_http_date, ["a", "1", " ", "Sun, "]),
    "file name": (safe_filename, ["/", "\\", " ", ".", "a", "_", "con"]),
    "multipart": (multipart, ["\r", "\r\n--", "\r\n--b", "\r\n--b\r\n", "-", "--b", "a:", "\n", "\r\n--b "]),
    "part": (lambda text: multipart("--b\r\n" + text), ["a:b\r\n", "a", ":", " ", "\r\n\r\n\r\n--b\r\n"]),
    "content": (
        lambda text: multipart('--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + text),
        ["\r\n-", "\r\n--b", "\r", "\n--b", "\r\n--b-", "a"],
    ),
}


def work(parse: Parse, text: str) -> float:
    """The time that this takes at its quickest: what disturbs it only adds to it."""
    best = float("inf")
    for _ in range(5):
        begun = time.thread_time()
        with contextlib.suppress(HTTPException, ValueError):
            parse(text)
        best = min(best, time.thread_time() - begun)
        if best < UNNOTICED:
            break
    return best


@pytest.mark.parametrize(
    ("parse", "piece"),
    [
        pytest.param(parse, piece, id=f"{name}-{piece!r}")
        for name, (parse, pieces) in PARSERS.items()
        for piece in pieces
    ],
)
@pytest.mark.parametrize("begin", ["", '"'])
def test_four_times_the_input_is_not_sixteen_times_the_work(parse: Parse, piece: str, begin: str) -> None:
    length = 25_000
    small, large = (begin + piece * (size // len(piece)) for size in (length, 4 * length))
    taken = work(parse, large)
    assert taken < UNNOTICED or taken < 9 * work(parse, small)
