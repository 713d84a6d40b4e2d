"""Values of raw statements go to every database alike, and come back so with `into=`."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import uuid
from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest

from vivace.databases import Database, Json
from vivace.databases.errors import DatabaseError, InterfaceError
from vivace.databases.values import MYSQL_VALUES, POSTGRESQL_VALUES, SQLITE_VALUES, ValueEncoder, json_text

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class Point(msgspec.Struct):
    x: int
    y: dt.date | None = None


@dataclass
class Pair:
    a: int
    b: Colour


class Model(pydantic.BaseModel):
    key: uuid.UUID


class Text(str):
    __slots__ = ()


KEY = uuid.UUID(int=7)
NAIVE = dt.datetime(2026, 1, 2, 3, 4, 5, 678)  # noqa: DTZ001 (as columns without a time zone have it)

TYPES = {
    "text": ("TEXT", "TEXT", "VARCHAR(200)"),
    "whole": ("INTEGER", "BIGINT", "BIGINT"),
    "number": ("REAL", "DOUBLE PRECISION", "DOUBLE"),
    "exact": ("NUMERIC", "NUMERIC(10, 2)", "DECIMAL(10, 2)"),
    "moment": ("TEXT", "TIMESTAMP", "DATETIME(6)"),
    "day": ("TEXT", "DATE", "DATE"),
    "hour": ("TEXT", "TIME", "TIME(6)"),
    "span": ("INTEGER", "INTERVAL", "TIME(6)"),
    "uuid": ("TEXT", "UUID", "CHAR(32)"),
    "bytes": ("BLOB", "BYTEA", "BLOB"),
    "truth": ("BOOLEAN", "BOOLEAN", "BOOLEAN"),
    "json": ("TEXT", "JSONB", "JSON"),
    "address": ("TEXT", "INET", "VARCHAR(50)"),
}

# column type, value given, type asked for, value found
ROUND_TRIPS: list[tuple[str, Any, Any, Any]] = [
    ("text", "ü\n'", str, "ü\n'"),
    ("text", "x" * 150, str, "x" * 150),
    ("text", Text("a"), str, "a"),
    ("text", Colour.RED, Colour, Colour.RED),
    ("text", Word.YES, Word, Word.YES),
    ("text", pathlib.Path("/a/b"), pathlib.Path, pathlib.Path("/a/b")),
    ("text", None, str | None, None),
    ("whole", 2**63 - 1, int, 2**63 - 1),
    ("whole", Level.HIGH, Level, Level.HIGH),
    ("number", 1.5, float, 1.5),
    ("exact", decimal.Decimal("12.50"), decimal.Decimal, decimal.Decimal("12.50")),
    ("moment", NAIVE, dt.datetime, NAIVE),
    ("day", dt.date(2026, 1, 2), dt.date, dt.date(2026, 1, 2)),
    ("hour", dt.time(3, 4, 5, 6), dt.time, dt.time(3, 4, 5, 6)),
    ("span", dt.timedelta(hours=1, microseconds=5), dt.timedelta, dt.timedelta(hours=1, microseconds=5)),
    ("uuid", KEY, uuid.UUID, KEY),
    ("bytes", b"\x00'\xff", bytes, b"\x00'\xff"),
    ("bytes", bytearray(b"\x00"), bytes, b"\x00"),
    ("bytes", memoryview(b"\x01"), bytes, b"\x01"),
    ("truth", True, bool, True),
    ("truth", False, bool, False),
    ("json", {"a": [1, None, "ü"], "b": KEY}, tuple[dict[str, Any]], ({"a": [1, None, "ü"], "b": str(KEY)},)),
    ("json", Json([1, "a"]), list[Any], [1, "a"]),
    ("json", Point(1, dt.date(2026, 1, 2)), tuple[Point], (Point(1, dt.date(2026, 1, 2)),)),
    ("json", Pair(1, Colour.RED), tuple[dict[str, Any]], ({"a": 1, "b": "red"},)),
    ("json", Model(key=KEY), tuple[dict[str, Any]], ({"key": str(KEY)},)),
    ("json", Json(Model(key=KEY)), tuple[dict[str, Any]], ({"key": str(KEY)},)),
    ("address", ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv4Address, ipaddress.IPv4Address("127.0.0.1")),
]


async def test_values_go_in_and_come_out_alike(database: Database) -> None:
    place = {"sqlite": 0, "postgresql": 1}.get(database.dialect.name, 2)
    columns = ", ".join(f"{name}_ {types[place]}" for name, types in TYPES.items())
    await database.execute(f"CREATE TABLE trips ({columns})")
    for column, given, into, found in ROUND_TRIPS:
        await database.execute("DELETE FROM trips")
        await database.execute(f"INSERT INTO trips ({column}_) VALUES (:value)", {"value": given})
        result = await database.fetch_all(f"SELECT {column}_ FROM trips", into=into)
        assert result == [found], (column, given)
        assert isinstance(result[0], type(found))
    await database.execute("DROP TABLE trips")


async def test_a_moment_with_a_zone_is_stored_in_utc_where_columns_have_none(sqlite: Database) -> None:
    moment = dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert await sqlite.fetch_val("SELECT :at", {"at": moment}) == "2026-01-02 01:00:00"
    assert MYSQL_VALUES.row([moment]) == (dt.datetime(2026, 1, 2, 1),)  # noqa: DTZ001


async def test_a_moment_keeps_its_zone_on_postgresql(postgres: Database) -> None:
    moment = dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert await postgres.fetch_val("SELECT CAST(:at AS timestamptz)", {"at": moment}) == moment


@pytest.mark.parametrize("value", [[1, 2], (1, 2), {1}, frozenset()])
async def test_a_list_is_refused_where_there_are_no_arrays(sqlite: Database, value: Any) -> None:
    with pytest.raises(InterfaceError, match=r"A \w+ is no value of this database.*Json.*in_"):
        await sqlite.fetch_all("SELECT 1 WHERE 1 IN (:ids)", {"ids": value})
    with pytest.raises(InterfaceError):
        MYSQL_VALUES.row([value])


async def test_in_lists_of_sqlite_by_json(sqlite: Database) -> None:
    query = "SELECT 2 IN (SELECT value FROM json_each(:ids))"
    assert await sqlite.fetch_val(query, {"ids": Json([1, 2])}) == 1


async def test_lists_are_arrays_on_postgresql(postgres: Database) -> None:
    query = "SELECT count(*) FROM generate_series(1, 5) AS id WHERE id = ANY(:ids)"
    assert await postgres.fetch_val(query, {"ids": [1, 2, 9]}) == 2
    assert await postgres.fetch_val("SELECT CAST(:names AS text[])", {"names": [Colour.RED, None]}) == ["red", None]
    assert await postgres.fetch_val("SELECT CAST(:parts AS jsonb[])", {"parts": [{"a": 1}]}) == ['{"a": 1}']
    assert await postgres.fetch_val("SELECT CAST(:rows AS int[])", {"rows": [[1, 2], [3, 4]]}) == [[1, 2], [3, 4]]


async def test_values_that_no_driver_knows_are_errors_without_the_value(database: Database) -> None:
    with pytest.raises(DatabaseError) as caught:
        await database.fetch_val("SELECT CAST(:value AS TEXT)", {"value": complex(12345, 1)})
    assert "12345" not in str(caught.value)


def test_what_json_cannot_hold_is_named() -> None:
    with pytest.raises(InterfaceError, match="A dict cannot be stored as JSON: complex has no form in JSON"):
        json_text({"a": 1j})
    assert json_text(Json({"a": Json([1])})) == '{"a":[1]}'
    assert repr(Json([1])) == "Json([1])"


def test_rows_without_special_values_are_not_copied() -> None:
    row = (1, "a", None)
    for encoder in (SQLITE_VALUES, POSTGRESQL_VALUES, MYSQL_VALUES, ValueEncoder()):
        assert encoder.row(row) is row


def test_classes_made_while_the_program_runs_do_not_fill_memory() -> None:
    encoder = ValueEncoder()
    for number in range(1100):
        encoder.value(enum.Enum(f"Made{number}", {"A": 1}).A)  # type: ignore[attr-defined]
    assert len(encoder._known) <= 1024
