"""Conditional requests and ranges, RFC 9110 sections 8.8, 13 and 14, as functions of header values.

`evaluate` answers "what now?" for a whole request; the others are its parts. Nothing here raises for what a client
sends, except `parse_range`, whose two exceptions say which response is due.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate

# RFC 9110 8.8.3: what stands between the quotes of an entity tag.
_ETAG = re.compile(r'(?:W/)?"[!\x23-\x7e\x80-\xff]*"')
_MONTHS = {
    name: number
    for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)  # noqa: SIM905
}
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# RFC 9110 5.6.7: the form to send, and two that servers must still read.
_DATES = (
    re.compile(rf"\w{{3}}, (?P<day>\d\d) (?P<month>\w{{3}}) (?P<year>\d{{4}}) {_TIME} GMT", re.ASCII),
    re.compile(rf"\w{{6,9}}, (?P<day>\d\d)-(?P<month>\w{{3}})-(?P<year>\d\d) {_TIME} GMT", re.ASCII),
    re.compile(rf"\w{{3}} (?P<month>\w{{3}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})", re.ASCII),
)


class RangeError(ValueError):
    """A Range header that cannot be answered with a part."""


class MalformedRange(RangeError):
    """The header breaks the syntax: 400."""


class RangeNotSatisfiable(RangeError):
    """No range lies inside the representation: 416 with `Content-Range: bytes */max_size`."""

    def __init__(self, max_size: int) -> None:
        super().__init__(f"no requested range lies within {max_size} bytes")
        self.max_size = max_size


def http_date(timestamp: float) -> str:
    """The date to send for a POSIX time (IMF-fixdate)."""
    return formatdate(timestamp, usegmt=True)


def parse_http_date(value: str) -> int | None:
    """The POSIX time of an HTTP date in any of its three forms; None when it is none."""
    for form in _DATES:
        match = form.fullmatch(value.strip())
        if match is not None:
            break
    else:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        # RFC 9110 5.6.7: a year that seems more than 50 years ahead is the one of the past century.
        now = datetime.now(tz=UTC).year
        year += now - now % 100
        if year > now + 50:
            year -= 100
    try:
        moment = datetime(
            year,
            _MONTHS[match["month"]],
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(int(match["second"]), 59),  # a leap second exists in HTTP, not in datetime
            tzinfo=UTC,
        )
    except (KeyError, ValueError):
        return None
    return int(moment.timestamp())


def quote_etag(value: str, *, weak: bool = False) -> str:
    """An entity tag as it is sent. ValueError for characters that a tag cannot hold."""
    etag = f'W/"{value}"' if weak else f'"{value}"'
    if _ETAG.fullmatch(etag) is None:
        raise ValueError(f"an entity tag holds visible characters without quotes, got {value!r}")
    return etag


def parse_etags(value: str) -> list[str]:
    """The entity tags of an If-Match or If-None-Match header, as sent; `["*"]` for the asterisk."""
    return ["*"] if value.strip() == "*" else _ETAG.findall(value)


def strong_match(one: str, other: str) -> bool:
    """RFC 9110 8.8.3.2: equal, and neither is weak. For ranges and for writing."""
    return one == other and not one.startswith("W/")


def weak_match(one: str, other: str) -> bool:
    """RFC 9110 8.8.3.2: equal, weak or not. For reading from a cache."""
    return one.removeprefix("W/") == other.removeprefix("W/")


def if_match(value: str, etag: str | None) -> bool:
    """Whether If-Match holds, `etag` being None when the resource does not exist or has no tag."""
    return etag is not None and any(tag == "*" or strong_match(tag, etag) for tag in parse_etags(value))


def if_none_match(value: str, etag: str | None) -> bool:
    """Whether If-None-Match holds: no tag of the header is the current one."""
    return etag is None or not any(tag == "*" or weak_match(tag, etag) for tag in parse_etags(value))


def if_range(value: str, *, etag: str | None, last_modified: float | None) -> bool:
    """Whether the part that a client asks for fits the rest that it has (RFC 9110 13.1.5)."""
    value = value.strip()
    if _ETAG.fullmatch(value) is not None:
        return etag is not None and strong_match(value, etag)
    since = parse_http_date(value)
    return since is not None and last_modified is not None and since == int(last_modified)


def evaluate(
    method: str, headers: Mapping[str, str], *, etag: str | None = None, last_modified: float | None = None
) -> int | None:
    """The status that the preconditions of a request lead to: 304, 412, or None to go on (RFC 9110 13.2.2).

    `headers` are looked up with names in lower case; `etag` is quoted, `last_modified` a POSIX time.
    """
    reading = method in ("GET", "HEAD")
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None:
        if not if_match(match, etag):
            return 412
    elif last_modified is not None:
        unmodified_since = parse_http_date(headers.get("if-unmodified-since") or "")
        if unmodified_since is not None and int(last_modified) > unmodified_since:
            return 412
    if none_match is not None:
        if not if_none_match(none_match, etag):
            return 304 if reading else 412
    elif reading and last_modified is not None:
        modified_since = parse_http_date(headers.get("if-modified-since") or "")
        if modified_since is not None and int(last_modified) <= modified_since:
            return 304
    return None


def parse_range(value: str, size: int, *, max_ranges: int = 100) -> list[tuple[int, int]]:
    """The parts of `size` bytes that a Range header asks for, as `(start, end)` with the end excluded.

    They are in order and overlapping ones are merged. An empty list means: ignore the header and send all, because its
    unit is unknown (RFC 9110 14.2) or there are more than `max_ranges`. Raises `MalformedRange`, `RangeNotSatisfiable`.
    """
    unit, equals, ranges_set = value.partition("=")
    if not equals:
        raise MalformedRange("Malformed range header.")
    if unit.strip().lower() != "bytes":
        return []
    if ranges_set.count(",") >= max_ranges:
        return []
    ranges = [found for part in ranges_set.split(",") if (found := _parse_part(part, size)) is not None]
    if not ranges:
        raise MalformedRange("Range header: range must be requested")
    if any(start >= end for start, end in ranges if start < size):
        raise MalformedRange("Range header: start must be less than end")
    # RFC 9110 14.1.2: a set is satisfiable when one of its ranges is; the others are left out.
    ranges = sorted(part for part in ranges if part[0] < size)
    if not ranges:
        raise RangeNotSatisfiable(size)
    return _merge(ranges)


def _parse_part(part: str, size: int) -> tuple[int, int] | None:
    first, dash, last = (text.strip() for text in part.partition("-"))
    if not dash or not (first or last) or not (_is_number(first) and _is_number(last)):
        return None
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


def _is_number(text: str) -> bool:
    # Nobody has a file of 10^18 bytes, and Python refuses numbers of thousands of digits.
    return not text or (text.isascii() and text.isdecimal() and len(text) <= 18)


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged = [ranges[0]]
    for start, end in ranges[1:]:
        last_start, last_end = merged[-1]
        if start <= last_end:
            merged[-1] = last_start, max(last_end, end)
        else:
            merged.append((start, end))
    return merged
