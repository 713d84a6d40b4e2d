"""Statistics by statement."""

from __future__ import annotations

from time import process_time

import pytest

from vivace.databases import Database, Plan
from vivace.databases.errors import InterfaceError, ProgrammingError
from vivace.databases.observing.events import QueryEvent
from vivace.databases.observing.statements import MAX_STATEMENTS, OTHERS, Statements

pytestmark = pytest.mark.anyio


def event_of(database: Database, sql: str, seconds: float) -> QueryEvent:
    event = QueryEvent(database, "rows", Plan(sql, reads=True, returns_rows=True))
    event.duration = seconds
    event.rows = 2
    return event


async def test_each_statement_is_counted_and_the_dearest_come_first(sqlite_url: str) -> None:
    async with Database(sqlite_url, statement_statistics=True) as database:
        await database.execute("CREATE TABLE note (id INTEGER)")
        await database.execute_many("INSERT INTO note VALUES (:id)", [{"id": number} for number in range(10)])
        database.reset_statements()
        for _ in range(3):
            await database.fetch_all("SELECT * FROM note WHERE id > :id", {"id": 4})
        with pytest.raises(ProgrammingError):
            await database.fetch_all("SELECT * FROM nowhere")
        found = {statement.sql: statement for statement in database.statements()}
        assert set(found) == {"SELECT * FROM note WHERE id > ?", "SELECT * FROM nowhere"}
        statement = found["SELECT * FROM note WHERE id > ?"]
        assert (statement.calls, statement.rows, statement.errors) == (3, 15, 0)
        assert 0 < statement.mean <= statement.p95 <= statement.max <= statement.total
        assert statement.plan is not None
        assert found["SELECT * FROM nowhere"].errors == 1
        totals = [each.total for each in database.statements()]
        assert totals == sorted(totals, reverse=True)
        assert len(database.statements(limit=1)) == 1


async def test_without_the_option_it_says_how(sqlite: Database) -> None:
    with pytest.raises(InterfaceError, match="statement_statistics=True"):
        sqlite.statements()
    with pytest.raises(InterfaceError, match="statement_statistics=True"):
        sqlite.reset_statements()


def test_p95_leaves_out_the_slowest_twentieth(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    statements = Statements()
    for number in range(100):
        statements(event_of(database, "SELECT 1", 0.001 if number < 95 else 1.0))
    (found,) = statements.top(None)
    assert 0.001 <= found.p95 <= 0.00125
    assert found.max == 1.0
    for _ in range(100):
        statements(event_of(database, "SELECT 1", 1000.0))
    statements(event_of(database, "SELECT 2", 0.0))
    assert [each.p95 for each in statements.top(None)] == [1000.0, 0.0]


def test_statements_with_values_in_their_text_are_added_up(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    statements = Statements()
    for _ in range(10):
        statements(event_of(database, "SELECT important", 1.0))
    for number in range(5 * MAX_STATEMENTS):
        statements(event_of(database, f"SELECT {number}", 0.001))
    found = {each.sql: each for each in statements.top(None)}
    assert len(found) <= MAX_STATEMENTS + 1
    assert found["SELECT important"].calls == 10
    assert sum(each.calls for each in found.values()) == 10 + 5 * MAX_STATEMENTS
    assert found[OTHERS].plan is None
    assert sum(each.rows for each in found.values()) == 2 * sum(each.calls for each in found.values())


def test_counting_costs_a_few_microseconds_at_most(sqlite_url: str) -> None:
    statements, event = Statements(), event_of(Database(sqlite_url), "SELECT 1", 0.001)
    started = process_time()
    for _ in range(10_000):
        statements(event)
    assert (process_time() - started) / 10_000 < 20e-6
