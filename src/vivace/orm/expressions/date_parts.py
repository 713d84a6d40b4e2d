"""Parts of moments (`year`, `week_day`, ...) and moments cut off (`month`, `hour`, ...) on each database.

The zone is UTC unless one is given. Of SQLite's texts it is relied on here that all but the fraction is always there.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects import mysql

from vivace.orm.expressions.templates import templated

Element = ColumnElement[Any]

DATE_PARTS = ("year", "iso_year", "quarter", "month", "week", "day", "week_day", "iso_week_day")
TIME_PARTS = ("hour", "minute", "second")
DATE_KINDS = ("year", "quarter", "month", "week", "day")
TIME_KINDS = TIME_PARTS

_ZONE = re.compile(r"[A-Za-z0-9_+\-/:]+\Z")


def zone_name(zone: dt.tzinfo | None) -> str | None:
    """The name of a zone, or its offset as "+02:00"; None for UTC. Raises ValueError for a zone without either."""
    if zone is None or zone is dt.UTC:
        return None
    if isinstance(zone, ZoneInfo):
        name = str(zone)
    else:
        offset = zone.utcoffset(None)
        name = str(zone) if offset is None else _offset(offset)
    if not _ZONE.match(name):
        raise ValueError(f"The zone {zone!r} has no name that a database knows; use zoneinfo.ZoneInfo or dt.timezone")
    return None if name in ("UTC", "+00:00") else name


def _offset(offset: dt.timedelta) -> str:
    minutes, seconds = divmod(abs(offset) // dt.timedelta(seconds=1), 60)
    text = f"{'-' if offset < dt.timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def _quoted(text: str) -> Element:
    return sqlalchemy.literal_column(f"'{text}'")


def _number(text: str) -> Element:
    return sqlalchemy.literal_column(text)


def _postgresql_zone(zone: str | None) -> Element:
    if zone is None:
        return _quoted("UTC")
    # An offset is in POSIX's way here: hours west of Greenwich.
    turned = {"+": "-", "-": "+"}.get(zone[0])
    return _quoted(zone if turned is None else turned + zone[1:])


def local(element: Element, zone: str | None, dialect: str) -> Element:
    """The moment as it stands on the clocks of the zone, without a zone."""
    if dialect == "postgresql":
        return func.timezone(_postgresql_zone(zone), element)
    if zone is None:
        return element
    if dialect == "sqlite":
        return func.vivace_in_zone(element, _quoted(zone))
    return _mysql_moved(element, zone, "date_add")


def _mysql_moved(element: Element, zone: str, function: str) -> Element:
    """A moment from UTC to the zone (`date_add`), or back (`date_sub`)."""
    if zone[0] not in "+-":
        ends = [_quoted("+00:00"), _quoted(zone)]
        moved = func.convert_tz(element, *(ends if function == "date_add" else reversed(ends)))
        # For a zone that the server does not know, it is null: an answer that looks like one.
        return sqlalchemy.case((element.isnot(None), func.coalesce(moved, sqlalchemy.literal_column(_UNKNOWN_ZONE))))
    # CONVERT_TZ leaves moments before 1970 and after 2038 as they are.
    hours, minutes, *seconds = (int(number) for number in zone[1:].split(":"))
    offset = (hours * 60 + minutes) * 60 + sum(seconds)
    span = templated("INTERVAL %(expressions)s SECOND", [_number(f"{zone[0]}{offset}")], sqlalchemy.Interval())
    shifted: Element = getattr(func, function)(element, span)
    return shifted


_UNKNOWN_ZONE = (
    "(SELECT CURRENT_TIMESTAMP(6) /* an error, by two rows: the server does not know this time zone. Load them with "
    "mariadb-tzinfo-to-sql or mysql_tzinfo_to_sql */ UNION ALL SELECT CURRENT_TIMESTAMP(6))"
)


# Parts


def part(element: Element, name: str, dialect: str) -> Element:
    """The number of a date, time or local moment."""
    return _PARTS[dialect](element, name)


def _postgresql_part(element: Element, name: str) -> Element:
    piece = {"iso_year": "isoyear", "week_day": "dow", "iso_week_day": "isodow"}.get(name, name)
    number: Any = sqlalchemy.extract(piece, element)
    whole = sqlalchemy.cast(func.floor(number) if name == "second" else number, sqlalchemy.BigInteger())
    return _plus(whole, 1) if name == "week_day" else whole


def _plus(element: Any, number: int) -> Element:
    made: Element = element.op("+" if number >= 0 else "-", precedence=7)(_number(str(abs(number))))
    return made


def _over(element: Any, number: int) -> Element:
    made: Element = element.self_group().op("/", precedence=8)(_number(str(number)))
    return made


def _seconds(element: Element) -> Element:
    # Without the fraction, by which SQLite would round up to the next second.
    return func.substr(element, _number("1"), _number("19"))


def _strftime(form: str, element: Element) -> Element:
    return sqlalchemy.cast(func.strftime(_quoted(form), element), sqlalchemy.Integer())


_SQLITE_FORMS = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S"}


def _sqlite_part(element: Element, name: str) -> Element:
    element = _seconds(element)
    if name in ("week", "iso_year"):
        # ISO 8601: a week belongs to the year of its Thursday.
        thursday = func.date(element, _quoted("-3 days"), _quoted("weekday 4"))
        if name == "iso_year":
            return _strftime("%Y", thursday)
        return _plus(_over(_plus(_strftime("%j", thursday), -1), 7), 1)
    if name == "week_day":
        return _plus(_strftime("%w", element), 1)
    if name == "iso_week_day":
        return _plus(_plus(_strftime("%w", element), 6).self_group() % _number("7"), 1)
    if name == "quarter":
        return _over(_plus(_strftime("%m", element), 2), 3)
    return _strftime(_SQLITE_FORMS[name], element)


def _mysql_part(element: Element, name: str) -> Element:
    if name == "week":
        return func.week(element, _number("3"))
    if name == "iso_year":
        return func.floor(_over(func.yearweek(element, _number("3")), 100))
    if name == "week_day":
        return func.dayofweek(element)
    if name == "iso_week_day":
        return _plus(func.weekday(element), 1)
    made: Element = getattr(func, name)(element)
    return made


_PARTS = {"postgresql": _postgresql_part, "sqlite": _sqlite_part, "mysql": _mysql_part}


# Cut off


def truncated(element: Element, kind: str, zone: str | None, dialect: str) -> Element:
    """A moment cut off in the zone: the first moment of its year, month, hour, ..."""
    if dialect == "postgresql":
        return func.date_trunc(_quoted(kind), element, _postgresql_zone(zone), type_=sqlalchemy.DateTime(timezone=True))
    if dialect == "sqlite":
        if zone is not None:
            return func.vivace_trunc(_quoted(kind), element, _quoted(zone))
        return _sqlite_truncated(element, kind)
    cut = _mysql_truncated(local(element, zone, dialect), kind)
    return cut if zone is None else _mysql_moved(cut, zone, "date_sub")


_MIDNIGHT = " 00:00:00"
_SQLITE_CUTS = {
    "year": "%Y-01-01 00:00:00",
    "month": "%Y-%m-01 00:00:00",
    "day": "%Y-%m-%d 00:00:00",
    "hour": "%Y-%m-%d %H:00:00",
    "minute": "%Y-%m-%d %H:%M:00",
    "second": "%Y-%m-%d %H:%M:%S",
}


def _sqlite_truncated(element: Element, kind: str) -> Element:
    element = _seconds(element)
    if kind == "week":
        monday: Any = func.date(element, _quoted("-6 days"), _quoted("weekday 1"))
        return monday.op("||")(_quoted(_MIDNIGHT))  # type: ignore[no-any-return]
    if kind == "quarter":
        month = func.printf(_quoted("-%02d-01 00:00:00"), _first_month(_strftime("%m", element)))
        return func.strftime(_quoted("%Y"), element).op("||")(month)
    return func.strftime(_quoted(_SQLITE_CUTS[kind]), element)


def sqlite_stored(form: str, moment: Element) -> Element:
    """A moment by strftime(), whose seconds (%f) have three digits, in the form in which columns hold it."""
    text = func.strftime(_quoted(form), moment).op("||")(_quoted("000"))
    return func.replace(text, _quoted(".000000"), _quoted(""))


def _first_month(month: Any) -> Element:
    """The first month of the quarter of a month."""
    quarter: Any = _over(_plus(month, -1), 3)
    return _plus(quarter.self_group().op("*", precedence=8)(_number("3")), 1)


_MYSQL_CUTS = {
    "year": "%Y-01-01 00:00:00",
    "month": "%Y-%m-01 00:00:00",
    "day": "%Y-%m-%d 00:00:00",
    "hour": "%Y-%m-%d %H:00:00",
    "minute": "%Y-%m-%d %H:%i:00",
    "second": "%Y-%m-%d %H:%i:%s",
}


def _mysql_truncated(element: Element, kind: str) -> Element:
    if kind == "week":
        days = templated("INTERVAL %(expressions)s DAY", [func.weekday(element)], sqlalchemy.Interval())
        cut: Any = func.date_sub(func.date(element), days)
    elif kind == "quarter":
        quarters = templated("INTERVAL %(expressions)s - 1 QUARTER", [func.quarter(element)], sqlalchemy.Interval())
        cut = func.date_add(func.makedate(func.year(element), _number("1")), quarters)
    else:
        cut = func.date_format(element, _quoted(_MYSQL_CUTS[kind]))
    return sqlalchemy.cast(cut, mysql.DATETIME(fsp=6))


def date_of(element: Element, dialect: str) -> Element:
    """The date of a local moment."""
    if dialect == "postgresql":
        return sqlalchemy.cast(element, sqlalchemy.Date())
    if dialect == "sqlite":
        return func.substr(element, _number("1"), _number("10"), type_=sqlalchemy.Date())
    return func.date(element, type_=sqlalchemy.Date())


def time_of(element: Element, dialect: str) -> Element:
    """The time of a local moment."""
    if dialect == "postgresql":
        return sqlalchemy.cast(element, sqlalchemy.Time())
    if dialect == "sqlite":
        return func.substr(element, _number("12"), type_=sqlalchemy.Time())
    return func.time(element, type_=sqlalchemy.Time())


def truncated_date(element: Element, kind: str, dialect: str) -> Element:
    """A date cut off."""
    if dialect == "postgresql":
        moment = sqlalchemy.cast(element, sqlalchemy.DateTime())
        return date_of(func.date_trunc(_quoted(kind), moment), dialect)
    cut = _sqlite_truncated(element, kind) if dialect == "sqlite" else _mysql_truncated(element, kind)
    return date_of(cut, dialect)


def truncated_time(element: Element, kind: str, dialect: str) -> Element:
    """A time of day cut off."""
    if dialect == "postgresql":
        return sqlalchemy.cast(func.date_trunc(_quoted(kind), element), sqlalchemy.Time())
    if dialect == "sqlite":
        form = {"hour": "%H:00:00", "minute": "%H:%M:00", "second": "%H:%M:%S"}[kind]
        return func.strftime(_quoted(form), func.substr(element, _number("1"), _number("8")))
    form = {"hour": "%H:00:00", "minute": "%H:%i:00", "second": "%H:%i:%s"}[kind]
    return sqlalchemy.cast(func.time_format(element, _quoted(form)), mysql.TIME(fsp=6))
