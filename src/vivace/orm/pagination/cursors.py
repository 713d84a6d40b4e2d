"""Cursors: the place of a row in an order, as a text for URLs. They hold values, never SQL."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Literal

from vivace.orm.pagination.pages import InvalidPage

Direction = Literal["after", "before"]

# A longer one does not come from us: it would be a megabyte of somebody's own.
MAX_LENGTH = 4096

_MICROSECOND = dt.timedelta(microseconds=1)
_KINDS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "datetime": (dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    "date": (dt.date, dt.date.isoformat, dt.date.fromisoformat),
    "time": (dt.time, dt.time.isoformat, dt.time.fromisoformat),
    "duration": (dt.timedelta, lambda value: repr(value / _MICROSECOND), lambda text: float(text) * _MICROSECOND),
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "uuid": (uuid.UUID, str, uuid.UUID),
}


class InvalidCursor(InvalidPage):
    """A cursor that is none of this list: cut short, of another order, or made up."""


def encode(direction: Direction, values: Sequence[Any]) -> str:
    """The cursor of a row with these values, from which a page goes on in `direction`."""
    text = json.dumps([direction[0], *(_plain(value) for value in values)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: object, length: int) -> tuple[Direction, list[Any]]:
    """The direction and the values of a cursor. Raises InvalidCursor unless it has `length` values."""
    try:
        if not isinstance(cursor, str) or len(cursor) > MAX_LENGTH:
            raise ValueError
        found = json.loads(base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(found, list) or len(found) != length + 1 or found[0] not in ("a", "b"):
            raise ValueError
        return ("after" if found[0] == "a" else "before"), [_typed(value) for value in found[1:]]
    except (ValueError, TypeError, binascii.Error, decimal.InvalidOperation, OverflowError, RecursionError):
        raise InvalidCursor(f"This is no cursor of this list: {str(cursor)[:40]!r}", cursor) from None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    for kind, (cls, write, _) in _KINDS.items():
        if isinstance(value, cls):
            return {kind: write(value)}
    raise TypeError(f"A page cannot go on from a {type(value).__name__}: order by other columns")


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        raise TypeError
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    if kind not in _KINDS:
        raise ValueError
    return _KINDS[kind][2](text)
