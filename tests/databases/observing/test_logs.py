"""The statements in the log, and the slow ones in every log."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest
from tests.databases.slow import slow_read

from vivace.databases import Database
from vivace.databases.errors import ProgrammingError, StatementTimeout
from vivace.databases.observing import slow_queries
from vivace.databases.observing.events import QueryEvent

pytestmark = pytest.mark.anyio


async def test_statements_are_logged_at_debug_without_values(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="vivace.databases"):
        async with Database(sqlite_url) as database:
            await database.fetch_all("SELECT :secret", {"secret": "hunter2"})
            async with database.transaction():
                await database.execute("CREATE TABLE note (id INTEGER)")
            with pytest.raises(ProgrammingError):
                await database.fetch_all("SELECT * FROM nowhere")
    assert "1 row: SELECT ?" in caplog.text
    assert "in a transaction: CREATE TABLE" in caplog.text
    assert "ProgrammingError: SELECT * FROM nowhere" in caplog.text
    assert "hunter2" not in caplog.text


async def test_by_default_they_are_not_logged(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vivace.databases")
    async with Database(sqlite_url) as database:
        await database.fetch_all("SELECT 42")
        assert database.watch is None
    assert "SELECT 42" not in caplog.text


async def test_a_slow_query_is_logged_with_the_line_it_comes_from(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database(sqlite_url, slow_query=0.01) as database:
        async with database.transaction():
            await database.fetch_all(slow_read(database, 0.03))
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    line = test_a_slow_query_is_logged_with_the_line_it_comes_from.__code__.co_firstlineno + 5
    assert f"1 rows at {__file__}:{line}: WITH RECURSIVE" in record.getMessage()


async def test_of_a_query_that_is_a_task_of_its_own_the_task_is_named(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database(sqlite_url, slow_query=0.01) as database:
        await asyncio.create_task(database.fetch_all(slow_read(database, 0.03)), name="report")
    assert "at task 'report': WITH" in caplog.text


async def test_a_slow_query_that_failed_is_logged_too(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Database(sqlite_url, slow_query=0.05, statement_timeout=0.1) as database:
        with suppress(StatementTimeout):
            await database.fetch_all(slow_read(database, 20))
    assert "StatementTimeout" in caplog.text


async def test_the_slow_query_log_is_bounded(
    sqlite_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(slow_queries, "monotonic", lambda: now)
    async with Database(sqlite_url, slow_query=1e-9) as database:
        for _ in range(5):
            await database.fetch_all("SELECT 1")
        assert caplog.text.count("Slow query") == 1
        for number in range(100):
            await database.fetch_all(f"SELECT {number}")
        assert caplog.text.count("Slow query") == slow_queries.MAX_LINES
        now += slow_queries.WINDOW + 1
        await database.fetch_all("SELECT 1")
    assert caplog.text.count("Slow query") == slow_queries.MAX_LINES + 1
    assert "more slow queries were not logged" in caplog.text


def test_outside_of_tasks_there_is_no_line() -> None:
    loop = asyncio.new_event_loop()
    try:
        found: list[str] = []
        loop.call_soon(lambda: found.append(slow_queries.caller()))
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
    assert found[0].startswith(__file__)


def test_the_event_says_what_happened(sqlite_url: str) -> None:
    from vivace.databases import Plan

    event = QueryEvent(Database(sqlite_url), "rows", Plan("SELECT 1", reads=True, returns_rows=True))
    event.rows = 1
    assert repr(event) == "<QueryEvent rows 'SELECT 1' in 0.0 ms, rows=1>"
