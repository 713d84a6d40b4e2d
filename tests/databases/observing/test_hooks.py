"""Query hooks: what they see, on every kind of database."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

import pytest

from vivace.databases import Database, Plan
from vivace.databases.errors import DatabaseError, InterfaceError, ProgrammingError
from vivace.databases.observing.events import QueryEvent

pytestmark = pytest.mark.anyio


async def make_notes(database: Database) -> None:
    await database.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text VARCHAR(50))")
    rows = [{"id": number, "text": f"note {number}"} for number in range(1, 6)]
    await database.execute_many("INSERT INTO note (id, text) VALUES (:id, :text)", rows)


async def test_a_hook_sees_each_kind_of_statement_once_with_its_rows(database: Database) -> None:
    await make_notes(database)
    seen: list[QueryEvent] = []
    with database.add_query_hook(seen.append):
        await database.fetch_all("SELECT * FROM note")
        await database.fetch_one("SELECT * FROM note")
        await database.execute("UPDATE note SET text = 'x' WHERE id < 3")
        await database.run("DELETE FROM note WHERE id = 5")
        await database.execute_many("UPDATE note SET text = :text WHERE id = 1", [{"text": "a"}, {"text": "b"}])
        await database.fetch_plan(Plan("SELECT id FROM note WHERE id > 2", reads=True, returns_rows=True))
        await database.execute_plan(Plan("DELETE FROM note WHERE id = 4", reads=False, returns_rows=False))
        async for _ in database.iterate("SELECT * FROM note"):
            pass
    await database.fetch_all("SELECT 1")
    assert [(event.operation, event.rows) for event in seen] == [
        ("described", 5),
        ("first", 1),
        ("value", 2),
        ("result", 1),
        ("many", 2),
        ("rows", 2),
        ("count", 1),
        ("iterate", 3),
    ]
    assert all(event.duration > 0 and event.error is None and not event.in_transaction for event in seen)
    assert all(event.replica is None and event.values is None and event.database is database for event in seen)


async def test_a_hook_sees_quick_reads_that_run_on_the_loop(sqlite: Database) -> None:
    plan = Plan("SELECT 1", reads=True, returns_rows=True)
    for _ in range(3):
        await sqlite.fetch_plan(plan)
    assert plan.credit > 0
    seen: list[QueryEvent] = []
    with sqlite.add_query_hook(seen.append):
        await sqlite.fetch_plan(plan)
    assert len(seen) == 1


async def test_a_hook_sees_the_error_and_the_statement_still_raises_it(database: Database) -> None:
    seen: list[QueryEvent] = []
    database.on_query(seen.append)
    with pytest.raises(DatabaseError):
        await database.fetch_all("SELECT * FROM nowhere")
    with pytest.raises(DatabaseError):
        async for _ in database.iterate("SELECT * FROM nowhere"):
            pass
    assert [isinstance(event.error, ProgrammingError) for event in seen] == [True, True]
    assert "ProgrammingError" in repr(seen[0])


async def test_a_hook_is_told_of_transactions_and_pinned_connections_are_none(database: Database) -> None:
    await make_notes(database)
    seen: list[QueryEvent] = []
    with database.add_query_hook(seen.append):
        async with database.transaction():
            await database.execute("UPDATE note SET text = 'x'")
            async with database.transaction():
                await asyncio.gather(*[database.fetch_all("SELECT 1") for _ in range(2)])
            async for _ in database.iterate("SELECT * FROM note"):
                pass
        async with database.connection() as connection:
            await connection.fetch_all("SELECT 2")
            async for _ in connection.iterate("SELECT * FROM note"):
                pass
    assert [event.in_transaction for event in seen] == [True] * 4 + [False] * 2


async def test_values_are_shown_only_to_hooks_that_asked(sqlite: Database) -> None:
    discreet: list[QueryEvent] = []
    curious: list[QueryEvent] = []
    sqlite.add_query_hook(curious.append, with_values=True)
    sqlite.add_query_hook(discreet.append)
    await sqlite.fetch_all("SELECT :a, :b", {"a": 1, "b": "secret"})
    assert list(curious[0].values) == [1, "secret"]
    assert discreet[0].values is None
    assert "secret" not in repr(curious[0])


async def test_a_failing_hook_is_logged_and_breaks_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[QueryEvent] = []

    def broken(event: QueryEvent) -> None:
        raise ZeroDivisionError

    database.add_query_hook(broken, at_start=True)
    database.add_query_hook(broken)
    database.add_query_hook(seen.append)
    with caplog.at_level(logging.ERROR, logger="vivace.databases"):
        assert await database.fetch_val("SELECT 1") == 1
    assert len(seen) == 1
    assert caplog.text.count("broken") >= 2


async def test_a_hook_at_the_start_is_called_in_the_order_in_which_statements_begin(sqlite: Database) -> None:
    begun: list[str] = []
    with sqlite.add_query_hook(lambda event: begun.append(event.sql), at_start=True):
        async with aclosing(sqlite.iterate("SELECT 1 UNION SELECT 2")) as rows:
            async for _ in rows:
                await sqlite.fetch_all("SELECT 3")
    assert begun == ["SELECT 1 UNION SELECT 2", "SELECT 3", "SELECT 3"]


async def test_a_loop_that_is_left_early_is_seen_without_an_error(database: Database) -> None:
    await make_notes(database)
    seen: list[QueryEvent] = []
    with database.add_query_hook(seen.append):
        async with aclosing(database.iterate("SELECT * FROM note")) as rows:
            async for _ in rows:
                break
    assert [(event.operation, event.error) for event in seen] == [("iterate", None)]


async def test_waiting_for_a_connection_is_not_counted_as_the_statement(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=1, max_size=1) as database:
        seen: list[QueryEvent] = []
        with database.add_query_hook(seen.append):
            await asyncio.gather(*[database.fetch_all("SELECT pg_sleep(0.2)") for _ in range(2)])
        assert max(event.waited for event in seen) > 0.15
        assert all(event.duration > 0.15 for event in seen)
        assert seen[1].duration < seen[1].waited + 0.15
        counted = database.statistics()
        assert counted["waits"] == 1
        assert 0.15 < counted["longest_wait"] <= counted["waited"] < 5


async def test_without_a_hook_nothing_stands_in_the_way(sqlite: Database) -> None:
    assert sqlite.watch is None
    hook = sqlite.add_query_hook(lambda event: None)
    hook.remove()
    hook.remove()
    assert vars(sqlite)["watch"] is None


async def test_a_hook_is_a_plain_function(sqlite: Database) -> None:
    async def hook(event: QueryEvent) -> None: ...

    with pytest.raises(InterfaceError, match="plain function"):
        sqlite.add_query_hook(hook)
    with pytest.raises(InterfaceError, match="plain function"):
        sqlite.add_query_hook(None)  # type: ignore[arg-type]


async def test_a_statement_that_never_began_is_seen_with_its_error(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    seen: list[QueryEvent] = []
    database.add_query_hook(seen.append)
    with pytest.raises(InterfaceError, match="not connected"):
        await database.fetch_all("SELECT 1")
    assert isinstance(seen[0].error, InterfaceError)
