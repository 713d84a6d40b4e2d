"""Durations as texts: `[-]D HH:MM:SS.uuuuuu`, ISO 8601 `P1DT2H`, and PostgreSQL's day-time form."""

from __future__ import annotations

import datetime as dt
import re

_STANDARD = re.compile(
    r"(?:(?P<days>-?\d+) (?:days?, )?)?(?P<sign>-?)(?:(?:(?P<hours>\d+):)(?=\d+:\d+))?(?:(?P<minutes>\d+):)?"
    r"(?P<seconds>\d+)(?:[.,](?P<fraction>\d{1,6})\d*)?\Z",
    re.ASCII,
)
_ISO = re.compile(
    r"(?P<sign>[-+]?)P(?=.)(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?\Z",
    re.ASCII,
)


def parse_duration(text: str) -> dt.timedelta | None:
    """The duration a text says, or None when it says none (or one too long for a timedelta)."""
    try:
        found = _standard(text.strip())
        return found if found is not None else _iso(text.strip())
    except OverflowError:
        return None


def _standard(text: str) -> dt.timedelta | None:
    match = _STANDARD.match(text)
    if match is None:
        return None
    part = {name: int(value or 0) for name, value in match.groupdict().items() if name not in ("sign", "fraction")}
    microseconds = int((match["fraction"] or "").ljust(6, "0"))
    span = dt.timedelta(
        hours=part["hours"], minutes=part["minutes"], seconds=part["seconds"], microseconds=microseconds
    )
    return dt.timedelta(days=part["days"]) + (-span if match["sign"] else span)


def _iso(text: str) -> dt.timedelta | None:
    match = _ISO.match(text)
    if match is None:
        return None
    span = dt.timedelta(**{name: float(value or 0) for name, value in match.groupdict().items() if name != "sign"})
    return -span if match["sign"] == "-" else span


def format_duration(value: dt.timedelta) -> str:
    """`1 02:03:04.000005`; days and microseconds only when there are any. `parse_duration` reads it back."""
    days, seconds = value.days, value.seconds
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if value.microseconds:
        text += f".{value.microseconds:06}"
    return f"{days} {text}" if days else text
