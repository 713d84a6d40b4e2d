"""Functions that SQLite lacks and the other databases have, for every connection.

Those that begin with `vivace_` are for the ORM's own SQL. All of them give NULL for NULL.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import random
import re
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

_MICROSECOND = dt.timedelta(microseconds=1)


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """NULL for an argument that is NULL, and for what the function does not do."""

    def run(*arguments: Any) -> Any:
        if None in arguments:
            return None
        try:
            return function(*arguments)
        except (ValueError, OverflowError, ZeroDivisionError):
            return None

    return run


# Texts


def _regexp(pattern: Any, text: Any) -> bool:
    return re.search(pattern, str(text)) is not None


def _pad(text: Any, length: int, fill: Any, *, left: bool) -> str:
    whole, filler = str(text), str(fill)
    missing = length - len(whole)
    if missing <= 0 or not filler:
        return whole[: max(length, 0)]
    padding = (filler * (missing // len(filler) + 1))[:missing]
    return padding + whole if left else whole + padding


def _digest(name: str) -> Callable[[Any], str]:
    def digest(value: Any) -> str:
        data = value if isinstance(value, bytes) else str(value).encode()
        return hashlib.new(name, data, usedforsecurity=False).hexdigest()

    return digest


# Moments. Texts in the form in which all values are stored: UTC, with microseconds when there are any.


def _moment(value: str) -> dt.datetime:
    parsed = dt.datetime.fromisoformat(value)
    return parsed if parsed.tzinfo is None else parsed.astimezone(dt.UTC).replace(tzinfo=None)


def _stored(value: dt.datetime) -> str:
    return value.isoformat(" ")


def _datetime_add(moment: str, microseconds: float) -> str:
    return _stored(_moment(moment) + dt.timedelta(microseconds=microseconds))


def _time_add(time: str, microseconds: float) -> str:
    moment = dt.datetime.combine(dt.date(2000, 1, 1), dt.time.fromisoformat(time))
    return (moment + dt.timedelta(microseconds=microseconds % 86_400_000_000)).time().isoformat()


def _microseconds_between(later: str, earlier: str) -> int:
    if later[2] == ":":
        later, earlier = f"2000-01-01 {later}", f"2000-01-01 {earlier}"
    return (_moment(later) - _moment(earlier)) // _MICROSECOND


@lru_cache(maxsize=256)
def _zone(name: str) -> dt.tzinfo:
    fixed = re.fullmatch(r"([+-])(\d\d):(\d\d)(?::(\d\d))?", name)
    if fixed is None:
        return ZoneInfo(name)
    sign, hours, minutes, seconds = fixed.groups()
    offset = dt.timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    return dt.timezone(-offset if sign == "-" else offset)


def _in_zone(moment: str, zone: str) -> str:
    return _stored(_moment(moment).replace(tzinfo=dt.UTC).astimezone(_zone(zone)).replace(tzinfo=None))


def _trunc(kind: str, moment: str, zone: str) -> str:
    local = _moment(moment).replace(tzinfo=dt.UTC).astimezone(_zone(zone))
    cut = local.replace(microsecond=0)
    if kind != "second":
        cut = cut.replace(second=0)
    if kind in _LONGER_THAN_A_MINUTE:
        cut = cut.replace(minute=0)
    if kind in _LONGER_THAN_AN_HOUR:
        cut = cut.replace(hour=0, fold=0)
    if kind == "week":
        cut -= dt.timedelta(days=cut.weekday())
    elif kind == "month":
        cut = cut.replace(day=1)
    elif kind == "quarter":
        cut = cut.replace(day=1, month=cut.month - (cut.month - 1) % 3)
    elif kind == "year":
        cut = cut.replace(day=1, month=1)
    return _stored(cut.astimezone(dt.UTC).replace(tzinfo=None))


_LONGER_THAN_AN_HOUR = frozenset({"day", "week", "month", "quarter", "year"})
_LONGER_THAN_A_MINUTE = _LONGER_THAN_AN_HOUR | {"hour"}


def _uuid7() -> str:
    # RFC 9562 5.7: 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits.
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    return f"{number & ~(0x3 << 62) | 0x2 << 62:032x}"


# Aggregates


class _Spread:
    """Welford's running variance, which does not lose digits when the values are large and close together."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def step(self, value: Any) -> None:
        """Takes a value in."""
        if value is None:
            return
        self.count += 1
        difference = float(value) - self.mean
        self.mean += difference / self.count
        self.squares += difference * (float(value) - self.mean)

    def variance(self, less: int) -> float | None:
        """The variance, of a population (`less` is 0) or of a sample (1)."""
        return None if self.count <= less else self.squares / (self.count - less)


def _spread(less: int, *, root: bool) -> type[_Spread]:
    class Spread(_Spread):
        def finalize(self) -> float | None:
            variance = self.variance(less)
            return math.sqrt(variance) if root and variance is not None else variance

    return Spread


def _folded(combine: Callable[[Any, Any], Any]) -> type:
    class Folded:
        def __init__(self) -> None:
            self.value: Any = None

        def step(self, value: Any) -> None:
            if value is not None:
                self.value = value if self.value is None else combine(self.value, value)

        def finalize(self) -> Any:
            return self.value

    return Folded


class _JoinedTexts:
    """string_agg(): the first argument is "u" when texts come once; then, for each key, "a" or "d" and its nulls."""

    def __init__(self) -> None:
        self.settings = self.delimiter = ""
        self.rows: list[tuple[str, tuple[Any, ...]]] = []

    def step(self, settings: str, delimiter: str | None, text: Any, *keys: Any) -> None:
        """Takes a row in."""
        self.settings, self.delimiter = settings, delimiter or ""
        if text is not None:
            self.rows.append((str(text), keys))

    def finalize(self) -> str | None:
        """The texts in order."""
        if not self.rows:
            return None
        ways = self.settings[1:]
        for number in reversed(range(len(ways) // 2)):
            descending, nulls = ways[2 * number] == "d", ways[2 * number + 1]
            nulls_first = nulls == "f" or (nulls == "-" and not descending)
            self.rows.sort(key=lambda row: _rank(row[1][number]), reverse=descending)
            self.rows.sort(key=lambda row: (row[1][number] is None) != nulls_first)
        texts = [text for text, _ in self.rows]
        return self.delimiter.join(dict.fromkeys(texts) if self.settings[0] == "u" else texts)


def _rank(value: Any) -> tuple[int, Any]:
    """SQLite's order of values: null, numbers, texts, bytes."""
    if value is None:
        return 0, 0
    return (1 if isinstance(value, int | float) else 2 if isinstance(value, str) else 3), value


_FUNCTIONS: dict[tuple[str, int], Callable[..., Any]] = {
    ("lpad", 3): lambda text, length, fill: _pad(text, length, fill, left=True),
    ("regexp", 2): _regexp,
    ("repeat", 2): lambda text, count: str(text) * count,
    ("reverse", 1): lambda text: str(text)[::-1],
    ("rpad", 3): lambda text, length, fill: _pad(text, length, fill, left=False),
    **{(name, 1): _digest(name) for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")},
    ("vivace_datetime_add", 2): _datetime_add,
    ("vivace_in_zone", 2): _in_zone,
    ("vivace_microseconds_between", 2): _microseconds_between,
    ("vivace_time_add", 2): _time_add,
    ("vivace_trunc", 3): _trunc,
}
# SQLite has these only when it was built so.
_MATHEMATICS: dict[tuple[str, int], Callable[..., Any]] = {
    ("acos", 1): math.acos,
    ("asin", 1): math.asin,
    ("atan", 1): math.atan,
    ("atan2", 2): math.atan2,
    ("ceiling", 1): math.ceil,
    ("cos", 1): math.cos,
    ("degrees", 1): math.degrees,
    ("exp", 1): math.exp,
    ("floor", 1): math.floor,
    ("ln", 1): math.log,
    ("log", 2): lambda base, value: math.log(value, base),
    ("mod", 2): math.fmod,
    ("pi", 0): lambda: math.pi,
    ("power", 2): lambda base, exponent: float(base) ** exponent,
    ("radians", 1): math.radians,
    ("sign", 1): lambda number: (number > 0) - (number < 0),
    ("sin", 1): math.sin,
    ("sqrt", 1): math.sqrt,
    ("tan", 1): math.tan,
}
_AGGREGATES: dict[str, type] = {
    "any_value": _folded(lambda value, other: value),
    "bit_and": _folded(lambda value, other: value & other),
    "bit_or": _folded(lambda value, other: value | other),
    "bit_xor": _folded(lambda value, other: value ^ other),
    "stddev_pop": _spread(0, root=True),
    "stddev_samp": _spread(1, root=True),
    "var_pop": _spread(0, root=False),
    "var_samp": _spread(1, root=False),
}


@lru_cache(maxsize=1)
def _missing() -> dict[tuple[str, int], Callable[..., Any]]:
    """What this SQLite lacks of the mathematical functions."""
    connection = sqlite3.connect(":memory:")
    try:
        known = {
            (name.lower(), count) for name, count in connection.execute("SELECT name, narg FROM pragma_function_list")
        }
    finally:
        connection.close()
    return {key: function for key, function in _MATHEMATICS.items() if key not in known}


@lru_cache(maxsize=1)
def _prepared() -> list[tuple[str, int, Callable[..., Any]]]:
    return [(name, count, _strict(function)) for (name, count), function in {**_FUNCTIONS, **_missing()}.items()]


def add_functions(connection: sqlite3.Connection) -> None:
    """Gives the connection the functions."""
    for name, count, function in _prepared():
        connection.create_function(name, count, function, deterministic=True)
    connection.create_function("rand", 0, random.random)
    connection.create_function("vivace_uuid4", 0, lambda: uuid.uuid4().hex)
    connection.create_function("vivace_uuid7", 0, _uuid7)
    for name, aggregate in _AGGREGATES.items():
        connection.create_aggregate(name, 1, aggregate)
    connection.create_aggregate("vivace_string_agg", -1, _JoinedTexts)  # type: ignore[arg-type]  # takes any number
