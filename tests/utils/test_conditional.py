from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.conditional import (
    MalformedRange,
    RangeNotSatisfiable,
    evaluate,
    http_date,
    if_match,
    if_none_match,
    if_range,
    parse_etags,
    parse_http_date,
    parse_range,
    quote_etag,
    strong_match,
    weak_match,
)

# The example of RFC 9110 5.6.7.
MOMENT = 784111777


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ],
)
def test_a_date_is_read_in_all_three_forms(text: str) -> None:
    assert parse_http_date(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_http_date(text) is None


def test_a_leap_second_is_a_date() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == 1483228799


def test_two_digits_mean_the_nearest_past_or_close_future() -> None:
    now = datetime.now(tz=UTC).year
    for ahead, expected in ((40, now + 40), (51, now - 49)):
        found = parse_http_date(f"Sunday, 06-Nov-{(now + ahead) % 100:02} 08:49:37 GMT")
        assert found is not None
        assert datetime.fromtimestamp(found, tz=UTC).year == expected


@given(st.integers(0, 253402300799))
def test_a_date_that_we_write_is_read_back(timestamp: int) -> None:
    assert parse_http_date(http_date(timestamp)) == timestamp


@given(st.text())
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert isinstance(parse_http_date(text), int | None)


def test_etags_are_quoted_listed_and_compared() -> None:
    assert quote_etag("abc") == '"abc"'
    assert quote_etag("abc", weak=True) == 'W/"abc"'
    for bad in ('a"b', "a b", "a\n"):
        with pytest.raises(ValueError, match="entity tag"):
            quote_etag(bad)
    assert parse_etags('"a", W/"b,c" , "",d') == ['"a"', 'W/"b,c"', '""']
    assert parse_etags(" * ") == ["*"]
    # The table of RFC 9110 8.8.3.2.
    for one, other, strong, weak in (
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ):
        assert (strong_match(one, other), weak_match(one, other)) == (strong, weak)


def test_if_match_wants_the_current_strong_tag() -> None:
    assert if_match('"x", "a"', '"a"')
    assert if_match("*", '"a"')
    assert not if_match("*", None)
    assert not if_match('W/"a"', 'W/"a"')
    assert not if_match('"b"', '"a"')


def test_if_none_match_wants_another_tag() -> None:
    assert not if_none_match('"x", W/"a"', '"a"')
    assert not if_none_match("*", '"a"')
    assert if_none_match("*", None)
    assert if_none_match('"b"', '"a"')


def test_if_range_wants_the_very_same() -> None:
    date = http_date(MOMENT)
    assert if_range('"a"', etag='"a"', last_modified=None)
    assert not if_range('W/"a"', etag='W/"a"', last_modified=None)
    assert not if_range('"a"', etag=None, last_modified=MOMENT)
    assert if_range(date, etag=None, last_modified=MOMENT + 0.5)
    assert not if_range(date, etag=None, last_modified=MOMENT + 1)
    assert not if_range(date, etag='"a"', last_modified=None)
    assert not if_range('"a', etag='"a"', last_modified=MOMENT)


OLDER, SAME, NEWER = (http_date(MOMENT + seconds) for seconds in (-1, 0, 1))


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, None),
        ("GET", {"if-none-match": '"a"'}, 304),
        ("HEAD", {"if-none-match": 'W/"a"'}, 304),
        ("PUT", {"if-none-match": '"a"'}, 412),
        ("PUT", {"if-none-match": "*"}, 412),
        ("GET", {"if-none-match": '"b"'}, None),
        # RFC 9110 13.1.3: with If-None-Match the date does not count.
        ("GET", {"if-none-match": '"b"', "if-modified-since": NEWER}, None),
        ("GET", {"if-modified-since": SAME}, 304),
        ("GET", {"if-modified-since": NEWER}, 304),
        ("GET", {"if-modified-since": OLDER}, None),
        ("GET", {"if-modified-since": "soon"}, None),
        ("POST", {"if-modified-since": SAME}, None),
        ("PUT", {"if-match": '"a"'}, None),
        ("PUT", {"if-match": '"b"'}, 412),
        ("PUT", {"if-match": '"a"', "if-unmodified-since": OLDER}, None),
        ("PUT", {"if-unmodified-since": OLDER}, 412),
        ("PUT", {"if-unmodified-since": SAME}, None),
        ("PUT", {"if-unmodified-since": "soon"}, None),
        ("GET", {"if-match": '"a"', "if-none-match": '"a"'}, 304),
    ],
)
def test_preconditions_are_evaluated_in_order(method: str, headers: dict[str, str], status: int | None) -> None:
    assert evaluate(method, headers, etag='"a"', last_modified=MOMENT + 0.9) == status


def test_without_validators_only_if_match_can_fail() -> None:
    assert evaluate("GET", {"if-none-match": '"a"', "if-modified-since": SAME}) is None
    assert evaluate("GET", {"if-modified-since": SAME, "if-unmodified-since": OLDER}) is None
    assert evaluate("PUT", {"if-match": "*"}) == 412


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-9", [(0, 10)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-99", [(0, 10)]),
        ("bytes=8-99", [(8, 10)]),
        ("Bytes = 1-2 , 4-5", [(1, 3), (4, 6)]),
        ("bytes=4-5,0-1", [(0, 2), (4, 6)]),
        ("bytes=0-4,3-6", [(0, 7)]),
        ("bytes=0-1,2-3", [(0, 4)]),
        ("bytes=0-8,1-2", [(0, 9)]),
        ("bytes=0-1,99-", [(0, 2)]),
        ("bytes=-0,0-1", [(0, 2)]),
        ("bytes=x-y,5,-, ,0-1", [(0, 2)]),
        ("bytes=+1-2,1_0-,\u0661-\u0662,0-1", [(0, 2)]),
        ("items=0-5", []),
    ],
)
def test_ranges_are_clipped_sorted_and_merged(value: str, parts: list[tuple[int, int]]) -> None:
    assert parse_range(value, 10) == parts


@pytest.mark.parametrize(
    "value", ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5", "bytes=5-4", "bytes=0-1,5-4"]
)
def test_a_broken_range_is_malformed(value: str) -> None:
    with pytest.raises(MalformedRange):
        parse_range(value, 10)


@pytest.mark.parametrize(
    ("value", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-0", 0), ("bytes=99-999", 10)]
)
def test_a_range_beyond_the_end_cannot_be_satisfied(value: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(value, size)
    assert caught.value.max_size == size


def test_too_many_ranges_are_ignored() -> None:
    assert len(parse_range("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 200, 2)), 1000)) == 100
    assert parse_range("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 202, 2)), 1000) == []
    assert parse_range("bytes=0-1,4-5", 10, max_ranges=1) == []


@given(st.text(alphabet="bytes=0123456789-, ") | st.text().map(lambda text: "bytes=" + text), st.integers(0, 10**6))
def test_any_range_is_parts_of_the_whole_or_refused(value: str, size: int) -> None:
    try:
        parts = parse_range(value, size)
    except (MalformedRange, RangeNotSatisfiable):
        return
    last = -1
    for start, end in parts:
        assert last < start < end <= size
        last = end


@given(st.text(), st.text(), st.text(), st.text())
def test_any_headers_can_be_evaluated(one: str, two: str, three: str, four: str) -> None:
    headers = {"if-match": one, "if-none-match": two, "if-modified-since": three, "if-unmodified-since": four}
    assert evaluate("GET", headers, etag='"a"', last_modified=1.0) in (None, 304, 412)
