"""Values reach the server as they are, whatever is in them and by whichever way."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import ipaddress
import json
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivace.databases import Database
from vivace.databases.backends.mysql.values import adapted, literal
from vivace.databases.errors import DataError, InterfaceError

# Ends of strings, escapes, comments, bytes that swallow the next one in GBK, Big5 and Shift JIS.
HOSTILE = [
    "'",
    "\\",
    "\\'",
    "''",
    "\\\\'",
    '"',
    "`",
    "%s %(a)s %%",
    "?",
    ":name",
    "\0",
    "\x1a",
    "\n\r\t\b",
    "'; DROP TABLE x; -- ",
    "' OR 1=1 #",
    "/*! ' */",
    "\u00bf\\' OR 1=1",
    "縗' OR 1=1 -- ",
    "縗\\",
    "€\\' OR 1=1",
    "𝄞",
    "\u2028\ufeff\ufffd",
    "ß'ﬀ'İ",
]

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(st.sampled_from([*"'\\\"`;-#/*?:% \0\n", "€", "縗", "x"]), max_size=12).map("".join),
)
BLOBS = [b"\xbf\x27", b"\xbf\x5c", b"'\\", b"\\'", bytes(range(256))]
blobs = st.one_of(st.binary(max_size=30), st.sampled_from(BLOBS))

MADE = dt.datetime.fromisoformat("2026-01-02T03:04:05.678901")
IN_KARACHI = dt.datetime(2026, 1, 2, 8, 4, 5, 678901, tzinfo=dt.timezone(dt.timedelta(hours=5)))


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def settled(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("prepares", [True, False])
@pytest.mark.parametrize("sql_mode", ["", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES"])
@settled(6)
@given(rows=st.lists(st.tuples(texts, blobs), min_size=20, max_size=60))
def test_hostile_texts_and_bytes_come_back_as_they_went(
    rows: Sequence[tuple[str, bytes]], mysql_url: str, prepares: bool, sql_mode: str
) -> None:
    async def run() -> None:
        async with (
            Database(mysql_url, max_size=1, statement_cache_size=100 if prepares else 0) as database,
            database.connection() as connection,
        ):
            # Nobody sets this, but it must not open a door.
            await connection.raw_connection.query(f"SET sql_mode = '{sql_mode}'")
            for text, blob in [*rows, *[(text, text.encode()) for text in HOSTILE]]:
                row = await database.fetch_one("SELECT :text, :blob, 'the end' -- '", {"text": text, "blob": blob})
                assert row is not None
                assert tuple(row) == (text, blob, "the end")

    asyncio.run(run())


@pytest.mark.anyio
@pytest.mark.parametrize("charset", ["gbk", "big5", "sjis", "latin1", "utf8mb3"])
async def test_no_character_set_of_a_session_lets_a_text_end_early(mysql_url: str, charset: str) -> None:
    async with Database(mysql_url, statement_cache_size=0) as database, database.connection() as connection:
        await connection.raw_connection.query(f"SET character_set_client = {charset}")
        for text in HOSTILE:
            # The text itself may be read differently; where it ends may not.
            row = await database.fetch_one("SELECT :text AS t, 'the end' AS e", {"text": text})
            assert row is not None
            assert (len(row), row.e) == (2, "the end")


@pytest.mark.anyio
@pytest.mark.parametrize("cache", [100, 0])
async def test_all_kinds_of_values_cross_alike_prepared_or_written(mysql: Database, cache: int) -> None:
    kinds: list[tuple[str, Any, Any]] = [
        ("BIGINT", -(2**63), -(2**63)),
        ("BIGINT UNSIGNED", 2**64 - 1, 2**64 - 1),
        ("INT", True, 1),
        ("INT", Level.HIGH, 3),
        ("DOUBLE", 0.1 + 0.2, 0.1 + 0.2),
        ("DOUBLE", -1e300, -1e300),
        ("DECIMAL(30, 10)", Decimal("-12345678901234567890.0123456789"), Decimal("-12345678901234567890.0123456789")),
        ("DECIMAL(10, 2)", Decimal("1E+3"), Decimal("1000.00")),
        ("DATETIME(6)", MADE, MADE),
        ("DATETIME(6)", IN_KARACHI, MADE),
        ("TIMESTAMP(6)", MADE.replace(tzinfo=dt.UTC), MADE),
        ("DATE", dt.date(2026, 1, 2), dt.date(2026, 1, 2)),
        ("TIME(6)", dt.time(3, 4, 5, 6), dt.timedelta(hours=3, minutes=4, seconds=5, microseconds=6)),
        ("TIME(6)", dt.timedelta(hours=-100, microseconds=-1), dt.timedelta(hours=-100, microseconds=-1)),
        ("TIME(6)", dt.timedelta(days=3), dt.timedelta(days=3)),
        ("CHAR(32)", uuid.UUID(int=5), uuid.UUID(int=5).hex),
        ("VARCHAR(50)", Colour.RED, "red"),
        ("VARCHAR(50)", ipaddress.IPv4Address("127.0.0.1"), "127.0.0.1"),
        ("VARBINARY(50)", bytearray(b"a'b"), b"a'b"),
        ("VARBINARY(50)", memoryview(b"\xff\x00"), b"\xff\x00"),
        ("VARCHAR(50)", None, None),
        ("LONGTEXT", "x'" * 100_000, "x'" * 100_000),
    ]
    columns = ", ".join(f"c{number} {kind}" for number, (kind, _, _) in enumerate(kinds))
    async with Database(mysql.url, statement_cache_size=cache) as database:
        await database.execute(f"CREATE TABLE kinds ({columns}, j JSON)")
        values = {f"c{number}": value for number, (_, value, _) in enumerate(kinds)}
        document = {"a": [1, "x'\\\"", None, "€"], "b": True}
        names = ", ".join([f":{name}" for name in (*values, "j")])
        await database.execute(f"INSERT INTO kinds VALUES ({names})", {**values, "j": document})
        row = await database.fetch_one("SELECT * FROM kinds")
        assert row is not None
        assert list(row)[:-1] == [expected for _, _, expected in kinds]
        assert json.loads(row.j) == document
        await database.execute("DELETE FROM kinds")
        await database.execute_many(f"INSERT INTO kinds VALUES ({names})", [{**values, "j": document}] * 3)
        assert [list(row)[:-1] for row in await database.fetch_all("SELECT * FROM kinds")] == [
            [expected for _, _, expected in kinds]
        ] * 3


def test_what_mysql_has_no_value_for_is_refused() -> None:
    for value in (float("inf"), Decimal("NaN"), 2**64, "\udc80", dt.time(1, tzinfo=dt.UTC)):
        with pytest.raises(DataError):
            adapted([value])
    for wrong in (object(), {1, 2}, {"a": object()}, 1j):
        with pytest.raises(InterfaceError):
            adapted([wrong])


@given(value=texts)
def test_nothing_in_a_written_text_can_end_it(value: str) -> None:
    written = literal(value)
    inside = written[1:-1] if written.startswith("'") else written.removeprefix("_utf8mb4 X'")[:-1]
    assert "'" not in inside
    assert "\\" not in inside


def test_subclasses_are_what_they_inherit() -> None:
    class Name(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "not this"

    assert adapted([Name("a")]) == ("a",)
    assert adapted([Level.HIGH, Colour.RED]) == (3, "red")
