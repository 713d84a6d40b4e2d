"""`execute_many()` by the driver's executemany, cancelled at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from vivace.databases import Database, pool
from vivace.databases.backends.postgresql import executemany

pytestmark = pytest.mark.anyio

# A VALUES list without names of columns is none that COPY could stand for.
INSERT = "INSERT INTO sent VALUES (:id, :body)"


@pytest.fixture
async def one_connection(postgres_url: str) -> AsyncIterator[Database]:
    async with Database(postgres_url, max_size=1) as database:
        await database.execute("CREATE TABLE sent (id INTEGER, body TEXT)")
        try:
            yield database
        finally:
            await database.execute("DROP TABLE sent")


@pytest.mark.parametrize("delay", [0, 0.001, 0.01, 0.03, 0.05, 0.07])
async def test_a_cancellation_while_rows_are_sent_is_not_lost(one_connection: Database, delay: float) -> None:
    pid = await one_connection.fetch_val("SELECT pg_backend_pid()")
    endless = ({"id": 1, "body": "x" * 50} for _ in iter(int, 1))
    sending = asyncio.create_task(one_connection.execute_many(INSERT, endless))
    await asyncio.sleep(delay)
    sending.cancel()
    done, _ = await asyncio.wait([sending], timeout=20)
    assert done
    assert sending.cancelled()
    assert await one_connection.fetch_val("SELECT count(*) FROM sent") == 0
    assert await one_connection.fetch_val("SELECT pg_backend_pid()") == pid


async def test_a_server_that_takes_no_more_rows_is_not_waited_for(
    one_connection: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executemany, "PATIENCE", 0.1)
    monkeypatch.setattr(pool, "CLEAN_TIMEOUT", 0.5)
    endless = ({"id": 1, "body": "x" * 10_000} for _ in iter(int, 1))
    slow = "INSERT INTO sent VALUES (:id, :body || pg_sleep(60)::text)"
    sending = asyncio.create_task(one_connection.execute_many(slow, endless))
    await asyncio.sleep(0.3)
    sending.cancel()
    done, _ = await asyncio.wait([sending], timeout=20)
    assert done
    assert sending.cancelled()
    assert await one_connection.fetch_val("SELECT count(*) FROM sent") == 0


async def test_a_row_that_does_not_fit_is_told_and_nothing_is_stored(one_connection: Database) -> None:
    with pytest.raises(Exception, match="invalid input"):
        await one_connection.execute_many(INSERT, [{"id": n if n < 70 else "no number", "body": ""} for n in range(99)])
    assert await one_connection.fetch_val("SELECT count(*) FROM sent") == 0
