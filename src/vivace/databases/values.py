"""The values of raw statements, given alike to every driver: `ValueEncoder`, and `Json` for what is to be JSON.

Core expressions convert by their column types and never come here. What a driver takes itself is left alone; what has
one meaning everywhere (an enum is its value, a dict is JSON) becomes that. A list has none: PostgreSQL has arrays, but
other databases would compare with text and silently find nothing, so there it is refused, with what to do instead.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import os
import pathlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any

import msgspec

from vivace.databases.errors import InterfaceError

Encode = Callable[[Any], Any]

_PLAIN = frozenset({NoneType, bool, int, float, str, bytes})
# Encoders are found once for each class; a program that makes classes as it runs must not fill memory.
_MAX_KNOWN = 1024


class Json:
    """A value that is JSON in the database: `Json([1, 2])`. Dicts, structs and dataclasses are so by themselves."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Json({self.value!r})"


def json_text(value: Any) -> str:
    """`value` as JSON; dates, UUIDs, decimals, enums, structs, dataclasses and pydantic models included."""
    if isinstance(value, Json):
        value = value.value
    try:
        return msgspec.json.encode(value, enc_hook=_json_part).decode()
    except (TypeError, ValueError, OverflowError, UnicodeEncodeError) as error:
        raise InterfaceError(f"A {type(value).__name__} cannot be stored as JSON: {error}") from None


def _json_part(value: Any) -> Any:
    if isinstance(value, Json):
        return value.value
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class ValueEncoder:
    """What one driver takes: values of the types `plain` as they are, others as `encoders` say, then as all do."""

    def __init__(self, *, plain: Sequence[type] = (), encoders: Mapping[type, Encode] | None = None) -> None:
        self.plain = _PLAIN | frozenset(plain)
        self._encoders = dict(encoders or {})
        self._known: dict[type, Encode] = {}

    def row(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values of one statement as the driver takes them."""
        plain = self.plain
        for value in values:
            if type(value) not in plain:
                return tuple([self.value(value) for value in values])
        return values

    def value(self, value: Any) -> Any:
        """One value."""
        kind = type(value)
        if kind in self.plain:
            return value
        encode = self._known.get(kind)
        if encode is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            encode = self._known[kind] = self._encoder_of(kind)
        return encode(value)

    def _encoder_of(self, kind: type) -> Encode:
        if issubclass(kind, enum.Enum):
            return lambda member: self.value(member.value)
        for base in kind.__mro__:
            if base in self._encoders:
                return self._encoders[base]
            if base in self.plain:
                return _as_it_is
        if issubclass(kind, pathlib.PurePath):
            return os.fspath
        if issubclass(kind, (dict, Json, msgspec.Struct)) or dataclasses.is_dataclass(kind):
            return json_text
        if hasattr(kind, "model_dump"):
            return json_text
        return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _refuse_list(value: Any) -> Any:
    raise InterfaceError(
        f"A {type(value).__name__} is no value of this database, which has no arrays. For a JSON column give "
        "Json(value); for IN use SQLAlchemy's column.in_(values), or a parameter for each value"
    )


# Of a datetime, combine() takes a tenth of the time of replace().


def naive_utc(value: dt.datetime) -> dt.datetime:
    """A moment as a column without time zone holds it: in UTC."""
    if value.tzinfo is None:
        return value
    moment = value.astimezone(dt.UTC)
    return dt.datetime.combine(moment, moment.time())


def aware_utc(value: dt.datetime) -> dt.datetime:
    """A moment of a column without time zone, which is in UTC, with its zone."""
    return dt.datetime.combine(value, value.time(), dt.UTC)


# SQLite compares moments as texts, so a moment has one text: Django's, which is that of SQLite's own CURRENT_TIMESTAMP,
# too. With and without a fraction they sort as they should, because of two texts that begin alike the shorter is first.


def datetime_text(value: dt.datetime) -> str:
    """A moment as SQLite has it: `2026-01-31 10:00:00`, in UTC, and `.000001` when there are microseconds."""
    return naive_utc(value).isoformat(" ")


def time_text(value: dt.time) -> str:
    """A time of day as SQLite has it: `10:00:00`, and `.000001` when there are microseconds."""
    return value.replace(tzinfo=None).isoformat()


def _hexadecimal(value: uuid.UUID) -> str:
    return value.hex


_MICROSECOND = dt.timedelta(microseconds=1)

_ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
)
_LISTS = (list, tuple, set, frozenset)

# The forms of the dialect's types, so that raw SQL, Core expressions and models agree on a column. Durations are
# microseconds as models have them; SQLAlchemy has a moment after 1970 there.
SQLITE_VALUES = ValueEncoder(
    plain=(bytearray, memoryview),
    encoders={
        dt.datetime: datetime_text,
        dt.date: dt.date.isoformat,
        dt.time: time_text,
        dt.timedelta: lambda value: value // _MICROSECOND,
        decimal.Decimal: str,
        uuid.UUID: _hexadecimal,
        **dict.fromkeys(_ADDRESSES, str),
        **dict.fromkeys(_LISTS, _refuse_list),
    },
)

# asyncmy has literals for dates, times, durations and decimals.
MYSQL_VALUES = ValueEncoder(
    plain=(bytearray, dt.date, dt.time, dt.timedelta, decimal.Decimal),
    encoders={
        dt.datetime: naive_utc,
        memoryview: bytes,
        uuid.UUID: _hexadecimal,
        **dict.fromkeys(_ADDRESSES, str),
        **dict.fromkeys(_LISTS, _refuse_list),
    },
)


def _array(value: Sequence[Any]) -> Sequence[Any]:
    return [POSTGRESQL_VALUES.value(item) for item in value]


_LEFT_TO_ASYNCPG = (
    bytearray,
    memoryview,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    uuid.UUID,
    *_ADDRESSES,
)
# asyncpg goes by the types that the server says its parameters have, so most values are left to it.
POSTGRESQL_VALUES = ValueEncoder(plain=_LEFT_TO_ASYNCPG, encoders={list: _array})
# Where a program sets codecs of its own, what they may stand for is left to them, too.
POSTGRESQL_VALUES_WITH_CODECS = ValueEncoder(plain=(*_LEFT_TO_ASYNCPG, dict, list))
