"""Values on their way to the server: made plain before anything is sent, written as SQL where nothing prepares them.

What asyncmy would send as `str(value)`, or refuse in the middle of a packet, is converted or refused here.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import math
import re
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any

from vivace.databases.errors import DataError, InterfaceError
from vivace.databases.values import naive_utc


def _integer(value: int) -> int:
    if not -(2**63) <= value < 2**64:
        raise DataError("An integer of more than 64 bits does not fit into MySQL; pass a Decimal")
    return value


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DataError("A text holds a lone surrogate, which UTF-8 cannot express") from None
    return value


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise DataError("MySQL has no infinity and no NaN")
    return value


def _decimal(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise DataError("MySQL has no infinity and no NaN")
    return value


def _time(value: dt.time) -> dt.time:
    if value.tzinfo is not None:
        raise DataError("MySQL's TIME has no time zone; pass a time without one")
    return value


def _json(value: Any) -> str:
    try:
        return _text(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError) as error:
        raise InterfaceError(f"A {type(value).__name__} is sent as JSON, but holds what JSON cannot say") from error


# None: as it is. Exact types only; subclasses are looked at in `_other`.
_ADAPTERS: dict[type, Callable[[Any], Any] | None] = {
    NoneType: None,
    bool: None,
    bytes: None,
    dt.date: None,
    dt.timedelta: None,
    int: _integer,
    str: _text,
    float: _float,
    Decimal: _decimal,
    dt.datetime: naive_utc,  # sessions are in UTC, and MySQL's types have no time zone
    dt.time: _time,
    dict: _json,
    list: _json,
    bytearray: bytes,
    memoryview: bytes,
    uuid.UUID: lambda value: value.hex,  # as SQLAlchemy stores it
    ipaddress.IPv4Address: str,
    ipaddress.IPv6Address: str,
}


def _other(value: Any) -> Any:
    if isinstance(value, Enum):
        return _adapted(value.value)
    if isinstance(value, str):
        return _text(str.__str__(value))
    for kind, adapter in _ADAPTERS.items():
        if isinstance(value, kind):
            return value if adapter is None else adapter(value)
    raise InterfaceError(f"MySQL takes no value of type {type(value).__name__}")


def _adapted(value: Any) -> Any:
    adapter = _ADAPTERS.get(type(value), _other)
    return value if adapter is None else adapter(value)


def adapted(args: Sequence[Any]) -> tuple[Any, ...]:
    """`args` as the driver sends them faithfully. Raises `DataError` or `InterfaceError`, without the value."""
    find = _ADAPTERS.get
    return tuple([value if (adapter := find(type(value), _other)) is None else adapter(value) for value in args])


# Neither can end a string, whatever the session's sql_mode and character set.
_ESCAPED = re.compile(r"['\\\x00\x1a]")


def literal(value: Any) -> str:
    """An adapted value as SQL.

    Nothing is escaped with backslashes, which mean something else in the mode NO_BACKSLASH_ESCAPES: text that holds a
    quote or a backslash is written in hexadecimal, and so are bytes. What is left between quotes can never end them.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return f"'{value}'" if _ESCAPED.search(value) is None else f"_utf8mb4 X'{value.encode().hex()}'"
    if isinstance(value, bytes):
        return f"_binary X'{value.hex()}'"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        shown = float.__repr__(value)
        return shown if "e" in shown else f"{shown}e0"  # with an exponent it is a DOUBLE, not a DECIMAL
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.timedelta):
        return f"'{_clock(value)}'"
    return f"'{value.isoformat(' ')}'" if isinstance(value, dt.datetime) else f"'{value.isoformat()}'"


def _clock(value: dt.timedelta) -> str:
    sign = "-" if value < dt.timedelta(0) else ""
    value = abs(value)
    minutes, seconds = divmod(value.days * 86400 + value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours:02}:{minutes:02}:{seconds:02}.{value.microseconds:06}"


def size_of(value: Any) -> int:
    """About how many bytes a value takes in a packet, at most."""
    if isinstance(value, str):
        return len(value) * 4 + 9
    return len(value) + 9 if isinstance(value, bytes) else 20
