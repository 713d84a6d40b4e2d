"""`iterate()` where a connection is kept: in a `connection()` block, and under `force_rollback()`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from vivace.databases import Database
from vivace.databases.errors import DatabaseError, IntegrityError

pytestmark = pytest.mark.anyio

ROWS = 1_700  # more than three chunks

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    "postgresql": "SELECT generate_series(1, 1000000000000) AS i",
}


@pytest.fixture
async def numbers(database: Database) -> Database:
    """The database with a table of numbers."""
    await database.execute("CREATE TABLE number (i INTEGER PRIMARY KEY, square INTEGER)")
    await database.execute_many("INSERT INTO number (i) VALUES (:i)", [{"i": i} for i in range(ROWS)])
    return database


async def test_a_connection_block_reads_as_it_goes(database: Database) -> None:
    if database.url.dialect not in ENDLESS:
        pytest.skip("MariaDB's cursors make the whole result on the server")
    if ":memory:" in str(database.url):
        pytest.skip("a database in memory has one connection, and its rows are read at once")
    async with database.connection() as connection:
        seen = 0
        async with aclosing(connection.iterate(ENDLESS[database.url.dialect])) as rows:
            async for row in rows:
                seen += row.i
                if row.i == 1_200:
                    break
        assert seen == 1_200 * 1_201 // 2
        assert await connection.fetch_val("SELECT 1") == 1


async def test_what_the_body_writes_in_a_connection_block_is_stored_at_once(numbers: Database) -> None:
    seen = []
    async with numbers.connection() as connection:
        async for row in connection.iterate("SELECT i, square FROM number ORDER BY i"):
            assert row.square is None
            seen.append(row.i)
            if row.i % 100 == 0:
                await connection.execute("UPDATE number SET square = i * i WHERE i >= :i", {"i": row.i})
                if row.i == 300:
                    with pytest.raises(IntegrityError):
                        await connection.execute("INSERT INTO number (i) VALUES (1)")
                assert not numbers.in_transaction
    assert seen == list(range(ROWS))
    assert await numbers.fetch_val("SELECT count(*) FROM number WHERE square = i * i") == ROWS


async def test_a_transaction_in_the_body_is_no_part_of_the_loop(numbers: Database) -> None:
    seen = 0
    async with numbers.connection() as connection:
        async for row in connection.iterate("SELECT i FROM number ORDER BY i"):
            seen += 1
            if row.i in (10, 700):
                with pytest.raises(ZeroDivisionError):
                    async with connection.transaction():
                        await connection.execute("DELETE FROM number")
                        raise ZeroDivisionError
    assert seen == ROWS
    assert await numbers.fetch_val("SELECT count(*) FROM number") == ROWS


async def test_two_loops_at_once_on_one_connection_see_all_rows(numbers: Database) -> None:
    async with numbers.connection() as connection:
        pairs = 0
        async for row in connection.iterate("SELECT i FROM number WHERE i < 3 ORDER BY i"):
            async for other in connection.iterate("SELECT i FROM number ORDER BY i"):
                pairs += other.i >= row.i
    assert pairs == ROWS + (ROWS - 1) + (ROWS - 2)


async def test_a_loop_that_fails_leaves_the_connection_usable(numbers: Database) -> None:
    async with numbers.connection() as connection:
        with pytest.raises(DatabaseError):
            async for _ in connection.iterate("SELECT nothing FROM number"):
                pass
        await connection.execute("DELETE FROM number WHERE i = 0")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                async for _ in connection.iterate("SELECT i FROM number"):
                    await asyncio.sleep(10)
        await connection.execute("DELETE FROM number WHERE i = 1")
    assert await numbers.fetch_val("SELECT count(*) FROM number") == ROWS - 2


async def test_under_force_rollback_the_body_may_write_and_fail(numbers: Database) -> None:
    async with numbers.force_rollback():
        seen = []
        async for row in numbers.iterate("SELECT i, square FROM number ORDER BY i"):
            assert row.square is None
            seen.append(row.i)
            if row.i % 400 == 0:
                await numbers.execute("UPDATE number SET square = 1")
                with pytest.raises(IntegrityError):
                    await numbers.execute("INSERT INTO number (i) VALUES (1)")
                with pytest.raises(ZeroDivisionError):
                    async with numbers.transaction():
                        await numbers.execute("DELETE FROM number WHERE i > 5")
                        raise ZeroDivisionError
        assert seen == list(range(ROWS))
        assert await numbers.fetch_val("SELECT count(*) FROM number WHERE square = 1") == ROWS
    assert await numbers.fetch_val("SELECT count(*) FROM number WHERE square IS NULL") == ROWS
