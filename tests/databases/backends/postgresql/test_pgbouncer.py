"""`pgbouncer=true` against a real PgBouncer in transaction mode, whose clients all share one server connection."""

from __future__ import annotations

import asyncio
import io
import uuid
from typing import Any

import pytest

from vivace.databases import Database
from vivace.databases.errors import ConnectionFailed, InterfaceError, NotSupportedError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def table(postgres_url: str) -> Any:
    """A table with a type that asyncpg must ask for, in the public schema: PgBouncer passes no search_path on."""
    name = f"bounced_{uuid.uuid4().hex[:8]}"
    async with Database(postgres_url) as database:
        await database.execute(f"CREATE TYPE {name}_mood AS ENUM ('glad', 'sad')")
        await database.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, mood {name}_mood, pair int4range)")
        yield name
        await database.execute(f"DROP TABLE {name}")
        await database.execute(f"DROP TYPE {name}_mood")


async def test_two_programs_share_a_server_connection(pgbouncer_url: str, table: str) -> None:
    async with (
        Database(f"{pgbouncer_url}?pgbouncer=true") as one,
        Database(pgbouncer_url, pgbouncer=True, application_name="other") as two,
    ):

        async def work(database: Database, start: int) -> None:
            for number in range(start, start + 20):
                async with database.transaction():
                    insert = f"INSERT INTO {table} (id, mood) VALUES (:id, :mood)"
                    await database.execute(insert, {"id": number, "mood": "glad"})
                    select = f"SELECT mood FROM {table} WHERE id = :id"
                    assert await database.fetch_val(select, {"id": number}) == "glad"
                assert await database.fetch_val("SELECT :a::int + 1", {"a": number}) == number + 1

        await asyncio.gather(work(one, 0), work(two, 100), work(one, 200), work(two, 300))
        assert await one.fetch_val(f"SELECT count(*) FROM {table}") == 80


async def test_cursors_copy_and_bulk_inserts_work(pgbouncer_url: str, table: str) -> None:
    async with Database(pgbouncer_url, pgbouncer=True) as one, Database(pgbouncer_url, pgbouncer=True) as two:
        insert = f"INSERT INTO {table} (id, mood) VALUES (:id, :mood)"
        await one.execute_many(insert, [{"id": n, "mood": "sad"} for n in range(10)])
        await one.execute_many(insert, ({"id": n, "mood": "sad"} for n in range(10, 6000)))
        for database in (one, two, one):
            select = f"SELECT id FROM {table} WHERE id >= :least ORDER BY id"
            assert [row.id async for row in database.iterate(select, {"least": 10})] == list(range(10, 6000))
        assert await two.copy_from_table(table, output=io.BytesIO()) == 6000
        assert await two.copy_records_to_table(table, records=[(9999, "glad", None)]) == 1


async def test_asyncpg_changes_no_setting_of_the_shared_session(
    pgbouncer_url: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database(pgbouncer_url, pgbouncer=True) as database:
        statements: list[str] = []
        async with database.connection() as connection:
            connection.raw_connection.add_query_logger(lambda record: statements.append(record.query))
            assert await database.fetch_all(f"SELECT mood, pair FROM {table}") == []
        await asyncio.sleep(0)
        assert any("pg_type" in statement for statement in statements), "types were asked for"
        assert not any("set_config" in statement for statement in statements)


async def test_a_cancelled_statement_ends_and_the_connection_goes_on(pgbouncer_url: str, postgres_url: str) -> None:
    async with Database(pgbouncer_url, pgbouncer=True, max_size=1) as database, Database(postgres_url) as watcher:
        for inside in (False, True):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    if inside:
                        async with database.transaction():
                            await database.fetch_val("SELECT pg_sleep(10) AS bounced")
                    else:
                        await database.fetch_val("SELECT pg_sleep(10) AS bounced")
            assert await database.fetch_val("SELECT 1") == 1
            asleep = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%AS bounced'"
            assert (
                await watcher.fetch_val(f"{asleep} AND pid <> pg_backend_pid() AND query LIKE 'SELECT pg_sleep%'") == 0
            )


@pytest.mark.parametrize(
    "sql",
    [
        "SET work_mem = '7MB'",
        "RESET ALL",
        "LISTEN a",
        "SELECT pg_advisory_lock(1)",
        "PREPARE x AS SELECT 1",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    ],
)
async def test_what_would_stay_behind_is_refused(pgbouncer_url: str, sql: str) -> None:
    async with Database(pgbouncer_url, pgbouncer=True) as database:
        with pytest.raises(NotSupportedError, match="straight to PostgreSQL"):
            await database.execute(sql)
        with pytest.raises(NotSupportedError, match="straight to PostgreSQL"):
            async with database.transaction():
                await database.execute(sql)


async def test_what_ends_with_the_transaction_is_welcome(pgbouncer_url: str) -> None:
    async with Database(pgbouncer_url, pgbouncer=True) as database:
        async with database.transaction():
            await database.execute("SET LOCAL work_mem = '7MB'")
            assert await database.fetch_val("SHOW work_mem") == "7MB"
            await database.execute("SELECT set_config('work_mem', '8MB', true)")
            await database.execute("SELECT pg_advisory_xact_lock(1)")
        assert await database.fetch_val("SHOW work_mem") not in ("7MB", "8MB")
        with pytest.raises(NotSupportedError, match="second Database"):
            database.listen("a")
        await database.notify("a", "b")


async def test_a_setting_that_pgbouncer_refuses_is_explained(pgbouncer_url: str) -> None:
    with pytest.raises(ConnectionFailed, match="ALTER ROLE"):
        await Database(pgbouncer_url, pgbouncer=True, server_settings={"search_path": "x"}).connect()


def test_prepared_statements_and_pgbouncer_exclude_each_other() -> None:
    with pytest.raises(InterfaceError, match="max_prepared_statements"):
        Database("postgresql://localhost/x?pgbouncer=true&statement_cache_size=10")
