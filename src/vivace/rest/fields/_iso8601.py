"""Reading and writing dates, times and durations as text, in the forms Django's `dateparse` takes.

Every reader raises ValueError for what is not well formed or does not exist (31 February).
"""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z", re.ASCII)
_CLOCK = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d{0,6})?)?"
_ZONE = r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?"
_TIME = re.compile(rf"{_CLOCK}\Z", re.ASCII)
_DATETIME = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})[Tt ]{_CLOCK}{_ZONE}\Z", re.ASCII | re.IGNORECASE)

_STANDARD_DURATION = re.compile(
    r"(?:(?P<days>-?\d+) (?:days?, )?)?(?P<sign>-?)"
    r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+)(?:[.,](?P<fraction>\d{1,6})\d{0,6})?\Z",
    re.ASCII,
)
_ISO_DURATION = re.compile(
    r"(?P<sign>[-+]?)P(?=\d|T\d)(?:(?P<weeks>\d+(?:[.,]\d+)?)W)?(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?\Z",
    re.ASCII,
)


def parse_date(text: str) -> dt.date:
    """`2024-02-29`, and ISO 8601's other forms."""
    with suppress(ValueError):
        return dt.date.fromisoformat(text)
    if found := _DATE.match(text):
        return dt.date(int(found[1]), int(found[2]), int(found[3]))
    raise ValueError(f"not a date: {text[:40]!r}")


def parse_time(text: str) -> dt.time:
    """`12:30`, `12:30:45.123456`; an offset is dropped."""
    with suppress(ValueError):
        return dt.time.fromisoformat(text).replace(tzinfo=None)
    if found := _TIME.match(text):
        return dt.time(*_clock(found[1], found[2], found[3], found[4]))
    raise ValueError(f"not a time: {text[:40]!r}")


def parse_datetime(text: str) -> dt.datetime:
    """`2024-02-29T12:30[:45[.123456]]`, naive, or aware with `Z` or an offset."""
    with suppress(ValueError):
        return dt.datetime.fromisoformat(text)
    if found := _DATETIME.match(text):
        day = (int(found[1]), int(found[2]), int(found[3]))
        return dt.datetime(*day, *_clock(*found.group(4, 5, 6, 7)), tzinfo=_zone(found[8]))
    raise ValueError(f"not a date and time: {text[:40]!r}")


def _clock(hour: str, minute: str, second: str | None, fraction: str | None) -> tuple[int, int, int, int]:
    return int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0"))


def _zone(text: str | None) -> dt.tzinfo | None:
    if text is None:
        return None
    if text in "Zz":
        return dt.UTC
    digits = text[1:].replace(":", "")
    offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return dt.timezone(-offset if text[0] == "-" else offset)


def parse_duration(text: str) -> dt.timedelta:
    """`4 12:30:45.5`, `90`, `-1 day, 0:00:01` or `P4DT12H`. Raises OverflowError beyond what a timedelta holds."""
    if found := _STANDARD_DURATION.match(text):
        part = found.groupdict(default="")
        clock = dt.timedelta(
            hours=int(part["hours"] or 0),
            minutes=int(part["minutes"] or 0),
            seconds=int(part["seconds"]),
            microseconds=int(part["fraction"].ljust(6, "0")),
        )
        return dt.timedelta(days=int(part["days"] or 0)) + (-clock if part["sign"] else clock)
    if found := _ISO_DURATION.match(text):
        sign = -1 if found["sign"] == "-" else 1
        units = ("weeks", "days", "hours", "minutes", "seconds")
        return sign * dt.timedelta(**{unit: float((found[unit] or "0").replace(",", ".")) for unit in units})
    raise ValueError(f"not a duration: {text[:40]!r}")


def _split(value: dt.timedelta) -> tuple[int, int, int, int, int]:
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return value.days, hours, minutes, seconds, value.microseconds


def duration_string(value: dt.timedelta) -> str:
    """`[days ]hh:mm:ss[.uuuuuu]`, Django's form."""
    days, hours, minutes, seconds, microseconds = _split(value)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    if days:
        text = f"{days} {text}"
    return f"{text}.{microseconds:06d}" if microseconds else text


def duration_iso_string(value: dt.timedelta) -> str:
    """`P3DT04H05M06S`, Django's form of ISO 8601."""
    sign = "-" if value < dt.timedelta(0) else ""
    days, hours, minutes, seconds, microseconds = _split(abs(value))
    fraction = f".{microseconds:06d}" if microseconds else ""
    return f"{sign}P{days}DT{hours:02d}H{minutes:02d}M{seconds:02d}{fraction}S"
