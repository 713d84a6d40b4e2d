"""`execute_many()` on PostgreSQL: by COPY where that means the same, by executemany where it does not."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import json
import tracemalloc
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from vivace.databases import Database
from vivace.databases.errors import DataError, IntegrityError, InterfaceError, TransactionAborted

pytestmark = pytest.mark.anyio

metadata = sa.MetaData()
things = sa.Table(
    "thing",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(20)),
    sa.Column("price", sa.Numeric(8, 2)),
    sa.Column("made", sa.DateTime(timezone=True)),
    sa.Column("key", sa.Uuid),
    sa.Column("data", postgresql.JSONB),
    sa.Column("tags", postgresql.ARRAY(sa.Text)),
    sa.Column("grid", postgresql.ARRAY(sa.Integer, dimensions=2)),
    sa.Column("mood", sa.Enum("glad", "sad", name="mood")),
    sa.Column("is_new", sa.Boolean, server_default=sa.true()),
)


@pytest.fixture
async def thing(postgres: Database) -> str:
    await postgres.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    await postgres.execute(sa.schema.CreateTable(things))
    return "thing"


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "title": None if number % 7 == 0 else f"title {number}",
            "price": decimal.Decimal(number) / 100,
            "made": dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=number),
            "key": uuid.UUID(int=number),
            "data": {"a": [number, None]},
            "tags": ["x", None, str(number)],
            "grid": [[1, 2], [3, number]],
            "mood": ("glad", "sad")[number % 2],
        }
        for number in range(1, count + 1)
    ]


def copied(database: Database) -> int:
    """How many rows went in by COPY."""
    return int(database.backend._bulk.copied)  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [1, 49, 50, 5000, 6001])
async def test_core_rows_arrive_as_they_were(postgres: Database, thing: str, count: int) -> None:
    await postgres.execute_many(things.insert(), rows(count))
    assert copied(postgres) == (count if count >= 50 else 0)
    assert await postgres.fetch_val("SELECT count(*) FROM thing WHERE is_new") == count
    last = await postgres.fetch_one(things.select().order_by(things.c.id.desc()))
    assert last is not None
    assert dict(last._mapping) == {**rows(count)[-1], "is_new": True}


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO thing (id, title) VALUES (:id, :title)",
        'insert into "thing" ("title", id) values (:title, :id);',
        "INSERT INTO thing(ID,title)VALUES(:id::int4, :title :: varchar(20))",
    ],
)
async def test_plain_raw_inserts_are_copied(postgres: Database, thing: str, sql: str) -> None:
    await postgres.execute_many(sql, [{"id": n, "title": f"t{n}"} for n in range(60)])
    assert copied(postgres) == 60
    assert await postgres.fetch_val("SELECT title FROM thing WHERE id = 59") == "t59"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO thing (id, title) VALUES (:id, upper(:title))",
        "INSERT INTO thing (id, title) VALUES (:id, :title) ON CONFLICT DO NOTHING",
        "INSERT INTO thing (id, title) VALUES (:id, :title::varchar(1))",
        "INSERT INTO thing (id, title) VALUES (:id::int8, :title)",
        "INSERT INTO thing (id, title, price) VALUES (:id, :title, 1)",
        "INSERT INTO thing VALUES (:id, :title)",
        "INSERT INTO thing (id, title) VALUES (:id, :title) RETURNING id",
        "INSERT INTO thing (id, title) SELECT :id::int, :title::text",
    ],
)
async def test_whatever_says_more_is_run_as_it_is(postgres: Database, thing: str, sql: str) -> None:
    await postgres.execute_many(sql, [{"id": n, "title": f"t{n}"} for n in range(60)])
    assert copied(postgres) == 0
    assert await postgres.fetch_val("SELECT count(*) FROM thing") == 60


@pytest.mark.parametrize(
    "setup",
    [
        "CREATE RULE quiet AS ON INSERT TO thing DO ALSO NOTIFY thing",
        "ALTER TABLE thing ENABLE ROW LEVEL SECURITY",
        "CREATE TRIGGER counted AFTER INSERT ON thing FOR EACH STATEMENT EXECUTE FUNCTION count_it()",
        "ALTER TABLE thing ALTER id DROP DEFAULT, ALTER id ADD GENERATED ALWAYS AS IDENTITY",
    ],
)
async def test_a_table_that_notices_how_rows_come_in_is_not_copied_to(
    postgres: Database, thing: str, setup: str
) -> None:
    await postgres.execute("CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    await postgres.execute(setup)
    column = "is_new" if "IDENTITY" in setup else "title"
    sql = f"INSERT INTO thing (id, {column}) VALUES (:id, :value)"
    if "IDENTITY" in setup:
        with pytest.raises(Exception, match="DEFAULT"):
            await postgres.execute_many(sql, [{"id": n, "value": True} for n in range(60)])
    else:
        await postgres.execute_many(sql, [{"id": n, "value": "x"} for n in range(60)])
    assert copied(postgres) == 0


@pytest.mark.parametrize("count", [10, 100, 11_000])
@pytest.mark.parametrize("wrong", ["value", "key"])
async def test_all_rows_or_none(postgres: Database, thing: str, count: int, wrong: str) -> None:
    given: list[dict[str, Any]] = [{"id": n, "title": "x"} for n in range(count)]
    given[-1]["id"] = "secret" if wrong == "value" else 0
    sql = "INSERT INTO thing (id, title) VALUES (:id, :title)"
    expected = DataError if wrong == "value" else IntegrityError
    with pytest.raises(expected) as caught:
        await postgres.execute_many(sql, given)
    assert "secret" not in str(caught.value)
    if wrong == "value" and count > 10:
        assert f"Row {count} " in str(caught.value)
    assert await postgres.fetch_val("SELECT count(*) FROM thing") == 0
    with pytest.raises(TransactionAborted):
        async with postgres.transaction():
            with pytest.raises(expected):
                await postgres.execute_many(sql, given)
    assert await postgres.fetch_val("SELECT count(*) FROM thing") == 0
    async with postgres.transaction():
        with pytest.raises(expected):
            async with postgres.transaction():
                await postgres.execute_many(sql, given)
        await postgres.execute_many(sql, given[: count // 2])
    assert await postgres.fetch_val("SELECT count(*) FROM thing") == count // 2
    assert not postgres.statistics()["in_use"]


async def test_large_rows_before_a_wrong_one_do_not_stay_in_the_transaction(postgres: Database, thing: str) -> None:
    await postgres.execute("CREATE TABLE page (id INTEGER, body TEXT)")
    given: list[dict[str, Any]] = [{"id": n, "body": "x" * 100_000} for n in range(10)]
    given.append({"id": "wrong", "body": ""})
    with pytest.raises(TransactionAborted):
        async with postgres.transaction():
            with pytest.raises(DataError):
                await postgres.execute_many("INSERT INTO page (id, body) VALUES (:id, :body)", given)
    assert await postgres.fetch_val("SELECT count(*) FROM page") == 0


async def test_a_changed_table_is_looked_at_again(postgres: Database, thing: str) -> None:
    sql = "INSERT INTO thing (id, title) VALUES (:id, :title)"
    await postgres.execute_many(sql, [{"id": n, "title": "a"} for n in range(60)])
    for type_ in ("timestamp", "bigint", "double precision"):  # all of eight bytes
        await postgres.execute("UPDATE thing SET title = NULL")
        await postgres.execute(f"ALTER TABLE thing ALTER title TYPE {type_} USING NULL")
        await postgres.execute("DELETE FROM thing")
        value = dt.datetime(2026, 1, 1) if type_ == "timestamp" else 5  # noqa: DTZ001 (a column without)
        await postgres.execute_many(sql, [{"id": n, "title": value} for n in range(60)])
        assert await postgres.fetch_val("SELECT min(title) FROM thing") == value
    assert copied(postgres) == 240


async def test_updates_and_deletes_go_one_by_one(postgres: Database, thing: str) -> None:
    await postgres.execute_many(things.insert(), rows(100))
    update = things.update().where(things.c.id == sa.bindparam("key_")).values(title=sa.bindparam("new"))
    await postgres.execute_many(update, [{"key_": n, "new": "x"} for n in range(1, 101)])
    assert await postgres.fetch_val("SELECT count(*) FROM thing WHERE title = 'x'") == 100


async def test_a_long_iterator_is_read_as_it_is_sent(postgres: Database, thing: str) -> None:
    def many() -> Iterator[dict[str, Any]]:
        for number in range(30_000):
            yield {"id": number, "title": f"title {number}"}

    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    tracemalloc.start()
    try:
        await postgres.execute_many("INSERT INTO thing (id, title) VALUES (:id, :title)", many())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        counting.cancel()
    assert await postgres.fetch_val("SELECT count(*) FROM thing") == 30_000
    assert peak < 8_000_000
    assert turns > 5


async def test_rows_of_other_names_are_refused_and_nothing_is_stored(postgres: Database, thing: str) -> None:
    given: list[dict[str, Any]] = [{"id": n, "title": "x"} for n in range(6000)]
    given.append({"id": 6000})
    for query in ("INSERT INTO thing (id, title) VALUES (:id, :title)", things.insert()):
        for values in (given, iter(given)):
            with pytest.raises(InterfaceError):
                await postgres.execute_many(query, values)
    assert await postgres.fetch_val("SELECT count(*) FROM thing") == 0
    await postgres.execute_many(things.insert(), [])


async def test_a_cancelled_bulk_insert_stores_nothing_and_keeps_its_connection(postgres_url: str, until: Any) -> None:
    async with Database(postgres_url, max_size=1) as database, Database(postgres_url) as watcher:
        await watcher.execute("CREATE TABLE bulk (id INTEGER, body TEXT)")
        try:
            pid = await database.fetch_val("SELECT pg_backend_pid()")
            for sql in ("INSERT INTO bulk (id, body) VALUES (:id, :body)", "INSERT INTO bulk VALUES (:id, :body)"):
                for delay in (0.005, 0.02, 0.05):
                    endless = ({"id": n, "body": "x" * 50} for n in iter(int, 1))
                    task = asyncio.create_task(database.execute_many(sql, endless))
                    await asyncio.sleep(delay)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    assert await database.fetch_val("SELECT pg_backend_pid()") == pid
                    assert await watcher.fetch_val("SELECT count(*) FROM bulk") == 0
        finally:
            await watcher.execute("DROP TABLE bulk")


async def test_codecs_of_the_programs_own_are_respected(postgres_url: str) -> None:
    async def init(connection: Any) -> None:
        await connection.set_type_codec("json", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)

    async with Database(postgres_url, init=init, max_size=1) as database, database.connection():
        await database.execute("CREATE TEMPORARY TABLE note (id INTEGER, data JSON)")
        sql = "INSERT INTO note (id, data) VALUES (:id, :data)"
        await database.execute_many(sql, [{"id": n, "data": {"n": n}} for n in range(60)])
        assert await database.fetch_val("SELECT data FROM note WHERE id = 5") == {"n": 5}
