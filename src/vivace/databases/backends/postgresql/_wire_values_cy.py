# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""PostgreSQL's binary forms of the values that a `Wire` carries: the same Python objects as asyncpg's.

Each type that is known has a kind, which is a byte. A value that is none of the obvious ones is left to asyncpg: where
`encoded` gives None, and where `row_of` raises.
"""

from __future__ import annotations

import datetime as dt
import uuid
from struct import Struct
from typing import Any

from asyncpg.pgproto.pgproto import UUID

BOOL, INT2, INT4, INT8, FLOAT4, FLOAT8, TEXT, BYTES, JSONB, UUIDS, DATE, TIMESTAMP, TIMESTAMPTZ = range(13)

# The numbers of types are PostgreSQL's own (pg_type.dat) and the same everywhere.
KINDS: dict[int, int] = {
    16: BOOL,
    21: INT2,
    23: INT4,
    20: INT8,
    700: FLOAT4,
    701: FLOAT8,
    25: TEXT,
    1043: TEXT,
    1042: TEXT,
    19: TEXT,
    114: TEXT,
    17: BYTES,
    3802: JSONB,
    2950: UUIDS,
    1082: DATE,
    1114: TIMESTAMP,
    1184: TIMESTAMPTZ,
}

_NULL = b"\xff\xff\xff\xff"
_TRUE = b"\0\0\0\x01\x01"
_FALSE = b"\0\0\0\x01\0"
_int2 = Struct(">ih").pack
_int4 = Struct(">ii").pack
_int8 = Struct(">iq").pack
_float8 = Struct(">id").pack
_read_float4 = Struct(">f").unpack_from
_read_float8 = Struct(">d").unpack_from
_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001 (a moment without time zone)
_EPOCH_UTC = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = dt.date(2000, 1, 1).toordinal()
_FIRST = -(2**63)
_LAST = 2**63 - 1


def encoded(kind: int, value: Any) -> bytes | None:
    """`value` with its size before it; None when it is not one that certainly is what the type takes."""
    if value is None:
        return _NULL
    if kind == INT4:
        if type(value) is int and -0x80000000 <= value <= 0x7FFFFFFF:
            return _int4(4, value)
    elif kind == TEXT:
        if type(value) is str and value.isascii():
            return len(value).to_bytes(4, "big") + value.encode()
        if type(value) is str:
            return _sized(value)
    elif kind == INT8:
        if type(value) is int and _FIRST <= value <= _LAST:
            return _int8(8, value)
    elif kind == BOOL:
        return _TRUE if value is True else _FALSE if value is False else None
    elif kind == UUIDS:
        if isinstance(value, uuid.UUID):
            return b"\0\0\0\x10" + value.bytes
    elif kind == FLOAT8:
        if type(value) is float:
            return _float8(8, value)
    elif kind == INT2:
        if type(value) is int and -0x8000 <= value <= 0x7FFF:
            return _int2(2, value)
    elif kind == BYTES and type(value) is bytes and len(value) < 0x7FFFFFFF:
        return len(value).to_bytes(4, "big") + value
    return None


def _sized(text: str) -> bytes | None:
    try:
        content = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return len(content).to_bytes(4, "big") + content


def row_of(kinds: bytes, data: bytes, at: int, end: int) -> tuple[Any, ...]:
    """The values of a DataRow message, whose content begins at `at`. Raises for what asyncpg is to read."""
    width = len(kinds)
    if end - at < 2 or ((data[at] << 8) | data[at + 1]) != width:
        raise ValueError("The row has another number of columns")
    at += 2
    values: list[Any] = []
    for position in range(width):
        if end - at < 4:
            raise ValueError("The row ends within a column")
        size = _int32(data, at)
        at += 4
        if size < 0:
            values.append(None)
            continue
        if end - at < size:
            raise ValueError("The row ends within a column")
        kind = kinds[position]
        if kind == INT4:
            if size != 4:
                raise ValueError("An int4 has 4 bytes")
            values.append(_int32(data, at))
        elif kind == TEXT:
            values.append(data[at : at + size].decode())
        else:
            values.append(_value(kind, data, at, size))
        at += size
    return tuple(values)


_SIZES = {BOOL: 1, INT2: 2, INT8: 8, FLOAT4: 4, FLOAT8: 8, UUIDS: 16, DATE: 4, TIMESTAMP: 8, TIMESTAMPTZ: 8}


def _value(kind: int, data: bytes, at: int, size: int) -> Any:
    if _SIZES.get(kind, size) != size:
        raise ValueError("A value has not the size of its type")
    if kind == INT8:
        return _int64(data, at)
    if kind == BOOL:
        return data[at] != 0
    if kind == UUIDS:
        return UUID(data[at : at + 16])
    if kind == TIMESTAMPTZ:
        return _EPOCH_UTC + _since_epoch(_int64(data, at))
    if kind == TIMESTAMP:
        return _EPOCH + _since_epoch(_int64(data, at))
    if kind == DATE:
        return dt.date.fromordinal(_int32(data, at) + _EPOCH_DAY)
    if kind == BYTES:
        return data[at : at + size]
    if kind == FLOAT8:
        return _read_float8(data, at)[0]
    if kind == FLOAT4:
        return _read_float4(data, at)[0]
    if kind == INT2:
        number = (data[at] << 8) | data[at + 1]
        return number - 0x10000 if number >= 0x8000 else number
    if kind == JSONB and size and data[at] == 1:
        return data[at + 1 : at + size].decode()
    raise ValueError("asyncpg knows")


def _since_epoch(microseconds: int) -> dt.timedelta:
    # Raises OverflowError for what no datetime can be, infinity included.
    return dt.timedelta(0, 0, microseconds)


def _int32(data: bytes, at: int) -> int:
    # Compiled, the first byte's shift has given the sign already.
    number = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]
    return number - 0x100000000 if number >= 0x80000000 else number


def _int64(data: bytes, at: int) -> int:
    high = _int32(data, at)
    return high * 0x100000000 + (_int32(data, at + 4) & 0xFFFFFFFF)
