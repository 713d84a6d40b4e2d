"""What a connection survives: dead neighbours, migrations under prepared statements, types that are made anew."""

from __future__ import annotations

import asyncio

import pytest

from vivace.databases import Database
from vivace.databases.backends.postgresql.harmless import can_have_done_nothing
from vivace.databases.errors import SerializationFailure
from vivace.databases.plan import Plan

pytestmark = pytest.mark.anyio


async def test_a_read_that_meets_a_dead_idle_connection_is_asked_again(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=1) as database, Database(postgres_url) as other:
        for _ in range(5):
            pid = await database.fetch_val("SELECT pg_backend_pid()")
            await other.fetch_val("SELECT pg_terminate_backend(:pid)", {"pid": pid})
            assert await database.fetch_all("SELECT 1 AS one")


async def test_one_dead_connection_makes_the_others_show_a_sign_of_life(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=4, max_size=4) as database, Database(postgres_url) as other:
        await asyncio.gather(*[database.fetch_val("SELECT pg_sleep(0.02)") for _ in range(4)])
        pool = database.backend._pool  # type: ignore[attr-defined]
        pids = [connection.get_server_pid() for connection in pool.connections()]
        kill = "SELECT pg_terminate_backend(pid) FROM unnest(cast(:pids AS int[])) AS pid"
        await other.fetch_all(kill, {"pids": pids})
        assert await asyncio.gather(*[database.fetch_val("SELECT 1") for _ in range(20)]) == [1] * 20


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t WHERE b IN ($1, $2) AND count(*) > 1", True),
        ("SELECT count(*), max (a) FROM t", True),
        ("SELECT pay_all_bills()", False),
        ('SELECT "Pay"(1)', False),
        ("SELECT nextval('x')", False),
    ],
)
def test_only_what_computes_is_read_twice(sql: str, expected: bool) -> None:
    assert can_have_done_nothing(Plan(sql, reads=True, returns_rows=True), ConnectionResetError()) is expected
    assert not can_have_done_nothing(Plan(sql, reads=False, returns_rows=True), ConnectionResetError())


async def test_a_migration_under_prepared_statements_is_survived(postgres: Database) -> None:
    await postgres.execute("CREATE TABLE t (a INTEGER)")
    await postgres.execute("INSERT INTO t VALUES (1)")
    await asyncio.gather(*[postgres.fetch_all("SELECT * FROM t") for _ in range(8)])
    await postgres.execute("ALTER TABLE t ADD b TEXT DEFAULT 'x'")
    rows = await asyncio.gather(*[postgres.fetch_all("SELECT * FROM t") for _ in range(8)])
    assert [tuple(found[0]) for found in rows] == [(1, "x")] * 8


async def test_inside_a_transaction_a_migration_is_a_failure_that_retries(postgres: Database) -> None:
    await postgres.execute("CREATE TABLE t (a INTEGER)")
    async with postgres.connection() as connection:
        await connection.fetch_all("SELECT * FROM t")
        await postgres.execute("ALTER TABLE t ADD b TEXT")
        with pytest.raises(SerializationFailure, match="migration"):
            async with connection.transaction():
                await connection.fetch_all("SELECT * FROM t")
        assert await connection.fetch_all("SELECT * FROM t") == []


async def test_an_enum_that_was_made_anew_is_read_and_written(postgres: Database) -> None:
    for labels in ("'a', 'b'", "'a', 'c'"):
        await postgres.execute("DROP TABLE IF EXISTS t")
        await postgres.execute("DROP TYPE IF EXISTS mood")
        await postgres.execute(f"CREATE TYPE mood AS ENUM ({labels})")
        await postgres.execute("CREATE TABLE t (m mood)")
        await postgres.execute("INSERT INTO t VALUES (:m)", {"m": "a"})
        assert await postgres.fetch_val("SELECT m FROM t") == "a"
